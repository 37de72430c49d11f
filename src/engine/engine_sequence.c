/* The engine's sequences: which launches make a training step, an evaluation step, a repeated forward pass. */
#include "src/engine/batch.h"
#include "src/engine/copy.h"
#include "src/engine/engine_private.h"
#include "src/engine/optimizer.h"
#include "src/engine/softmax_cross_entropy.h"

static struct cln_batch batch_of(const struct cln_engine *e, const struct cln_engine_data *set) {
    return (struct cln_batch){
        .in = e->image,
        .out = e->network->input,
        .type = e->pixels,
        .pixels = &set->pixels,
        .labels = set->labels,
        .order = set->order,
        .rates = set->rates,
        .standardization = e->standardization,
        .augmentation = set == &e->sets[CLN_TRAIN] ? &e->augmentation : NULL,
        .seed = e->seed,
        .mixes = set == &e->sets[CLN_TRAIN] ? e->mixes : NULL,
        .x = e->x,
        .lane_labels = e->lane_labels,
    };
}

static struct cln_stage_context stage_context(const struct cln_engine *e, bool training) {
    const struct cln_engine_model model = cln_engine_model(e);
    return (struct cln_stage_context){
        .network = e->network,
        .parameters = e->values[training ? CLN_PARAMETERS : model.parameters],
        .running = e->values[training ? CLN_RUNNING : model.running],
        .slices = e->slices,
        .constants = e->constants,
        .shares = e->exchange.count > 0,
        .local_norm = e->exchange.count > 0 && e->exchange.local_norm,
        .seed = e->seed,
    };
}

/* The first launch of a step: what depends on nothing. `backward`: filters of data gradients are needed. */
static enum cln_status add_begin(struct cln_engine *e, const struct cln_engine_data *set, bool backward) {
    const struct cln_stage_context context = stage_context(e, set == &e->sets[CLN_TRAIN]);
    const struct cln_batch batch = batch_of(e, set);
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    cln_plan_join(&e->plan);
    enum cln_status status = cln_batch_begin(&e->plan, &batch);
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        cln_plan_scope(&e->plan, (int)s);
        status = cln_stage_filters(&e->plan, &e->stages[s], &context, &e->buffers[s], false);
        if (status == CLN_OK && backward && cln_engine_gradient_of_input(e, s))
            status = cln_stage_filters(&e->plan, &e->stages[s], &context, &e->buffers[s], true);
    }
    return status == CLN_OK ? cln_plan_joined(&e->plan) : status;
}

/* The output of a stage, or the images. */
static struct ocl_buffer *output_of(const struct cln_engine *e, int stage, bool training) {
    return stage == CLN_READS_IMAGES ? e->x : cln_stage_output(&e->buffers[stage], training);
}

static struct cln_stage_inputs inputs_of(const struct cln_engine *e, size_t stage, bool training) {
    const struct cln_stage *s = &e->stages[stage];
    return (struct cln_stage_inputs){
        .x = output_of(e, s->input, training),
        .addend = s->addend == CLN_READS_NOTHING ? NULL : output_of(e, s->addend, training),
    };
}

static enum cln_status add_forward(struct cln_engine *e) {
    const struct cln_stage_context context = stage_context(e, true);
    enum cln_status status = CLN_OK;
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        cln_plan_scope(&e->plan, (int)s);
        status = cln_stage_forward(&e->plan, &e->stages[s], &context, &e->buffers[s], inputs_of(e, s, true));
        if (status == CLN_OK)
            status = cln_plan_follow(&e->plan);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", e->plan.scope);
    }
    return status;
}

static enum cln_status add_prediction(struct cln_engine *e) {
    const struct cln_stage_context context = stage_context(e, false);
    enum cln_status status = CLN_OK;
    for (size_t s = 0; s < e->stage_count && status == CLN_OK; s++) {
        cln_plan_scope(&e->plan, (int)s);
        status = cln_stage_predict(&e->plan, &e->stages[s], &context, &e->buffers[s], inputs_of(e, s, false));
        if (status == CLN_OK)
            status = cln_plan_follow(&e->plan);
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", e->plan.scope);
    }
    return status;
}

