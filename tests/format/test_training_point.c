/* Training points in checkpoints: they come back to the bit, hold the moments that their optimizer needs, and are
 * refused if one of their numbers cannot be. */
#include "tests/format/support.h"

static float first_moments[1024], second_moments[1024];
static double class_weights[] = {1.0 / 3, 0, 7};

static struct cln_training_point sample_point(void) {
    for (size_t i = 0; i < 1024; i++) {
        first_moments[i] = cosf((float)i);
        second_moments[i] = first_moments[i] * first_moments[i];
    }
    return (struct cln_training_point){
        .optimizer = {.lr = 0.1 + 0.2, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-4},
        .batch_size = 33,
        .seed = UINT64_MAX,
        .data = "fashion-mnist",
        .digest = "00aa",
        .samples = 1000,
        .epochs = 3,
        .steps = 130,
        .position = 99,
        .batches = 3,
        .hits = 17,
        .loss_sum = 1.0F / 3,
        .loss_carry = -1e-9F,
        .shuffle = {UINT64_MAX - 1, 3},
        .init = {5, UINT64_MAX},
        .best_accuracy = 2.0 / 3,
        .validation = 0.1,
        .peak_accuracy = 5.0 / 7,
        .peak_epoch = 2,
        .freeze = "0.*,*.bias",
        .class_weights = class_weights,
        .moments = {first_moments, second_moments},
    };
}

static void write_point(const struct cln_training_point *point) {
    struct cln_checkpoint checkpoint = sample();
    static char texts[3][16] = {"T-shirt/top", "\"quoted\"", "Жук"};
    char *names[] = {texts[0], texts[1], texts[2]};
    checkpoint.training = (struct cln_training_point *)point;
    checkpoint.class_names = names;
    checkpoint.image = (struct cln_shape){1, 2, 3};
    assert_ok(cln_checkpoint_write(path, &checkpoint));
    cln_network_destroy(&checkpoint.network);
}

