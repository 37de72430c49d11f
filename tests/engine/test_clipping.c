/* Clipping by norm in whole steps: the launches that it adds, that a norm below the limit changes no bit, and that the
 * norm is of the gradients after an exchange. */
#include <stdio.h>

#include "tests/engine/exchange.h"

static struct cln_engine *engine_clipped(double limit, enum cln_optimizer_kind kind, struct cln_exchange exchange) {
    clip_norm = limit;
    return engine_with(PROFILE, context, WHOLE, WHOLE, kind, exchange);
}

static double norm_of(const float *values) {
    double squares = 0;
    for (size_t i = 0; i < network->parameter_floats; i++)
        squares += (double)values[i] * (double)values[i];
    return sqrt(squares);
}

static void test_a_norm_below_the_limit_changes_no_bit(void **state) {
    (void)state;
    for (int kind = 0; kind < CLN_OPTIMIZER_COUNT; kind++) {
        struct cln_engine *without = engine_clipped(0, (enum cln_optimizer_kind)kind, (struct cln_exchange){0});
        struct cln_engine *with = engine_clipped(1e3, (enum cln_optimizer_kind)kind, (struct cln_exchange){0});
        assert_int_equal(cln_engine_launches(with), cln_engine_launches(without) + 2);
        for (int i = 0; i < STEPS; i++) {
            step(without, WHOLE);
            step(with, WHOLE);
        }
        assert_same_bits(without, with);
        cln_engine_destroy(&without);
        cln_engine_destroy(&with);
    }
}

/* The first step of SGD is lr times the gradient. */
static void test_a_step_is_as_long_as_the_limit(void **state) {
    (void)state;
    static const double limit = 0.25;
    struct cln_engine *engine = engine_clipped(limit, CLN_SGD, (struct cln_exchange){0});
    float *before = values_of(engine, CLN_PARAMETERS);
    step(engine, WHOLE);
    float *after = values_of(engine, CLN_PARAMETERS), *gradients = values_of(engine, CLN_GRADIENTS);
    const double norm = norm_of(gradients); /* before clipping */
    assert_true(norm > 2 * limit);
    for (size_t i = 0; i < network->parameter_floats; i++) {
        const double expected = (double)before[i] - 0.05 * limit / (norm + 1e-6) * (double)gradients[i];
        assert_true(fabs((double)after[i] - expected) <= 1e-6);
        after[i] = (float)(((double)after[i] - (double)before[i]) / 0.05);
    }
    assert_true(fabs(norm_of(after) - limit) <= 1e-4);
    free(before);
    free(after);
    free(gradients);
    cln_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_norm_below_the_limit_changes_no_bit),
        cmocka_unit_test(test_a_step_is_as_long_as_the_limit),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
