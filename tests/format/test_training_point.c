/* Training points in checkpoints: they come back to the bit, hold the moments that their optimizer needs, and are
 * refused if one of their numbers cannot be. */
#include "tests/format/training_point.h"

static float raw_running[1024];

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
    assert_int_equal(checkpoint->fit, CLN_FIT_PAD);
    assert_int_equal(checkpoint->ground, CLN_GROUND(1, 0, 255));
    assert_int_equal(checkpoint->pixels, CLN_PIXEL_U16);
    assert_true(checkpoint->training->test == 0.3);
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
    assert_true(read->standardize_channels);
    assert_memory_equal(&read->augmentation, &written.augmentation, sizeof written.augmentation);
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

/* Beside an average, which is the model, are the weights that it is of; all tensors, statistics too. */
static void test_an_average_comes_with_its_weights(void **state) {
    (void)state;
    struct cln_training_point point = sample_point();
    for (size_t i = 0; i < 1024; i++)
        raw_running[i] = 2 / (float)(i + 5);
    point.optimizer.ema = 0.99;
    point.raw_parameters = first_moments;
    point.raw_running = raw_running;
    write_point(&point);
    struct cln_checkpoint *c;
    assert_ok(cln_checkpoint_read(&c, path, NULL));
    assert_sample(c);
    assert_true(c->training->optimizer.ema == 0.99);
    const struct cln_network *network = c->network;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        const float *from = t->trainable ? first_moments : raw_running;
        const float *to = t->trainable ? c->training->raw_parameters : c->training->raw_running;
        assert_memory_equal(to + t->offset, from + t->offset, t->count * sizeof(float));
    }
    cln_checkpoint_destroy(&c);
    struct cln_safetensors *file;
    assert_ok(cln_safetensors_read(&file, path));
    assert_int_equal(file->tensor_count, 9 + 6 * 2 + 8);
    assert_non_null(cln_safetensors_find(file, "optimizer.raw.1.running_var"));
    file->tensor_count--; /* the last is one of them */
    const struct cln_safetensors_metadata metadata[] = {
        {"clenet", "0.1.0"}, {"network", network_text}, {"training", cln_safetensors_metadata(file, "training")}};
    assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 3));
    cln_safetensors_destroy(&file);
    assert_fails(cln_checkpoint_read(&c, path, NULL), CLN_INVALID, "tensor \"optimizer.raw.4.bias\" is missing");

    struct cln_checkpoint checkpoint = sample();
    checkpoint.training = &point;
    raw_running[place_of_variance(checkpoint.network)] = -1;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_NUMERIC, "optimizer.raw.1.running_var");
    point.raw_running = NULL;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_INVALID, "optimizer.raw.1.running_mean");
    cln_network_destroy(&checkpoint.network);
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
            point.steps = 0;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_training_point_comes_back_to_the_bit),
        cmocka_unit_test(test_optimizers_have_the_moments_they_need),
        cmocka_unit_test(test_an_average_comes_with_its_weights),
        cmocka_unit_test(test_training_points_that_lie_are_refused),
    };
    return cmocka_run_group_tests_name("training point", tests, create_folder, temporary_remove);
}
