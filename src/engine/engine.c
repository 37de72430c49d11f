/* A network on a device: memory first, then the sequences, then what a caller does with them. */
#include "src/engine/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/engine/batch.h"
#include "src/engine/optimizer.h"
#include "src/engine/softmax_cross_entropy.h"
#include "src/engine/stage_ops.h"

/* One set of images on the device, where its epoch stands, and what runs per batch. */
struct set {
    size_t count;
    struct ocl_buffer *pixels, *labels, *order, *state;
    struct ocl_sequence *step;
};

struct cln_engine {
    struct ocl_context *context;
    const struct cln_network *network;
    struct cln_plan plan; /* its state and sequence are set anew for every sequence */
    struct cln_optimizer_params optimizer;
    struct cln_stage *stages;
    size_t stage_count;
    struct cln_stage_buffers *buffers; /* one per stage */
    struct cln_slices *slices;         /* one per tensor of the network */

    struct cln_shape image;
    struct set sets[CLN_SET_COUNT];
    struct ocl_buffer *standard; /* NULL: not standardised */
    struct ocl_buffer *x, *lane_labels;
    struct ocl_buffer *predicted, *loss_sums;
    struct ocl_buffer *values[CLN_VALUES_COUNT];
    struct ocl_buffer *gradient_partials, *chunks, *partials;

    struct ocl_sequence *predict; /* once per evaluation: normalisation from the running averages */
    struct ocl_sequence *repeat;  /* the training batch's forward pass once more, to diagnose */
};

static size_t floats_of(const struct cln_engine *e, enum cln_engine_values which) {
    return which == CLN_RUNNING ? e->network->running_floats : e->network->parameter_floats;
}

/* Memory */

static enum cln_status upload(struct ocl_buffer **out, struct ocl_context *context, const void *source, size_t bytes) {
    enum cln_status status = ocl_buffer_create(out, context, bytes);
    return status == CLN_OK ? ocl_buffer_write(*out, 0, bytes, source) : status;
}

static enum cln_status create_set(struct cln_engine *e, struct set *set, const struct cln_engine_images *images) {
    enum cln_status status = CLN_OK;
    set->count = images->count;
    if (set->count == 0)
        return CLN_OK;
    if ((status = upload(&set->pixels, e->context, images->pixels, images->count * cln_shape_count(e->image))) != CLN_OK)
        return cln_fail_within(status, "%zu images on the device", images->count);
    if ((status = upload(&set->labels, e->context, images->labels, images->count)) != CLN_OK)
        return status;
    if ((status = ocl_buffer_create(&set->order, e->context, images->count * sizeof(int))) != CLN_OK)
        return status;
    return ocl_buffer_create(&set->state, e->context, sizeof(struct cln_state));
}

