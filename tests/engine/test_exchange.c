/* The exchange of gradients: it changes no bit where it does nothing, and two engines that exchange train like one on
 * all their samples. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/check/cases.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { HALF = 8, WHOLE = 2 * HALF, STEPS = 5, PIXELS = 12 * 12 };

/* Without batch norm, whose statistics are of one process's samples. */
static const char text[] =
    "{\"name\": \"plain\", \"input\": [1, 12, 12], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 5, "
    "\"kernel_size\": 3}, {\"type\": \"Sigmoid\"}, {\"type\": \"MaxPool2d\", \"kernel_size\": 2}, {\"type\": "
    "\"Flatten\"}, "
    "{\"type\": \"Linear\", \"out_features\": 7}]}";

static struct ocl_context *context;
static struct cln_network *network;
static uint8_t pixels[WHOLE * PIXELS], labels[WHOLE];

static int begin(void **state) {
    (void)state;
    context = context_under_test();
    assert_ok(cln_network_parse(&network, text, sizeof text - 1, "plain", NULL));
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    for (size_t i = 0; i < WHOLE; i++)
        labels[i] = (uint8_t)(i * 3 % 7);
    return 0;
}

static int end(void **state) {
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static struct cln_engine *engine_on(size_t first, size_t count, enum cln_optimizer_kind kind,
                                    struct cln_exchange exchange) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    assert_ok(cln_engine_create(&engine, context,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = &tuning,
                                                            .optimizer = {.kind = kind, .lr = 0.05, .momentum = 0.5},
                                                            .batch_size = (int)count,
                                                            .image = network->input,
                                                            .train = {pixels + first * PIXELS, labels + first, count},
                                                            .exchange = exchange}));
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < network->tensor_count; i++)
        for (size_t k = 0; k < network->tensors[i].count; k++)
            values[network->tensors[i].offset + k] = 0.1f * sinf((float)(7 * i + k));
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    return engine;
}

static void step(struct cln_engine *engine, size_t count) {
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, count));
    assert_ok(cln_engine_step(engine, CLN_TRAIN));
}

static float *read(struct cln_engine *engine, enum cln_engine_values which) {
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    assert_ok(cln_engine_read(engine, which, values));
    return values;
}

static enum cln_status count_calls(void *user, struct ocl_buffer *gradients, size_t floats) {
    assert_int_equal(floats, network->parameter_floats);
    assert_true(ocl_buffer_bytes(gradients) >= floats * sizeof(float));
    ++*(int *)user;
    return CLN_OK;
}

static void test_no_bit_changes(void **state) {
    (void)state;
    for (int kind = 0; kind < CLN_OPTIMIZER_COUNT; kind++) {
        int calls = 0;
        struct cln_engine *alone = engine_on(0, WHOLE, (enum cln_optimizer_kind)kind, (struct cln_exchange){NULL});
        struct cln_engine *exchanging =
            engine_on(0, WHOLE, (enum cln_optimizer_kind)kind, (struct cln_exchange){count_calls, &calls});
        assert_int_equal(cln_engine_launches(exchanging), cln_engine_launches(alone) + 2);
        for (int i = 0; i < STEPS; i++) {
            step(alone, WHOLE);
            step(exchanging, WHOLE);
        }
        for (int which = CLN_PARAMETERS; which <= CLN_GRADIENTS; which++) {
            float *a = read(alone, which), *b = read(exchanging, which);
            assert_memory_equal(a, b, network->parameter_floats * sizeof *a);
            free(a);
            free(b);
        }
        assert_int_equal(calls, STEPS);
        cln_engine_destroy(&alone);
        cln_engine_destroy(&exchanging);
    }
}

/* Two processes in one: the first one's exchange lets the second one step, whose exchange averages the gradients of
 * both. */
struct pair {
    struct cln_engine *second;
    struct ocl_buffer *gradients; /* of the first */
};

static enum cln_status let_the_other_step(void *user, struct ocl_buffer *gradients, size_t floats) {
    struct pair *pair = user;
    (void)floats;
    pair->gradients = gradients;
    step(pair->second, HALF);
    return CLN_OK;
}

static enum cln_status average(void *user, struct ocl_buffer *gradients, size_t floats) {
    struct pair *pair = user;
    const size_t bytes = floats * sizeof(float);
    float *own = malloc(bytes), *others = malloc(bytes);
    assert_true(own && others);
    enum cln_status status = ocl_buffer_read(gradients, 0, bytes, own);
    if (status == CLN_OK)
        status = ocl_buffer_read(pair->gradients, 0, bytes, others);
    for (size_t i = 0; i < floats; i++)
        own[i] = 0.5f * (own[i] + others[i]);
    if (status == CLN_OK)
        status = ocl_buffer_write(gradients, 0, bytes, own);
    if (status == CLN_OK)
        status = ocl_buffer_write(pair->gradients, 0, bytes, own);
    free(own);
    free(others);
    return status;
}

static void test_two_train_like_one(void **state) {
    (void)state;
    struct pair pair = {NULL, NULL};
    struct cln_engine *whole = engine_on(0, WHOLE, CLN_SGD, (struct cln_exchange){NULL});
    struct cln_engine *first = engine_on(0, HALF, CLN_SGD, (struct cln_exchange){let_the_other_step, &pair});
    pair.second = engine_on(HALF, HALF, CLN_SGD, (struct cln_exchange){average, &pair});
    float *before = read(whole, CLN_PARAMETERS);
    for (int i = 0; i < STEPS; i++) {
        step(whole, WHOLE);
        step(first, HALF);
    }
    float *expected = read(whole, CLN_PARAMETERS), *a = read(first, CLN_PARAMETERS),
          *b = read(pair.second, CLN_PARAMETERS);
    assert_memory_equal(a, b, network->parameter_floats * sizeof *a);
    double moved = 0;
    for (size_t i = 0; i < network->parameter_floats; i++) {
        assert_true(fabsf(a[i] - expected[i]) <= 1e-6f);
        moved = fmax(moved, fabs((double)expected[i] - (double)before[i]));
    }
    assert_true(moved > 1e-2);
    float *const all[] = {before, expected, a, b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    cln_engine_destroy(&whole);
    cln_engine_destroy(&first);
    cln_engine_destroy(&pair.second);
}

static enum cln_status refuse(void *user, struct ocl_buffer *gradients, size_t floats) {
    (void)user;
    (void)gradients;
    (void)floats;
    return cln_fail(CLN_IO, "the other process has gone");
}

static void test_a_failure_is_the_step_s(void **state) {
    (void)state;
    struct cln_engine *engine = engine_on(0, HALF, CLN_ADAM, (struct cln_exchange){refuse, NULL});
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, HALF));
    assert_fails(cln_engine_step(engine, CLN_TRAIN), CLN_IO, "exchange of gradients: the other process has gone");
    cln_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_bit_changes),
        cmocka_unit_test(test_two_train_like_one),
        cmocka_unit_test(test_a_failure_is_the_step_s),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
