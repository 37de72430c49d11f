/* Whole networks on the device: PyTorch's golden values, the float64 reference, and differences of the loss. */
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "src/check/cases.h"
#include "src/checkup/networks.h"
#include "src/data/random.h"
#include "src/engine/conv2d.h"
#include "src/engine/engine.h"
#include "src/reference/reference.h"
#include "tests/engine/support.h"
#include "tests/golden/golden.h"

static struct ocl_context *context;
static struct cln_safetensors *images; /* the file that has the images of all */

static int open_all(void **state) {
    (void)state;
    context = context_under_test();
    images = golden_open(CLN_GOLDEN_BN_LENET);
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

/* Those of src/check under the device's own profile, and what tells groups apart. */
struct network_case {
    char name[96];
    size_t network, tuning;
    unsigned safe; /* operations in their safe variant */
    bool filtered; /* every convolution that can be is filtered */
    bool apart;    /* no convolution takes over what stands behind it */
};

static void test_network(void **state) {
    const struct network_case *c = *state;
    struct cln_tuning tuning = tuning_of(c->tuning);
    struct cln_check_result result;
    cln_tuning_make_safe(&tuning, c->safe);
    if (c->filtered && tuning.lanes == tuning.vector)
        tuning.winograd = CLN_WINOGRAD_ALWAYS;
    tuning.fuse = !c->apart, tuning.layer_count = 0;
    assert_ok(cln_check_network_run(&result, c->network,
                                    &(struct cln_check_params){.context = context,
                                                               .tuning = &tuning,
                                                               .tuning_name = cln_check_tuning_name(c->tuning)}));
    print_message("  %zu cases, worst error %.3f of the tolerance: %s\n", result.cases, result.worst,
                  result.worst_case);
    assert_true(result.cases > 0);
    if (result.failed > 0)
        fail_msg("%s", result.failure);
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
    int accumulators; /* 0: those of the tuning */
};

static const struct reference_case reference_cases[] = {
    {"mlp, 7 of 33", CLN_EXAMPLES "/mlp.json", 0, 33, 7},
    /* A batch norm of one number passes nothing on: the rest of terms that are 1/√eps times as large. For 24 sums in
     * vectors of 16, llvmpipe's compiler would take a minute and a half. */
    {"mlp, 1 of 1", CLN_EXAMPLES "/mlp.json", 5, 1, 1, 316, 4},
    {"bn-cnn-relu, 17 of 17", CLN_EXAMPLES "/bn-cnn-relu.json", 0, 17, 17},
    {"bn-cnn-relu, 3 of 20, groups of 8", CLN_EXAMPLES "/bn-cnn-relu.json", 2, 20, 3},
    {"lenet, 1 of 2, groups of 4 × 4", "lenet", 3, 2, 1},
};

static void test_reference(void **state) {
    const struct reference_case *c = *state;
    struct cln_tuning tuning = tuning_of(c->tuning);
    struct cln_network *network = NULL;
    if (c->accumulators)
        tuning.accumulators = c->accumulators;
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

    /* Through ten layers float32 keeps five digits of a tensor's largest gradient; half of the last one less where a
     * single work-item sums a whole slice, as conv2d's safe variant does for a batch norm behind it. */
    const double tolerance = tuning.safe == 0 ? 1e-5 : 2e-5;
    float *gradients = allocate(network->parameter_floats, sizeof *gradients);
    assert_ok(cln_engine_read(engine, CLN_GRADIENTS, gradients));
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (!t->trainable)
            continue;
        double largest = fmax(1e-3, 1e-3 * c->magnified);
        for (size_t i = 0; i < t->count; i++)
            largest = fmax(largest, fabs(expected.gradients[t->offset + i]));
        assert_near(t->name, gradients + t->offset, expected.gradients + t->offset, t->count, tolerance * largest);
    }
    free(gradients);
    free(expected.gradients);
    free(x);
    free(parameters);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
}

