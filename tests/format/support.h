/* What the tests of checkpoints share: a small network, a checkpoint of it, and the file that the checkpoint is written
 * to. */
#ifndef TESTS_FORMAT_SUPPORT_H
#define TESTS_FORMAT_SUPPORT_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clenet/checkpoint.h"
#include "src/base/safetensors.h"
#include "tests/assert.h"
#include "tests/temporary.h"

static const char network_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 2, 3], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 2, "
    "\"kernel_size\": [1, 2]}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, "
    "{\"type\": \"Linear\", \"out_features\": 3}]}";

static char path[512];

static inline int create_folder(void **state) {
    int failed = temporary_create(state);
    snprintf(path, sizeof(path), "%s", temporary_path("model.safetensors"));
    return failed;
}

static inline struct cln_network *parse_network(const char *text) {
    struct cln_network *network;
    assert_ok(cln_network_parse(&network, text, strlen(text), "test", NULL));
    return network;
}

static float parameters[1024], running[1024], mean[6], deviation[6];

static inline struct cln_checkpoint sample(void) {
    struct cln_checkpoint checkpoint = {.network = parse_network(network_text),
                                        .parameters = parameters,
                                        .running = running,
                                        .batches_tracked = 1234567890123,
                                        .mean = mean,
                                        .inverse_deviation = deviation};
    assert_true(checkpoint.network->parameter_floats <= 1024 && checkpoint.network->running_floats <= 1024);
    for (size_t i = 0; i < 1024; i++) {
        parameters[i] = sinf((float)i) * powf(10, (float)(i % 60) - 30);
        running[i] = 1 / (float)(i + 3);
    }
    parameters[0] = -0.0F;
    for (size_t i = 0; i < 6; i++) {
        mean[i] = 1 / (float)(i + 7);
        deviation[i] = i ? 3e7F / (float)i : 0;
    }
    return checkpoint;
}

static inline void write_sample(void) {
    struct cln_checkpoint checkpoint = sample();
    assert_ok(cln_checkpoint_write(path, &checkpoint));
    cln_network_destroy(&checkpoint.network);
}

static inline void assert_sample(const struct cln_checkpoint *actual) {
    struct cln_checkpoint expected = sample();
    const struct cln_network *network = expected.network;
    assert_string_equal(actual->network->name, "tiny");
    assert_int_equal(actual->network->tensor_count, network->tensor_count);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        const float *from = t->trainable ? parameters : running;
        const float *to = t->trainable ? actual->parameters : actual->running;
        assert_memory_equal(to + t->offset, from + t->offset, t->count * sizeof(float));
    }
    cln_network_destroy(&expected.network);
}

#endif
