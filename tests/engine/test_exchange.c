/* The exchange between processes: a sum of gradients that stands by itself changes no bit, and two engines that
 * exchange moments, sums and gradients train like one engine on all their samples. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "src/check/cases.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { HALF = 8, WHOLE = 2 * HALF, STEPS = 5, PIXELS = 12 * 12 };

static const char text[] =
    "{\"name\": \"two\", \"input\": [1, 12, 12], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 5, "
    "\"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"Sigmoid\"}, {\"type\": \"MaxPool2d\", "
    "\"kernel_size\": 2}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 9}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"ReLU\"}, {\"type\": \"Linear\", \"out_features\": 7}]}";

enum { NORMS = 2 };

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

static struct cln_engine *engine_on(struct ocl_context *where, size_t first, size_t count, enum cln_optimizer_kind kind,
                                    struct cln_exchange exchange) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    assert_ok(cln_engine_create(&engine, where,
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
        for (int which = CLN_PARAMETERS; which <= CLN_GRADIENTS; which++) {
            float *a = read(alone, (enum cln_engine_values)which), *b = read(exchanging, (enum cln_engine_values)which);
            assert_memory_equal(a, b, network->parameter_floats * sizeof *a);
            free(a);
            free(b);
        }
        assert_int_equal(calls, STEPS);
        cln_engine_destroy(&alone);
        cln_engine_destroy(&exchanging);
    }
}

/* Two processes in one, as two threads that take turns: only one runs at a time. At an exchange the first one leaves
 * its numbers and lets the second one run; the second one combines them with its own, and lets the first one run again.
 */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int turn; /* of process 0 or 1 */
    double numbers[4096];
    int moments, sums, gradients; /* exchanges of process 0 */
} pair = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void pass_turn(int to) {
    pthread_mutex_lock(&pair.mutex);
    pair.turn = to;
    pthread_cond_broadcast(&pair.changed);
    pthread_mutex_unlock(&pair.mutex);
}

static void await_turn(int own) {
    pthread_mutex_lock(&pair.mutex);
    while (pair.turn != own)
        pthread_cond_wait(&pair.changed, &pair.mutex);
    pthread_mutex_unlock(&pair.mutex);
}

/* Of process 0: leaves `numbers` and gets those of both; of process 1: combines them there. */
static void meet(int process, double *numbers, size_t count,
                 void (*combine)(double *of_both, const double *own, size_t)) {
    if (process == 0) {
        memcpy(pair.numbers, numbers, count * sizeof *numbers);
        pass_turn(1);
        await_turn(0);
        memcpy(numbers, pair.numbers, count * sizeof *numbers);
        return;
    }
    combine(pair.numbers, numbers, count);
    memcpy(numbers, pair.numbers, count * sizeof *numbers);
    pass_turn(0);
    await_turn(1);
}

static void combine_moments(double *of_both, const double *own, size_t count) {
    for (size_t i = 0; i < count; i += 3) {
        const double n = of_both[i] + own[i], delta = own[i + 1] - of_both[i + 1];
        of_both[i + 2] += own[i + 2] + delta * delta * of_both[i] * own[i] / n;
        of_both[i + 1] += delta * own[i] / n;
        of_both[i] = n;
    }
}

static void combine_mean(double *of_both, const double *own, size_t count) {
    for (size_t i = 0; i < count; i++)
        of_both[i] = 0.5 * (of_both[i] + own[i]);
}

static enum cln_status exchange_moments(void *user, struct cln_channel_moments *channels, size_t count) {
    pair.moments += *(int *)user == 0;
    _Static_assert(sizeof *channels == 3 * sizeof(double), "three numbers");
    meet(*(int *)user, &channels->count, 3 * count, combine_moments);
    return CLN_OK;
}

static enum cln_status exchange_sums(void *user, struct cln_channel_sums *channels, size_t count) {
    pair.sums += *(int *)user == 0;
    meet(*(int *)user, &channels->dy, 2 * count, combine_mean);
    return CLN_OK;
}

static enum cln_status exchange_gradients(void *user, struct ocl_buffer *gradients, size_t floats) {
    static float values[4096];
    static double numbers[4096];
    const size_t bytes = floats * sizeof *values;
    pair.gradients += *(int *)user == 0;
    if (floats > sizeof values / sizeof *values)
        return cln_fail(CLN_INVALID, "%zu gradients are too many for this test", floats);
    enum cln_status status = ocl_buffer_read(gradients, 0, bytes, values);
    for (size_t i = 0; i < floats; i++)
        numbers[i] = values[i];
    double *own = malloc(floats * sizeof *own); /* the statics are the other thread's, too, from here on */
    if (!own)
        return CLN_OUT_OF_MEMORY;
    memcpy(own, numbers, floats * sizeof *own);
    meet(*(int *)user, own, floats, combine_mean);
    for (size_t i = 0; i < floats; i++)
        values[i] = (float)own[i];
    free(own);
    return status == CLN_OK ? ocl_buffer_write(gradients, 0, bytes, values) : status;
}

