/* The engine's buffers and their initial content. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/engine/engine_private.h"
#include "src/engine/optimizer.h"

size_t cln_engine_floats(const struct cln_engine *e, enum cln_engine_values which) {
    if (which == CLN_RUNNING)
        return e->network->running_floats;
    const bool is_kept = which < CLN_MOMENTS || cln_optimizers[e->optimizer.kind].moments[which - CLN_MOMENTS].name;
    return is_kept ? e->network->parameter_floats : 0;
}

enum cln_status cln_engine_upload(struct cln_engine *e, enum cln_engine_set set, size_t first, size_t count,
                                  const uint8_t *pixels) {
    return cln_pixels_write(&e->sets[set].pixels, first, count, pixels, ocl_buffer_write);
}

enum cln_status cln_engine_upload_queued(struct cln_engine *e, enum cln_engine_set set, size_t first, size_t count,
                                         const uint8_t *pixels) {
    return cln_pixels_write(&e->sets[set].pixels, first, count, pixels, ocl_buffer_write_queued);
}

enum cln_status cln_engine_standardize(struct cln_engine *e, const float *mean, const float *inverse_deviation) {
    if (!e->standardization)
        return cln_fail(CLN_INVALID, "this engine was made for pixels that are not standardised");
    const size_t features = cln_shape_count(e->network->input);
    float *pairs = malloc(features * 2 * sizeof *pairs);
    if (!pairs)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu features", features);
    for (size_t f = 0; f < features; f++) {
        pairs[2 * f] = mean[f];
        pairs[2 * f + 1] = inverse_deviation[f];
    }
    enum cln_status status = ocl_buffer_write(e->standardization, 0, features * 2 * sizeof *pairs, pairs);
    free(pairs);
    return status;
}

static const struct cln_stage *stage_of_layer(const struct cln_engine *e, int layer) {
    for (size_t s = 0; s < e->stage_count; s++)
        if (layer >= e->stages[s].first_layer && layer <= e->stages[s].last_layer)
            return &e->stages[s];
    return NULL;
}

/* The last number of a tensor's rows in the slice table: see kernels/optimizer.clh. */
static int32_t marks_of(const struct cln_engine *e, size_t tensor) {
    enum { NEVER_DECAYS = 1, NEVER_CHANGES = 2 };
    if (e->frozen && e->frozen[tensor])
        return NEVER_CHANGES;
    return e->optimizer.decay_weights_only > 0 && e->network->tensors[tensor].role != CLN_WEIGHT ? NEVER_DECAYS : 0;
}

/* Lays out the slices of all gradients one after the other. Returns the number of floats in all. `slices`, and
 * `slice_table`, the table by which the optimizer finds the slices, may be NULL. */
