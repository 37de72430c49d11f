/* One stage on the device: affine → normalise → add → activate → pool → drop, and back. */
#include "src/engine/stage_ops.h"

#include "src/engine/activate.h"
#include "src/engine/affine.h"
#include "src/engine/batchnorm.h"
#include "src/engine/dropout.h"

/* Whether the stage is an affine part alone. */
static bool is_plain(const struct cln_stage *stage) {
    return !stage->normalise && stage->addend == CLN_READS_NOTHING && stage->activation.kind == CLN_IDENTITY &&
           stage->pool.kind == CLN_POOL_NONE;
}

int cln_stage_slices(const struct cln_plan *plan, const struct cln_stage *stage, int tensor) {
    return tensor == stage->weight ? cln_affine_of(stage)->slices(plan, stage) : 1;
}

/* The bytes of the stage's struct cln_partials: of its moments, or of its sums. */
static size_t moment_bytes(const struct cln_plan *plan, const struct cln_stage *stage, int parts) {
    const int splits = cln_affine_of(stage)->splits(plan, stage);
    return (size_t)stage->z.channels * (size_t)parts * (size_t)splits * 4 * sizeof(float);
}
static size_t sum_bytes(const struct cln_stage *stage, int parts) {
    return (size_t)stage->z.channels * (size_t)parts * 2 * sizeof(float);
}

/* The blocks that a work-group of the stage's affine part takes; NULL: of a launch by block. */
static int span_of(const struct cln_plan *plan, const struct cln_stage *stage) {
    return stage ? cln_affine_of(stage)->span(plan, stage) : 1;
}