static enum cln_status upload_standard(struct cln_engine *e, const float *mean, const float *inverse_deviation) {
    if (!mean)
        return CLN_OK;
    const size_t features = cln_shape_count(e->network->input);
    float *pairs = malloc(features * 2 * sizeof *pairs);
    if (!pairs)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu features", features);
    for (size_t f = 0; f < features; f++) {
        pairs[2 * f] = mean[f];
        pairs[2 * f + 1] = inverse_deviation[f];
    }
    enum cln_status status = upload(&e->standard, e->context, pairs, features * 2 * sizeof *pairs);
    free(pairs);
    return status;
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
    enum cln_status status = floats > INT32_MAX
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
        const size_t floats = floats_of(e, (enum cln_engine_values)which);
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
            return cln_fail_within(status, "stage %zu at batch size %d (a smaller batch needs less)", s + 1, e->plan.batch_size);
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

/* Sequences */

static enum cln_status add_batch(struct cln_engine *e, const struct set *set) {
    const struct cln_batch batch = {
        .in = e->image,
        .out = e->network->input,
        .pixels = set->pixels,
        .labels = set->labels,
        .order = set->order,
        .standard = e->standard,
        .x = e->x,
        .lane_labels = e->lane_labels,
    };
    e->plan.scope = NULL;
    return cln_batch_next(&e->plan, &batch);
}

static struct cln_stage_context stage_context(const struct cln_engine *e) {
    return (struct cln_stage_context){
        .network = e->network,
        .parameters = e->values[CLN_PARAMETERS],
        .running = e->values[CLN_RUNNING],
        .gradient_partials = e->gradient_partials,
        .slices = e->slices,
        .partials = e->partials,
    };
}

static struct ocl_buffer *output_of(const struct cln_engine *e, size_t stage) {
    return e->buffers[stage].shares_output ? e->buffers[stage].z : e->buffers[stage].a;
}

static struct ocl_buffer *input_of(const struct cln_engine *e, size_t stage) {
    return stage == 0 ? e->x : output_of(e, stage - 1);
}

static void set_scope(struct cln_engine *e, char scope[32], size_t stage) {
    snprintf(scope, 32, "stage %zu", stage + 1);
    e->plan.scope = scope;
}

static enum cln_status add_forward(struct cln_engine *e, bool training) {
    const struct cln_stage_context context = stage_context(e);
    for (size_t s = 0; s < e->stage_count; s++) {
        char scope[32];
        set_scope(e, scope, s);
        enum cln_status status =
            cln_stage_forward(&e->plan, &e->stages[s], &context, &e->buffers[s], input_of(e, s), training);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", scope);
    }
    return CLN_OK;
}

static enum cln_status add_backward(struct cln_engine *e) {
    const struct cln_stage_context context = stage_context(e);
    for (size_t s = e->stage_count; s-- > 0;) {
        char scope[32];
        set_scope(e, scope, s);
        enum cln_status status = cln_stage_backward(&e->plan, &e->stages[s], &context, &e->buffers[s], input_of(e, s),
                                                    s > 0 ? e->buffers[s - 1].da : NULL);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", scope);
    }
    return CLN_OK;
}

static enum cln_status add_loss(struct cln_engine *e, bool training) {
    const size_t last = e->stage_count - 1;
    const struct cln_softmax_cross_entropy loss = {
        .classes = e->network->classes,
        .logits = output_of(e, last),
        .labels = e->lane_labels,
        .gradient = training ? e->buffers[last].da : NULL,
        .predicted = training ? NULL : e->predicted,
        .sums = e->loss_sums,
    };
    e->plan.scope = NULL;
    return cln_softmax_cross_entropy(&e->plan, &loss);
}

static enum cln_status add_update(struct cln_engine *e) {
    const struct cln_optimizer optimizer = {
        .floats = e->network->parameter_floats,
        .parameters = e->values[CLN_PARAMETERS],
        .gradients = e->values[CLN_GRADIENTS],
        .partials = e->gradient_partials,
        .chunks = e->chunks,
        .first_moments = e->values[CLN_FIRST_MOMENTS],
        .second_moments = e->values[CLN_SECOND_MOMENTS],
    };
    e->plan.scope = NULL;
    return e->optimizer.kind == CLN_ADAM ? cln_adam(&e->plan, &optimizer) : cln_sgd(&e->plan, &optimizer);
}

static enum cln_status start_sequence(struct cln_engine *e, struct ocl_sequence **out, const struct set *set) {
    enum cln_status status = ocl_sequence_create(out, e->context);
    e->plan.sequence = *out;
    e->plan.state = set->state;
    return status;
}

static enum cln_status create_training(struct cln_engine *e) {
    struct set *set = &e->sets[CLN_TRAIN];
    enum cln_status status = start_sequence(e, &set->step, set);
    if (status == CLN_OK)
        status = add_batch(e, set);
    if (status == CLN_OK)
        status = add_forward(e, true);
    if (status == CLN_OK)
        status = add_loss(e, true);
    if (status == CLN_OK)
        status = add_backward(e);
    if (status == CLN_OK)
        status = add_update(e);
    return status;
}

static enum cln_status create_prediction(struct cln_engine *e) {
    struct set *set = &e->sets[CLN_TEST];
    enum cln_status status = start_sequence(e, &e->predict, set);
    const struct cln_stage_context context = stage_context(e);
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        char scope[32];
        set_scope(e, scope, s);
        status = cln_stage_predict(&e->plan, &e->stages[s], &context, &e->buffers[s]);
    }
    if (status == CLN_OK)
        status = start_sequence(e, &set->step, set);
    if (status == CLN_OK)
        status = add_batch(e, set);
    if (status == CLN_OK)
        status = add_forward(e, false);
    if (status == CLN_OK)
        status = add_loss(e, false);
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

static enum cln_status create_all(struct cln_engine *e, const struct cln_engine_params *params) {
    const struct cln_engine_images *images[CLN_SET_COUNT] = {&params->train, &params->test};
    enum cln_status status = create_stages(e);
    for (int s = 0; s < CLN_SET_COUNT && status == CLN_OK; s++) {
        struct set *set = &e->sets[s];
        status = create_set(e, set, images[s]);
        const struct cln_state state = initial_state(&params->optimizer, params->batch_size);
        if (status == CLN_OK && set->state)
            status = ocl_buffer_write(set->state, 0, sizeof state, &state);
    }
    if (status == CLN_OK)
        status = create_scratch(e);
    if (status == CLN_OK)
        status = upload_standard(e, params->mean, params->inverse_deviation);
    if (status == CLN_OK)
        status = create_values(e);
    if (status == CLN_OK)
        status = reset_running(e);
    if (status == CLN_OK)
        status = create_gradients(e);
    if (status == CLN_OK && params->train.count > 0)
        status = create_training(e);
    if (status == CLN_OK && params->test.count > 0)
        status = create_prediction(e);
    return status;
}

enum cln_status cln_engine_create(struct cln_engine **out, struct ocl_context *context,
                                  const struct cln_engine_params *params) {
    const struct cln_shape input = params->network->input;
    *out = NULL;
    if (params->batch_size < 1 || params->batch_size > 1 << 20)
        return cln_fail(CLN_INVALID, "batch size is %d: it must be between 1 and %d", params->batch_size, 1 << 20);
    if (params->image.channels != input.channels)
        return cln_fail(CLN_INVALID, "the images have %d channels, the network takes %d", params->image.channels,
                        input.channels);
    if (params->train.count > INT32_MAX || params->test.count > INT32_MAX)
        return cln_fail(CLN_INVALID, "more than %d images", INT32_MAX);
    struct cln_engine *e = calloc(1, sizeof *e);
    if (!e)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an engine");
    e->context = context;
    e->network = params->network;
    e->image = params->image;
    e->optimizer = params->optimizer;
    e->plan = (struct cln_plan){
        .context = context,
        .tuning = *params->tuning,
        .batch_size = params->batch_size,
        .blocks = cln_ceil_div(params->batch_size, params->tuning->lanes),
    };
    enum cln_status status = create_all(e, params);
    if (status != CLN_OK)
        cln_engine_destroy(&e);
    *out = e;
    return status;
}

void cln_engine_destroy(struct cln_engine **engine) {
    struct cln_engine *e = *engine;
    if (!e)
        return;
    *engine = NULL;
    ocl_sequence_destroy(&e->predict);
    ocl_sequence_destroy(&e->repeat);
    for (int s = 0; s < CLN_SET_COUNT; s++) {
        struct set *set = &e->sets[s];
        ocl_sequence_destroy(&set->step);
        ocl_buffer_destroy(&set->pixels);
        ocl_buffer_destroy(&set->labels);
        ocl_buffer_destroy(&set->order);
        ocl_buffer_destroy(&set->state);
    }
    if (e->buffers)
        for (size_t s = 0; s < e->stage_count; s++)
            cln_stage_buffers_destroy(&e->buffers[s]);
    for (int which = 0; which < CLN_VALUES_COUNT; which++)
        ocl_buffer_destroy(&e->values[which]);
    struct ocl_buffer **rest[] = {&e->standard,  &e->x,      &e->lane_labels,       &e->predicted,
                                  &e->loss_sums, &e->chunks, &e->gradient_partials, &e->partials};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        ocl_buffer_destroy(rest[i]);
    free(e->buffers);
    free(e->slices);
    free(e->stages);
    free(e);
}

/* Use */

static enum cln_status write_order(struct set *set, const uint32_t *order, size_t count) {
    int *indices = malloc(count * sizeof *indices);
    if (!indices)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the order of %zu samples", count);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        indices[i] = order ? (int)order[i] : (int)i;
        if ((size_t)indices[i] >= set->count)
            status = cln_fail(CLN_INVALID, "sample %d of an epoch's order: the set has %zu", indices[i], set->count);
    }
    if (status == CLN_OK)
        status = ocl_buffer_write(set->order, 0, count * sizeof *indices, indices);
    free(indices);
    return status;
}

