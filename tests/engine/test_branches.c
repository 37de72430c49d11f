/* Networks with branches: whole steps and predictions against float64, at odd batch sizes. */
#include <stdio.h>

#include "src/check/step.h"
#include "src/engine/engine_private.h"
#include "tests/engine/support.h"
#include "tests/words.h"

struct branches_case {
    const char *name, *input, *network; /* in the words of tests/words.h */
    int batch_size;
};

static const struct branches_case cases[] = {
    /* Two blocks of a ResNet, the second with weights in its shortcut: each sum joins the stage of its main branch. */
    {"blocks of a ResNet", "[2, 7, 6]",
     "same:3 norm relu ( same:3 normplain relu same:3 norm ) relu "
     "( half:5 norm relu same:5 norm | pointhalf:5 norm ) relu global flatten linear",
     19},
    /* The activation before the convolution (He and others, 2016): a sum is an output, and three layers read it. */
    {"activations first", "[2, 7, 6]",
     "same:3 ( norm relu same:4 | point:4 ) ( norm relu same:4 ) ( ( norm tanh ) point:4 ) flatten linear", 17},
    /* Main branches that end in an activation, a pool or a dropout; branches of the images; the sum of a value with
     * itself; no batch norm, so that all launches form one chain. */
    {"sums of their own", "[2, 7, 6]",
     "( same:2 relu ) ( same:3 avg | same:3 sigmoid max ) ( identity ) ( same:3 drop ) drop2d flatten linear", 9},
    /* Activations of their input: behind a batch norm and before a pool, behind a sum, beside dropouts. */
    {"activations of their input", "[1, 9, 7]",
     "same:3 norm silu max ( same:4 norm gelutanh same:3 norm ) hardswish same:4 gelu avg drop flatten linear:6 norm1d "
     "gelu "
     "linear:3 hardswish",
     19},
    /* Norms of a sample, with and without weights: of the images, in branches, before batch norms, pools and dropouts.
     */
    {"group norms", "[2, 7, 6]",
     "group same:6 group:3 relu max ( same:6 group:2 gelu same:6 group:6 ) relu groupplain:1 same:4 group norm tanh "
     "avg drop "
     "flatten linear:5 group:5",
     19},
    {"layer norms", "[2, 7, 6]",
     "layernorm same:3 layernorm silu ( layernorm relu same:3 layerplain ) max layernorm norm flatten layernorm "
     "linear:9 "
     "layernorm gelu layerplain ( norm1d layernorm linear:9 layernorm ) drop linear:4 layernorm",
     17},
    {"features", "[5]",
     "linear:6 ( relu linear:6 relu linear:6 ) ( linear:4 norm1d | linear:4 ) sigmoid ( linear:3 | linear:3 )", 21},
};

/* A case under a tuning. */
struct run {
    char name[128];
    const struct branches_case *c;
    size_t tuning;
};

static struct ocl_context *context;

static int open_context(void **state) {
    (void)state;
    context = context_under_test();
    return 0;
}

static int close_context(void **state) {
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static struct cln_check_result checked(const struct run *r, bool predict_only) {
    struct cln_network *network = NULL;
    struct cln_tuning tuning;
    struct cln_check_result result;
    assert_ok(cln_check_tuning(&tuning, r->tuning, ocl_context_device(context)));
    assert_ok(cln_words_network(&network, r->c->input, r->c->network));
    const struct cln_step_check check = {.network = network,
                                         .optimizer = {.kind = CLN_SGD, .lr = 0.5, .ema = 0.5},
                                         .batch_size = r->c->batch_size,
                                         .predict_only = predict_only};
    const struct cln_check_params params = {
        .context = context, .tuning = &tuning, .tuning_name = cln_check_tuning_name(r->tuning)};
    assert_ok(cln_check_step(&result, &check, &params));
    print_message("  worst error %.3f of the tolerance: %s\n", result.worst, result.worst_case);
    if (result.failed > 0)
        fail_msg("%s", result.failure);
    cln_network_destroy(&network);
    return result;
}

static void test_a_step(void **state) {
    checked(*state, false);
    checked(*state, true); /* an engine without what only training needs */
}

/* In a chain of batch norms two or three gradients of outputs are alive at once. */
static void test_gradients_share_memory(void **state) {
    (void)state;
    enum { IMAGES = 19 };
    static uint8_t pixels[IMAGES * 2 * 7 * 6];
    static int32_t labels[IMAGES];
    struct cln_network *network = NULL;
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    assert_ok(cln_words_network(&network, "[2, 7, 6]",
                                "same:3 norm relu same:3 norm relu same:3 norm relu same:3 norm relu same:3 norm relu "
                                "same:3 norm relu flatten linear"));
    assert_ok(cln_engine_create(&engine, context,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = &tuning,
                                                            .batch_size = IMAGES,
                                                            .image = network->input,
                                                            .train = {pixels, labels, IMAGES}}));
    size_t memories = 0;
    for (size_t i = 0; i < 2 * engine->stage_count; i++)
        memories += engine->gradient_memory[i] != NULL;
    assert_int_equal(engine->stage_count, 7);
    assert_in_range(memories, 2, 3);
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
}

int main(void) {
    enum { CASES = sizeof cases / sizeof *cases, OWN = 0, WHOLE_CHANNELS = 2 };
    static struct run runs[2 * CASES];
    static struct CMUnitTest tests[2 * CASES + 1] = {cmocka_unit_test(test_gradients_share_memory)};
    for (size_t i = 0; i < 2 * CASES; i++) {
        struct run *r = &runs[i];
        *r = (struct run){.c = &cases[i % CASES], .tuning = i < CASES ? OWN : WHOLE_CHANNELS};
        snprintf(r->name, sizeof r->name, "%s, %s", r->c->name, cln_check_tuning_name(r->tuning));
        tests[i + 1] = (struct CMUnitTest){.name = r->name, .test_func = test_a_step, .initial_state = r};
    }
    return cmocka_run_group_tests_name("branches", tests, open_context, close_context);
}
