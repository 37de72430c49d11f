/* Trainings with several batches per update: steps are updates everywhere, resuming is exact, and an epoch's end is the
 * end of an update. */
#include "tests/train/support.h"

/* Of 64 images: batches of 12 (the sixth has 4), updates of 24 (the third has 16). */
enum { BATCH = 12, PER_STEP = 2, STEPS = 3 };

static struct cln_trainer_params accumulating(double batches) {
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer.lr = 0.01;
    params.optimizer.accumulate = batches;
    return params;
}

static void test_steps_are_updates(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = accumulating(PER_STEP);
    params.max_steps = STEPS + 1;
    train(params, 5, NULL, path, &last);
    assert_true(last.stopped && last.epoch == 2);
    assert_int_equal(last.train.samples, PER_STEP * BATCH);
    struct cln_checkpoint *c = read_checkpoint(path);
    assert_int_equal(c->training->steps, STEPS + 1);
    assert_int_equal(c->training->position, PER_STEP * BATCH);
    assert_int_equal(c->training->batches, PER_STEP);
    assert_int_equal(c->batches_tracked, 6 + PER_STEP); /* batch norms see batches */
    assert_true(c->training->optimizer.accumulate == PER_STEP);
    cln_checkpoint_destroy(&c);
}

static void test_goes_on_to_the_bit(void **state) {
    (void)state;
    char whole[600], part[600];
    struct cln_epoch expected, last;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    struct cln_trainer_params params = accumulating(PER_STEP);
    params.optimizer.clip_norm = 0.5;
    params.optimizer.ema = 0.8;
    params.optimizer.schedule = CLN_COSINE;
    params.optimizer.schedule_epochs = 3;
    params.optimizer.warmup_epochs = 0.5;
    train(params, 3, NULL, whole, &expected);
    for (size_t stop = 1; stop <= 2 * STEPS + 1; stop += 2) {
        params.max_steps = stop;
        train(params, 3, NULL, part, &last);
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
        assert_true(last.train.loss == expected.train.loss && last.test.loss == expected.test.loss);
        assert_true(last.learning_rate == expected.learning_rate);
    }
}

/* The rates of a schedule are those of as many steps as there are updates. */
static void test_a_schedule_counts_updates(void **state) {
    (void)state;
    struct cln_trainer_params params = accumulating(PER_STEP);
    struct cln_epoch epoch;
    params.optimizer.schedule = CLN_COSINE;
    params.optimizer.schedule_epochs = 4;
    struct cln_trainer *trainer = trainer_of(&params);
    for (int i = 1; i <= 4; i++) {
        epoch = epoch_of(trainer);
        const double t = i * STEPS - 1, end = 4 * STEPS; /* steps before the epoch's last */
        assert_true(fabs(epoch.learning_rate - 0.005 * (1 + cos(3.14159265358979 * t / end))) <= 1e-12);
        struct cln_state at;
        assert_ok(cln_trainer_state(trainer, CLN_TRAIN, &at));
        assert_true(at.step == i * STEPS && fabs((double)at.lr - epoch.learning_rate) <= 1e-9);
    }
    cln_trainer_destroy(&trainer);
}

/* Another number of batches is told; where it may differ, the epoch goes on from where it was. */
static void test_another_number_is_told(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = accumulating(PER_STEP);
    params.max_steps = 1;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *c = read_checkpoint(path);
    params = accumulating(0);
    params.resume = c;
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "batches per update: 1 here, 2 there"));
    cln_checkpoint_destroy(&c);
    static const size_t numbers[][2] = {{1, 1 + 4}, {3, 1 + 2}, {1000, 1 + 1}}; /* and steps at the epoch's end */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char to[600];
        snprintf(to, sizeof to, "%s.to", path);
        params = accumulating((double)numbers[i][0]);
        params.override = true;
        train(params, 1, path, to, &last);
        assert_int_equal(last.train.samples, 64);
        c = read_checkpoint(to);
        assert_int_equal(c->training->steps, numbers[i][1]);
        assert_int_equal(c->batches_tracked, 6);
        cln_checkpoint_destroy(&c);
    }
    /* Files within an epoch of changed numbers can be read. */
    params = accumulating(PER_STEP);
    params.max_steps = 2;
    train(params, 1, NULL, path, &last);
    params = accumulating(1);
    params.override = true;
    params.max_steps = 3;
    train(params, 1, path, path, &last);
    c = read_checkpoint(path);
    assert_int_equal(c->training->batches, 5);
    assert_int_equal(c->training->steps, 3);
    cln_checkpoint_destroy(&c);
}

static void test_numbers_that_are_wrong(void **state) {
    (void)state;
    static const double wrong[] = {2.5, -1, 1001, NAN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct cln_trainer *trainer = NULL;
        const struct cln_trainer_params params = accumulating(wrong[i]);
        assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
        assert_non_null(strstr(cln_error_message(), "accumulate is "));
    }
}

static bool count_steps(void *user, const struct cln_progress *progress) {
    size_t *most = user;
    assert_int_equal(progress->steps, STEPS);
    assert_in_range(progress->step, *most, STEPS);
    *most = progress->step;
    return true;
}

/* The loss is not finite in the second step's batches; the message counts steps. */
static void test_a_loss_that_is_not_finite(void **state) {
    (void)state;
    struct cln_trainer_params params = accumulating(PER_STEP);
    size_t most = 0;
    params.optimizer.kind = CLN_SGD;
    params.optimizer.lr = 1e30;
    params.progress = count_steps;
    params.user = &most;
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_epoch epoch;
    assert_int_equal(cln_trainer_epoch(trainer, &epoch), CLN_NUMERIC);
    assert_non_null(strstr(cln_error_message(), "epoch 1, step 2: the loss is not finite"));
    cln_trainer_destroy(&trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_steps_are_updates, nothing_alive),
        cmocka_unit_test_teardown(test_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_a_schedule_counts_updates, nothing_alive),
        cmocka_unit_test_teardown(test_another_number_is_told, nothing_alive),
        cmocka_unit_test_teardown(test_numbers_that_are_wrong, nothing_alive),
        cmocka_unit_test_teardown(test_a_loss_that_is_not_finite, nothing_alive),
    };
    return cmocka_run_group_tests_name("accumulate", tests, begin_one_norm, end);
}
