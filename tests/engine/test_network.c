/* Whole networks on the device: PyTorch's golden values, the float64 reference at odd batch sizes, and the gradient
 * by differences of the loss. */
#include <math.h>
#include <stdio.h>

#include "src/check/cases.h"
#include "src/check/reference.h"
#include "src/data/random.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"
#include "tests/golden/golden.h"

static struct ocl_context *context;
static struct cln_safetensors *images; /* the file that has the images of all */

static int open_all(void **state) {
    (void)state;
    context = context_under_test();
    images = golden_open("bn_lenet.safetensors");
    return 0;
}

static int close_all(void **state) {
    cln_safetensors_destroy(&images);
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static void *allocate(size_t count, size_t bytes) {
    void *memory = calloc(count + 1, bytes);
    assert_non_null(memory);
    return memory;
}

static float *singles(const double *values, size_t count) {
    float *result = allocate(count, sizeof *result);
    for (size_t i = 0; i < count; i++)
        result[i] = (float)values[i];
    return result;
}

static struct cln_tuning tuning_of(size_t tuning) {
    struct cln_tuning result;
    assert_ok(cln_check_tuning(&result, tuning, ocl_context_device(context)));
    return result;
}

/* An engine on the golden images. */
static struct cln_engine *engine_of(const struct cln_network *network, const struct cln_tuning *tuning, int batch_size,
                                    struct cln_optimizer_params optimizer) {
    const struct cln_engine_images set = {golden_images(images), golden_labels(images), GOLDEN_STEPS * GOLDEN_BATCH};
    struct cln_engine *engine = NULL;
    assert_ok(cln_engine_create(&engine, context,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = tuning,
                                                            .optimizer = optimizer,
                                                            .batch_size = batch_size,
                                                            .image = {1, 28, 28},
                                                            .train = set,
                                                            .test = set}));
    return engine;
}

/* Parameters and running statistics; either may be NULL. */
static void write_values(struct cln_engine *engine, const struct cln_network *network, const double *parameters,
                         const double *running) {
    float *values = singles(parameters, network->parameter_floats);
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    if (!running)
        return;
    values = singles(running, network->running_floats);
    assert_ok(cln_engine_write(engine, CLN_RUNNING, values));
    free(values);
}

/* One step on `count` images from `first` on, as an epoch of its own: its mean loss. */
static double step_on(struct cln_engine *engine, enum cln_engine_set set, size_t first, size_t count, int *hits) {
    uint32_t order[GOLDEN_STEPS * GOLDEN_BATCH];
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)(first + i);
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_begin(engine, set, order, count));
    assert_ok(cln_engine_step(engine, set));
    assert_ok(cln_engine_state(engine, set, &state, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    assert_int_equal(state.seen, count);
    assert_int_equal(state.frozen, 0);
    if (hits)
        *hits = state.hits;
    return ((double)state.loss_sum - (double)state.loss_carry) / (double)count;
}

/* Every number within `tolerance` of what is expected; says how near they came. */
static void assert_near(const char *what, const float *actual, const double *expected, size_t count, double tolerance) {
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)actual[i] - expected[i]);
        if (!(error <= tolerance))
            fail_msg("%s: value %zu is %.9g, expected %.9g within %.3g", what, i, (double)actual[i], expected[i],
                     tolerance);
        worst = fmax(worst, error);
    }
    print_message("  %s: %.3f of the tolerance\n", what, worst / tolerance);
}

static void assert_values(const char *what, struct cln_engine *engine, const struct cln_network *network,
                          enum cln_engine_values which, const double *expected, double tolerance) {
    const size_t count = which == CLN_RUNNING ? network->running_floats : network->parameter_floats;
    float *values = allocate(count, sizeof *values);
    assert_ok(cln_engine_read(engine, which, values));
    assert_near(what, values, expected, count, tolerance);
    free(values);
}

/* How far PyTorch's own float32 ends from its float64 (tests/golden/README.md); another order of summation may be
 * a few times as far. */
static const double allowed = 6;

struct golden_case {
    const char *name, *file;
    size_t tuning;
    bool sgd, quick;
    double loss, gradient, final, logits; /* PyTorch's own distances; final 0: not in the file */
};