static size_t lay_out_gradients(const struct cln_engine *e, const struct cln_plan *plan, struct cln_slices *slices,
                                int32_t (*slice_table)[4]) {
    const struct cln_network *network = e->network;
    size_t floats = 0;
    for (size_t t = 0; t < network->tensor_count; t++) {
        const struct cln_tensor_info *tensor = &network->tensors[t];
        if (!tensor->trainable)
            continue;
        const size_t padded = (tensor->count + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
        const int count = cln_stage_slices(plan, stage_of_layer(e, tensor->layer), (int)t);
        if (slices)
            slices[t] = (struct cln_slices){.buffer = e->gradient_partials, .base = (int)floats, .stride = (int)padded};
        for (size_t i = 0; slice_table && i < padded / CLN_TENSOR_ALIGN; i++) {
            int32_t *row = slice_table[tensor->offset / CLN_TENSOR_ALIGN + i];
            row[0] = (int32_t)(floats + i * CLN_TENSOR_ALIGN);
            row[1] = count;
            row[2] = (int32_t)padded;
            row[3] = marks_of(e, t);
        }
        floats += padded * (size_t)count;
    }
    return floats;
}

static size_t slice_table_bytes(const struct cln_engine *e) {
    return e->network->parameter_floats / CLN_TENSOR_ALIGN * 4 * sizeof(int32_t);
}

/* Of the summed gradients, and of the parts of their norm behind them; 0: not needed. */
static size_t sums_bytes(const struct cln_engine *e, const struct cln_plan *plan) {
    const size_t floats = e->network->parameter_floats;
    const size_t parts = e->optimizer.clip_norm > 0 ? (size_t)cln_optimizer_norm_parts(plan, floats) : 0;
    return e->exchange.gradients || parts > 0 ? (floats + 2 * parts) * sizeof(float) : 0;
}

static enum cln_status find_gradients(struct cln_engine *e) {
    const struct cln_network *network = e->network;
    int32_t(*slice_table)[4] = calloc(1, slice_table_bytes(e));
    e->slices = calloc(network->tensor_count, sizeof *e->slices);
    if (!slice_table || !e->slices) {
        free(slice_table);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu tensors", network->tensor_count);
    }
    const size_t floats = lay_out_gradients(e, &e->plan, e->slices, slice_table);
    enum cln_status status =
        floats > INT32_MAX
            ? cln_fail(CLN_OUT_OF_MEMORY, "partial gradients of %zu floats: use a smaller network", floats)
            : ocl_buffer_write(e->slice_table, 0, slice_table_bytes(e), slice_table);
    for (size_t i = 0; i < network->parameter_floats / CLN_TENSOR_ALIGN; i++) {
        slice_table[i][0] = (int32_t)(i * CLN_TENSOR_ALIGN);
        slice_table[i][1] = 1;
    }
    if (status == CLN_OK && e->sum_slice_table)
        status = ocl_buffer_write(e->sum_slice_table, 0, slice_table_bytes(e), slice_table);
    free(slice_table);
    return status;
}

/* Sets the running statistics of a fresh network: means 0, variances 1, or 0 with biased_running_variance. */
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

static enum cln_status find_stages(struct cln_engine *e) {
    enum cln_status status = cln_stages_build(&e->stages, &e->stage_count, e->network);
    if (status != CLN_OK)
        return status;
    e->buffers = calloc(e->stage_count, sizeof *e->buffers);
    return e->buffers ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu stages", e->stage_count);
}

static enum cln_status stage_buffers(struct cln_engine *e, struct cln_plan *plan) {
    enum cln_status status = CLN_OK;
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        const struct cln_stage *next = s + 1 < e->stage_count ? &e->stages[s + 1] : NULL;
        cln_plan_scope(plan, (int)s);
        status = cln_stage_buffers_create(&e->buffers[s], plan, &e->stages[s], next);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s at batch size %d (a smaller batch needs less)", plan->scope,
                                   plan->batch_size);
    }
    cln_plan_scope(plan, CLN_NO_STAGE);
    return status;
}

static enum cln_status set_buffers(struct cln_engine_data *set, const struct cln_plan *plan) {
    if (set->count == 0)
        return CLN_OK;
    const size_t batch = (size_t)plan->batch_size;
    enum cln_status status = cln_plan_buffer(plan, &set->labels, "labels", set->count);
    if (status == CLN_OK)
        status = cln_plan_buffer(plan, &set->order, "order of samples", set->count * sizeof(int));
    if (status == CLN_OK)
        status = cln_plan_buffer(plan, &set->rates, "learning rates", (set->count + batch - 1) / batch * sizeof(float));
    return status == CLN_OK ? cln_plan_buffer(plan, &set->state, "state", sizeof(struct cln_state)) : status;
}

enum cln_status cln_engine_buffers(struct cln_engine *e, struct cln_plan *plan) {
    const struct cln_shape input = e->network->input;
    const size_t predictions = e->sets[CLN_TEST].count > 0 ? e->sets[CLN_TEST].count : 1;
    const struct {
        struct ocl_buffer **buffer;
        const char *name;
        size_t bytes; /* 0: not needed */
    } wanted[] = {
        {&e->x, "input", cln_plan_bytes(plan, input)},
        {&e->lane_labels, "labels of a batch", (size_t)plan->blocks * (size_t)plan->tuning.lanes * sizeof(int)},
        {&e->loss_sums, "losses", (size_t)plan->blocks * 2 * sizeof(float)},
        {&e->class_weights, "weights of classes", e->weighted ? (size_t)e->network->classes * sizeof(float) : 0},
        {&e->predicted, "predictions", predictions * sizeof(int)},
        {&e->standardization, "means and deviations", e->standardized ? cln_shape_count(input) * 2 * sizeof(float) : 0},
        {&e->gradient_partials, "partial gradients", lay_out_gradients(e, plan, NULL, NULL) * sizeof(float)},
        {&e->slice_table, "table of gradients", slice_table_bytes(e)},
        {&e->sums, "summed gradients", sums_bytes(e, plan)},
        {&e->sum_slice_table, "table of summed gradients", sums_bytes(e, plan) > 0 ? slice_table_bytes(e) : 0},
    };
    enum cln_status status = stage_buffers(e, plan);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++)
        status = set_buffers(&e->sets[s], plan);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == CLN_OK; i++)
        if (wanted[i].bytes > 0)
            status = cln_plan_buffer(plan, wanted[i].buffer, wanted[i].name, wanted[i].bytes);
    for (int which = 0; which < CLN_VALUES_COUNT && status == CLN_OK; which++) {
        const size_t floats = cln_engine_floats(e, (enum cln_engine_values)which);
        if (floats > 0)
            status = cln_plan_buffer(plan, &e->values[which], "parameters", floats * sizeof(float));
    }
    return status;
}