static enum cln_status add_loss(struct cln_engine *e, bool training) {
    const size_t last = e->stage_count - 1;
    const struct cln_softmax_cross_entropy loss = {
        .classes = e->network->classes,
        .logits = cln_stage_output(&e->buffers[last], training),
        .labels = e->lane_labels,
        .gradient = training ? e->buffers[last].da : NULL,
        .predicted = training ? NULL : e->predicted,
        .sums = e->loss_sums,
        .class_weights = training ? e->class_weights : NULL,
        .mixes = training ? e->mixes : NULL,
    };
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    const enum cln_status status = cln_softmax_cross_entropy(&e->plan, &loss);
    return status == CLN_OK && e->all_loss_sums ? cln_exchange_sums(&e->plan, 1, e->loss_sums, e->all_loss_sums)
                                                : status;
}

/* Of the whole batch: if processes share it, behind the round that takes the losses. */
static enum cln_status add_end(struct cln_engine *e, const struct cln_engine_data *set) {
    const struct cln_batch batch = batch_of(e, set);
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    return cln_batch_end(&e->plan, &batch, e->all_loss_sums ? e->all_loss_sums : e->loss_sums);
}

/* What nothing of the backward pass waits for: the batch's end, and the gradients of weights and biases. If processes
 * share the batch, its end and the biases' gradients wait for the last round. */
struct leftover {
    bool shares;
    bool ended;
    size_t stages; /* the gradients of so many stages, the first ones, are still to come */
};

static enum cln_status add_bias(struct cln_engine *e, size_t stage) {
    const struct cln_stage_context context = stage_context(e, true);
    cln_plan_scope(&e->plan, (int)stage);
    return e->learns[stage] ? cln_stage_bias(&e->plan, &e->stages[stage], &context, &e->buffers[stage]) : CLN_OK;
}

static enum cln_status add_weights(struct cln_engine *e, size_t stage) {
    const struct cln_stage_context context = stage_context(e, true);
    cln_plan_scope(&e->plan, (int)stage);
    return e->learns[stage] ? cln_stage_gradients(&e->plan, &e->stages[stage], &context, &e->buffers[stage],
                                                  inputs_of(e, stage, true).x)
                            : CLN_OK;
}

/* A barrier, the beginning of a round if what follows `waits` for one, and the gradients of all stages from `done` on;
 * without other processes the batch's end before them, unless it has been added. */
static enum cln_status add_leftover(struct leftover *left, struct cln_engine *e, const struct cln_engine_data *set,
                                    size_t done, bool waits) {
    enum cln_status status = waits ? cln_exchange_begin(&e->plan) : cln_plan_barrier(&e->plan);
    if (status == CLN_OK && !left->shares && !left->ended)
        status = add_end(e, set);
    left->ended = true;
    for (; left->stages > done && status == CLN_OK; left->stages--) {
        status = left->shares ? CLN_OK : add_bias(e, left->stages - 1);
        if (status == CLN_OK)
            status = add_weights(e, left->stages - 1);
    }
    return status;
}

/* All the rest. */
static enum cln_status add_last(struct leftover *left, struct cln_engine *e, const struct cln_engine_data *set) {
    enum cln_status status = add_leftover(left, e, set, 0, true);
    if (status != CLN_OK || !left->shares)
        return status;
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    status = cln_exchange_end(&e->plan);
    if (status == CLN_OK)
        status = add_end(e, set);
    for (size_t s = e->stage_count; s-- > 0 && status == CLN_OK;)
        status = add_bias(e, s);
    return status;
}

/* Completes da of a stage: the stages that read its output have made theirs. The backward pass may add the first of
 * the further ones itself. */
static enum cln_status add_gradients(struct cln_engine *e, size_t stage) {
    const struct cln_stage_buffers *b = &e->buffers[stage];
    enum cln_status status = cln_plan_follow(&e->plan);
    struct ocl_buffer *further;
    for (size_t i = b->further ? 1 : 0; status == CLN_OK && (further = cln_engine_further_gradient(e, stage, i)); i++) {
        status = cln_accumulate(&e->plan, e->stages[stage].a, further, b->da);
        if (status == CLN_OK)
            status = cln_plan_follow(&e->plan);
    }
    return status;
}