static void test_a_training_point_comes_back_to_the_bit(void **state) {
    (void)state;
    struct cln_training_point written = sample_point();
    written.optimizer.schedule = CLN_MULTISTEP;
    written.optimizer.milestones[0] = 2;
    written.optimizer.milestones[1] = 7;
    written.optimizer.gamma = 0.3;
    write_point(&written);
    struct cln_checkpoint *checkpoint;
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    assert_sample(checkpoint);
    assert_string_equal(checkpoint->class_names[1], "\"quoted\"");
    assert_string_equal(checkpoint->class_names[2], "Жук");
    assert_int_equal(checkpoint->image.width, 3);
    const struct cln_network *network = checkpoint->network;
    struct cln_training_point *read = checkpoint->training;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (!t->trainable)
            continue;
        assert_memory_equal(read->moments[0] + t->offset, first_moments + t->offset, t->count * sizeof(float));
        assert_memory_equal(read->moments[1] + t->offset, second_moments + t->offset, t->count * sizeof(float));
    }
    /* All else at once: the file of what was read is the file it was read from. */
    char again[520];
    snprintf(again, sizeof(again), "%s.again", path);
    assert_ok(cln_checkpoint_write(again, checkpoint));
    static unsigned char files[2][1 << 15];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        FILE *stream = fopen(i ? again : path, "rb");
        assert_non_null(stream);
        bytes[i] = fread(files[i], 1, sizeof(files[i]), stream);
        fclose(stream);
    }
    assert_true(bytes[0] > 2000 && bytes[0] < sizeof(files[0]));
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(files[0], files[1], bytes[0]);
    assert_true(read->seed == UINT64_MAX && read->loss_carry == -1e-9F && read->optimizer.lr == 0.1 + 0.2);
    assert_true(read->optimizer.schedule == CLN_MULTISTEP && read->optimizer.gamma == 0.3);
    assert_true(read->optimizer.milestones[1] == 7 && read->optimizer.milestones[2] == 0);
    assert_memory_equal(read->class_weights, class_weights, sizeof class_weights);
    assert_true(read->validation == 0.1 && read->peak_accuracy == 5.0 / 7 && read->peak_epoch == 2);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_optimizers_have_the_moments_they_need(void **state) {
    (void)state;
    static const struct {
        enum cln_optimizer_kind kind;
        double momentum;
        int moments;
        const char *name;
    } cases[] = {{CLN_SGD, 0, 0, NULL},
                 {CLN_SGD, 0.9, 1, "optimizer.momentum_buffer.4.bias"},
                 {CLN_RMSPROP, 0, 1, "optimizer.square_avg.0.weight"},
                 {CLN_RMSPROP, 0.9, 2, "optimizer.momentum_buffer.0.weight"},
                 {CLN_ADAMW, 0, 2, "optimizer.exp_avg.0.weight"},
                 {CLN_ADAM, 0, 2, "optimizer.exp_avg_sq.0.weight"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_training_point point = sample_point();
        point.optimizer.kind = cases[i].kind;
        point.optimizer.momentum = cases[i].momentum;
        point.moments[0] = cases[i].kind == CLN_RMSPROP ? second_moments : cases[i].moments > 0 ? first_moments : NULL;
        point.moments[1] = cases[i].moments > 1 ? second_moments : NULL;
        write_point(&point);
        struct cln_safetensors *file;
        assert_ok(cln_safetensors_read(&file, path));
        assert_int_equal(file->tensor_count, 9 + 6 * cases[i].moments);
        if (cases[i].name)
            assert_non_null(cln_safetensors_find(file, cases[i].name));
        cln_safetensors_destroy(&file);
        struct cln_checkpoint *checkpoint;
        assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
        assert_int_equal(checkpoint->training->moments[0] != NULL, cases[i].moments > 0);
        assert_int_equal(checkpoint->training->moments[1] != NULL, cases[i].moments > 1);
        cln_checkpoint_destroy(&checkpoint);
    }
}

static void test_training_points_that_lie_are_refused(void **state) {
    (void)state;
    const struct cln_training_point good = sample_point();
    for (int i = 0; i < 10; i++) {
        struct cln_training_point point = good;
        switch (i) {
        case 0:
            point.position = point.samples + 1;
            break;
        case 1:
            point.batches = 0;
            break;
        case 2:
            point.hits = 100;
            break;
        case 3:
            point.batch_size = 65537;
            break;
        case 4:
            point.shuffle[1] = 2;
            break;
        case 5:
            point.optimizer.lr = -1;
            break;
        case 6:
            point.best_accuracy = 1.5;
            break;
        case 7:
            point.epochs = -1;
            break;
        case 8:
            point.steps = 2;
            break;
        default:
            point.samples = 0;
            point.position = 0;
        }
        write_point(&point);
        struct cln_checkpoint *checkpoint;
        if (cln_checkpoint_read(&checkpoint, path, NULL) != CLN_INVALID || checkpoint)
            fail_msg("case %d is not refused", i);
        assert_message("\"training\": ");
    }
    second_moments[1] = -1;
    struct cln_checkpoint checkpoint = sample();
    struct cln_training_point point = good;
    checkpoint.training = &point;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_NUMERIC, "optimizer.exp_avg_sq.0.weight");
    point.moments[0] = NULL;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_INVALID, "optimizer.exp_avg.0.weight");
    cln_network_destroy(&checkpoint.network);
}

/* A training point whose metadata has `to` in place of `from`. */
static enum cln_status read_point_with(struct cln_checkpoint **checkpoint, const char *from, const char *to) {
    const struct cln_training_point point = sample_point();
    struct cln_safetensors *file;
    char text[2048];
    write_point(&point);
    assert_ok(cln_safetensors_read(&file, path));
    const char *training = cln_safetensors_metadata(file, "training"), *at = strstr(training, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - training), training, to, at + strlen(from));
    const struct cln_safetensors_metadata metadata[] = {
        {"clenet", "0.1.0"}, {"network", network_text}, {"training", text}};
    assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 3));
    cln_safetensors_destroy(&file);
    return cln_checkpoint_read(checkpoint, path, NULL);
}

