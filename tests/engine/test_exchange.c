/* The exchange between processes: an exchange with nobody changes no bit, a failed exchange fails the step, and an
 * exchange of moments needs one of sums. */
#include <stdio.h>

#include "tests/engine/exchange.h"

static struct cln_engine *engine_on(struct ocl_context *where, size_t first, size_t count, enum cln_optimizer_kind kind,
                                    struct cln_exchange exchange) {
    return engine_with(PROFILE, where, first, count, kind, exchange);
}

static enum cln_status count_gradients(void *user, struct ocl_buffer *gradients, size_t floats) {
    assert_int_equal(floats, network->parameter_floats);
    assert_true(ocl_buffer_bytes(gradients) >= floats * sizeof(float));
    ++*(int *)user;
    return CLN_OK;
}

static void test_a_sum_of_its_own_changes_no_bit(void **state) {
    (void)state;
    for (int kind = 0; kind < CLN_OPTIMIZER_COUNT; kind++) {
        int calls = 0;
        struct cln_engine *alone =
            engine_on(context, 0, WHOLE, (enum cln_optimizer_kind)kind, (struct cln_exchange){NULL});
        struct cln_engine *exchanging = engine_on(context, 0, WHOLE, (enum cln_optimizer_kind)kind,
                                                  (struct cln_exchange){.gradients = count_gradients, .user = &calls});
        assert_int_equal(cln_engine_launches(exchanging), cln_engine_launches(alone) + 2);
        for (int i = 0; i < STEPS; i++) {
            step(alone, WHOLE);
            step(exchanging, WHOLE);
        }
        assert_same_bits(alone, exchanging);
        assert_int_equal(calls, STEPS);
        cln_engine_destroy(&alone);
        cln_engine_destroy(&exchanging);
    }
}

/* An exchange with nobody. */
static enum cln_status count_moments(void *user, struct cln_channel_moments *channels, size_t count) {
    for (size_t c = 0; c < count; c++)
        assert_true(channels[c].count == (count == 5 ? WHOLE * 100 : WHOLE) && channels[c].m2 >= 0);
    ++*(int *)user;
    return CLN_OK;
}

static enum cln_status count_sums(void *user, struct cln_channel_sums *channels, size_t count) {
    (void)channels;
    assert_true(count == 5 || count == 9);
    ++*(int *)user;
    return CLN_OK;
}

/* The batch that has frozen the state is repeated by one process: the others are not there. */
static void assert_diagnosis_is_alone(struct cln_engine *engine, const int *calls) {
    const struct cln_tensor_info *last = &network->tensors[network->tensor_count - 1];
    float *values = values_of(engine, CLN_PARAMETERS);
    for (size_t k = 0; k < last->count; k++)
        values[last->offset + k] = k % 2 ? 3e38f : -3e38f; /* a bias: logits are finite, the loss is not */
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    char where[192];
    step(engine, WHOLE);
    assert_int_equal(*calls, (STEPS + 1) * (1 + 2 * NORMS));
    assert_ok(cln_engine_find_nonfinite(engine, where, sizeof where));
    assert_string_equal(where, "the loss itself");
    assert_int_equal(*calls, (STEPS + 1) * (1 + 2 * NORMS));
}

static void test_an_exchange_with_nobody_changes_no_bit(void **state) {
    int calls = 0;
    (void)state;
    struct cln_engine *alone = engine_with(IN_PARTS, context, 0, WHOLE, CLN_SGD, (struct cln_exchange){NULL});
    struct cln_engine *exchanging =
        engine_with(IN_PARTS, context, 0, WHOLE, CLN_SGD,
                    (struct cln_exchange){count_moments, count_sums, count_gradients, &calls});
    assert_int_equal(cln_engine_launches(exchanging), cln_engine_launches(alone) + 2 + 2 * NORMS);
    for (int i = 0; i < STEPS; i++) {
        step(alone, WHOLE);
        step(exchanging, WHOLE);
    }
    assert_same_bits(alone, exchanging);
    assert_int_equal(calls, STEPS * (1 + 2 * NORMS));

    /* Neither behind the end of the epoch nor in prediction. */
    assert_ok(cln_engine_step(exchanging, CLN_TRAIN));
    assert_ok(cln_engine_begin(exchanging, CLN_TEST, NULL, WHOLE));
    assert_ok(cln_engine_step(exchanging, CLN_TEST));
    assert_int_equal(calls, STEPS * (1 + 2 * NORMS));
    assert_same_bits(alone, exchanging);
    assert_diagnosis_is_alone(exchanging, &calls);
    cln_engine_destroy(&alone);
    cln_engine_destroy(&exchanging);
}

/* The n-th exchange of a step fails. */
struct fault {
    int calls, at;
};

static enum cln_status refuse(struct fault *fault) {
    return ++fault->calls == fault->at ? cln_fail(CLN_IO, "the other process has gone") : CLN_OK;
}

static enum cln_status refuse_moments(void *user, struct cln_channel_moments *channels, size_t count) {
    (void)channels, (void)count;
    return refuse(user);
}

static enum cln_status refuse_sums(void *user, struct cln_channel_sums *channels, size_t count) {
    (void)channels, (void)count;
    return refuse(user);
}

static enum cln_status refuse_gradients(void *user, struct ocl_buffer *gradients, size_t floats) {
    (void)gradients, (void)floats;
    return refuse(user);
}

static void test_a_failure_is_the_step_s(void **state) {
    static const char *const seams[] = {"stage 1 exchange of moments", "stage 2 exchange of moments",
                                        "stage 2 exchange of sums", "stage 1 exchange of sums",
                                        "exchange of gradients"};
    (void)state;
    for (size_t i = 0; i < sizeof seams / sizeof *seams; i++) {
        struct fault fault = {.at = (int)i + 1};
        char message[96];
        snprintf(message, sizeof message, "%s: the other process has gone", seams[i]);
        struct cln_engine *engine = engine_on(
            context, 0, WHOLE, CLN_ADAM, (struct cln_exchange){refuse_moments, refuse_sums, refuse_gradients, &fault});
        assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, WHOLE));
        assert_fails(cln_engine_step(engine, CLN_TRAIN), CLN_IO, message);
        assert_int_equal(fault.calls, i + 1);
        cln_engine_destroy(&engine);
    }
}

static void test_moments_and_sums_go_together(void **state) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    (void)state;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    const struct cln_engine_params params = {.network = network,
                                             .tuning = &tuning,
                                             .batch_size = WHOLE,
                                             .image = network->input,
                                             .train = {NULL, NULL, WHOLE},
                                             .exchange = {.moments = refuse_moments}};
    assert_fails(cln_engine_create(&engine, context, &params), CLN_INVALID, "go together");
    assert_null(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sum_of_its_own_changes_no_bit),
        cmocka_unit_test(test_an_exchange_with_nobody_changes_no_bit),
        cmocka_unit_test(test_a_failure_is_the_step_s),
        cmocka_unit_test(test_moments_and_sums_go_together),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