static const struct golden_case golden_cases[] = {
    {"bn-lenet", "bn_lenet.safetensors", 0, false, false, 3.5e-7, 1.6e-7, 1.1e-5, 1.7e-7},
    {"bn-lenet, groups of 8", "bn_lenet.safetensors", 2, false, false, 3.5e-7, 1.6e-7, 1.1e-5, 1.7e-7},
    {"bn-lenet, SGD", "bn_lenet.safetensors", 0, true, false, 3.5e-7, 1.6e-7, 3.6e-7, 0},
    {"lenet", "lenet.safetensors", 0, false, false, 2.5e-7, 1.5e-8, 0, 1.1e-7},
    {"mixed", "mixed.safetensors", 0, false, false, 4.9e-7, 1.1e-6, 2.4e-7, 2.8e-7},
    {"mixed, groups of 8", "mixed.safetensors", 2, false, true, 4.9e-7, 1.1e-6, 2.4e-7, 2.8e-7},
};

static void test_golden(void **state) {
    const struct golden_case *c = *state;
    const struct cln_optimizer_params sgd = {.kind = CLN_SGD, .lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4};
    const struct cln_tuning tuning = tuning_of(c->tuning);
    struct cln_safetensors *golden = golden_open(c->file);
    struct cln_network *network = golden_network(c->file);
    struct cln_engine *engine =
        engine_of(network, &tuning, GOLDEN_BATCH, c->sgd ? sgd : (struct cln_optimizer_params){0});
    double *parameters = allocate(network->parameter_floats, sizeof *parameters);
    double *running = allocate(network->running_floats, sizeof *running);
    double losses[GOLDEN_STEPS], hits[GOLDEN_STEPS], logits[GOLDEN_BATCH * 10];
    golden_values(golden, c->sgd ? "sgd" : "", "loss", GOLDEN_STEPS, losses);
    golden_values(golden, "", "hits", GOLDEN_STEPS, hits);
    golden_values(golden, "", "logits", GOLDEN_BATCH * 10, logits);
    golden_state(golden, "initial", network, parameters, running);
    write_values(engine, network, parameters, running);

    const size_t steps = quick_check() ? 1 : GOLDEN_STEPS;
    for (size_t step = 0; step < steps; step++) {
        int step_hits;
        const float loss = (float)step_on(engine, CLN_TRAIN, step * GOLDEN_BATCH, GOLDEN_BATCH, &step_hits);
        assert_near("loss", &loss, &losses[step], 1, allowed * c->loss);
        if (!c->sgd)
            assert_int_equal(step_hits, (int)hits[step]);
        if (step == 0) {
            golden_state(golden, "gradient", network, parameters, NULL);
            assert_values("gradient", engine, network, CLN_GRADIENTS, parameters, allowed * c->gradient);
        }
    }
    if (steps == GOLDEN_STEPS && c->final > 0) {
        golden_state(golden, c->sgd ? "sgd.final" : "final", network, parameters, running);
        assert_values("weights", engine, network, CLN_PARAMETERS, parameters, allowed * c->final);
        assert_values("running statistics", engine, network, CLN_RUNNING, running, allowed * c->final);
    }
    if (steps == GOLDEN_STEPS && c->logits > 0) {
        float values[GOLDEN_BATCH * 10];
        step_on(engine, CLN_TEST, 0, GOLDEN_BATCH, NULL);
        assert_ok(cln_engine_logits(engine, values, GOLDEN_BATCH));
        assert_near("logits", values, logits, GOLDEN_BATCH * 10, allowed * (c->logits + c->final));
    }
    free(parameters);
    free(running);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
    cln_safetensors_destroy(&golden);
}

/* Parameters as a fresh network has them, but γ ≠ 1 and β ≠ 0. */
static double *random_parameters(const struct cln_network *network, uint64_t seed) {
    struct cln_random random;
    cln_random_seed(&random, seed, CLN_STREAM_CHECK);
    double *values = allocate(network->parameter_floats, sizeof *values);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        for (size_t i = 0; t->trainable && i < t->count; i++) {
            const double uniform = 2 * cln_random_uniform(&random) - 1;
            const double bound = t->fan_in > 0 ? 1 / sqrt(t->fan_in) : 0.5;
            values[t->offset + i] = (float)((t->role == CLN_GAMMA ? 1 : 0) + bound * uniform);
        }
    return values;
}

