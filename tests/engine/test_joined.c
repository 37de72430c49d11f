/* A step of joined launches and chains gives the same bits as the same launches one by one. */
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "src/check/cases.h"
#include "src/data/random.h"
#include "src/engine/batchnorm.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { STEPS = 3, PIXELS = 28 * 28 };

static struct ocl_context *shared;

/* Everything that a few steps and a prediction leave. */
struct outcome {
    float *values[CLN_VALUES_COUNT], *logits;
    int *predicted;
    struct cln_state trained, evaluated;
    size_t launches;
};

/* What is trained, and what divides the work. */
struct joined_case {
    const char *name, *network;
    int units; /* compute units that the tuning counts on; 0: as the profile says */
    bool exchanges, is_safe;
    size_t most_launches; /* of the joined step, where chains are; 0: fewer than by themselves */
    const char *limits;   /* $CLENET_LIMITS; NULL: none */
};

static int open_context(void **state) {
    (void)state;
    shared = context_under_test();
    return 0;
}

static int close_context(void **state) {
    ocl_context_destroy(&shared);
    return nothing_alive(state);
}

/* A context of its own for a device with limits; else the one that all cases share. */
static struct ocl_context *own_context(const char *limits) {
    if (!limits)
        return shared;
    assert_int_equal(setenv("CLENET_LIMITS", limits, true), 0);
    struct ocl_context *context = context_under_test();
    unsetenv("CLENET_LIMITS");
    return context;
}

static void *allocate(size_t count, size_t bytes) {
    void *memory = calloc(count + 1, bytes);
    assert_non_null(memory);
    return memory;
}

/* An exchange of a process with itself: it stands between the launches. */
static enum cln_status gather(void *user, void *values, const size_t *bounds) {
    (void)user, (void)values, (void)bounds;
    return CLN_OK;
}
static enum cln_status scatter(void *user, const void *sent, const size_t *sent_bounds, void *received,
                               const size_t *received_bounds) {
    (void)user, (void)received_bounds;
    memcpy(received, sent, sent_bounds[1]);
    return CLN_OK;
}

static void fill_parameters(float *values, const struct cln_network *network) {
    for (size_t i = 0; i < network->tensor_count; i++)
        for (size_t k = 0; network->tensors[i].trainable && k < network->tensors[i].count; k++)
            values[network->tensors[i].offset + k] =
                0.2f * sinf((float)(7 * i + k)) + (network->tensors[i].role == CLN_GAMMA ? 1 : 0);
}

static struct cln_state state_of(struct cln_engine *engine, enum cln_engine_set set) {
    struct cln_state state;
    struct ocl_ticket *ticket = NULL;
    assert_ok(cln_engine_state(engine, set, &state, &ticket));
    assert_ok(ocl_ticket_wait(&ticket));
    return state;
}

static void predict(struct cln_engine *engine, size_t count, float *logits) {
    assert_ok(cln_engine_begin_queued(engine, count));
    assert_ok(cln_engine_step(engine, CLN_TEST));
    assert_ok(cln_engine_logits(engine, logits, count));
}

/* Whole batches, one of them in another order, and a short one; then a prediction of a few images and one of all. */
static void run(struct outcome *out, struct cln_engine *engine, const struct cln_network *network, size_t count) {
    const size_t sizes[STEPS] = {count, count - 1, count / 3};
    uint32_t *turned = allocate(count, sizeof *turned);
    for (size_t i = 0; i < count; i++)
        turned[i] = (uint32_t)(count - 1 - i);
    for (int step = 0; step < STEPS; step++) {
        assert_ok(cln_engine_begin(engine, CLN_TRAIN, step == 1 ? turned : NULL, sizes[step]));
        assert_ok(cln_engine_step(engine, CLN_TRAIN));
    }
    free(turned);
    out->trained = state_of(engine, CLN_TRAIN);
    for (int which = 0; which < CLN_VALUES_COUNT; which++) {
        out->values[which] = allocate(network->parameter_floats + network->running_floats, sizeof(float));
        assert_ok(cln_engine_read(engine, (enum cln_engine_values)which, out->values[which]));
    }
    const size_t classes = (size_t)network->classes;
    float few[10 * 10];
    assert_true(classes == 10);
    out->logits = allocate(count * classes, sizeof(float));
    out->predicted = allocate(count, sizeof(int));
    predict(engine, 10, few);
    predict(engine, count, out->logits);
    for (size_t i = 0; i < 10 * classes; i++)
        assert_true(fabsf(few[i] - out->logits[i]) < 1e-4f);
    assert_ok(cln_engine_predicted(engine, out->predicted, count));
    out->evaluated = state_of(engine, CLN_TEST);
    assert_int_equal(out->evaluated.seen, count);
    out->launches = cln_engine_launches(engine);
}

static void assert_same(const struct outcome *a, const struct outcome *b, const struct cln_network *network,
                        size_t count) {
    assert_memory_equal(a->values[CLN_RUNNING], b->values[CLN_RUNNING], network->running_floats * sizeof(float));
    for (int which = 0; which < CLN_VALUES_COUNT; which++)
        assert_memory_equal(a->values[which], b->values[which], network->parameter_floats * sizeof(float));
    assert_memory_equal(a->logits, b->logits, count * (size_t)network->classes * sizeof(float));
    assert_memory_equal(a->predicted, b->predicted, count * sizeof(int));
    assert_memory_equal(&a->trained, &b->trained, sizeof a->trained);
    assert_memory_equal(&a->evaluated, &b->evaluated, sizeof a->evaluated);
}