enum cln_status cln_engine_begin(struct cln_engine *e, enum cln_engine_set which, const uint32_t *order, size_t count) {
    struct set *set = &e->sets[which];
    if (count < 1 || count > set->count)
        return cln_fail(CLN_INVALID, "an epoch of %zu samples: the set has %zu", count, set->count);
    enum cln_status status = write_order(set, order, count);
    struct cln_state state;
    if (status == CLN_OK)
        status = ocl_buffer_read(set->state, 0, sizeof state, &state);
    if (status != CLN_OK)
        return status;
    state.samples = (int)count;
    state.position = state.count = state.batches = state.seen = state.hits = state.frozen = 0;
    state.loss_sum = state.loss_carry = 0.0f;
    status = ocl_buffer_write(set->state, 0, sizeof state, &state);
    if (status == CLN_OK && which == CLN_TEST)
        status = ocl_sequence_run(e->predict);
    return status;
}

enum cln_status cln_engine_step(struct cln_engine *e, enum cln_engine_set set) {
    return ocl_sequence_run(e->sets[set].step);
}

enum cln_status cln_engine_state(struct cln_engine *e, enum cln_engine_set set, struct cln_state *state,
                                 struct ocl_ticket **ticket) {
    return ocl_buffer_read_begin(ticket, e->sets[set].state, 0, sizeof *state, state);
}

