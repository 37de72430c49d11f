/* Values of training points in the metadata of checkpoints: those that may be missing, and those that are refused. */
#include "tests/format/training_point.h"

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
        {"\"accumulate\":", "\"accumulate\":2.5,\"other\":", "\"accumulate\" of \"optimizer\" is out of range"},
        {"\"accumulate\":", "\"accumulate\":1001,\"other\":", "\"accumulate\" of \"optimizer\" is out of range"},
        {"\"accumulate\":", "\"other\":", NULL}, /* as older versions wrote it */
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

static void test_augmentation_may_be_missing_but_not_lie(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message; /* NULL: it is read, and there is none */
    } cases[] = {
        {"\"augmentation\":", "\"other\":", NULL},
        {"\"augmentation\":", "\"augmentation\":[],\"other\":", "\"augmentation\" is not an object"},
        {"\"standardize_channels\":true", "\"standardize_channels\":1", "\"standardize_channels\" is not true or"},
        {"\"shift\":", "\"shiver\":", "\"shiver\" of \"augmentation\" is unknown to this version"},
        {"\"shift\":", "\"shift\":\"1\",\"cutout\":", "\"shift\" of \"augmentation\" is not a number"},
        {"\"shift\":", "\"shift\":-1,\"cutout\":", "shift is -1"},
        {"\"shift\":", "\"shift\":3,\"cutout\":", "leaves nothing of pictures of"},
        {"\"shift\":", "\"flip\":1,\"shift\":", "choose one of them"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_checkpoint *checkpoint;
        const enum cln_status status = read_point_with(&checkpoint, cases[i].from, cases[i].to);
        assert_int_equal(status, cases[i].message ? CLN_INVALID : CLN_OK);
        if (cases[i].message)
            assert_message(cases[i].message);
        else
            assert_true(checkpoint->training->augmentation.shift == 0);
        cln_checkpoint_destroy(&checkpoint);
    }
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
        cmocka_unit_test(test_an_optimizer_has_its_numbers),
        cmocka_unit_test(test_augmentation_may_be_missing_but_not_lie),
        cmocka_unit_test(test_validation_may_be_missing_but_not_lie),
        cmocka_unit_test(test_class_weights_may_be_missing_but_not_lie),
    };
    return cmocka_run_group_tests_name("training values", tests, create_folder, temporary_remove);
}