/* From da of the last stage, which the launch before has made. */
static enum cln_status add_backward(struct cln_engine *e, const struct cln_engine_data *set) {
    const struct cln_stage_context context = stage_context(e, true);
    struct leftover left = {.shares = e->exchange.count > 0, .stages = e->stage_count};
    enum cln_status status = CLN_OK;
    for (size_t s = e->stage_count; s-- > 0 && status == CLN_OK;) {
        struct cln_stage_buffers *b = &e->buffers[s];
        if (!e->learns[s])
            continue;
        cln_plan_scope(&e->plan, (int)s);
        status = add_gradients(e, s);
        if (status == CLN_OK)
            status = cln_stage_sums(&e->plan, &e->stages[s], &context, b);
        if (status == CLN_OK)
            status = cln_engine_needs_all_blocks(e, s)
                         ? add_leftover(&left, e, set, s + 1, e->stages[s].normalise && !context.local_norm)
                         : cln_plan_follow(&e->plan);
        cln_plan_scope(&e->plan, (int)s);
        if (status == CLN_OK)
            status = cln_stage_data(&e->plan, &e->stages[s], &context, b, inputs_of(e, s, true).x,
                                    cln_engine_gradient_of_input(e, s));
        if (status != CLN_OK)
            return cln_fail_within(status, "%s", e->plan.scope);
    }
    return status == CLN_OK ? add_last(&left, e, set) : status;
}

static struct cln_optimizer optimizer_of(const struct cln_engine *e) {
    return (struct cln_optimizer){
        .kind = e->optimizer.kind,
        .floats = e->network->parameter_floats,
        .parameters = e->values[CLN_PARAMETERS],
        .gradients = e->values[CLN_GRADIENTS],
        .partials = e->gradient_partials,
        .slice_table = e->slice_table,
        .most_slices = e->most_slices,
        .moments = &e->values[CLN_MOMENTS],
        .norm_parts = e->optimizer.clip_norm > 0 ? cln_optimizer_norm_parts(&e->plan, e->network->parameter_floats) : 0,
        .accumulates = e->optimizer.accumulate > 1,
    };
}

/* Makes e->sums the gradients of the whole batch, from the nodes of all processes. With accumulation they are another
 * batch's: then they take the place of the nodes, and are added from there. */
static enum cln_status add_exchange(struct cln_engine *e) {
    struct cln_optimizer sum = optimizer_of(e);
    sum.gradients = e->nodes;
    sum.accumulates = false;
    sum.nodes = e->plan.tuning.strict ? cln_exchange_most_nodes(&e->exchange, true) : 0;
    enum cln_status status = cln_optimizer_sum(&e->plan, &sum);
    const bool accumulates = e->optimizer.accumulate > 1;
    e->of_gradients = (struct cln_exchange_gradients){
        .nodes = e->nodes,
        .sums = accumulates ? e->nodes : e->sums,
        .floats = e->network->parameter_floats,
    };
    if (status == CLN_OK)
        status = cln_exchange_add_gradients(&e->plan, &e->of_gradients);
    if (status != CLN_OK || !accumulates)
        return status;
    sum = optimizer_of(e);
    sum.partials = e->nodes;
    sum.slice_table = e->sum_slice_table;
    sum.most_slices = 1;
    sum.gradients = e->sums;
    return cln_optimizer_sum(&e->plan, &sum);
}

/* Sums the gradients' slices. */
static enum cln_status add_sums(struct cln_engine *e) {
    struct cln_optimizer sum = optimizer_of(e);
    sum.gradients = e->sums;
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    return e->nodes ? add_exchange(e) : cln_optimizer_sum(&e->plan, &sum);
}

static enum cln_status add_average(struct cln_engine *e) {
    const struct cln_average average = {
        .parameter_averages = e->values[CLN_AVERAGE],
        .parameters = e->values[CLN_PARAMETERS],
        .running_averages = e->values[CLN_AVERAGE_RUNNING],
        .running = e->values[CLN_RUNNING],
        .parameter_floats = e->network->parameter_floats,
        .running_floats = e->network->running_floats,
    };
    return cln_optimizer_average(&e->plan, &average);
}