static enum cln_status fill_set(struct cln_engine *e, struct cln_engine_data *set,
                                const struct cln_engine_params *params, const struct cln_engine_images *images) {
    if (set->count == 0)
        return CLN_OK;
    enum cln_status status = cln_pixels_create(&set->pixels, e->context);
    if (status == CLN_OK && images->pixels)
        status = cln_pixels_write(&set->pixels, 0, set->count, images->pixels, ocl_buffer_write);
    if (status != CLN_OK)
        return cln_fail_within(status, "%zu images on the device", set->count);
    set->begun = (struct cln_state){.batch_size = params->batch_size};
    cln_optimizer_begin(&set->begun, &params->optimizer);
    if (images->labels) /* else they stay 0: the kernels read some */
        status = ocl_buffer_write(set->labels, 0, set->count, images->labels);
    return status == CLN_OK ? ocl_buffer_write(set->state, 0, sizeof set->begun, &set->begun) : status;
}

static enum cln_status write_class_weights(struct cln_engine *e, const double *weights) {
    const size_t classes = (size_t)e->network->classes;
    float *values = malloc(classes * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the weights of %zu classes", classes);
    double largest = 0;
    for (size_t k = 0; k < classes; k++)
        largest = fmax(largest, weights[k]);
    for (size_t k = 0; k < classes; k++) /* a common factor makes no difference, but may be out of float's range */
        values[k] = (float)(weights[k] / largest);
    const enum cln_status status = ocl_buffer_write(e->class_weights, 0, classes * sizeof *values, values);
    free(values);
    return status;
}

enum cln_status cln_engine_plan_memory(struct cln_engine *e, const struct cln_engine_params *params) {
    const struct cln_engine_images *images[CLN_SET_COUNT] = {&params->train, &params->test};
    const uint64_t limit = ocl_context_device(e->context)->max_alloc_bytes;
    for (int s = 0; s < CLN_SET_COUNT; s++) {
        e->sets[s].count = images[s]->count;
        e->sets[s].pixels = cln_pixels_divide(images[s]->count, cln_shape_count(e->image), limit);
    }
    return find_stages(e);
}

/* Creates the pool. There is none if the device gives no buffer of its size: then it may still give the buffers one by
 * one. */
static enum cln_status create_pool(struct cln_engine *e) {
    struct cln_plan plan = e->plan;
    struct cln_tally tally = {0};
    plan.tally = &tally;
    enum cln_status status = plan.pool ? cln_engine_buffers(e, &plan) : CLN_OK;
    if (status != CLN_OK || !plan.pool)
        return status;
    if (tally.total <= (double)ocl_context_device(e->context)->max_alloc_bytes) {
        status = ocl_buffer_create(&e->pool.buffer, e->context, (size_t)tally.total);
        if (status != CLN_OUT_OF_MEMORY)
            return status;
        cln_log(CLN_LOG_WARNING, "%-s: every tensor gets a buffer of its own", cln_error_message());
    }
    e->plan.pool = NULL;
    return CLN_OK;
}

enum cln_status cln_engine_create_memory(struct cln_engine *e, const struct cln_engine_params *params) {
    const struct cln_engine_images *images[CLN_SET_COUNT] = {&params->train, &params->test};
    enum cln_status status = create_pool(e);
    if (status == CLN_OK)
        status = cln_engine_buffers(e, &e->plan);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++)
        status = fill_set(e, &e->sets[s], params, images[s]);
    if (status == CLN_OK && e->standardized)
        status = cln_engine_standardize(e, params->mean, params->inverse_deviation);
    if (status == CLN_OK && e->weighted)
        status = write_class_weights(e, params->class_weights);
    if (status == CLN_OK)
        status = reset_running(e);
    return status == CLN_OK ? find_gradients(e) : status;
}
