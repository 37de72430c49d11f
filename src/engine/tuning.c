/* Tuning values: from the profile, else as tuning_keys.c works them out. */
#include "src/engine/tuning.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "clenet/optimizer.h"
#include "src/engine/tuning_keys.h"

/* Last come those that no training launches. */
const char *const cln_operations[] = {"activate",
                                      "batch",
                                      "batchnorm",
                                      "conv2d",
                                      "copy",
                                      "dropout",
                                      "groupnorm",
                                      "linear",
                                      "softmax_cross_entropy",
                                      CLN_OPTIMIZER_NAMES,
                                      "winograd",
                                      "sum_gradients",
                                      "gradient_norm",
                                      "average",
                                      "philox",
                                      "arithmetic"};
enum { SPARE_OPERATIONS = 2 };
const size_t cln_operation_count = sizeof cln_operations / sizeof *cln_operations;

unsigned cln_operation(const char *name) {
    const size_t length = strcspn(name, ".");
    size_t i = 0;
    while (i < cln_operation_count &&
           (strncmp(cln_operations[i], name, length) != 0 || cln_operations[i][length] != '\0'))
        i++;
    assert(i < cln_operation_count);
    return 1u << i;
}

unsigned cln_all_operations(void) {
    return (1u << (cln_operation_count - SPARE_OPERATIONS)) - 1;
}

enum cln_status cln_tuning_profile(struct ocl_profile **out, const struct ocl_device *device, const char *file) {
    return ocl_profile_load(out, device,
                            &(struct ocl_profile_params){.keys = cln_tuning_keys,
                                                         .key_count = cln_tuning_key_count,
                                                         .operations = cln_operations,
                                                         .operation_count = cln_operation_count,
                                                         .is_layer = cln_is_layer_text,
                                                         .layer_example = "Conv2d 6x12x12 16x5x5",
                                                         .file = file});
}

static int *member_of(struct cln_tuning *t, const struct ocl_profile_key *row) {
    return (int *)((char *)t + row->offset);
}

static enum cln_status take_layers(struct cln_tuning *out, const struct ocl_profile *profile, struct cln_fit *fit) {
    size_t count = 0;
    const struct ocl_profile_layer_value *layers = ocl_profile_layers(profile, &count);
    if (out->strict) /* they were measured with other lanes */
        count = 0;
    if (count > CLN_MOST_LAYER_VALUES)
        return cln_fail(CLN_INVALID, "%s: more than %d values of layers by themselves",
                        layers[CLN_MOST_LAYER_VALUES].origin, CLN_MOST_LAYER_VALUES);
    for (size_t i = 0; i < count; i++) {
        const struct ocl_profile_key *row = &cln_tuning_keys[layers[i].key];
        long value = layers[i].value;
        const enum cln_status status = row->settle ? row->settle(&value, fit) : CLN_OK;
        if (status != CLN_OK)
            return status;
        struct cln_layer_value *l = &out->layers[out->layer_count++];
        *l = (struct cln_layer_value){.key = layers[i].key, .value = (int)value};
        snprintf(l->layer, sizeof l->layer, "%s", layers[i].layer);
    }
    return CLN_OK;
}

struct cln_tuning cln_tuning_of_stage(const struct cln_tuning *tuning, const struct cln_stage *stage) {
    struct cln_tuning result = *tuning;
    char layer[CLN_LAYER_TEXT];
    cln_layer_text(layer, stage);
    for (size_t i = 0; i < tuning->layer_count; i++)
        if (strcmp(tuning->layers[i].layer, layer) == 0)
            *member_of(&result, &cln_tuning_keys[tuning->layers[i].key]) = tuning->layers[i].value;
    if (tuning->safe & cln_operation("winograd"))
        result.winograd = CLN_WINOGRAD_NEVER;
    return result;
}

