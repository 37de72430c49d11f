/* Resuming a training: it goes on to the bit from anywhere in an epoch, and what differs from its beginning is told. */
#include "tests/train/support.h"

enum { BATCH = 12 }; /* 5 steps of 12 images, one of 4 */

static void check_exact(struct cln_trainer_params params) {
    char whole[600], part[600];
    struct cln_epoch expected, last;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    train(params, 3, NULL, whole, &expected);
    /* Within an epoch, at its end (6, 12), behind its last step but one, and once more from where that was left. */
    static const size_t stops[][2] = {{1, 0}, {4, 0}, {6, 0}, {7, 9}, {11, 0}, {12, 14}, {17, 0}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        params.max_steps = stops[i][0];
        train(params, 3, NULL, part, &last);
        for (int again = 1; again < 2 && stops[i][again]; again++) {
            params.max_steps = stops[i][again];
            train(params, 3, part, part, &last);
        }
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
        assert_int_equal(last.epoch, 3);
        assert_int_equal(last.train.samples, 64);
        assert_true(last.train.loss == expected.train.loss && last.train.accuracy == expected.train.accuracy);
        assert_true(last.test.loss == expected.test.loss);
    }
}

static void test_adam_goes_on_to_the_bit(void **state) {
    (void)state;
    check_exact(params_of(BATCH));
}

static void test_momentum_and_standardising_go_on_to_the_bit(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer =
        (struct cln_optimizer_params){.kind = CLN_SGD, .lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3};
    params.standardize = true;
    check_exact(params);
}

/* The patterns are the caller's only until the trainer is there. */
static void test_frozen_parameters_stay_so(void **state) {
    (void)state;
    char patterns[] = "1.*,5.bias";
    struct cln_trainer_params params = params_of(BATCH);
    params.freeze = patterns;
    struct cln_trainer *trainer = trainer_of(&params);
    memset(patterns, '*', sizeof patterns - 1);
    epoch_of(trainer);
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    assert_string_equal(checkpoint->training->freeze, "1.*,5.bias");
    cln_checkpoint_destroy(&checkpoint);
    params.freeze = "1.*,5.bias";
    check_exact(params);
}

/* The rate depends on the step over all epochs. */
static void test_schedules_go_on_at_their_step(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer = (struct cln_optimizer_params){.kind = CLN_RMSPROP,
                                                     .lr = 0.002,
                                                     .momentum = 0.5,
                                                     .schedule = CLN_COSINE,
                                                     .schedule_epochs = 3,
                                                     .warmup_epochs = 0.5};
    check_exact(params);
    struct cln_epoch whole, last;
    params.optimizer = (struct cln_optimizer_params){.kind = CLN_ADAMW,
                                                     .weight_decay = 0.1,
                                                     .decay_weights_only = 1,
                                                     .schedule = CLN_MULTISTEP,
                                                     .milestones = {1, 2}};
    train(params, 3, NULL, path, &whole);
    assert_true(fabs(whole.learning_rate - 1e-5) < 1e-12);
    params.max_steps = 8; /* the second epoch has six */
    train(params, 3, NULL, path, &last);
    assert_true(fabs(last.learning_rate - 1e-4) < 1e-12);
    params.max_steps = 0;
    train(params, 3, path, path, &last);
    assert_true(last.learning_rate == whole.learning_rate && last.test.loss == whole.test.loss);
}

