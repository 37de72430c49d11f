/* Golden values: see golden.h. GOLDEN_FOLDER is the source folder of this file. */
#include "tests/golden/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct cln_safetensors *golden_open(const char *name) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", GOLDEN_FOLDER, name);
    struct cln_safetensors *golden;
    if (cln_safetensors_read(&golden, path) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return golden;
}

struct cln_network *golden_network(const char *name) {
    static const char *const networks[][2] = {{"bn_lenet.safetensors", "bn-lenet"},
                                              {"lenet.safetensors", "lenet"},
                                              {"mixed.safetensors", GOLDEN_FOLDER "/mixed.json"}};
    struct cln_network *network = NULL;
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (strcmp(networks[i][0], name) == 0 && cln_network_load(&network, networks[i][1], NULL) != CLN_OK)
            fail_msg("%s", cln_error_message());
    }
    assert_non_null(network);
    return network;
}

static const struct cln_safetensor *find(const struct cln_safetensors *golden, const char *name, size_t count) {
    const struct cln_safetensor *tensor = cln_safetensors_find(golden, name);
    if (!tensor || tensor->count != count)
        fail_msg("golden value %s of %zu numbers is missing", name, count);
    return tensor;
}

void golden_values(const struct cln_safetensors *golden, const char *prefix, const char *name, size_t count,
                   double *values) {
    char full[128];
    snprintf(full, sizeof(full), "%s%s%s", prefix, *prefix ? "." : "", name);
    const struct cln_safetensor *tensor = find(golden, full, count);
    for (size_t i = 0; i < count; i++) {
        switch (tensor->dtype) {
        case CLN_F32:
            values[i] = (double)((const float *)tensor->data)[i];
            break;
        case CLN_F64:
            values[i] = ((const double *)tensor->data)[i];
            break;
        case CLN_I64:
            values[i] = (double)((const int64_t *)tensor->data)[i];
            break;
        default:
            fail_msg("golden value %s has type %s", full, cln_dtype_name(tensor->dtype));
        }
    }
}

void golden_state(const struct cln_safetensors *golden, const char *prefix, const struct cln_network *network,
                  double *parameters, double *running) {
    memset(parameters, 0, network->parameter_floats * sizeof(double));
    if (running)
        memset(running, 0, network->running_floats * sizeof(double));
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        double *values = t->trainable ? parameters : running;
        if (values)
            golden_values(golden, prefix, t->name, t->count, values + t->offset);
    }
}

const uint8_t *golden_images(const struct cln_safetensors *golden) {
    return find(golden, "images", (size_t)GOLDEN_STEPS * GOLDEN_BATCH * 28 * 28)->data;
}

const uint8_t *golden_labels(const struct cln_safetensors *golden) {
    return find(golden, "labels", (size_t)GOLDEN_STEPS * GOLDEN_BATCH)->data;
}