/* Behind the sums, if there are any. */
static enum cln_status add_update(struct cln_engine *e) {
    struct cln_optimizer optimizer = optimizer_of(e);
    cln_plan_scope(&e->plan, CLN_NO_STAGE);
    enum cln_status status = CLN_OK;
    if (e->sums) { /* which are then the gradients' only slices */
        optimizer.partials = e->sums;
        optimizer.slice_table = e->sum_slice_table;
        optimizer.most_slices = 1;
    }
    if (optimizer.norm_parts > 0)
        status = cln_optimizer_norm(&e->plan, &optimizer);
    if (status == CLN_OK)
        status = cln_optimizer_update(&e->plan, &optimizer);
    return status == CLN_OK && e->values[CLN_AVERAGE] ? add_average(e) : status;
}

/* `rounds`: the exchanges of the sequence, if processes share the batch; NULL: it has none. */
static enum cln_status start_sequence(struct cln_engine *e, struct ocl_sequence **out,
                                      const struct cln_engine_data *set, struct cln_exchange_rounds *rounds) {
    enum cln_status status = ocl_sequence_create(out, e->context);
    e->plan.sequence = *out;
    e->plan.state = set->state;
    e->plan.rounds = e->exchange.count > 0 ? rounds : NULL;
    if (e->plan.rounds) {
        cln_exchange_free(rounds); /* of a sequence that was given up */
        rounds->exchange = &e->exchange;
    }
    return status;
}

enum cln_status cln_engine_create_training(struct cln_engine *e) {
    struct cln_engine_data *set = &e->sets[CLN_TRAIN];
    enum cln_status status = start_sequence(e, &set->step, set, &set->rounds);
    if (status == CLN_OK)
        status = add_begin(e, set, true);
    if (status == CLN_OK)
        cln_plan_join(&e->plan);
    if (status == CLN_OK)
        status = add_forward(e);
    if (status == CLN_OK)
        status = add_loss(e, true);
    if (status == CLN_OK)
        status = add_backward(e, set);
    if (status == CLN_OK)
        status = cln_plan_joined(&e->plan);
    if (status == CLN_OK && e->sums)
        status = add_sums(e);
    if (status == CLN_OK && e->optimizer.accumulate > 1)
        status = start_sequence(e, &e->update, set, NULL);
    return status == CLN_OK ? add_update(e) : status;
}

enum cln_status cln_engine_create_prediction(struct cln_engine *e) {
    struct cln_engine_data *set = &e->sets[CLN_TEST];
    enum cln_status status = start_sequence(e, &set->step, set, &set->rounds);
    if (status == CLN_OK)
        status = add_begin(e, set, false);
    if (status == CLN_OK)
        cln_plan_join(&e->plan);
    if (status == CLN_OK)
        status = add_prediction(e);
    if (status == CLN_OK)
        status = add_loss(e, false);
    if (status == CLN_OK)
        status = cln_plan_joined(&e->plan);
    if (status == CLN_OK)
        status = cln_exchange_begin(&e->plan);
    if (status == CLN_OK)
        status = cln_exchange_end(&e->plan);
    return status == CLN_OK ? add_end(e, set) : status;
}

enum cln_status cln_engine_create_repeat(struct cln_engine *e) {
    const struct cln_engine_data *set = &e->sets[CLN_TRAIN];
    enum cln_status status = start_sequence(e, &e->repeat, set, &e->repeat_rounds);
    if (status == CLN_OK)
        status = add_begin(e, set, false);
    if (status == CLN_OK)
        cln_plan_join(&e->plan);
    if (status == CLN_OK)
        status = add_forward(e);
    if (status == CLN_OK)
        status = cln_plan_joined(&e->plan);
    if (status != CLN_OK)
        ocl_sequence_destroy(&e->repeat); /* half of it is of no use */
    return status;
}

enum cln_status cln_engine_create_look(struct cln_engine *e, struct ocl_sequence **out) {
    const struct cln_engine_data *set = &e->sets[CLN_TRAIN];
    enum cln_status status = start_sequence(e, out, set, NULL);
    if (status == CLN_OK)
        status = add_begin(e, set, false);
    if (status != CLN_OK)
        ocl_sequence_destroy(out);
    return status;
}