static void test_an_optimizer_has_its_numbers(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message; /* NULL: it is read */
    } cases[] = {
        {"\"name\":\"adam\"", "\"name\":\"nix\"", "there is no optimizer \"nix\""},
        {"\"name\":\"adam\",", "", "\"optimizer\" has no \"name\""},
        {"\"beta1\":", "\"beta3\":", "\"optimizer\" has no number \"beta1\""},
        {"\"eps\":", "\"eps\":\"x\",\"other\":", "\"optimizer\" has no number \"eps\""},
        {"\"beta1\":", "\"beta1\":5,\"other\":", "out of range"},
        {"\"lr\":", "\"momentum\":0.5,\"lr\":", NULL}, /* Adam has none, and older versions wrote it */
        {"\"lr\":", "\"nesterov\":2,\"lr\":", "\"nesterov\" of \"optimizer\" is out of range"},
        {"\"lr\":", "\"schedule\":\"nix\",\"lr\":", "a \"schedule\" that clenet does not know"},
        {"\"lr\":", "\"schedule\":\"cosine\",\"lr\":", "schedule cosine has no end"},
        {"\"lr\":", "\"schedule\":\"cosine\",\"schedule_epochs\":7,\"lr\":", NULL},
        {"\"lr\":", "\"schedule\":\"plateau\",\"lr\":", NULL},
        {"\"lr\":", "\"schedule\":\"plateau\",\"plateau\":{\"rate\":0.1,\"best\":2.5,\"bad\":3},\"lr\":", NULL},
        {"\"lr\":", "\"schedule\":\"plateau\",\"plateau\":{\"rate\":0.1,\"best\":-2,\"bad\":3},\"lr\":",
         "\"plateau\" is not"},
        {"\"lr\":", "\"schedule\":\"plateau\",\"plateau\":{\"rate\":0.1},\"lr\":", "\"plateau\" is not"},
        {"\"lr\":", "\"schedule\":\"multistep\",\"milestones\":[3,2],\"lr\":", "each above the one before"},
        {"\"lr\":", "\"schedule\":\"multistep\",\"milestones\":7,\"lr\":", "is not a list of at most 16 numbers"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_checkpoint *checkpoint;
        const enum cln_status status = read_point_with(&checkpoint, cases[i].from, cases[i].to);
        assert_int_equal(status, cases[i].message ? CLN_INVALID : CLN_OK);
        if (cases[i].message)
            assert_message(cases[i].message);
        cln_checkpoint_destroy(&checkpoint);
    }
    struct cln_checkpoint checkpoint = sample();
    struct cln_training_point point = sample_point();
    checkpoint.training = &point;
    point.optimizer.kind = CLN_OPTIMIZER_COUNT;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_INVALID, "optimizer: there is no kind");
    cln_network_destroy(&checkpoint.network);
}

