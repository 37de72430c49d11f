/* Frozen parameters: a step launches nothing that only they would need, and what is trained keeps its bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/check/step.h"
#include "src/engine/engine_private.h"
#include "src/model/freeze.h"
#include "tests/engine/support.h"
#include "tests/words.h"

enum { IMAGES = 19, STEPS = 3, MOST_TENSORS = 32 };

/* Nine stages: the first has no parameters. Layers 1 and 6 are convolutions before batch norms, 9 is a group norm. */
static const char input[] = "[2, 8, 6]", words[] =
                                             "avg same:3 norm relu max ( same:4 relu | point:4 ) same:5 norm relu "
                                             "group:5 flatten linear:6 tanh linear";

static const struct frozen_case {
    const char *patterns;
    size_t left_out; /* stages without a backward pass */
    bool same;       /* as many launches as where nothing is frozen */
} cases[] = {
    {"", 1, true},
    {"1.*", 1},
    {"1.*,2.*", 2},
    {"5.*", 1}, /* the sum passes a gradient on */
    {"1.*,2.*,5.layers.*", 3},
    {"1.*,2.*,5.*", 5},
    {"1.*,2.*,5.*,6.*,7.*,9.*,11.*", 8},
    {"13.*", 1},
    {"9.weight", 1},
    {"*.bias", 1},
    {"2.weight,7.*", 1, true}, /* what makes dz makes these gradients, too */
};

static struct ocl_context *context;
static struct cln_network *network;
static uint8_t pixels[IMAGES * 2 * 8 * 6];
static int32_t labels[IMAGES];

static int begin(void **state) {
    (void)state;
    context = context_under_test();
    assert_ok(cln_words_network(&network, input, words));
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    for (size_t i = 0; i < IMAGES; i++)
        labels[i] = (int32_t)(i * 3 % 5);
    return 0;
}

static int end(void **state) {
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

static struct cln_engine *engine_of(const struct cln_tuning *tuning, const bool *frozen) {
    struct cln_engine *engine = NULL;
    assert_ok(cln_engine_create(&engine, context,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = tuning,
                                                            .optimizer = {.kind = CLN_ADAM, .weight_decay = 0.1},
                                                            .frozen = frozen,
                                                            .batch_size = IMAGES,
                                                            .image = network->input,
                                                            .train = {pixels, labels, IMAGES}}));
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < network->tensor_count; i++)
        for (size_t k = 0; network->tensors[i].trainable && k < network->tensors[i].count; k++)
            values[network->tensors[i].offset + k] = 0.3f * sinf((float)(7 * i + k));
    assert_ok(cln_engine_write(engine, CLN_PARAMETERS, values));
    free(values);
    return engine;
}

static float *read_values(struct cln_engine *engine, enum cln_engine_values which) {
    float *values = calloc(cln_engine_floats(engine, which), sizeof *values);
    assert_non_null(values);
    assert_ok(cln_engine_read(engine, which, values));
    return values;
}

/* Trains one step more. Then `all`, which freezes nothing, gets back the parameters that `some` has frozen. */
static void step_both(struct cln_engine *some, struct cln_engine *all, const bool *frozen) {
    float *before = read_values(all, CLN_PARAMETERS);
    assert_ok(cln_engine_begin(some, CLN_TRAIN, NULL, IMAGES));
    assert_ok(cln_engine_begin(all, CLN_TRAIN, NULL, IMAGES));
    assert_ok(cln_engine_step(some, CLN_TRAIN));
    assert_ok(cln_engine_step(all, CLN_TRAIN));
    float *parameters = read_values(all, CLN_PARAMETERS), *gradients = read_values(all, CLN_GRADIENTS);
    for (size_t t = 0; t < network->tensor_count; t++) {
        const struct cln_tensor_info *tensor = &network->tensors[t];
        if (!frozen[t])
            continue;
        memcpy(parameters + tensor->offset, before + tensor->offset, tensor->count * sizeof *parameters);
        memset(gradients + tensor->offset, 0, tensor->count * sizeof *gradients);
    }
    assert_ok(cln_engine_write(all, CLN_PARAMETERS, parameters));
    float *own_parameters = read_values(some, CLN_PARAMETERS), *own_gradients = read_values(some, CLN_GRADIENTS),
          *running = read_values(all, CLN_RUNNING), *own_running = read_values(some, CLN_RUNNING);
    assert_memory_equal(own_parameters, parameters, network->parameter_floats * sizeof *parameters);
    assert_memory_equal(own_gradients, gradients, network->parameter_floats * sizeof *gradients);
    assert_memory_equal(own_running, running, network->running_floats * sizeof *running);
    float *lists[] = {before, parameters, gradients, own_parameters, own_gradients, running, own_running};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        free(lists[i]);
}

static void compare(const struct frozen_case *c, const struct cln_tuning *tuning) {
    bool frozen[MOST_TENSORS];
    size_t left_out = 0;
    assert_true(network->tensor_count <= MOST_TENSORS);
    assert_ok(cln_freeze_find(frozen, network, c->patterns));
    struct cln_engine *some = engine_of(tuning, frozen), *all = engine_of(tuning, NULL);
    for (size_t s = 0; s < some->stage_count; s++)
        left_out += !some->learns[s];
    assert_int_equal(left_out, c->left_out);
    const size_t launches = ocl_sequence_length(some->sets[CLN_TRAIN].step),
                 most = ocl_sequence_length(all->sets[CLN_TRAIN].step);
    print_message("  '%s': %zu of %zu launches\n", c->patterns, launches, most);
    assert_true(c->same ? launches == most : launches < most);
    for (int i = 0; i < STEPS; i++)
        step_both(some, all, frozen);
    cln_engine_destroy(&some);
    cln_engine_destroy(&all);
}

/* Launches are counted where they are not joined. */
static void test_what_is_trained_keeps_its_bits(void **state) {
    (void)state;
    enum { OWN = 0, WHOLE_CHANNELS = 2 };
    static const size_t tunings[] = {OWN, WHOLE_CHANNELS};
    for (size_t n = 0; n < sizeof tunings / sizeof *tunings; n++) {
        struct cln_tuning tuning;
        assert_ok(cln_check_tuning(&tuning, tunings[n], ocl_context_device(context)));
        tuning.join_launches = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            compare(&cases[i], &tuning);
    }
}

/* As the start-up guard checks it: the launches that training has. */
static void test_a_step_against_float64(void **state) {
    (void)state;
    bool frozen[MOST_TENSORS];
    struct cln_tuning tuning;
    struct cln_check_result result;
    assert_ok(cln_check_tuning(&tuning, 0, ocl_context_device(context)));
    assert_ok(cln_freeze_find(frozen, network, "1.*,2.*,5.layers.*,7.weight,11.bias"));
    assert_ok(
        cln_check_step(&result,
                       &(struct cln_step_check){.network = network,
                                                .optimizer = {.kind = CLN_SGD, .lr = 0.5, .weight_decay = 0.1},
                                                .batch_size = IMAGES,
                                                .frozen = frozen},
                       &(struct cln_check_params){.context = context, .tuning = &tuning, .tuning_name = "frozen"}));
    if (result.failed > 0)
        fail_msg("%s", result.failure);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_trained_keeps_its_bits),
        cmocka_unit_test(test_a_step_against_float64),
    };
    return cmocka_run_group_tests_name("frozen parameters", tests, begin, end);
}