/* Direct or filtered: by the estimate, never, always. Filters are needed where a part is filtered. */
static void test_which_convolutions_are_filtered(void **state) {
    (void)state;
    static const struct cln_conv2d layers[] = {
        {{64, 16, 16}, {64, 16, 16}, 3, 3, 1, 1, 1, 1, 1, 1, 1, 64},
        {{1, 28, 28}, {6, 24, 24}, 5, 5, 1, 1, 0, 0, 1, 1, 1, 1}, /* gains too little */
        {{64, 16, 16}, {64, 8, 8}, 3, 3, 2, 2, 1, 1, 1, 1, 1, 64},
        {{64, 16, 16}, {64, 16, 16}, 3, 3, 1, 1, 1, 1, 1, 1, 2, 32},
    };
    static const bool filtered[][3] = {{0, 1, 1}, {0, 0, 1}, {0, 0, 0}, {0, 0, 0}}; /* by enum cln_winograd_use */
    struct cln_plan plan = {.context = context, .tuning = tuning_of(0), .batch_size = 256};
    const bool can = plan.tuning.lanes == plan.tuning.vector && plan.tuning.max_loop_iterations == INT_MAX;
    plan.blocks = cln_ceil_div(plan.batch_size, plan.tuning.lanes);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int use = CLN_WINOGRAD_NEVER; use <= CLN_WINOGRAD_ALWAYS; use++) {
            plan.tuning.winograd = use;
            assert_int_equal(cln_conv2d_filter_floats(&plan, &layers[i], CLN_CONV2D_FORWARD) > 0,
                             can && filtered[i][use]);
        }
}

/* The parameters after two steps of BN-LeNet under some values: `floats` of them, which the caller frees. */
static float *trained_with(const char *values, size_t *floats, size_t *launches) {
    struct ocl_profile *profile = NULL;
    struct cln_tuning tuning;
    struct cln_network *network = NULL;
    assert_ok(cln_tuning_profile(&profile, ocl_context_device(context), NULL));
    assert_ok(cln_tuning_set(profile, values));
    assert_ok(cln_tuning_create(&tuning, profile, ocl_context_device(context)));
    ocl_profile_destroy(&profile);
    assert_ok(cln_network_load(&network, "bn-lenet", NULL));
    double *parameters = random_parameters(network, 11);
    struct cln_engine *engine = engine_of(network, &tuning, GOLDEN_BATCH, (struct cln_optimizer_params){0});
    write_values(engine, network, parameters, NULL);
    for (size_t step = 0; step < 2; step++)
        step_on(engine, CLN_TRAIN, 0, GOLDEN_BATCH - step, NULL);
    *launches = cln_engine_launches(engine);
    *floats = network->parameter_floats;
    float *result = allocate(network->parameter_floats, sizeof *result);
    assert_ok(cln_engine_read(engine, CLN_PARAMETERS, result));
    cln_engine_destroy(&engine);
    free(parameters);
    cln_network_destroy(&network);
    return result;
}

/* A value of a layer by itself does to that layer what the value for all does, and nothing to the others. */
static void test_values_of_a_layer(void **state) {
    (void)state;
#define SHAPE "vector=2,lanes=2,min_groups=1,join_launches=0,"
    static const char *const same[][2] = {
        {SHAPE "winograd=2", SHAPE "winograd=0,Conv2d 1x28x28 6x5x5:winograd=2,Conv2d 6x12x12 16x5x5:winograd=2"},
        {SHAPE "winograd=0,fuse=0", SHAPE "winograd=0,fuse=1,Conv2d 1x28x28 6x5x5:fuse=0,Conv2d 6x12x12 16x5x5:fuse=0"},
        {SHAPE "winograd=0,slice_cache_kib=1",
         SHAPE "winograd=0,slice_cache_kib=384,Conv2d 1x28x28 6x5x5:slice_cache_kib=1,"
               "Conv2d 6x12x12 16x5x5:slice_cache_kib=1,Linear 256x120:slice_cache_kib=1,"
               "Linear 120x84:slice_cache_kib=1,Linear 84x10:slice_cache_kib=1"},
    };
    size_t launches[3], floats;
    float *plain = trained_with(SHAPE "winograd=0,fuse=1,slice_cache_kib=384", &floats, &launches[2]);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        float *all = trained_with(same[i][0], &floats, &launches[0]);
        float *own = trained_with(same[i][1], &floats, &launches[1]);
        assert_memory_equal(all, own, floats * sizeof *all);
        assert_int_equal(launches[0], launches[1]);
        /* And it is another training than without them, where nothing stops filtering. */
        assert_true(tuning_of(0).max_loop_iterations < INT_MAX || launches[0] != launches[2] ||
                    memcmp(all, plain, floats * sizeof *all) != 0);
        free(all);
        free(own);
    }
    free(plain);
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