struct reference_case {
    const char *name, *network;
    size_t tuning;
    int batch_size, count;
    double magnified; /* how much larger than the gradients their terms are; 0: not */
};

static const struct reference_case reference_cases[] = {
    {"mlp, 7 of 33", CLN_EXAMPLES "/mlp.json", 0, 33, 7},
    /* A batch norm of one number passes nothing on: the rest of terms that are 1/√eps times as large. */
    {"mlp, 1 of 1", CLN_EXAMPLES "/mlp.json", 5, 1, 1, 316},
    {"bn-cnn-relu, 17 of 17", CLN_EXAMPLES "/bn-cnn-relu.json", 0, 17, 17},
    {"bn-cnn-relu, 3 of 20, groups of 8", CLN_EXAMPLES "/bn-cnn-relu.json", 2, 20, 3},
    {"lenet, 1 of 2, groups of 4 × 4", "lenet", 3, 2, 1},
};

static void test_reference(void **state) {
    const struct reference_case *c = *state;
    const struct cln_tuning tuning = tuning_of(c->tuning);
    struct cln_network *network = NULL;
    assert_ok(cln_network_load(&network, c->network, NULL));
    struct cln_engine *engine = engine_of(network, &tuning, c->batch_size, (struct cln_optimizer_params){0});
    double *parameters = random_parameters(network, 5);
    write_values(engine, network, parameters, NULL);
    const float loss = (float)step_on(engine, CLN_TRAIN, 0, (size_t)c->count, NULL);

    const size_t count = (size_t)c->count;
    double *x = allocate(count * 784, sizeof *x);
    for (size_t i = 0; i < count * 784; i++)
        x[i] = golden_images(images)[i] / 255.0;
    struct cln_reference_step expected = {.gradients = allocate(network->parameter_floats, sizeof(double))};
    assert_ok(cln_reference_network_step(network, count, x, golden_labels(images), parameters, NULL, &expected));
    assert_near("loss", &loss, &expected.loss, 1, 1e-6 * fabs(expected.loss));

    /* Through ten layers float32 keeps five digits of a tensor's largest gradient. */
    float *gradients = allocate(network->parameter_floats, sizeof *gradients);
    assert_ok(cln_engine_read(engine, CLN_GRADIENTS, gradients));
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (!t->trainable)
            continue;
        double largest = fmax(1e-3, 1e-3 * c->magnified);
        for (size_t i = 0; i < t->count; i++)
            largest = fmax(largest, fabs(expected.gradients[t->offset + i]));
        assert_near(t->name, gradients + t->offset, expected.gradients + t->offset, t->count, 1e-5 * largest);
    }
    free(gradients);
    free(expected.gradients);
    free(x);
    free(parameters);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
}

/* (L(p + h·d) − L(p − h·d)) / 2h = ∇L·d, along a random d that goes uphill, so that the difference stands out of the
 * rounding of L (about 1e-7). */
