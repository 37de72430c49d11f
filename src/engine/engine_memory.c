/* The engine's buffers and their initial content. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/engine/engine_private.h"
#include "src/engine/optimizer.h"

size_t cln_engine_floats(const struct cln_engine *e, enum cln_engine_values which) {
    const bool averages = e->optimizer.ema > 0 && e->sets[CLN_TRAIN].count > 0;
    if ((which == CLN_AVERAGE || which == CLN_AVERAGE_RUNNING) && !averages)
        return 0;
    if (which == CLN_RUNNING || which == CLN_AVERAGE_RUNNING)
        return e->network->running_floats;
    const bool is_kept = which < CLN_MOMENTS || cln_optimizers[e->optimizer.kind].moments[which - CLN_MOMENTS].name;
    return is_kept ? e->network->parameter_floats : 0;
}

struct cln_engine_model cln_engine_model(const struct cln_engine *e) {
    return e->values[CLN_AVERAGE] ? (struct cln_engine_model){CLN_AVERAGE, CLN_AVERAGE_RUNNING}
                                  : (struct cln_engine_model){CLN_PARAMETERS, CLN_RUNNING};
}

enum cln_status cln_engine_upload(struct cln_engine *e, enum cln_engine_set set, size_t first, size_t count,
                                  const void *pixels) {
    return cln_pixels_write(&e->sets[set].pixels, first, count, pixels, ocl_buffer_write);
}

enum cln_status cln_engine_upload_queued(struct cln_engine *e, enum cln_engine_set set, size_t first, size_t count,
                                         const void *pixels) {
    return cln_pixels_write(&e->sets[set].pixels, first, count, pixels, ocl_buffer_write_queued);
}

void cln_engine_stream(struct cln_engine *e, enum cln_engine_set set, cln_locate_image *locate, void *user) {
    e->sets[set].ring.locate = locate;
    e->sets[set].ring.user = user;
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

static const struct cln_stage *stage_of_tensor(const struct cln_engine *e, int tensor) {
    const struct cln_stage *s = e->stages;
    while (s->weight != tensor && s->bias != tensor && s->gamma != tensor && s->beta != tensor)
        s++;
    return s;
}

static bool is_frozen(const struct cln_engine *e, int tensor) {
    return e->frozen && e->frozen[tensor];
}

enum { NEVER_DECAYS = 1, NEVER_CHANGES = 2, OF_WHOLE_BATCH = 4 };

/* The last number of a tensor's rows in the slice table: see kernels/optimizer.clh. */
static int32_t marks_of(const struct cln_engine *e, int tensor) {
    const struct cln_stage *stage = stage_of_tensor(e, tensor);
    const bool is_own = tensor == stage->weight || (e->exchange.local_norm && tensor != stage->bias);
    const int32_t whole = e->exchange.count > 0 && !is_own ? OF_WHOLE_BATCH : 0;
    if (is_frozen(e, tensor))
        return NEVER_CHANGES;
    return whole |
           (e->optimizer.decay_weights_only > 0 && e->network->tensors[tensor].role != CLN_WEIGHT ? NEVER_DECAYS : 0);
}

/* Lays out the slices of all gradients one after the other; a frozen tensor has one of zeros, which nothing writes.
 * Returns the number of floats in all. `slices`, and `slice_table`, the table by which the optimizer finds the slices,
 * may be NULL. */
