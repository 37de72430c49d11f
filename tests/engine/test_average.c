/* The average of the weights in whole steps: the launch that it adds, its formula over several steps, and that
 * predictions are made with it while training goes on as without. */
#include <stdio.h>

#include "tests/engine/exchange.h"

static size_t setting = PROFILE; /* of the engines that are made next */

static struct cln_engine *engine_averaged(double decay) {
    ema = decay;
    return engine_with(setting, context, WHOLE, WHOLE, CLN_ADAM, (struct cln_exchange){0});
}

static float test_loss(struct cln_engine *engine) {
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_begin(engine, CLN_TEST, NULL, WHOLE));
    assert_ok(cln_engine_step(engine, CLN_TEST));
    assert_ok(cln_engine_state(engine, CLN_TEST, &state, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    return state.loss_sum;
}

static void test_training_goes_on_as_without(void **state) {
    (void)state;
    struct cln_engine *without = engine_averaged(0), *with = engine_averaged(0.9);
    assert_int_equal(cln_engine_launches(with), cln_engine_launches(without) + 1);
    assert_int_equal(cln_engine_model(without).parameters, CLN_PARAMETERS);
    assert_int_equal(cln_engine_model(with).running, CLN_AVERAGE_RUNNING);
    for (int i = 0; i < STEPS; i++) {
        step(without, WHOLE);
        step(with, WHOLE);
        test_loss(with); /* nor does an evaluation matter */
    }
    assert_same_bits(without, with);
    assert_true(test_loss(without) != test_loss(with));
    cln_engine_destroy(&without);
    cln_engine_destroy(&with);
}

/* Moves `mean` by the engine's values, and compares it with the engine's average. */
static void follow(double *mean, struct cln_engine *engine, enum cln_engine_values which,
                   enum cln_engine_values averages, size_t floats, int number) {
    float *values = values_of(engine, which), *actual = values_of(engine, averages);
    for (size_t i = 0; i < floats; i++) {
        mean[i] = number == 1 ? (double)values[i] : 0.75 * mean[i] + 0.25 * (double)values[i];
        if (!(fabs((double)actual[i] - mean[i]) <= 1e-6 * (1 + fabs(mean[i]))))
            fail_msg("step %d: average %zu is %g, not %g", number, i, (double)actual[i], mean[i]);
    }
    free(values);
    free(actual);
}

/* Written into an engine without an average, the averages predict the same. */
static void test_averages_follow_the_formula_and_predict(void **state) {
    (void)state;
    struct cln_engine *engine = engine_averaged(0.75), *plain = engine_averaged(0);
    double *mean = calloc(network->parameter_floats + network->running_floats, sizeof *mean);
    assert_non_null(mean);
    assert_true(network->running_floats > 0);
    for (int i = 1; i <= STEPS; i++) {
        step(engine, WHOLE);
        follow(mean, engine, CLN_PARAMETERS, CLN_AVERAGE, network->parameter_floats, i);
        follow(mean + network->parameter_floats, engine, CLN_RUNNING, CLN_AVERAGE_RUNNING, network->running_floats, i);
    }
    float *parameters = values_of(engine, CLN_AVERAGE), *running = values_of(engine, CLN_AVERAGE_RUNNING);
    assert_ok(cln_engine_write(plain, CLN_PARAMETERS, parameters));
    assert_ok(cln_engine_write(plain, CLN_RUNNING, running));
    assert_true(test_loss(plain) == test_loss(engine));
    free(parameters);
    free(running);
    free(mean);
    cln_engine_destroy(&plain);
    cln_engine_destroy(&engine);
}

/* Filters are made of the averages, too. */
static void test_filtered_convolutions_predict_with_the_average(void **state) {
    setting = FILTERED;
    test_averages_follow_the_formula_and_predict(state);
    setting = PROFILE;
}

/* Nothing moves behind the epoch's last batch. */
static void test_no_batch_moves_nothing(void **state) {
    (void)state;
    struct cln_engine *engine = engine_averaged(0.75);
    step(engine, WHOLE);
    step(engine, WHOLE);
    float *before = values_of(engine, CLN_AVERAGE);
    assert_ok(cln_engine_step(engine, CLN_TRAIN));
    float *after = values_of(engine, CLN_AVERAGE);
    assert_memory_equal(before, after, network->parameter_floats * sizeof *after);
    free(before);
    free(after);
    cln_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_goes_on_as_without),
        cmocka_unit_test(test_averages_follow_the_formula_and_predict),
        cmocka_unit_test(test_filtered_convolutions_predict_with_the_average),
        cmocka_unit_test(test_no_batch_moves_nothing),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