enum cln_status cln_stage_buffers_create(struct cln_stage_buffers *out, const struct cln_plan *plan,
                                         const struct cln_stage *stage, const struct cln_stage *next, bool trains) {
    *out = (struct cln_stage_buffers){
        .shares_output = is_plain(stage),
        .normal_span = cln_norm_span(plan, span_of(plan, next)), /* the next stage's forward pass follows */
        .dz_span = cln_norm_span(plan, span_of(plan, stage)),    /* the data gradient follows */
    };
    const bool maximum = stage->pool.kind == CLN_POOL_MAX;
    const struct cln_affine *affine = cln_affine_of(stage);
    const int parts = cln_plan_parts(plan), all_parts = plan->whole_batch > 0 ? cln_plan_whole_parts(plan) : 0;
    const size_t copy = stage->normalise ? (size_t)stage->z.channels * 4 * sizeof(float) : 0;
    const struct {
        struct ocl_buffer **buffer;
        size_t bytes; /* 0: not needed */
        bool of_training;
    } wanted[] = {
        {&out->z, cln_plan_bytes(plan, stage->z), false},
        {&out->a, out->shares_output ? 0 : cln_plan_bytes(plan, stage->a), false},
        {&out->filters[false], affine->filter_floats ? affine->filter_floats(plan, stage, false) * sizeof(float) : 0,
         false},
        {&out->statistics, affine->statistic_floats ? affine->statistic_floats(plan, stage) * sizeof(float) : 0, false},
        {&out->dropped, stage->dropout.p > 0 ? cln_plan_bytes(plan, stage->a) : 0, true},
        {&out->max_value, maximum ? cln_plan_bytes(plan, stage->a) : 0, true},
        {&out->max_index, maximum ? cln_plan_elements(plan, stage->a) * sizeof(uint16_t) : 0, true},
        {&out->normal, copy * cln_norm_copies(plan, out->normal_span), true},
        {&out->dz_coefficients, copy * cln_norm_copies(plan, out->dz_span), true},
        {&out->moments, stage->normalise ? moment_bytes(plan, stage, parts) : 0, true},
        {&out->sums, sum_bytes(stage, parts), true},
        {&out->all_moments, stage->normalise ? moment_bytes(plan, stage, all_parts) : 0, true},
        {&out->all_sums, sum_bytes(stage, all_parts), true},
        {&out->filters[true],
         affine->filter_floats && stage->input != CLN_READS_IMAGES
             ? affine->filter_floats(plan, stage, true) * sizeof(float)
             : 0,
         true},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (wanted[i].bytes > 0 && (trains || !wanted[i].of_training)) {
            enum cln_status status = cln_plan_buffer(plan, wanted[i].buffer, "activations", wanted[i].bytes);
            if (status != CLN_OK)
                return status;
        }
    return CLN_OK;
}

void cln_stage_buffers_destroy(struct cln_stage_buffers *buffers) {
    struct ocl_buffer **all[] = {&buffers->z,
                                 &buffers->a,
                                 &buffers->dropped,
                                 &buffers->max_value,
                                 &buffers->max_index,
                                 &buffers->normal,
                                 &buffers->dz_coefficients,
                                 &buffers->moments,
                                 &buffers->sums,
                                 &buffers->all_moments,
                                 &buffers->all_sums,
                                 &buffers->filters[false],
                                 &buffers->filters[true],
                                 &buffers->statistics};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        ocl_buffer_destroy(all[i]);
}

static struct ocl_buffer *output_of(const struct cln_stage_buffers *b) {
    return b->shares_output ? b->z : b->a;
}

struct ocl_buffer *cln_stage_output(const struct cln_stage_buffers *b, bool training) {
    return training && b->dropped ? b->dropped : output_of(b);
}

/* The offset of a tensor in its buffer; −1: the stage has no such tensor. */
static int offset_of(const struct cln_network *network, int tensor) {
    return tensor < 0 ? -1 : (int)network->tensors[tensor].offset;
}

static struct cln_weights weights_of(const struct cln_stage *stage, const struct cln_stage_context *context,
                                     const struct cln_stage_buffers *b) {
    return (struct cln_weights){.buffer = context->parameters,
                                .weight = offset_of(context->network, stage->weight),
                                .bias = offset_of(context->network, stage->bias),
                                .statistics = b->statistics,
                                .filters = {b->filters[false], b->filters[true]}};
}

static struct cln_norm norm_of(const struct cln_stage *stage, const struct cln_stage_context *context,
                               const struct cln_stage_buffers *b) {
    const struct cln_network *network = context->network;
    return (struct cln_norm){
        .options = stage->batchnorm,
        .parameters = context->parameters,
        .gamma = stage->gamma < 0 ? context->constants.gamma : offset_of(network, stage->gamma),
        .beta = stage->beta < 0 ? context->constants.beta : offset_of(network, stage->beta),
        .running = context->running,
        .running_mean = offset_of(network, stage->running_mean),
        .running_var = offset_of(network, stage->running_var),
        .normal = b->normal,
        .dz_coefficients = b->dz_coefficients,
        .normal_span = b->normal_span,
        .dz_span = b->dz_span,
        .is_local = context->local_norm,
    };
}

/* Describes the stage's normalise, activate and pool part. The result points to `norm` if the stage has a batch
 * norm. */
static struct cln_activate activate_of(const struct cln_plan *plan, const struct cln_stage *stage,
                                       const struct cln_stage_buffers *b, const struct cln_norm *norm) {
    struct cln_activate g = {
        .activation = stage->activation,
        .pool = stage->pool,
        .norm = stage->normalise ? norm : NULL,
        .adds = stage->addend != CLN_READS_NOTHING,
        .z = b->z,
        .a = output_of(b),
        .max_value = b->max_value,
        .max_index = b->max_index,
        .da = b->da,
        .further = b->further,
    };
    if (stage->pool.kind == CLN_POOL_NONE)
        g.pool = (struct cln_pool2d){
            .in = stage->z, .out = stage->z, .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1};
    if (cln_affine_of(stage)->fuse && !b->shares_output)
        cln_affine_of(stage)->fuse(plan, stage, &g);
    return g;
}

enum cln_status cln_stage_filters(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *b,
                                  bool backward) {
    const struct cln_affine *affine = cln_affine_of(stage);
    return affine->filters ? affine->filters(plan, stage, weights_of(stage, context, b), backward) : CLN_OK;
}

enum cln_status cln_stage_predict(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *b,
                                  struct cln_stage_inputs inputs) {
    const struct cln_norm norm = norm_of(stage, context, b);
    struct cln_activate activate = activate_of(plan, stage, b, &norm);
    activate.addend = inputs.addend;
    if (!activate.max_value) /* passed on, but not written */
        activate.max_value = activate.max_index = b->z;
    enum cln_status status = cln_affine_of(stage)->forward(plan, stage, &activate, weights_of(stage, context, b),
                                                           inputs.x, b->z, (struct cln_partials){NULL});
    if (status != CLN_OK || b->shares_output)
        return status;
    status = cln_plan_follow(plan);
    return status == CLN_OK ? cln_activate_predict(plan, &activate) : status;
}

/* A dropout has the shape of what it follows, before a Flatten. */
static struct cln_dropout_units dropout_of(const struct cln_stage *stage, const struct cln_stage_context *context) {
    return (struct cln_dropout_units){.dropout = stage->dropout,
                                      .shape = context->network->layers[stage->dropout_layer].out,
                                      .seed = context->seed,
                                      .layer = stage->dropout_layer};
}

/* Lets the moments go round: all that follows waits for them. */
static enum cln_status share_moments(struct cln_plan *plan, const struct cln_stage *stage, struct cln_partials own,
                                     struct ocl_buffer *all) {
    enum cln_status status = cln_exchange_moments(plan, stage->z.channels, own, all);
    if (status == CLN_OK)
        status = cln_exchange_begin(plan);
    return status == CLN_OK ? cln_exchange_end(plan) : status;
}

/* Up to a. */
static enum cln_status forward_to_a(struct cln_plan *plan, const struct cln_stage *stage,
                                    const struct cln_stage_context *context, struct cln_stage_buffers *b,
                                    struct cln_stage_inputs inputs) {
    const struct cln_norm norm = norm_of(stage, context, b);
    struct cln_activate activate = activate_of(plan, stage, b, &norm);
    activate.addend = inputs.addend;
    const bool whole = stage->normalise && !context->shares && cln_channel_forward_pays(plan, &activate);
    const struct cln_affine *affine = cln_affine_of(stage);
    /* A launch over whole channels computes moments itself. */
    const bool partials_wanted = stage->normalise && (!whole || affine->has_moments_at_hand);
    struct cln_partials partials = {.buffer = partials_wanted ? b->moments : NULL,
                                    .splits = affine->splits(plan, stage)};
    enum cln_status status =
        affine->forward(plan, stage, &activate, weights_of(stage, context, b), inputs.x, b->z, partials);
    if (status == CLN_OK)
        status = stage->normalise ? cln_plan_barrier(plan) : cln_plan_follow(plan);
    if (status == CLN_OK && whole)
        return cln_channel_forward(plan, &activate, partials);
    if (status == CLN_OK && stage->normalise && context->shares && !norm.is_local) {
        status = share_moments(plan, stage, partials, b->all_moments);
        partials.buffer = b->all_moments;
    }
    if (status == CLN_OK && stage->normalise)
        status = cln_batchnorm_statistics(plan, &norm, partials);
    if (status == CLN_OK && stage->normalise)
        status = cln_plan_follow(plan);
    if (status == CLN_OK && !b->shares_output)
        status = cln_activate_forward(plan, &activate);
    return status;
}

enum cln_status cln_stage_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, struct cln_stage_buffers *b,
                                  struct cln_stage_inputs inputs) {
    enum cln_status status = forward_to_a(plan, stage, context, b, inputs);
    if (status != CLN_OK || !b->dropped)
        return status;
    const struct cln_dropout_units units = dropout_of(stage, context);
    status = cln_plan_follow(plan);
    return status == CLN_OK ? cln_dropout_forward(plan, &units, output_of(b), b->dropped) : status;
}

