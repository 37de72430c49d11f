/* The exchange between processes: an exchange with nobody changes no bit, and two engines that exchange moments, sums
 * and gradients train like one engine on all their samples. */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/check/cases.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { WHOLE = 43, STEPS = 5, PIXELS = 12 * 12 };

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

/* Settings of src/check, and the device's profile with whole channels never taken. */
enum { PROFILE = 0, WHOLE_CHANNELS = 2, IN_PARTS = 100 };

static struct cln_engine *engine_with(size_t setting, struct ocl_context *where, size_t first, size_t count,
                                      enum cln_optimizer_kind kind, struct cln_exchange exchange) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, setting == IN_PARTS ? PROFILE : setting, ocl_context_device(context)));
    if (setting == IN_PARTS)
        tuning.min_whole_channels = INT_MAX;
    assert_ok(cln_engine_create(&engine, where,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = &tuning,
                                                            .optimizer = {.kind = kind, .lr = 0.05, .momentum = 0.5},
                                                            .batch_size = (int)count,
                                                            .image = network->input,
                                                            .train = {pixels + first * PIXELS, labels + first, count},
                                                            .test = {pixels + first * PIXELS, labels + first, count},
                                                            .exchange = exchange}));
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < network->tensor_count; i++)
        for (size_t k = 0; network->tensors[i].trainable && k < network->tensors[i].count; k++)
            values[network->tensors[i].offset + k] =
                0.1f * sinf((float)(7 * i + k)) + (network->tensors[i].role == CLN_GAMMA ? 1 : 0);
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    return engine;
}

static struct cln_engine *engine_on(struct ocl_context *where, size_t first, size_t count, enum cln_optimizer_kind kind,
                                    struct cln_exchange exchange) {
    return engine_with(PROFILE, where, first, count, kind, exchange);
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

static void assert_same_bits(struct cln_engine *left, struct cln_engine *right) {
    for (int which = CLN_PARAMETERS; which <= CLN_RUNNING; which++) {
        const size_t floats = which == CLN_RUNNING ? network->running_floats : network->parameter_floats;
        float *a = read(left, (enum cln_engine_values)which), *b = read(right, (enum cln_engine_values)which);
        assert_memory_equal(a, b, floats * sizeof *a);
        free(a);
        free(b);
    }
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
    float *values = read(engine, CLN_PARAMETERS);
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

/* Two processes in one, as two threads that take turns: only one runs at a time. At an exchange the first one leaves
 * its numbers and lets the second one run; the second one combines them with its own, and lets the first one run again.
 */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int turn;          /* of process 0 or 1 */
    size_t samples[2]; /* of each one's batches */
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

/* Process 0 leaves its numbers and gets those of both; process 1 combines them. */
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
        of_both[i] = (of_both[i] * (double)pair.samples[0] + own[i] * (double)pair.samples[1]) / (double)WHOLE;
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
        status = cln_engine_begin(engine, CLN_TRAIN, NULL, pair.samples[1]);
        if (status == CLN_OK)
            status = cln_engine_step(engine, CLN_TRAIN);
    }
    pass_turn(0);
    return status == CLN_OK ? engine : NULL;
}

static void train_in_two(size_t setting, size_t samples) {
    int numbers[] = {0, 1};
    pthread_t second;
    void *well;
    pair.samples[0] = samples;
    pair.samples[1] = WHOLE - samples;
    pair.turn = pair.moments = pair.sums = pair.gradients = 0;
    struct ocl_context *other = context_under_test();
    struct cln_engine *whole = engine_with(setting, context, 0, WHOLE, CLN_SGD, (struct cln_exchange){NULL});
    struct cln_engine *engines[] = {
        engine_with(setting, context, 0, samples, CLN_SGD, exchange_of(&numbers[0])),
        engine_with(setting, other, samples, WHOLE - samples, CLN_SGD, exchange_of(&numbers[1]))};
    float *before = read(whole, CLN_PARAMETERS);
    for (int i = 0; i < STEPS; i++)
        step(whole, WHOLE);
    assert_int_equal(pthread_create(&second, NULL, train_second, engines[1]), 0);
    for (int i = 0; i < STEPS; i++)
        step(engines[0], samples);
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

/* Batches of the same size, of different sizes, and of a single image; also where launches would take whole channels.
 */
static void test_two_train_like_one(void **state) {
    (void)state;
    train_in_two(PROFILE, 33);
    train_in_two(WHOLE_CHANNELS, WHOLE / 2);
    train_in_two(WHOLE_CHANNELS, 1);
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
        cmocka_unit_test(test_two_train_like_one),
        cmocka_unit_test(test_a_failure_is_the_step_s),
        cmocka_unit_test(test_moments_and_sums_go_together),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