static size_t lay_out_gradients(const struct cln_engine *e, const struct cln_plan *plan, struct cln_slices *slices,
                                int32_t (*slice_table)[4]) {
    const struct cln_network *network = e->network;
    size_t floats = 0;
    for (size_t t = 0; t < network->tensor_count; t++) {
        const struct cln_tensor_info *tensor = &network->tensors[t];
        if (!tensor->trainable)
            continue;
        const size_t padded = (tensor->count + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
        const bool frozen = is_frozen(e, (int)t);
        const int count = frozen ? 1 : cln_stage_slices(plan, stage_of_tensor(e, (int)t), (int)t);
        if (slices && !frozen)
            slices[t] = (struct cln_slices){.buffer = e->gradient_partials, .base = (int)floats, .stride = (int)padded};
        for (size_t i = 0; slice_table && i < padded / CLN_TENSOR_ALIGN; i++) {
            int32_t *row = slice_table[tensor->offset / CLN_TENSOR_ALIGN + i];
            row[0] = (int32_t)(floats + i * CLN_TENSOR_ALIGN);
            row[1] = count;
            row[2] = (int32_t)padded;
            row[3] = marks_of(e, (int)t);
        }
        floats += padded * (size_t)count;
    }
    return floats;
}

/* The floats of a constant of struct cln_stage_constants, of which there are two; 0: no batch norm needs them. */
static size_t constant_floats(const struct cln_engine *e) {
    size_t most = 0;
    for (const struct cln_stage *s = e->stages; s < e->stages + e->stage_count; s++)
        if (s->normalise && (s->gamma < 0 || is_frozen(e, s->gamma) || is_frozen(e, s->beta)) &&
            (size_t)s->z.channels > most)
            most = (size_t)s->z.channels;
    return (most + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
}

/* Whether constants stand behind these values: a batch norm reads its γ and β among them. */
static bool has_constants(int which) {
    return which == CLN_PARAMETERS || which == CLN_AVERAGE;
}

/* Places the constants behind the parameters and behind their averages, and what takes their gradients behind the
 * `slices` floats of all others.
 */
static enum cln_status place_constants(struct cln_engine *e, size_t slices) {
    const size_t floats = constant_floats(e), first = e->network->parameter_floats;
    const float one = 1.0f;
    uint32_t pattern;
    memcpy(&pattern, &one, sizeof pattern);
    e->constants = (struct cln_stage_constants){
        .gamma = (int)first,
        .beta = (int)(first + floats),
        .gamma_out = {.buffer = e->gradient_partials, .base = (int)slices},
        .beta_out = {.buffer = e->gradient_partials, .base = (int)(slices + floats)},
    };
    enum cln_status status = CLN_OK;
    for (int which = 0; which < CLN_VALUES_COUNT && floats > 0 && status == CLN_OK; which++)
        if (has_constants(which) && e->values[which])
            status = ocl_buffer_fill(e->values[which], first * sizeof one, floats * sizeof one, pattern);
    return status;
}

static size_t slice_table_bytes(const struct cln_engine *e) {
    return e->network->parameter_floats / CLN_TENSOR_ALIGN * 4 * sizeof(int32_t);
}

/* Of the summed gradients, and of the parts of their norm behind them; 0: not needed. */
static size_t sums_bytes(const struct cln_engine *e, const struct cln_plan *plan) {
    const size_t floats = e->network->parameter_floats;
    const size_t parts = e->optimizer.clip_norm > 0 ? (size_t)cln_optimizer_norm_parts(plan, floats) : 0;
    return e->exchange.count > 0 || parts > 0 || e->optimizer.accumulate > 1 ? (floats + 2 * parts) * sizeof(float) : 0;
}

static size_t nodes_bytes(const struct cln_engine *e) {
    const struct cln_exchange *x = &e->exchange;
    const int nodes = x->count > 0 ? cln_exchange_most_nodes(x, e->plan.tuning.strict) : 0;
    return (size_t)nodes * e->network->parameter_floats * sizeof(float);
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
        floats + 2 * constant_floats(e) > INT32_MAX
            ? cln_fail(CLN_OUT_OF_MEMORY, "partial gradients of %zu floats: use a smaller network", floats)
            : ocl_buffer_write(e->slice_table, 0, slice_table_bytes(e), slice_table);
    for (size_t i = 0; i < network->parameter_floats / CLN_TENSOR_ALIGN; i++) {
        e->most_slices = cln_max(e->most_slices, slice_table[i][1]);
        slice_table[i][0] = (int32_t)(i * CLN_TENSOR_ALIGN);
        slice_table[i][1] = 1;
        slice_table[i][3] &= ~OF_WHOLE_BATCH;
    }
    if (status == CLN_OK && e->sum_slice_table)
        status = ocl_buffer_write(e->sum_slice_table, 0, slice_table_bytes(e), slice_table);
    free(slice_table);
    return status == CLN_OK ? place_constants(e, floats) : status;
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

/* See struct cln_engine; those of the stages before it are known. */
static bool learns(const struct cln_engine *e, const struct cln_stage *stage) {
    const int tensors[] = {stage->weight, stage->bias, stage->gamma, stage->beta},
              stages[] = {stage->input, stage->addend};
    bool found = false;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++)
        found |= tensors[i] >= 0 && !is_frozen(e, tensors[i]);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        found |= stages[i] >= 0 && e->learns[stages[i]];
    return found;
}

static enum cln_status find_stages(struct cln_engine *e) {
    enum cln_status status = cln_stages_build(&e->stages, &e->stage_count, e->network, NULL);
    if (status != CLN_OK)
        return status;
    e->buffers = calloc(e->stage_count, sizeof *e->buffers);
    e->gradient_memory = calloc(2 * e->stage_count, sizeof *e->gradient_memory);
    e->learns = calloc(e->stage_count, sizeof *e->learns);
    if (!e->buffers || !e->gradient_memory || !e->learns)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu stages", e->stage_count);
    for (size_t s = 0; s < e->stage_count; s++)
        e->learns[s] = learns(e, &e->stages[s]);
    return CLN_OK;
}

static bool trains(const struct cln_engine *e) {
    return e->sets[CLN_TRAIN].count > 0;
}

static enum cln_status stage_buffers(struct cln_engine *e, struct cln_plan *plan) {
    enum cln_status status = CLN_OK;
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        const struct cln_stage *next = s + 1 < e->stage_count ? &e->stages[s + 1] : NULL;
        cln_plan_scope(plan, (int)s);
        status = cln_stage_buffers_create(&e->buffers[s], plan, &e->stages[s], next, trains(e));
        if (status != CLN_OK)
            return cln_fail_within(status, "%s at batch size %d (a smaller batch needs less)", plan->scope,
                                   plan->batch_size);
    }
    cln_plan_scope(plan, CLN_NO_STAGE);
    return trains(e) ? cln_engine_gradient_buffers(e, plan) : status;
}

static enum cln_status set_buffers(struct cln_engine_data *set, const struct cln_plan *plan) {
    if (set->count == 0)
        return CLN_OK;
    const size_t batch = (size_t)plan->batch_size;
    enum cln_status status = cln_plan_buffer(plan, &set->labels, "labels", set->count * sizeof(int));
    if (status == CLN_OK)
        status = cln_plan_buffer(plan, &set->order, "order of samples", set->count * sizeof(int));
    if (status == CLN_OK)
        status = cln_plan_buffer(plan, &set->rates, "learning rates", (set->count + batch - 1) / batch * sizeof(float));
    return status == CLN_OK ? cln_plan_buffer(plan, &set->state, "state", sizeof(struct cln_state)) : status;
}

static size_t mixes_bytes(const struct cln_engine *e, const struct cln_plan *plan) {
    const size_t count = e->sets[CLN_TRAIN].count, batch = (size_t)plan->batch_size;
    return cln_augmentation_mixes(&e->augmentation) ? (count + batch - 1) / batch * sizeof(struct cln_mix) : 0;
}

enum cln_status cln_engine_buffers(struct cln_engine *e, struct cln_plan *plan) {
    const struct cln_shape input = e->network->input;
    const size_t sharing = e->exchange.count > 0; /* else 0 */
    const int samples = cln_max(plan->batch_size, plan->whole_batch);
    const size_t predictions = e->sets[CLN_TEST].count > 0 ? e->sets[CLN_TEST].count : 1;
    const struct {
        struct ocl_buffer **buffer;
        const char *name;
        size_t bytes; /* 0: not needed */
    } wanted[] = {
        {&e->x, "input", cln_plan_bytes(plan, input)},
        {&e->lane_labels, "labels of a batch",
         (size_t)(cln_ceil_div(samples, plan->tuning.lanes) + (plan->whole_batch > 0)) * (size_t)plan->tuning.lanes *
             sizeof(int)}, /* a share may end in the middle of a block */
        {&e->loss_sums, "losses", (size_t)cln_plan_parts(plan) * 2 * sizeof(float)},
        {&e->all_loss_sums, "losses", sharing * (size_t)cln_plan_whole_parts(plan) * 2 * sizeof(float)},
        {&e->class_weights, "weights of classes", e->weighted ? (size_t)e->network->classes * sizeof(float) : 0},
        {&e->mixes, "mixes of pictures", mixes_bytes(e, plan)},
        {&e->predicted, "predictions", predictions * sizeof(int)},
        {&e->standardization, "means and deviations", e->standardized ? cln_shape_count(input) * 2 * sizeof(float) : 0},
        {&e->gradient_partials, "partial gradients",
         (lay_out_gradients(e, plan, NULL, NULL) + 2 * constant_floats(e)) * sizeof(float)},
        {&e->slice_table, "table of gradients", slice_table_bytes(e)},
        {&e->sums, "summed gradients", sums_bytes(e, plan)},
        {&e->nodes, "summed gradients", nodes_bytes(e)},
        {&e->sum_slice_table, "table of summed gradients", sums_bytes(e, plan) > 0 ? slice_table_bytes(e) : 0},
    };
    enum cln_status status = stage_buffers(e, plan);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++)
        status = set_buffers(&e->sets[s], plan);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && status == CLN_OK; i++)
        if (wanted[i].bytes > 0)
            status = cln_plan_buffer(plan, wanted[i].buffer, wanted[i].name, wanted[i].bytes);
    for (int which = 0; which < CLN_VALUES_COUNT && status == CLN_OK; which++) {
        const size_t own = cln_engine_floats(e, (enum cln_engine_values)which);
        const size_t floats = own > 0 && has_constants(which) ? own + 2 * constant_floats(e) : own;
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
    if (status == CLN_OK && e->streams)
        status = cln_ring_create(&set->ring, &set->pixels, set->state, set->count, params->batch_size);
    else if (status == CLN_OK && images->pixels)
        status = cln_pixels_write(&set->pixels, 0, set->count, images->pixels, ocl_buffer_write);
    if (status != CLN_OK)
        return cln_fail_within(status, e->streams ? "a ring of %zu images on the device" : "%zu images on the device",
                               set->pixels.count);
    set->begun = (struct cln_state){
        .batch_size = params->batch_size,
        .share = e->exchange.count > 0 ? e->exchange.bounds[e->exchange.rank] : 0,
        .most = cln_engine_share(e, params->batch_size),
    };
    cln_optimizer_begin(&set->begun, &params->optimizer);
    if (images->labels) /* else they stay 0: the kernels read some */
        status = ocl_buffer_write(set->labels, 0, set->count * sizeof *images->labels, images->labels);
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

struct cln_pixels cln_engine_divide(const struct cln_engine *e, size_t count, int batch_size) {
    const struct ocl_device *device = ocl_context_device(e->context);
    const uint64_t limit = device->max_alloc_bytes, share = device->global_memory_bytes / 16;
    const size_t bytes = cln_shape_count(e->image) * cln_pixel_bytes(e->pixels);
    const size_t ring = e->streams ? cln_ring_images(batch_size, bytes, limit < share ? limit : share) : 0;
    struct cln_pixels pixels = cln_pixels_divide(ring > 0 && count > 0 ? ring : count, bytes, limit);
    pixels.ring = ring;
    return pixels;
}

enum cln_status cln_engine_plan_memory(struct cln_engine *e, const struct cln_engine_params *params) {
    const struct cln_engine_images *images[CLN_SET_COUNT] = {&params->train, &params->test};
    for (int s = 0; s < CLN_SET_COUNT; s++) {
        e->sets[s].count = images[s]->count;
        e->sets[s].pixels = cln_engine_divide(e, images[s]->count, params->batch_size);
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
