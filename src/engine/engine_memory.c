/* The engine's buffers and what is in them at first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/engine_private.h"

size_t cln_engine_floats(const struct cln_engine *e, enum cln_engine_values which) {
    return which == CLN_RUNNING ? e->network->running_floats : e->network->parameter_floats;
}

static enum cln_status upload(struct ocl_buffer **out, struct ocl_context *context, const void *source, size_t bytes) {
    enum cln_status status = ocl_buffer_create(out, context, bytes);
    return status == CLN_OK ? ocl_buffer_write(*out, 0, bytes, source) : status;
}

enum cln_status cln_engine_upload(struct cln_engine *e, enum cln_engine_set set, size_t first, size_t count,
                                  const uint8_t *pixels) {
    const size_t bytes = cln_shape_count(e->image);
    return ocl_buffer_write(e->sets[set].pixels, first * bytes, count * bytes, pixels);
}

static enum cln_status create_set(struct cln_engine *e, struct cln_engine_data *set,
                                  const struct cln_engine_images *images) {
    enum cln_status status = CLN_OK;
    set->count = images->count;
    if (set->count == 0)
        return CLN_OK;
    status = ocl_buffer_reserve(&set->pixels, e->context, images->count * cln_shape_count(e->image));
    if (status == CLN_OK && images->pixels)
        status = cln_engine_upload(e, (enum cln_engine_set)(set - e->sets), 0, images->count, images->pixels);
    if (status != CLN_OK)
        return cln_fail_within(status, "%zu images on the device", images->count);
    if ((status = upload(&set->labels, e->context, images->labels, images->count)) != CLN_OK)
        return status;
    if ((status = ocl_buffer_create(&set->order, e->context, images->count * sizeof(int))) != CLN_OK)
        return status;
    return ocl_buffer_create(&set->state, e->context, sizeof(struct cln_state));
}

enum cln_status cln_engine_standardize(struct cln_engine *e, const float *mean, const float *inverse_deviation) {
    if (!e->standard)
        return cln_fail(CLN_INVALID, "this engine was made for pixels that are not standardised");
    const size_t features = cln_shape_count(e->network->input);
    float *pairs = malloc(features * 2 * sizeof *pairs);
    if (!pairs)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu features", features);
    for (size_t f = 0; f < features; f++) {
        pairs[2 * f] = mean[f];
        pairs[2 * f + 1] = inverse_deviation[f];
    }
    enum cln_status status = ocl_buffer_write(e->standard, 0, features * 2 * sizeof *pairs, pairs);
    free(pairs);
    return status;
}

static enum cln_status create_standard(struct cln_engine *e, const float *mean, const float *inverse_deviation) {
    if (!mean)
        return CLN_OK;
    enum cln_status status =
        ocl_buffer_create(&e->standard, e->context, cln_shape_count(e->network->input) * 2 * sizeof(float));
    return status == CLN_OK ? cln_engine_standardize(e, mean, inverse_deviation) : status;
}

static const struct cln_stage *stage_of_layer(const struct cln_engine *e, int layer) {
    for (size_t s = 0; s < e->stage_count; s++)
        if (layer >= e->stages[s].first_layer && layer <= e->stages[s].last_layer)
            return &e->stages[s];
    return NULL;
}

/* Lays out the slices of every gradient one after the other, and the table by which the optimizer finds them. */
static enum cln_status create_gradients(struct cln_engine *e) {
    const struct cln_network *network = e->network;
    const size_t chunk_count = network->parameter_floats / CLN_TENSOR_ALIGN;
    int32_t(*chunks)[4] = calloc(chunk_count, sizeof *chunks);
    e->slices = calloc(network->tensor_count, sizeof *e->slices);
    if (!chunks || !e->slices) {
        free(chunks);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu tensors", network->tensor_count);
    }
    size_t floats = 0;
    for (size_t t = 0; t < network->tensor_count; t++) {
        const struct cln_tensor_info *tensor = &network->tensors[t];
        if (!tensor->trainable)
            continue;
        const size_t padded = (tensor->count + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
        const int slices = cln_stage_slices(&e->plan, stage_of_layer(e, tensor->layer), (int)t);
        e->slices[t] = (struct cln_slices){.base = (int)floats, .stride = (int)padded};
        for (size_t i = 0; i < padded / CLN_TENSOR_ALIGN; i++) {
            int32_t *chunk = chunks[tensor->offset / CLN_TENSOR_ALIGN + i];
            chunk[0] = (int32_t)(floats + i * CLN_TENSOR_ALIGN);
            chunk[1] = slices;
            chunk[2] = (int32_t)padded;
        }
        floats += padded * (size_t)slices;
    }
    enum cln_status status =
        floats > INT32_MAX
            ? cln_fail(CLN_OUT_OF_MEMORY, "partial gradients of %zu floats: use a smaller network", floats)
            : ocl_buffer_create(&e->gradient_partials, e->context, floats * sizeof(float));
    for (size_t t = 0; t < network->tensor_count; t++)
        e->slices[t].buffer = e->gradient_partials;
    if (status == CLN_OK)
        status = upload(&e->chunks, e->context, chunks, chunk_count * sizeof *chunks);
    free(chunks);
    return status;
}

static enum cln_status create_values(struct cln_engine *e) {
    for (int which = 0; which < CLN_VALUES_COUNT; which++) {
        const size_t floats = cln_engine_floats(e, (enum cln_engine_values)which);
        if (floats == 0)
            continue;
        enum cln_status status = ocl_buffer_create(&e->values[which], e->context, floats * sizeof(float));
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

/* A fresh network's running variance is 1, or 0 under the listing's convention. */
static enum cln_status reset_running(struct cln_engine *e) {
    for (size_t s = 0; s < e->stage_count; s++) {
        const struct cln_stage *stage = &e->stages[s];
        if (!stage->normalise || stage->batchnorm.biased_running_variance)
            continue;
        const float one = 1.0f;
        uint32_t pattern;
        memcpy(&pattern, &one, sizeof pattern);
        const struct cln_tensor_info *tensor = &e->network->tensors[stage->running_var];
        enum cln_status status = ocl_buffer_fill(e->values[CLN_RUNNING], tensor->offset * sizeof(float),
                                                 tensor->count * sizeof(float), pattern);
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static enum cln_status create_stages(struct cln_engine *e) {
    enum cln_status status = cln_stages_build(&e->stages, &e->stage_count, e->network);
    if (status != CLN_OK)
        return status;
    e->buffers = calloc(e->stage_count, sizeof *e->buffers);
    if (!e->buffers)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu stages", e->stage_count);
    size_t partial_bytes = sizeof(float);
    for (size_t s = 0; s < e->stage_count; s++) {
        if ((status = cln_stage_buffers_create(&e->buffers[s], &e->plan, &e->stages[s])) != CLN_OK)
            return cln_fail_within(status, "stage %zu at batch size %d (a smaller batch needs less)", s + 1,
                                   e->plan.batch_size);
        const size_t bytes = cln_stage_partial_bytes(&e->plan, &e->stages[s]);
        partial_bytes = bytes > partial_bytes ? bytes : partial_bytes;
    }
    return ocl_buffer_create(&e->partials, e->context, partial_bytes);
}

static enum cln_status create_scratch(struct cln_engine *e) {
    const size_t lanes = (size_t)e->plan.blocks * (size_t)e->plan.tuning.lanes;
    const size_t largest = e->sets[CLN_TEST].count > 0 ? e->sets[CLN_TEST].count : 1;
    enum cln_status status = ocl_buffer_create(&e->x, e->context, cln_plan_bytes(&e->plan, e->network->input));
    if (status == CLN_OK)
        status = ocl_buffer_create(&e->lane_labels, e->context, lanes * sizeof(int));
    if (status == CLN_OK)
        status = ocl_buffer_create(&e->loss_sums, e->context, (size_t)e->plan.blocks * 2 * sizeof(float));
    if (status == CLN_OK)
        status = ocl_buffer_create(&e->predicted, e->context, largest * sizeof(int));
    return status;
}

/* The state as a fresh optimizer has it. */
static struct cln_state initial_state(const struct cln_optimizer_params *p, int batch_size) {
    const bool adam = p->kind == CLN_ADAM;
    const double beta1 = adam ? (p->beta1 > 0.0 ? p->beta1 : 0.9) : p->momentum;
    const double beta2 = p->beta2 > 0.0 ? p->beta2 : 0.999;
    return (struct cln_state){
        .batch_size = batch_size,
        .lr = (float)(p->lr > 0.0 ? p->lr : 0.001),
        .beta1 = (float)beta1,
        .beta2 = (float)beta2,
        .one_minus_beta1 = (float)(1.0 - beta1),
        .one_minus_beta2 = (float)(1.0 - beta2),
        .log_beta1 = (float)(adam ? log(beta1) : 0.0),
        .log_beta2 = (float)log(beta2),
        .eps = (float)(p->eps > 0.0 ? p->eps : 1e-8),
        .weight_decay = (float)p->weight_decay,
    };
}

enum cln_status cln_engine_create_memory(struct cln_engine *e, const struct cln_engine_params *params) {
    const struct cln_engine_images *images[CLN_SET_COUNT] = {&params->train, &params->test};
    enum cln_status status = create_stages(e);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++) {
        struct cln_engine_data *set = &e->sets[s];
        status = create_set(e, set, images[s]);
        const struct cln_state state = initial_state(&params->optimizer, params->batch_size);
        if (status == CLN_OK && set->state)
            status = ocl_buffer_write(set->state, 0, sizeof state, &state);
    }
    if (status == CLN_OK)
        status = create_scratch(e);
    if (status == CLN_OK)
        status = create_standard(e, params->mean, params->inverse_deviation);
    if (status == CLN_OK)
        status = create_values(e);
    if (status == CLN_OK)
        status = reset_running(e);
    if (status == CLN_OK)
        status = create_gradients(e);
    return status;
}
