/* Two engines that exchange moments, sums and gradients train like one engine on all their samples. */
#include <pthread.h>

#include "tests/engine/exchange.h"

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
    float *before = values_of(whole, CLN_PARAMETERS);
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
    float *expected = values_of(whole, CLN_PARAMETERS), *a = values_of(engines[0], CLN_PARAMETERS),
          *b = values_of(engines[1], CLN_PARAMETERS);
    assert_memory_equal(a, b, network->parameter_floats * sizeof *a);
    double moved = 0;
    for (size_t i = 0; i < network->parameter_floats; i++) {
        if (!(fabsf(a[i] - expected[i]) <= 2e-6f))
            fail_msg("parameter %zu is %.9g, expected %.9g", i, (double)a[i], (double)expected[i]);
        moved = fmax(moved, fabs((double)expected[i] - (double)before[i]));
    }
    assert_true(moved > 1e-2);
    /* The running statistics agree, too. */
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

/* Batches of the same size, of different sizes, and of a single image; also where launches would take whole channels,
 * and with gradients that are clipped. */
static void test_two_train_like_one(void **state) {
    (void)state;
    train_in_two(PROFILE, 33);
    train_in_two(WHOLE_CHANNELS, WHOLE / 2);
    train_in_two(WHOLE_CHANNELS, 1);
    clip_norm = 0.5;
    train_in_two(PROFILE, 33);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_train_like_one),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
