/* Where a training stops: at a loss that is not finite, after max_steps, and when the program says so. */
#include "tests/train/support.h"

/* A loss that is not finite stops with epoch, step and the place where it began. */
static void test_stops_where_the_loss_is_not_finite(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(16);
    params.optimizer = (struct cln_optimizer_params){.kind = CLN_SGD, .lr = 1e30};
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_epoch epoch;
    assert_int_equal(cln_trainer_epoch(trainer, &epoch), CLN_NUMERIC);
    assert_non_null(strstr(cln_error_message(), "epoch 1, step "));
    if (!strstr(cln_error_message(), "parameter ") && !strstr(cln_error_message(), "stage "))
        fail_msg("no place is named: %s", cln_error_message());
    print_message("  %s\n", cln_error_message());
    cln_trainer_destroy(&trainer);
}

static void test_stops_after_max_steps(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(20); /* four steps an epoch */
    params.max_steps = 6;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_false(epoch_of(trainer).stopped);
    const struct cln_epoch second = epoch_of(trainer);
    assert_true(second.stopped);
    assert_int_equal(second.train.samples, 40);
    assert_int_equal(second.test.samples, 0);
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
}

struct progress {
    size_t calls, last_step, samples;
};

static bool stop_at_once(void *user, const struct cln_progress *progress) {
    struct progress *seen = user;
    seen->calls++;
    seen->last_step = progress->step;
    seen->samples = progress->samples;
    assert_int_equal(progress->epoch, 1);
    assert_true(progress->step <= progress->steps);
    assert_true(isfinite(progress->loss) && progress->seconds > 0);
    return false;
}

/* Batches of one image take long enough for a report. */
static void test_stops_when_the_handler_says_so(void **state) {
    (void)state;
    struct cln_dataset *large = NULL;
    struct progress seen = {0};
    assert_ok(cln_dataset_load(&large, &(struct cln_dataset_params){.name = "synthetic:50000", .seed = 1}));
    struct cln_trainer_params params = params_of(1);
    params.data = large;
    params.progress = stop_at_once;
    params.user = &seen;
    struct cln_trainer *trainer = trainer_of(&params);
    const struct cln_epoch epoch = epoch_of(trainer);
    assert_true(epoch.stopped);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.samples, seen.last_step);
    assert_true(epoch.train.samples >= seen.samples && epoch.train.samples < 50000);
    cln_trainer_destroy(&trainer);
    cln_dataset_destroy(&large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_stops_where_the_loss_is_not_finite, nothing_alive),
        cmocka_unit_test_teardown(test_stops_after_max_steps, nothing_alive),
        cmocka_unit_test_teardown(test_stops_when_the_handler_says_so, nothing_alive),
    };
    return cmocka_run_group_tests_name("stop", tests, begin_two_norms, end);
}
