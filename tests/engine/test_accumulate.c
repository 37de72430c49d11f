/* Several batches per update: the launches, that they are as one large batch where no batch norm tells them apart, and
 * what the end of an epoch does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "src/check/cases.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { SIDE = 12, PIXELS = SIDE * SIDE, MOST = 43 };

static const char text[] =
    "{\"name\": \"drops\", \"input\": [1, 12, 12], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 5, "
    "\"kernel_size\": 3}, {\"type\": \"Sigmoid\"}, {\"type\": \"MaxPool2d\", \"kernel_size\": 2}, "
    "{\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 9}, {\"type\": \"Tanh\"}, "
    "{\"type\": \"Dropout\", \"p\": 0.5}, {\"type\": \"Linear\", \"out_features\": 7}]}";

static struct ocl_context *context;
static struct cln_network *network;
static uint8_t pixels[MOST * PIXELS];
static int32_t labels[MOST];

static int begin(void **state) {
    (void)state;
    context = context_under_test();
    assert_ok(cln_network_parse(&network, text, sizeof text - 1, "drops", NULL));
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    for (size_t i = 0; i < MOST; i++)
        labels[i] = (uint8_t)(i * 3 % 7);
    return 0;
}

static int end(void **state) {
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static struct cln_engine *engine_of(int batch_size, struct cln_optimizer_params optimizer) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    optimizer.lr = 0.05;
    assert_ok(cln_engine_create(&engine, context,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = &tuning,
                                                            .optimizer = optimizer,
                                                            .seed = 5,
                                                            .batch_size = batch_size,
                                                            .image = network->input,
                                                            .train = {pixels, labels, MOST}}));
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < network->tensor_count; i++)
        for (size_t k = 0; network->tensors[i].trainable && k < network->tensors[i].count; k++)
            values[network->tensors[i].offset + k] = 0.1f * sinf((float)(7 * i + k));
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    return engine;
}

static struct cln_state state_of(struct cln_engine *engine) {
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_state(engine, CLN_TRAIN, &state, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    return state;
}

static void assert_near(struct cln_engine *a, struct cln_engine *b, enum cln_engine_values which, double tolerance) {
    const size_t floats = network->parameter_floats;
    float *left = calloc(floats, sizeof *left), *right = calloc(floats, sizeof *right);
    double most = 0;
    assert_true(left && right);
    assert_ok(cln_engine_read(a, which, left));
    assert_ok(cln_engine_read(b, which, right));
    for (size_t i = 0; i < floats; i++) {
        most = fmax(most, fabs((double)right[i]));
        if (!(fabs((double)left[i] - (double)right[i]) <= tolerance))
            fail_msg("value %zu of %d is %.9g, not %.9g", i, (int)which, (double)left[i], (double)right[i]);
    }
    assert_true(most > 100 * tolerance);
    free(left);
    free(right);
}

/* Dropouts too are those of the large batch. The last of the epoch's two updates has one and a half small batches. */
static void test_small_batches_are_as_a_large_one(void **state) {
    (void)state;
    enum { SMALL = 8, BATCHES = 3, IMAGES = 36 };
    static const double clips[] = {0, 0.01};
    for (size_t i = 0; i < sizeof clips / sizeof *clips; i++)
        for (int kind = 0; kind < CLN_OPTIMIZER_COUNT; kind++) {
            struct cln_optimizer_params o = {
                .kind = (enum cln_optimizer_kind)kind, .momentum = kind == CLN_SGD ? 0.9 : 0, .clip_norm = clips[i]};
            o.eps = 0.01; /* so that Adam does not enlarge roundings */
            struct cln_engine *large = engine_of(SMALL * BATCHES, o);
            o.accumulate = BATCHES;
            struct cln_engine *small = engine_of(SMALL, o);
            for (int epoch = 0; epoch < 2; epoch++) {
                assert_ok(cln_engine_begin(large, CLN_TRAIN, NULL, IMAGES));
                assert_ok(cln_engine_begin(small, CLN_TRAIN, NULL, IMAGES));
                for (int step = 1; step <= 2; step++) {
                    assert_ok(cln_engine_step(large, CLN_TRAIN));
                    assert_ok(cln_engine_step(small, CLN_TRAIN));
                    assert_near(small, large, CLN_GRADIENTS, 1e-6);
                    assert_near(small, large, CLN_PARAMETERS, 1e-5);
                    const struct cln_state a = state_of(small), b = state_of(large);
                    assert_int_equal(a.step, 2 * epoch + step);
                    assert_int_equal(a.batches, step == 1 ? 3 : 5);
                    assert_int_equal(a.seen, b.seen);
                    assert_true(a.hits == b.hits && fabsf(a.loss_sum - b.loss_sum) <= 1e-4f && a.lr == b.lr);
                }
                assert_int_equal(cln_engine_batches(small), 5 * (epoch + 1));
            }
            /* Behind the last batch nothing changes. */
            float *before = calloc(network->parameter_floats, sizeof *before),
                  *after = calloc(network->parameter_floats, 4);
            assert_true(before && after);
            assert_ok(cln_engine_read(small, CLN_PARAMETERS, before));
            assert_ok(cln_engine_step(small, CLN_TRAIN));
            assert_ok(cln_engine_read(small, CLN_PARAMETERS, after));
            assert_memory_equal(before, after, network->parameter_floats * sizeof *after);
            assert_int_equal(state_of(small).step, 4);
            assert_int_equal(cln_engine_batches(small), 10);
            free(before);
            free(after);
            cln_engine_destroy(&large);
            cln_engine_destroy(&small);
        }
}

static void test_launches(void **state) {
    (void)state;
    struct cln_engine *one = engine_of(8, (struct cln_optimizer_params){.accumulate = 1});
    struct cln_engine *none = engine_of(8, (struct cln_optimizer_params){0});
    struct cln_engine *three = engine_of(8, (struct cln_optimizer_params){.accumulate = 3});
    struct cln_engine *clipped = engine_of(8, (struct cln_optimizer_params){.accumulate = 3, .clip_norm = 1});
    const size_t launches = cln_engine_launches(none); /* the last is the update */
    assert_int_equal(cln_engine_launches(one), launches);
    assert_int_equal(cln_engine_launches(three), 3 * launches + 1); /* three sums in the place of two updates */
    assert_int_equal(cln_engine_launches(clipped), 3 * launches + 2);
    cln_engine_destroy(&one);
    cln_engine_destroy(&none);
    cln_engine_destroy(&three);
    cln_engine_destroy(&clipped);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_batches_are_as_a_large_one),
        cmocka_unit_test(test_launches),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
