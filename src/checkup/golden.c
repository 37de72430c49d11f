/* Golden values from the files that are built in (host/embed.py). */
#include "src/checkup/golden.h"

#include <stdio.h>
#include <string.h>

/* Written by host/embed.py. */
extern const unsigned char cln_golden_bn_lenet[], cln_golden_lenet[], cln_golden_mixed[], cln_golden_mixed_network[];
extern const size_t cln_golden_bn_lenet_bytes, cln_golden_lenet_bytes, cln_golden_mixed_bytes,
    cln_golden_mixed_network_bytes;

static const struct {
    const char *name;
    const unsigned char *values;
    const size_t *bytes;
} sets[CLN_GOLDEN_COUNT] = {
    [CLN_GOLDEN_BN_LENET] = {"bn-lenet", cln_golden_bn_lenet, &cln_golden_bn_lenet_bytes},
    [CLN_GOLDEN_LENET] = {"lenet", cln_golden_lenet, &cln_golden_lenet_bytes},
    [CLN_GOLDEN_MIXED] = {"mixed", cln_golden_mixed, &cln_golden_mixed_bytes},
};

const char *cln_golden_name(enum cln_golden_set set) {
    return sets[set].name;
}

enum cln_status cln_golden_open(struct cln_safetensors **values, struct cln_network **network,
                                enum cln_golden_set set) {
    enum cln_status status = CLN_OK;
    if (values)
        status = cln_safetensors_parse(values, sets[set].values, *sets[set].bytes);
    if (status == CLN_OK && network && set == CLN_GOLDEN_MIXED)
        status = cln_network_parse(network, (const char *)cln_golden_mixed_network, cln_golden_mixed_network_bytes,
                                   "mixed.json", NULL);
    else if (status == CLN_OK && network)
        status = cln_network_load(network, sets[set].name, NULL);
    if (status != CLN_OK && values)
        cln_safetensors_destroy(values);
    return status;
}

static enum cln_status find(const struct cln_safetensor **out, const struct cln_safetensors *golden, const char *name,
                            size_t count) {
    *out = cln_safetensors_find(golden, name);
    if (*out && (*out)->count == count)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "golden value %s of %zu numbers is missing", name, count);
}

enum cln_status cln_golden_read(const struct cln_safetensors *golden, const char *prefix, const char *name,
                                size_t count, double *values) {
    char full[128];
    snprintf(full, sizeof(full), "%s%s%s", prefix, *prefix ? "." : "", name);
    const struct cln_safetensor *tensor = NULL;
    const enum cln_status status = find(&tensor, golden, full, count);
    for (size_t i = 0; status == CLN_OK && i < count; i++)
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
            return cln_fail(CLN_INVALID, "golden value %s has type %s", full, cln_dtype_name(tensor->dtype));
        }
    return status;
}

enum cln_status cln_golden_state(const struct cln_safetensors *golden, const char *prefix,
                                 const struct cln_network *network, double *parameters, double *running) {
    memset(parameters, 0, network->parameter_floats * sizeof(double));
    if (running)
        memset(running, 0, network->running_floats * sizeof(double));
    enum cln_status status = CLN_OK;
    for (size_t i = 0; status == CLN_OK && i < network->tensor_count; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        double *values = t->trainable ? parameters : running;
        if (values)
            status = cln_golden_read(golden, prefix, t->name, t->count, values + t->offset);
    }
    return status;
}

enum cln_status cln_golden_images(const uint8_t **images, const uint8_t **labels,
                                  const struct cln_safetensors *golden) {
    enum { COUNT = CLN_GOLDEN_STEPS * CLN_GOLDEN_BATCH };
    const struct cln_safetensor *pixels = NULL, *classes = NULL;
    enum cln_status status = find(&pixels, golden, "images", (size_t)COUNT * 28 * 28);
    if (status == CLN_OK)
        status = find(&classes, golden, "labels", COUNT);
    if (status == CLN_OK) {
        *images = pixels->data;
        *labels = classes->data;
    }
    return status;
}