enum cln_status cln_engine_predicted(struct cln_engine *e, int *predicted, size_t count) {
    return ocl_buffer_read(e->predicted, 0, count * sizeof *predicted, predicted);
}

enum cln_status cln_engine_read(struct cln_engine *e, enum cln_engine_values which, float *values) {
    return e->values[which] ? ocl_buffer_read(e->values[which], 0, floats_of(e, which) * sizeof *values, values) : CLN_OK;
}

enum cln_status cln_engine_write(struct cln_engine *e, enum cln_engine_values which, const float *values) {
    return e->values[which] ? ocl_buffer_write(e->values[which], 0, floats_of(e, which) * sizeof *values, values) : CLN_OK;
}

/* A whole tensor in lanes; *out is the caller's: free(). */
static enum cln_status read_lanes(float **out, const struct cln_engine *e, struct ocl_buffer *buffer) {
    (void)e;
    const size_t bytes = ocl_buffer_bytes(buffer);
    *out = malloc(bytes);
    if (!*out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a tensor of %zu bytes", bytes);
    return ocl_buffer_read(buffer, 0, bytes, *out);
}

enum cln_status cln_engine_logits(struct cln_engine *e, float *logits, size_t count) {
    const size_t lanes = (size_t)e->plan.tuning.lanes, classes = (size_t)e->network->classes;
    if (count > (size_t)e->plan.batch_size)
        return cln_fail(CLN_INVALID, "logits of %zu samples: a batch has at most %d", count, e->plan.batch_size);
    float *values = NULL;
    enum cln_status status = read_lanes(&values, e, output_of(e, e->stage_count - 1));
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        for (size_t k = 0; k < classes; k++)
            logits[n * classes + k] = values[(n / lanes * classes + k) * lanes + n % lanes];
    free(values);
    return status;
}

/* Diagnosis */

static enum cln_status find_in_parameters(struct cln_engine *e, char *where, size_t bytes, bool *found) {
    float *values = malloc(e->network->parameter_floats * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the parameters");
    enum cln_status status = cln_engine_read(e, CLN_PARAMETERS, values);
    for (size_t t = 0; t < e->network->tensor_count && status == CLN_OK && !*found; t++) {
        const struct cln_tensor_info *tensor = &e->network->tensors[t];
        for (size_t i = 0; tensor->trainable && i < tensor->count && !*found; i++)
            if (!isfinite(values[tensor->offset + i])) {
                *found = true;
                snprintf(where, bytes, "parameter %s, after an update", tensor->name);
            }
    }
    free(values);
    return status;
}

static enum cln_status find_in_tensor(struct cln_engine *e, struct ocl_buffer *buffer, struct cln_shape shape, int count,
                                      bool *found) {
    const size_t lanes = (size_t)e->plan.tuning.lanes, elements = cln_shape_count(shape);
    float *values = NULL;
    enum cln_status status = read_lanes(&values, e, buffer);
    for (size_t n = 0; n < (size_t)count && status == CLN_OK && !*found; n++)
        for (size_t i = 0; i < elements && !*found; i++)
            *found = !isfinite(values[(n / lanes * elements + i) * lanes + n % lanes]);
    free(values);
    return status;
}

static enum cln_status find_in_stages(struct cln_engine *e, char *where, size_t bytes, bool *found) {
    struct cln_state state;
    enum cln_status status = ocl_buffer_read(e->sets[CLN_TRAIN].state, 0, sizeof state, &state);
    for (size_t s = 0; s < e->stage_count && status == CLN_OK && !*found; s++) {
        const struct cln_stage *stage = &e->stages[s];
        const struct {
            struct ocl_buffer *buffer;
            struct cln_shape shape;
            const char *name;
        } parts[] = {{e->buffers[s].z, stage->z, "pre-activation"}, {output_of(e, s), stage->a, "output"}};
        for (size_t p = 0; p < 2 && status == CLN_OK && !*found; p++) {
            status = find_in_tensor(e, parts[p].buffer, parts[p].shape, state.count, found);
            if (*found) {
                char layer[96];
                cln_layer_describe(&e->network->layers[stage->first_layer], layer, sizeof layer);
                snprintf(where, bytes, "stage %zu (%s), %s", s + 1, layer, parts[p].name);
            }
        }
    }
    return status;
}

enum cln_status cln_engine_find_nonfinite(struct cln_engine *e, char *where, size_t bytes) {
    struct set *set = &e->sets[CLN_TRAIN];
    bool found = false;
    snprintf(where, bytes, "the loss itself");
    enum cln_status status = find_in_parameters(e, where, bytes, &found);
    if (status != CLN_OK || found)
        return status;
    if (!e->repeat) {
        status = start_sequence(e, &e->repeat, set);
        if (status == CLN_OK)
            status = add_batch(e, set);
        if (status == CLN_OK)
            status = add_forward(e, true);
    }
    if (status == CLN_OK)
        status = ocl_sequence_run(e->repeat);
    return status == CLN_OK ? find_in_stages(e, where, bytes, &found) : status;
}

size_t cln_engine_launches(const struct cln_engine *e) {
    return e->sets[CLN_TRAIN].step ? ocl_sequence_length(e->sets[CLN_TRAIN].step) : 0;
}