/* With another batch size the steps are others, and the schedule goes by epochs; resumed once more, it still does. */
static void test_a_schedule_goes_by_epochs(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer = (struct cln_optimizer_params){.schedule = CLN_STEP, .step_size = 1, .gamma = 0.5};
    params.max_steps = 9; /* half of the second epoch */
    train(params, 4, NULL, path, &last);
    assert_true(last.learning_rate == 0.0005);
    params.batch_size = 32;
    params.override = true;
    params.max_steps = 11; /* 9, one to the end of the second epoch, one of two of the third */
    train(params, 4, path, path, &last);
    assert_int_equal(last.epoch, 3);
    assert_true(last.learning_rate == 0.00025);
    params.override = false;
    params.max_steps = 0;
    train(params, 4, path, path, &last);
    assert_int_equal(last.epoch, 4);
    assert_true(last.learning_rate == 0.000125);
    /* Sizes that do not divide, and a second resume within the epoch. */
    static const int sizes[][2] = {{64, 9}, {12, 7}, {9, 31}, {7, 64}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        params = params_of(sizes[i][0]);
        params.optimizer = (struct cln_optimizer_params){.schedule = CLN_STEP, .step_size = 1, .gamma = 0.5};
        params.max_steps = 1;
        train(params, 2, NULL, path, &last);
        params.batch_size = sizes[i][1];
        params.override = true;
        params.max_steps = 2;
        train(params, 2, path, path, &last);
        params.override = false;
        params.max_steps = 0;
        for (int epoch = last.stopped ? last.epoch : last.epoch + 1; epoch <= 2; epoch++) {
            train(params, epoch, path, path, &last);
            assert_int_equal(last.epoch, epoch);
            assert_true(last.learning_rate == (epoch == 1 ? 0.001 : 0.0005));
        }
    }
}

/* What is dropped depends on the step over all epochs, and on the seed. */
static void test_dropouts_go_on_to_the_bit(void **state) {
    (void)state;
    static const char text[] =
        "{\"name\": \"drop\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
        "{\"type\": \"Dropout2d\", \"p\": 0.1}, {\"type\": \"Flatten\"}, {\"type\": \"Dropout\"}, "
        "{\"type\": \"Linear\", \"out_features\": 12}, {\"type\": \"Tanh\"}, {\"type\": \"Dropout\", \"p\": 0.2}, "
        "{\"type\": \"Linear\", \"out_features\": 10}]}";
    struct cln_network *whole = network, *drop = NULL;
    assert_ok(cln_network_parse(&drop, text, strlen(text), "drop", NULL));
    network = drop;
    check_exact(params_of(BATCH));
    network = whole;
    cln_network_destroy(&drop);
}

/* All images of an epoch are trained on, but the epoch was not evaluated: that is done now. */
static void test_an_epoch_without_its_evaluation(void **state) {
    (void)state;
    struct cln_epoch expected, last;
    char whole[600];
    snprintf(whole, sizeof whole, "%s.whole", path);
    train(params_of(BATCH), 2, NULL, whole, &expected);

    struct cln_trainer_params params = params_of(BATCH);
    params.max_steps = 11;
    train(params, 2, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    params.max_steps = 12;
    struct cln_trainer *trainer = trainer_of(&params);
    cln_checkpoint_destroy(&checkpoint);
    assert_int_equal(cln_trainer_epochs(trainer), 1);
    /* The last step, and a resume point before the evaluation. */
    assert_ok(cln_engine_step(trainer->engine, CLN_TRAIN));
    trainer->steps++;
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);

    train(params_of(BATCH), 2, path, path, &last);
    assert_int_equal(last.epoch, 2);
    assert_true(last.test.loss == expected.test.loss && last.train.loss == expected.train.loss);
    assert_same_file(whole, path);
}

/* In the same process: the next call goes on with the epoch that was stopped. */
static void test_a_stopped_epoch_goes_on(void **state) {
    (void)state;
    struct cln_epoch expected, last;
    char whole[600];
    snprintf(whole, sizeof whole, "%s.whole", path);
    train(params_of(BATCH), 2, NULL, whole, &expected);
    struct cln_trainer_params params = params_of(BATCH);
    params.max_steps = 3;
    struct cln_trainer *trainer = trainer_of(&params);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
        assert_ok(cln_trainer_epoch(trainer, &last));
        assert_true(last.stopped);
        assert_int_equal(last.epoch, 1);
        assert_int_equal(last.train.samples, 36);
        assert_int_equal(last.before, i * 36);
        assert_int_equal(cln_trainer_epochs(trainer), 0);
    }
    trainer->params.max_steps = 0;
    for (int i = 1; i <= 2; i++) {
        assert_ok(cln_trainer_epoch(trainer, &last));
        assert_false(last.stopped);
        assert_int_equal(last.epoch, i);
        assert_int_equal(last.train.samples, 64);
        assert_int_equal(last.before, i == 1 ? 36 : 0);
    }
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    assert_same_file(whole, path);
    assert_true(last.train.loss == expected.train.loss);
}