bool cln_stage_adds_gradients(const struct cln_stage *stage) {
    return !is_plain(stage) && stage->pool.kind != CLN_POOL_AVERAGE && !(stage->dropout.p > 0);
}

/* The slices of a tensor's gradient; NULL buffer: the stage has no such tensor, or it is frozen. */
static struct cln_slices slices_of(const struct cln_stage_context *context, int tensor) {
    return tensor < 0 ? (struct cln_slices){NULL} : context->slices[tensor];
}

/* The slices of the bias's gradient, which a batch norm makes zero. */
static struct cln_slices bias_of(const struct cln_stage *stage, const struct cln_stage_context *context) {
    return slices_of(context, stage->normalise ? -1 : stage->bias);
}

/* Those of γ or β; where nobody wants the gradient, the place for it. */
static struct cln_slices norm_slices(const struct cln_stage_context *context, int tensor, struct cln_slices place) {
    const struct cln_slices slices = slices_of(context, tensor);
    return slices.buffer ? slices : place;
}

/* Whether one launch over whole channels makes all of the backward pass up to dz. */
static bool takes_whole_channels(const struct cln_plan *plan, const struct cln_stage_context *context,
                                 const struct cln_activate *activate) {
    return !context->shares && cln_channel_backward_pays(plan, activate);
}

/* The sums of this process's samples, and those of the whole batch. */
static struct cln_partials sums_of(const struct cln_stage_buffers *b) {
    return (struct cln_partials){.buffer = b->sums, .splits = 1};
}
static struct cln_partials all_sums_of(const struct cln_stage_buffers *b) {
    return (struct cln_partials){.buffer = b->all_sums ? b->all_sums : b->sums, .splits = 1};
}