enum { MOST = 40 };
static struct network_case networks[MOST];
static struct CMUnitTest tests[2 * MOST];

static size_t add_networks(void) {
    size_t count = 0;
    for (size_t tuning = 0; cln_check_tuning_name(tuning); tuning++)
        for (size_t n = 0; cln_check_network(n); n++) {
            const bool strict = strstr(cln_check_tuning_name(tuning), "strict") != NULL, quick = quick_check();
            if (cln_check_network_is_strict(n) != strict || cln_check_network_is_apart(n) ||
                (!strict && tuning > 0 && (quick || tuning != 2)) || (quick && !cln_check_network_is_quick(n)))
                continue;
            assert(count < MOST);
            struct network_case *c = &networks[count];
            *c = (struct network_case){.network = n, .tuning = tuning};
            snprintf(c->name, sizeof c->name, "%s, %s", cln_check_network(n), cln_check_tuning_name(tuning));
            tests[count++] = (struct CMUnitTest){.name = c->name, .test_func = test_network, .initial_state = c};
        }
    return count;
}

/* The network with all operations, and BN-LeNet: with filtered convolutions, and with nothing fused. */
static size_t add_choices(size_t count) {
    static const char *const chosen[] = {"mixed, ten steps of Adam", "bn-lenet, ten steps of SGD"};
    for (size_t i = 0; i < 2 * sizeof chosen / sizeof *chosen; i++) {
        struct network_case *c = &networks[count];
        *c = (struct network_case){.filtered = i % 2 == 0, .apart = i % 2 != 0};
        while (cln_check_network(c->network) && strcmp(cln_check_network(c->network), chosen[i / 2]) != 0)
            c->network++;
        assert(count < MOST && cln_check_network(c->network));
        snprintf(c->name, sizeof c->name, "%s, %s", chosen[i / 2], c->filtered ? "filtered" : "apart");
        tests[count++] = (struct CMUnitTest){.name = c->name, .test_func = test_network, .initial_state = c};
    }
    return count;
}

/* A network whose training launches the operation; a network of Adam has all but the named ones. */
static const char *network_with(const char *operation) {
    const bool clips = strcmp(operation, "sum_gradients") == 0 || strcmp(operation, "gradient_norm") == 0;
    return clips                               ? "bn-lenet, a step of SGD, clipped"
           : strcmp(operation, "average") == 0 ? "bn-lenet, steps of SGD, averaged"
           : strcmp(operation, "sgd") == 0     ? "bn-lenet, ten steps of SGD"
                                               : "mixed, ten steps of Adam";
}

/* Among groups of 32, each operation in its safe variant. */
static size_t add_safe_networks(void) {
    size_t count = 0;
    for (; cln_all_operations() & 1u << count; count++) {
        const char *operation = cln_operations[count], *network = network_with(operation);
        struct network_case *c = &networks[count];
        *c = (struct network_case){.tuning = 3, .safe = cln_operation(operation)};
        while (cln_check_network(c->network) && strcmp(cln_check_network(c->network), network) != 0)
            c->network++;
        assert(count < MOST && cln_check_network(c->network));
        snprintf(c->name, sizeof c->name, "%s, safe %s", network, operation);
        tests[count] = (struct CMUnitTest){.name = c->name, .test_func = test_network, .initial_state = c};
    }
    return count;
}

/* With the argument "safe": the networks whose operations are safe in turn, and no others. */
int main(int argc, char **argv) {
    enum { REFERENCE = sizeof reference_cases / sizeof *reference_cases };
    const bool safe = argc > 1 && strcmp(argv[1], "safe") == 0, full = !safe && !quick_check();
    size_t count = safe ? add_safe_networks() : add_networks();
    for (size_t i = 0; i < REFERENCE && full; i++)
        tests[count++] = (struct CMUnitTest){
            .name = reference_cases[i].name, .test_func = test_reference, .initial_state = (void *)&reference_cases[i]};
    if (full) {
        count = add_choices(count);
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_which_convolutions_are_filtered);
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_values_of_a_layer);
        tests[count++] = (struct CMUnitTest)cmocka_unit_test(test_not_a_number_is_found);
    }
    return _cmocka_run_group_tests("networks", tests, count, open_all, close_all);
}