bool cln_tuning_filters(const struct cln_tuning *tuning) {
    bool filters = tuning->winograd != CLN_WINOGRAD_NEVER;
    for (size_t i = 0; i < tuning->layer_count; i++)
        filters = filters || (strcmp(cln_tuning_keys[tuning->layers[i].key].name, "winograd") == 0 &&
                              tuning->layers[i].value != CLN_WINOGRAD_NEVER);
    return filters && tuning->lanes == tuning->vector && !(tuning->safe & cln_operation("winograd"));
}

enum cln_status cln_tuning_create(struct cln_tuning *out, const struct ocl_profile *profile,
                                  const struct ocl_device *device) {
    struct cln_fit fit = {profile, device, out};
    *out = (struct cln_tuning){.vector = 0};
    for (size_t i = 0; i < cln_tuning_key_count; i++) {
        const struct ocl_profile_key *row = &cln_tuning_keys[i];
        long value = ocl_profile_value(profile, row->name);
        const enum cln_status status = row->settle ? row->settle(&value, &fit) : CLN_OK;
        if (status != CLN_OK)
            return status;
        *member_of(out, row) = (int)value;
    }
    const enum cln_status status = take_layers(out, profile, &fit);
    if (status != CLN_OK)
        return status;
    size_t quirk_count = 0;
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(profile, &quirk_count);
    for (size_t i = 0; i < quirk_count; i++)
        cln_tuning_make_safe(out, 1u << quirks[i].operation);
    return CLN_OK;
}

bool cln_tuning_shrink(struct cln_tuning *tuning) {
    if (tuning->lanes == tuning->vector)
        return false;
    if (tuning->strict)
        tuning->vector *= 2;
    else if (tuning->max_team > 1)
        tuning->max_team /= 2;
    else
        tuning->lanes /= 2;
    return true;
}

void cln_tuning_make_safe(struct cln_tuning *tuning, unsigned operations) {
    tuning->safe |= operations;
    if ((tuning->safe & cln_all_operations()) == cln_all_operations())
        tuning->join_launches = 0;
    while (tuning->safe && tuning->lanes > tuning->safe_lanes && tuning->lanes > tuning->vector)
        tuning->lanes /= 2;
    if (tuning->safe & cln_operation("linear"))
        tuning->min_gemm_weights = 0;
    if (tuning->safe & cln_operation("winograd")) /* its safe variant is conv2d */
        tuning->winograd = CLN_WINOGRAD_NEVER;
}

bool cln_tuning_is_plain(const struct cln_tuning *tuning) {
    const unsigned all = cln_all_operations();
    return (tuning->lanes == tuning->vector || (tuning->safe & all) == all) && tuning->min_gemm_weights == 0;
}

long cln_tuning_value(const struct cln_tuning *t, const char *key) {
    struct cln_tuning copy = *t;
    size_t i = 0;
    while (i < cln_tuning_key_count && strcmp(cln_tuning_keys[i].name, key) != 0)
        i++;
    assert(i < cln_tuning_key_count);
    const int value = *member_of(&copy, &cln_tuning_keys[i]);
    return value == INT_MAX ? 0 : value;
}

static bool is_key(const char *word) {
    for (size_t i = 0; i < cln_tuning_key_count; i++)
        if (strcmp(cln_tuning_keys[i].name, word) == 0)
            return true;
    return false;
}

enum cln_status cln_tuning_set(struct ocl_profile *profile, const char *values) {
    enum cln_status status = CLN_OK;
    while (*values && status == CLN_OK) {
        char layer[CLN_LAYER_TEXT] = "", key[32];
        long value;
        int before = 0, length = 0;
        (void)sscanf(values, "%95[^:,=]:%n", layer, &before); /* `before` stays 0 without a layer */
        if (sscanf(values + before, "%31[a-z_]=%ld%n", key, &value, &length) != 2 || !is_key(key))
            return cln_fail(CLN_INVALID, "tuning values: \"%s\" does not begin with one, as \"vector=4,lanes=16\" does",
                            values);
        status = before ? ocl_profile_set_layer(profile, layer, key, value) : ocl_profile_set(profile, key, value);
        values += before + length;
        values += *values == ',';
    }
    return status;
}
