/* Initial weights and frozen parameters: see weights.h. */
#include "src/train/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/format/initial.h"
#include "src/model/freeze.h"

/* ---- Before there is a device ---- */

static enum cln_status prepare_freeze(struct cln_trainer *t) {
    const struct cln_network *network = t->params.network;
    t->frozen = calloc(network->tensor_count + 1, sizeof *t->frozen);
    if (!t->frozen)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu tensors", network->tensor_count);
    const enum cln_status status = cln_freeze_find(t->frozen, network, t->params.freeze);
    if (status != CLN_OK)
        return status;
    snprintf(t->freeze, sizeof t->freeze, "%s", t->params.freeze ? t->params.freeze : "");
    t->params.freeze = t->freeze; /* the caller's ends with this call */
    return CLN_OK;
}

/* Whether pixels of `in` were standardised by one mean and one deviation per channel. */
static bool is_by_channel(const float *mean, const float *inverse_deviation, struct cln_shape in) {
    const size_t plane = (size_t)in.height * (size_t)in.width;
    bool alike = mean != NULL;
    for (size_t f = 0; alike && f < cln_shape_count(in); f++)
        alike = mean[f] == mean[f / plane * plane] && inverse_deviation[f] == inverse_deviation[f / plane * plane];
    return alike;
}

static enum cln_status compare_pixels(const struct cln_trainer_params *p, const struct cln_checkpoint *model) {
    const bool standardized = model->mean != NULL;
    const bool by_channel = is_by_channel(model->mean, model->inverse_deviation, model->network->input);
    if (standardized != p->standardize)
        return cln_fail(CLN_INVALID,
                        "%s: its pixels were %sstandardised, those of this training are %sstandardised: train %s "
                        "%s",
                        p->init.path, standardized ? "" : "not ", p->standardize ? "" : "not ",
                        standardized ? "with" : "without",
                        by_channel || p->standardize_channels ? "--standardize-channels" : "--standardize");
    if (model->resize != p->resize)
        cln_log(CLN_LOG_WARNING, "%s: its images were resized to %d, those of this training to %d (0: not resized)",
                p->init.path, model->resize, p->resize);
    return CLN_OK;
}

enum cln_status cln_weights_prepare(struct cln_trainer *t) {
    enum cln_status status = prepare_freeze(t);
    if (status != CLN_OK || !t->params.init.path)
        return status;
    if (t->params.resume || t->params.evaluate_only)
        return cln_fail(CLN_INVALID,
                        "initial weights (--init) are for a training that begins: it is neither resumed nor "
                        "an evaluation");
    if (t->params.init.by_order && t->params.init.partial)
        return cln_fail(CLN_INVALID, "initial weights (--init): --partial goes by names, --by-order does not");
    status = cln_initial_read(&t->initial, &t->params.init, t->params.network);
    if (status == CLN_OK && t->initial->model)
        status = compare_pixels(&t->params, t->initial->model);
    t->params.init.path = NULL; /* the caller's */
    return status;
}

/* ---- On the device ---- */

/* PyTorch's defaults: weights and biases uniform in ±1/√fan_in; batch norm starts as γ = 1, β = 0. */
static void draw(struct cln_trainer *t, float *values) {
    const struct cln_network *network = t->params.network;
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        const double bound = tensor->fan_in > 0 ? 1.0 / sqrt((double)tensor->fan_in) : 0.0;
        for (size_t k = 0; tensor->trainable && k < tensor->count; k++)
            values[tensor->offset + k] = tensor->role == CLN_GAMMA ? 1.0f
                                         : tensor->role == CLN_BETA
                                             ? 0.0f
                                             : (float)((2.0 * cln_random_uniform(&t->init) - 1.0) * bound);
    }
}

/* Lets the file's values replace those of `trainable` tensors, or of the others. */
static void replace(const struct cln_trainer *t, float *values, bool trainable) {
    const struct cln_network *network = t->params.network;
    for (size_t i = 0; i < network->tensor_count; i++) {
        const struct cln_tensor_info *tensor = &network->tensors[i];
        const float *there = trainable ? t->initial->parameters : t->initial->running;
        if (tensor->trainable == trainable && t->initial->taken[i])
            memcpy(values + tensor->offset, there + tensor->offset, tensor->count * sizeof *values);
    }
}

static enum cln_status replace_running(struct cln_trainer *t) {
    const size_t floats = t->params.network->running_floats;
    float *values = floats > 0 ? calloc(floats, sizeof *values) : NULL;
    if (floats == 0)
        return CLN_OK;
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu statistics", floats);
    enum cln_status status = cln_engine_read(t->engine, CLN_RUNNING, values);
    if (status == CLN_OK) {
        replace(t, values, false);
        status = cln_engine_write(t->engine, CLN_RUNNING, values);
    }
    free(values);
    return status;
}

/* Tells if pixels were standardised by other statistics: the layers then see other values than they were trained on. */
static void compare_statistics(const struct cln_trainer *t) {
    const struct cln_checkpoint *there = t->initial->model;
    if (!t->mean || !there || !there->mean)
        return;
    const size_t features = cln_shape_count(t->params.network->input);
    double shift = 0;
    bool same = cln_shape_count(there->network->input) == features;
    if (!same) {
        cln_log(CLN_LOG_WARNING, "the initial weights are of a network for images of another shape: its pixels were "
                                 "standardised otherwise");
        return;
    }
    for (size_t f = 0; f < features; f++) {
        same &= t->mean[f] == there->mean[f] && t->inverse_deviation[f] == there->inverse_deviation[f];
        shift += fabs((double)t->mean[f] - (double)there->mean[f]) * (double)there->inverse_deviation[f];
    }
    if (same)
        return;
    const bool channels_there = is_by_channel(there->mean, there->inverse_deviation, there->network->input);
    const bool channels_here = is_by_channel(t->mean, t->inverse_deviation, t->params.network->input);
    cln_log(
        CLN_LOG_WARNING,
        "the initial weights were trained on pixels standardised by other statistics%s: the means differ by %.2g of "
        "a deviation per pixel. This training standardises by its own images",
        channels_there == channels_here ? ""
        : channels_there                ? " (by channel there, --standardize-channels; one by one here)"
                                        : " (one by one there; by channel here, --standardize-channels)",
        shift / (double)features);
}

enum cln_status cln_weights_begin(struct cln_trainer *t) {
    const size_t floats = t->params.network->parameter_floats;
    float *values = calloc(floats, sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu parameters", floats);
    draw(t, values);
    if (t->initial)
        replace(t, values, true);
    enum cln_status status = cln_engine_write(t->engine, CLN_PARAMETERS, values);
    free(values);
    if (status == CLN_OK && t->initial)
        status = replace_running(t);
    if (status == CLN_OK)
        status = cln_engine_begin_average(t->engine);
    if (status != CLN_OK || !t->initial)
        return status;
    t->batches_before = t->initial->batches_tracked;
    compare_statistics(t);
    cln_initial_destroy(&t->initial);
    return status;
}