enum cln_status cln_stage_sums(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context, const struct cln_stage_buffers *b) {
    const struct cln_norm norm = norm_of(stage, context, b);
    const struct cln_activate activate = activate_of(plan, stage, b, &norm);
    enum cln_status status = CLN_OK;
    if (b->dropped) {
        const struct cln_dropout_units units = dropout_of(stage, context);
        status = cln_dropout_backward(plan, &units, b->da);
        if (status == CLN_OK)
            status = cln_plan_follow(plan);
    }
    if (status != CLN_OK || (b->shares_output && !bias_of(stage, context).buffer) ||
        takes_whole_channels(plan, context, &activate))
        return status;
    status = cln_activate_backward(plan, &activate, sums_of(b));
    const bool is_needed = stage->normalise ? !norm.is_local : bias_of(stage, context).buffer != NULL;
    return status == CLN_OK && context->shares && is_needed
               ? cln_exchange_sums(plan, stage->z.channels, b->sums, b->all_sums)
               : status;
}

/* From the sums of all blocks: dz, unless the weight gradient makes it, and the gradients of γ and β. */
static enum cln_status backward_to_z(struct cln_plan *plan, const struct cln_stage *stage,
                                     const struct cln_stage_context *context, struct cln_stage_buffers *b,
                                     const struct cln_activate *activate) {
    const struct cln_stage_constants *places = &context->constants;
    struct cln_slices gamma = {NULL}, beta = bias_of(stage, context);
    if (stage->normalise) {
        gamma = norm_slices(context, stage->gamma, places->gamma_out);
        beta = norm_slices(context, stage->beta, places->beta_out);
    }
    if (takes_whole_channels(plan, context, activate))
        return cln_channel_backward(plan, activate, gamma, beta);
    const bool is_local = stage->normalise && activate->norm->is_local;
    enum cln_status status = stage->normalise && !is_local ? cln_exchange_end(plan) : CLN_OK;
    if (status == CLN_OK && stage->normalise)
        status = cln_batchnorm_backward(plan, activate->norm, is_local ? sums_of(b) : all_sums_of(b), gamma, beta);
    if (status == CLN_OK && stage->normalise)
        status = cln_plan_follow(plan);
    if (status == CLN_OK && !activate->fuses_dz)
        status = cln_activate_spread(plan, activate);
    return status;
}

enum cln_status cln_stage_data(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context, struct cln_stage_buffers *b,
                               struct ocl_buffer *x, struct ocl_buffer *dx) {
    const struct cln_norm norm = norm_of(stage, context, b);
    const struct cln_activate activate = activate_of(plan, stage, b, &norm);
    enum cln_status status = b->shares_output ? CLN_OK : backward_to_z(plan, stage, context, b, &activate);
    if (status != CLN_OK || !dx)
        return status;
    status = cln_plan_follow(plan);
    return status == CLN_OK ? cln_affine_of(stage)->backward_data(plan, stage, &activate, weights_of(stage, context, b),
                                                                  x, b->shares_output ? b->da : b->z, dx)
                            : status;
}

enum cln_status cln_stage_gradients(struct cln_plan *plan, const struct cln_stage *stage,
                                    const struct cln_stage_context *context, struct cln_stage_buffers *b,
                                    struct ocl_buffer *x) {
    const struct cln_norm norm = norm_of(stage, context, b);
    const struct cln_activate activate = activate_of(plan, stage, b, &norm);
    const struct cln_affine *affine = cln_affine_of(stage);
    const struct cln_slices weight = slices_of(context, stage->weight);
    return affine->backward_weights && weight.buffer
               ? affine->backward_weights(plan, stage, &activate, weights_of(stage, context, b), x,
                                          b->shares_output ? b->da : b->z, weight)
               : CLN_OK;
}

enum cln_status cln_stage_bias(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context, const struct cln_stage_buffers *b) {
    const struct cln_norm norm = norm_of(stage, context, b);
    const struct cln_activate activate = activate_of(plan, stage, b, &norm);
    const struct cln_slices none = {NULL}, bias = bias_of(stage, context);
    if (!bias.buffer)
        return CLN_OK;
    if (!takes_whole_channels(plan, context, &activate))
        return cln_bias_gradient(plan, stage->z, all_sums_of(b), bias);
    /* The launch that made dz has made it, if there was one. */
    return b->shares_output ? cln_channel_backward(plan, &activate, none, bias) : CLN_OK;
}
