/* What tests of whole training steps share: a network with two batch norms and a bias, a batch of images, and engines
 * that train on a part of it. */
#ifndef TESTS_ENGINE_EXCHANGE_H
#define TESTS_ENGINE_EXCHANGE_H

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "src/check/cases.h"
#include "src/engine/engine.h"
#include "tests/engine/support.h"

enum { WHOLE = 43, MOST = 330, STEPS = 5, NORMS = 2, PIXELS = 12 * 12 };

static const char text[] =
    "{\"name\": \"two\", \"input\": [1, 12, 12], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 5, "
    "\"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"Sigmoid\"}, {\"type\": \"MaxPool2d\", "
    "\"kernel_size\": 2}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 9}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"ReLU\"}, {\"type\": \"Linear\", \"out_features\": 7}]}";

static struct ocl_context *context;
static struct cln_network *network;
static uint8_t pixels[MOST * PIXELS];
static int32_t labels[MOST];
static double clip_norm, ema, accumulate; /* of the engines that are made next */
static bool strict;

static inline int begin(void **state) {
    (void)state;
    context = context_under_test();
    assert_ok(cln_network_parse(&network, text, sizeof text - 1, "plain", NULL));
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    for (size_t i = 0; i < MOST; i++)
        labels[i] = (uint8_t)(i * 3 % 7);
    return 0;
}

static inline int end(void **state) {
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
    return nothing_alive(state);
}

/* Settings of src/check, and the device's profile with whole channels never taken and every
 * kernel launched by itself. */
enum { PROFILE = 0, WHOLE_CHANNELS = 2, IN_PARTS = 100, FILTERED /* convolutions, wherever they can be */ };

static inline struct cln_engine *engine_with(size_t setting, struct ocl_context *where, size_t count, size_t batch,
                                             enum cln_optimizer_kind kind, struct cln_exchange exchange) {
    struct cln_tuning tuning;
    struct cln_engine *engine = NULL;
    assert_ok(cln_check_tuning(&tuning, setting >= IN_PARTS ? PROFILE : setting, ocl_context_device(context)));
    if (setting == IN_PARTS) {
        tuning.min_whole_channels = INT_MAX;
        tuning.join_launches = 0;
    }
    tuning.strict = strict;
    if (strict)
        tuning.lanes = tuning.vector = 8;
    if (setting == FILTERED)
        tuning.winograd = CLN_WINOGRAD_ALWAYS;
    assert_ok(cln_engine_create(&engine, where,
                                &(struct cln_engine_params){.network = network,
                                                            .tuning = &tuning,
                                                            .optimizer = {.kind = kind,
                                                                          .lr = 0.05,
                                                                          .momentum = 0.5,
                                                                          .clip_norm = clip_norm,
                                                                          .ema = ema,
                                                                          .accumulate = accumulate},
                                                            .batch_size = (int)batch,
                                                            .image = network->input,
                                                            .train = {pixels, labels, count},
                                                            .test = {pixels, labels, count},
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

/* All parameters, or all that `which` says; free() them. */
static inline float *values_of(struct cln_engine *engine, enum cln_engine_values which) {
    float *values = calloc(network->parameter_floats, sizeof *values);
    assert_non_null(values);
    assert_ok(cln_engine_read(engine, which, values));
    return values;
}

/* Parameters and running statistics. */
static inline void assert_same_bits(struct cln_engine *left, struct cln_engine *right) {
    for (int which = CLN_PARAMETERS; which <= CLN_RUNNING; which++) {
        const size_t floats = which == CLN_RUNNING ? network->running_floats : network->parameter_floats;
        float *a = values_of(left, (enum cln_engine_values)which), *b = values_of(right, (enum cln_engine_values)which);
        assert_memory_equal(a, b, floats * sizeof *a);
        free(a);
        free(b);
    }
}

static inline void step(struct cln_engine *engine, size_t count) {
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, count));
    assert_ok(cln_engine_step(engine, CLN_TRAIN));
}

#endif