static struct cln_exchange exchange_of(int *process) {
    return (struct cln_exchange){exchange_moments, exchange_sums, exchange_gradients, process};
}

static void *train_second(void *engine) {
    enum cln_status status = CLN_OK;
    await_turn(1);
    for (int i = 0; i < STEPS && status == CLN_OK; i++) {
        status = cln_engine_begin(engine, CLN_TRAIN, NULL, HALF);
        if (status == CLN_OK)
            status = cln_engine_step(engine, CLN_TRAIN);
    }
    pass_turn(0);
    return status == CLN_OK ? engine : NULL;
}

static void test_two_train_like_one(void **state) {
    int numbers[] = {0, 1};
    pthread_t second;
    void *well;
    (void)state;
    struct ocl_context *other = context_under_test();
    struct cln_engine *whole = engine_on(context, 0, WHOLE, CLN_SGD, (struct cln_exchange){NULL});
    struct cln_engine *engines[] = {engine_on(context, 0, HALF, CLN_SGD, exchange_of(&numbers[0])),
                                    engine_on(other, HALF, HALF, CLN_SGD, exchange_of(&numbers[1]))};
    float *before = read(whole, CLN_PARAMETERS);
    for (int i = 0; i < STEPS; i++)
        step(whole, WHOLE);
    assert_int_equal(pthread_create(&second, NULL, train_second, engines[1]), 0);
    for (int i = 0; i < STEPS; i++)
        step(engines[0], HALF);
    pass_turn(1);
    assert_int_equal(pthread_join(second, &well), 0);
    assert_non_null(well);
    assert_int_equal(pair.moments, STEPS * NORMS);
    assert_int_equal(pair.sums, STEPS * NORMS);
    assert_int_equal(pair.gradients, STEPS);
    float *expected = read(whole, CLN_PARAMETERS), *a = read(engines[0], CLN_PARAMETERS),
          *b = read(engines[1], CLN_PARAMETERS);
    assert_memory_equal(a, b, network->parameter_floats * sizeof *a);
    double moved = 0;
    for (size_t i = 0; i < network->parameter_floats; i++) {
        if (!(fabsf(a[i] - expected[i]) <= 2e-6f))
            fail_msg("parameter %zu is %.9g, expected %.9g", i, (double)a[i], (double)expected[i]);
        moved = fmax(moved, fabs((double)expected[i] - (double)before[i]));
    }
    assert_true(moved > 1e-2);
    /* So do the running statistics. */
    const size_t floats = network->running_floats;
    float *of_whole = calloc(floats, sizeof *of_whole), *of_first = calloc(floats, sizeof *of_first);
    assert_true(of_whole && of_first);
    assert_ok(cln_engine_read(whole, CLN_RUNNING, of_whole));
    assert_ok(cln_engine_read(engines[0], CLN_RUNNING, of_first));
    for (size_t i = 0; i < floats; i++)
        assert_true(fabsf(of_first[i] - of_whole[i]) <= 1e-5f);
    free(of_whole);
    free(of_first);
    float *const all[] = {before, expected, a, b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    cln_engine_destroy(&whole);
    cln_engine_destroy(&engines[0]);
    cln_engine_destroy(&engines[1]);
    ocl_context_destroy(&other);
}

static enum cln_status refuse(void *user, struct ocl_buffer *gradients, size_t floats) {
    (void)user;
    (void)gradients;
    (void)floats;
    return cln_fail(CLN_IO, "the other process has gone");
}

static void test_a_failure_is_the_step_s(void **state) {
    (void)state;
    struct cln_engine *engine = engine_on(context, 0, HALF, CLN_ADAM, (struct cln_exchange){.gradients = refuse});
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, HALF));
    assert_fails(cln_engine_step(engine, CLN_TRAIN), CLN_IO, "exchange of gradients: the other process has gone");
    cln_engine_destroy(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_sum_of_its_own_changes_no_bit),
        cmocka_unit_test(test_two_train_like_one),
        cmocka_unit_test(test_a_failure_is_the_step_s),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