static void test_validation_may_be_missing_but_not_lie(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message; /* NULL: it is read */
    } cases[] = {
        {"\"validation\":", "\"validation\":1e-9,\"other\":", "contradict each other"},
        {"\"validation\":", "\"validation\":0,\"other\":", "is not above 0 and below 1"},
        {"\"validation\":", "\"validation\":1,\"other\":", "is not above 0 and below 1"},
        {"\"validation\":", "\"validation\":-0.1,\"other\":", "is not above 0 and below 1"},
        {"\"validation\":", "\"validation\":\"0.1\",\"other\":", "are not numbers"},
        {"\"validation\":", "\"other\":", "are not numbers"},
        {"\"peak_accuracy\":", "\"other\":", "are not numbers"},
        {"\"peak_epoch\":2", "\"peak_epoch\":2.5", "not a whole one"},
        {"\"peak_epoch\":2", "\"peak_epoch\":4", "is none of the \"epochs\""},
        {"\"peak_epoch\":2", "\"peak_epoch\":-1", "is none of the \"epochs\""},
        {"\"peak_epoch\":2", "\"peak_epoch\":9223372036854775807", "is none of the \"epochs\""},
        {"\"peak_epoch\":2", "\"peak_epoch\":0", "contradicts \"peak_epoch\""},
        {"\"peak_accuracy\":", "\"peak_accuracy\":-1,\"other\":", "contradicts \"peak_epoch\""},
        {"\"peak_accuracy\":", "\"peak_accuracy\":1.5,\"other\":", "\"peak_accuracy\" is out of range"},
        {"\"validation\":", "\"validation\":0.95,\"other\":", "contradict each other"}, /* position 99 of 50 */
        {"\"validation\":", "\"validation\":0.9,\"other\":", NULL},                     /* of 100 */
        {"\"peak_epoch\":2", "\"peak_epoch\":3", NULL},
    };
    struct cln_checkpoint *checkpoint;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const enum cln_status status = read_point_with(&checkpoint, cases[i].from, cases[i].to);
        if (status != (cases[i].message ? CLN_INVALID : CLN_OK))
            fail_msg("case %zu: %s: %s", i, cln_status_name(status), cln_error_message());
        if (cases[i].message)
            assert_message(cases[i].message);
        cln_checkpoint_destroy(&checkpoint);
    }
    struct cln_training_point point = sample_point();
    point.validation = 0;
    write_point(&point);
    struct cln_safetensors *file;
    assert_ok(cln_safetensors_read(&file, path));
    const char *training = cln_safetensors_metadata(file, "training");
    assert_true(!strstr(training, "validation") && !strstr(training, "peak"));
    cln_safetensors_destroy(&file);
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    assert_true(checkpoint->training->validation == 0 && checkpoint->training->peak_accuracy < 0);
    assert_int_equal(checkpoint->training->peak_epoch, 0);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_class_weights_may_be_missing_but_not_lie(void **state) {
    (void)state;
    static const struct {
        const char *to, *message; /* NULL: it is read */
    } cases[] = {
        {"\"class_weights\":[1,1,1,1],\"other\":", "is not a list of 3 numbers"},
        {"\"class_weights\":[1,1],\"other\":", "is not a list of 3 numbers"},
        {"\"class_weights\":1,\"other\":", "is not a list of 3 numbers"},
        {"\"class_weights\":[1,-1,1],\"other\":", "weight 1 of \"class_weights\" is no finite number"},
        {"\"class_weights\":[1,1,\"1\"],\"other\":", "weight 2 of \"class_weights\" is no finite number"},
        {"\"class_weights\":[0,0,0],\"other\":", "all \"class_weights\" are 0"},
        {"\"class_weights\":[0,1,0],\"other\":", NULL},
        {"\"other\":", NULL},
    };
    struct cln_checkpoint *checkpoint;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const enum cln_status status = read_point_with(&checkpoint, "\"class_weights\":", cases[i].to);
        if (status != (cases[i].message ? CLN_INVALID : CLN_OK))
            fail_msg("case %zu: %s: %s", i, cln_status_name(status), cln_error_message());
        if (cases[i].message)
            assert_message(cases[i].message);
        else
            assert_true(!checkpoint->training->class_weights == !strstr(cases[i].to, "class_weights"));
        cln_checkpoint_destroy(&checkpoint);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_training_point_comes_back_to_the_bit),
        cmocka_unit_test(test_optimizers_have_the_moments_they_need),
        cmocka_unit_test(test_training_points_that_lie_are_refused),
        cmocka_unit_test(test_an_optimizer_has_its_numbers),
        cmocka_unit_test(test_class_weights_may_be_missing_but_not_lie),
        cmocka_unit_test(test_validation_may_be_missing_but_not_lie),
    };
    return cmocka_run_group_tests_name("training point", tests, create_folder, temporary_remove);
}