static void test_joined(void **state) {
    const struct joined_case *c = *state;
    struct cln_tuning tuning;
    struct cln_network *network = NULL;
    struct outcome outcomes[2];
    struct ocl_context *context = own_context(c->limits);
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    if (c->is_safe)
        cln_tuning_make_safe(&tuning, cln_all_operations());
    if (c->units > 0)
        tuning.min_groups = 8 * c->units;
    assert_ok(cln_network_load(&network, c->network, NULL));
    const size_t count = 19 * (size_t)tuning.lanes + 3;
    uint8_t *pixels = allocate(count, PIXELS);
    int32_t *labels = allocate(count, sizeof *labels);
    float *parameters = allocate(network->parameter_floats, sizeof *parameters);
    struct cln_random random;
    cln_random_seed(&random, 5, 0);
    for (size_t i = 0; i < count * PIXELS; i++)
        pixels[i] = (uint8_t)cln_random_below(&random, 256);
    for (size_t i = 0; i < count; i++)
        labels[i] = (int32_t)(i % 10);
    fill_parameters(parameters, network);
    const int bounds[] = {0, (int)count};
    for (int joins = 0; joins < 2; joins++) {
        struct cln_engine *engine = NULL;
        tuning.join_launches = joins;
        assert_ok(cln_engine_create(
            &engine, context,
            &(struct cln_engine_params){.network = network,
                                        .tuning = &tuning,
                                        .batch_size = (int)count,
                                        .image = {1, 28, 28},
                                        .train = {pixels, labels, count},
                                        .test = {pixels, labels, count},
                                        .exchange = {c->exchanges, 0, bounds, false, false, gather, scatter, NULL}}));
        assert_ok(cln_engine_write(engine, CLN_PARAMETERS, parameters));
        run(&outcomes[joins], engine, network, count);
        cln_engine_destroy(&engine);
    }
    assert_same(&outcomes[0], &outcomes[1], network, count);
    assert_true(isfinite(outcomes[0].trained.loss_sum) && outcomes[0].trained.loss_sum > 0);
    assert_int_equal(outcomes[0].trained.frozen, 0);
    print_message("  %zu launches, joined %zu\n", outcomes[0].launches, outcomes[1].launches);
    const bool chains = tuning.lanes == tuning.vector && tuning.max_loop_iterations == INT_MAX && c->most_launches > 0;
    if (chains)
        assert_true(outcomes[1].launches <= c->most_launches);
    else if (tuning.lanes == tuning.vector && tuning.max_loop_iterations == INT_MAX)
        assert_true(outcomes[1].launches < outcomes[0].launches);

    for (int joins = 0; joins < 2; joins++) {
        for (int which = 0; which < CLN_VALUES_COUNT; which++)
            free(outcomes[joins].values[which]);
        free(outcomes[joins].logits);
        free(outcomes[joins].predicted);
    }
    free(pixels);
    free(labels);
    free(parameters);
    cln_network_destroy(&network);
    if (c->limits)
        ocl_context_destroy(&context);
}

/* Copies of batch norm's coefficients: whole multiples of the span that follows, some for each unit, and all blocks
 * have one. */
static void test_spans(void **state) {
    (void)state;
    for (int blocks = 1; blocks < 70; blocks++)
        for (int span = 1; span < 5; span++)
            for (int units = 1; units < 4; units++) {
                const struct cln_plan plan = {.blocks = blocks, .chains = true, .tuning = {.min_groups = 8 * units}};
                const int wide = cln_norm_span(&plan, span);
                assert_int_equal(wide % span, 0);
                assert_true(wide == span || blocks / wide >= 8 * units);
                assert_true(cln_norm_copies(&plan, wide) <= 16 * (size_t)units);
                assert_int_equal(cln_norm_copies(&plan, wide), (blocks + wide - 1) / wide);
            }
    const struct cln_plan whole = {.blocks = 7, .tuning = {.min_groups = 8}};
    assert_int_equal(cln_norm_copies(&whole, cln_norm_span(&whole, 3)), 1);
}

static const struct joined_case cases[] = {
    {.name = "bn-lenet", .network = "bn-lenet", .units = 2, .most_launches = 12},
    {.name = "bn-lenet, one unit", .network = "bn-lenet", .units = 1, .most_launches = 12},
    {.name = "bn-lenet, more units than blocks", .network = "bn-lenet", .units = 64},
    {.name = "bn-lenet, exchange", .network = "bn-lenet", .units = 1, .exchanges = true},
    {.name = "lenet", .network = "lenet", .units = 1, .most_launches = 5},
    {.name = "mlp", .network = CLN_EXAMPLES "/mlp.json", .units = 1, .most_launches = 6},
    {.name = "dropouts", .network = CLN_EXAMPLES "/cnn-dropout.json", .units = 1, .most_launches = 12},
    {.name = "padding, average pool, 1-d batch norm", .network = CLN_SMALL_NETWORK, .units = 1},
    {.name = "groups, dilation, batch norms without affine", .network = CLN_GROUPS_NETWORK, .units = 1},
    {.name = "a device that gives no pool", .network = CLN_SMALL_NETWORK, .units = 1, .limits = "max_alloc=200K"},
    {.name = "all operations safe", .network = CLN_SMALL_NETWORK, .is_safe = true},
};

int main(void) {
    enum { COUNT = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[COUNT + 1] = {cmocka_unit_test(test_spans)};
    size_t count = 1;
    for (size_t i = 0; i < COUNT; i++)
        if (i == 0 || !quick_check())
            tests[count++] = (struct CMUnitTest){
                .name = cases[i].name, .test_func = test_joined, .initial_state = (void *)&cases[i]};
    return _cmocka_run_group_tests("joined steps", tests, count, open_context, close_context);
}