static void check_differences(const char *file) {
    const struct cln_tuning tuning = tuning_of(0);
    struct cln_safetensors *golden = golden_open(file);
    struct cln_network *network = golden_network(file);
    struct cln_engine *engine = engine_of(network, &tuning, GOLDEN_BATCH, (struct cln_optimizer_params){0});
    const size_t count = network->parameter_floats;
    double *p = allocate(count, sizeof *p), *moved = allocate(count, sizeof *moved), *d = allocate(count, sizeof *d);
    double *running = allocate(network->running_floats, sizeof *running);
    float *gradient = allocate(count, sizeof *gradient);
    golden_state(golden, "initial", network, p, running);
    write_values(engine, network, p, running);
    step_on(engine, CLN_TRAIN, 0, GOLDEN_BATCH, NULL);
    assert_ok(cln_engine_read(engine, CLN_GRADIENTS, gradient));

    struct cln_random random;
    cln_random_seed(&random, 3, CLN_STREAM_CHECK);
    double length = 0, slope = 0;
    for (size_t i = 0; i < count; i++) {
        d[i] = (double)gradient[i] * cln_random_uniform(&random);
        length += d[i] * d[i];
    }
    for (size_t i = 0; i < count; i++) {
        d[i] /= sqrt(length);
        slope += d[i] * (double)gradient[i];
    }
    const double h = 1e-3 / slope; /* small enough for few maxima and ReLUs to switch over */
    double losses[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < count; i++)
            moved[i] = p[i] + (side ? -h : h) * d[i];
        write_values(engine, network, moved, NULL);
        losses[side] = step_on(engine, CLN_TRAIN, 0, GOLDEN_BATCH, NULL);
    }
    const double difference = (losses[0] - losses[1]) / (2 * h);
    print_message("  slope %.7g, by differences %.7g\n", slope, difference);
    if (!(fabs(difference - slope) <= 2e-3 * slope))
        fail_msg("%s: the gradient's slope is %.7g, by differences %.7g", file, slope, difference);
    free(p);
    free(moved);
    free(d);
    free(running);
    free(gradient);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
    cln_safetensors_destroy(&golden);
}

/* A parameter that is no number freezes the state before any other is touched, and is named. */
static void test_not_a_number_is_found(void **state) {
    (void)state;
    const struct cln_tuning tuning = tuning_of(2);
    struct cln_network *network = NULL;
    assert_ok(cln_network_load(&network, CLN_EXAMPLES "/mlp.json", NULL));
    struct cln_engine *engine = engine_of(network, &tuning, GOLDEN_BATCH, (struct cln_optimizer_params){0});
    double *parameters = random_parameters(network, 7);
    const struct cln_tensor_info *poisoned = &network->tensors[network->tensor_count - 1];
    parameters[poisoned->offset] = NAN;
    write_values(engine, network, parameters, NULL);

    struct cln_state seen;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, 3 * GOLDEN_BATCH));
    for (int step = 0; step < 3; step++)
        assert_ok(cln_engine_step(engine, CLN_TRAIN));
    assert_ok(cln_engine_state(engine, CLN_TRAIN, &seen, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    assert_int_equal(seen.frozen, 1);
    assert_int_equal(seen.batches, 1);
    assert_int_equal(seen.seen, 0);

    char where[192];
    assert_ok(cln_engine_find_nonfinite(engine, where, sizeof where));
    if (!strstr(where, poisoned->name))
        fail_msg("%s is not in: %s", poisoned->name, where);
    float *before = singles(parameters, network->parameter_floats);
    float *after = allocate(network->parameter_floats, sizeof *after);
    assert_ok(cln_engine_read(engine, CLN_PARAMETERS, after));
    assert_memory_equal(after, before, network->parameter_floats * sizeof *after);
    free(before);
    free(after);
    free(parameters);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
}

static void test_differences_of_bn_lenet(void **state) {
    (void)state;
    check_differences("bn_lenet.safetensors");
}

static void test_differences_of_mixed(void **state) {
    (void)state;
    check_differences("mixed.safetensors");
}

int main(void) {
    enum {
        GOLDEN = sizeof golden_cases / sizeof *golden_cases,
        REFERENCE = sizeof reference_cases / sizeof *reference_cases
    };
    struct CMUnitTest tests[GOLDEN + REFERENCE + 3];
    size_t count = 0;
    for (size_t i = 0; i < GOLDEN; i++)
        if (!quick_check() || golden_cases[i].quick)
            tests[count++] = (struct CMUnitTest){
                .name = golden_cases[i].name, .test_func = test_golden, .initial_state = (void *)&golden_cases[i]};
    for (size_t i = 0; i < REFERENCE && !quick_check(); i++)
        tests[count++] = (struct CMUnitTest){
            .name = reference_cases[i].name, .test_func = test_reference, .initial_state = (void *)&reference_cases[i]};
    if (!quick_check()) {
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_not_a_number_is_found);
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_differences_of_bn_lenet);
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_differences_of_mixed);
    }
    return _cmocka_run_group_tests("networks", tests, count, open_all, close_all);
}
