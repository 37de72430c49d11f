/* The test of learning rates: its rates and losses, when it ends, and what it suggests. */
#include "src/train/range_test.h"
#include "tests/train/support.h"

enum { BATCH = 12, PER_EPOCH = 6 }; /* 5 steps of 12 images, one of 4 */

static struct cln_range_result test_of(struct cln_trainer_params params, const struct cln_range_params *range,
                                       struct cln_range_step *steps) {
    struct cln_range_result result;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_range_test(&result, steps, trainer, range));
    if (result.count == range->steps) { /* the device has had the last rate */
        struct cln_state state;
        assert_ok(cln_trainer_state(trainer, CLN_TRAIN, &state));
        assert_true(state.lr == (float)steps[result.count - 1].rate);
        assert_int_equal(state.step, range->steps);
    }
    cln_trainer_destroy(&trainer);
    return result;
}

static void test_rates_rise_exponentially(void **state) {
    (void)state;
    struct cln_range_step steps[20];
    const struct cln_range_params range = {.from = 1e-6, .to = 1e-2, .steps = 20}; /* more than three epochs */
    for (int accumulate = 1; accumulate <= 2; accumulate++) {
        struct cln_trainer_params params = params_of(BATCH);
        params.optimizer.accumulate = accumulate;
        params.optimizer.schedule = CLN_COSINE; /* of no concern */
        params.optimizer.schedule_epochs = 3;
        const struct cln_range_result result = test_of(params, &range, steps);
        assert_int_equal(result.count, 20);
        assert_false(result.diverged);
        double mean = 0;
        for (int i = 0; i < 20; i++) {
            const double rate = 1e-6 * exp(log(1e4) * i / 19);
            assert_true(fabs(steps[i].rate - rate) <= 1e-14 * rate);
            mean = 0.9 * mean + 0.1 * steps[i].loss;
            assert_true(fabs(steps[i].smoothed - mean / (1 - pow(0.9, i + 1))) <= 1e-12);
        }
    }
}

/* At a rate that stays, the losses of the first epoch are those of training. */
static void test_losses_are_those_of_training(void **state) {
    (void)state;
    struct cln_range_step steps[12];
    const struct cln_range_params range = {.from = 0.001, .to = 0.001 * (1 + 1e-12), .steps = 12};
    test_of(params_of(BATCH), &range, steps);
    struct cln_trainer_params params = params_of(BATCH);
    struct cln_trainer *trainer = trainer_of(&params);
    for (int epoch = 0; epoch < 2; epoch++) {
        double sum = 0;
        for (int i = 0; i < PER_EPOCH; i++)
            sum += steps[epoch * PER_EPOCH + i].loss * (i < 5 ? 12 : 4);
        assert_true(fabs(epoch_of(trainer).train.loss - sum / 64) <= 1e-6);
    }
    cln_trainer_destroy(&trainer);
}

static bool stop_at_seven(void *user, size_t done) {
    *(size_t *)user = done;
    return done < 7;
}

static void test_when_it_ends(void **state) {
    (void)state;
    struct cln_range_step steps[60];
    size_t done = 0;
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer.kind = CLN_SGD;
    struct cln_range_params range = {
        .from = 1e-3, .to = 1e30, .steps = 60}; /* first the loss grows, or is not finite */
    struct cln_range_result result = test_of(params, &range, steps);
    assert_true(result.diverged && result.count > 5 && result.count < 30);
    for (size_t i = 0; i < result.count; i++)
        assert_true(isfinite(steps[i].loss));
    range = (struct cln_range_params){.from = 1e-3, .to = 1, .steps = 60, .progress = stop_at_seven, .user = &done};
    result = test_of(params, &range, steps);
    assert_true(!result.diverged && result.count == 7 && done == 7);
}

/* A curve of smoothed losses at rates from 1e-6 on, ten per decade. */
static struct cln_range_result judge(double (*loss)(double decade), size_t count) {
    static struct cln_range_step steps[200];
    struct cln_range_result result = {.count = count};
    for (size_t i = 0; i < count; i++)
        steps[i] = (struct cln_range_step){.rate = 1e-6 * pow(10, (double)i / 10), .smoothed = loss((double)i / 10)};
    cln_range_judge(&result, steps);
    return result;
}

static double valley(double decade) { /* falls fastest at decade 3, lowest at decade 5 */
    return decade < 5 ? 2 - tanh(2 * (decade - 3)) : 2 - tanh(4) + (decade - 5);
}

static double cliff(double decade) { /* falls fastest right before the lowest */
    return decade < 5 ? 2 : decade < 5.2 ? 1 : 3;
}

static double flat(double decade) {
    return 2 - 1e-3 * decade;
}

static double rising(double decade) {
    return 2 + decade;
}

static double noisy_start(double decade) { /* its first values do not count */
    return decade < 0.5 ? 1e-3 : valley(decade);
}

static void test_suggestions(void **state) {
    (void)state;
    struct cln_range_result r = judge(valley, 70);
    assert_true(fabs(log10(r.steepest) + 3) < 0.01 && fabs(log10(r.lowest) + 1) < 0.01);
    assert_true(r.suggestion == r.steepest);
    r = judge(cliff, 70);
    assert_true(fabs(log10(r.lowest) + 1) < 0.01 && r.steepest > r.lowest / 10 && r.suggestion == r.lowest / 10);
    r = judge(noisy_start, 70);
    assert_true(fabs(log10(r.steepest) + 3) < 0.01);
    const struct cln_range_result none[] = {judge(flat, 70), judge(rising, 70), judge(valley, 0), judge(valley, 1)};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_true(none[i].suggestion == 0 && none[i].lowest == 0 && none[i].steepest == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_rates_rise_exponentially, nothing_alive),
        cmocka_unit_test_teardown(test_losses_are_those_of_training, nothing_alive),
        cmocka_unit_test_teardown(test_when_it_ends, nothing_alive),
        cmocka_unit_test_teardown(test_suggestions, nothing_alive),
    };
    return cmocka_run_group_tests_name("range", tests, begin_one_norm, end);
}