static void test_what_was_begun_otherwise_is_told(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = params_of(BATCH);
    params.max_steps = 3;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    params.max_steps = 0;

    struct cln_dataset *other = NULL;
    struct cln_network *wider = NULL;
    assert_ok(cln_dataset_load(&other, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 2}));
    assert_ok(cln_network_load(&wider, "lenet", NULL));
    const struct cln_trainer_params good = params;
    static const char *const words[] = {"network: layer 0 is Conv2d(1, 6, kernel_size=5, stride=1) here, AvgPool2d(",
                                        "batch size: 13 here, 12 there",
                                        "learning rate: 0.5 here, 0.001 there",
                                        "seed: 4 here, 3 there",
                                        "data: synthetic here (64 training images, SHA-256 ",
                                        "optimizer: SGD here, Adam there",
                                        "pixels: standardised here, not standardised there"};
    enum { CASES = sizeof words / sizeof *words };
    for (int i = 0; i < CASES; i++) {
        for (int override = 0; override < 2; override++) {
            params = good;
            params.override = override != 0;
            params.network = i == 0 ? wider : network;
            params.batch_size = i == 1 ? 13 : 12;
            params.optimizer.lr = i == 2 ? 0.5 : 0;
            params.seed = i == 3 ? 4 : 3;
            params.data = i == 4 ? other : data;
            params.optimizer.kind = i == 5 ? CLN_SGD : CLN_ADAM;
            params.standardize = i == 6;
            const bool may = override && i >= 1 && i <= 4;
            struct cln_trainer *trainer = NULL;
            assert_int_equal(cln_trainer_create(&trainer, &params), may ? CLN_OK : CLN_INVALID);
            if (!may) {
                assert_null(trainer);
                if (!strstr(cln_error_message(), words[i]))
                    fail_msg("\"%s\" lacks \"%s\"", cln_error_message(), words[i]);
                assert_int_equal(strstr(cln_error_message(), "--override") != NULL, i >= 1 && i <= 4);
                continue;
            }
            assert_ok(cln_trainer_epoch(trainer, &last));
            assert_int_equal(last.epoch, 1);
            assert_int_equal(last.train.samples, 64); /* with another seed or other data, all of them anew */
            struct cln_state at;
            assert_ok(
                cln_trainer_state(trainer, CLN_TRAIN, &at)); /* of the last batch, whatever the first ones' size */
            assert_true(at.lr == (i == 2 ? 0.5F : 0.001F));
            cln_trainer_destroy(&trainer);
        }
    }
    /* All of it at once. */
    params = good;
    params.batch_size = 1;
    params.seed = 1;
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(
        strstr(cln_error_message(), "\n  batch size: 1 here, 12 there\n  seed: 1 here, 3 there\n  Set them"));

    checkpoint->training->samples = 65; /* without a digest by name and number */
    checkpoint->training->digest[0] = '\0';
    params = good;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "data: "));
    cln_checkpoint_destroy(&checkpoint);
    cln_dataset_destroy(&other);
    cln_network_destroy(&wider);
}

static void test_a_model_is_no_resume_point(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    params.evaluate_only = true;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    assert_null(checkpoint->training);
    params = params_of(BATCH);
    params.resume = checkpoint;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "model only"));
    cln_checkpoint_destroy(&checkpoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_adam_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_momentum_and_standardising_go_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_frozen_parameters_stay_so, nothing_alive),
        cmocka_unit_test_teardown(test_schedules_go_on_at_their_step, nothing_alive),
        cmocka_unit_test_teardown(test_a_schedule_goes_by_epochs, nothing_alive),
        cmocka_unit_test_teardown(test_dropouts_go_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_an_epoch_without_its_evaluation, nothing_alive),
        cmocka_unit_test_teardown(test_a_stopped_epoch_goes_on, nothing_alive),
        cmocka_unit_test_teardown(test_what_was_begun_otherwise_is_told, nothing_alive),
        cmocka_unit_test_teardown(test_a_model_is_no_resume_point, nothing_alive),
    };
    return cmocka_run_group_tests_name("resume", tests, begin_one_norm, end);
}
