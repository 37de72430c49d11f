/* The engine: a network on a device, created once, then run batch by batch. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/data/mix.h"
#include "src/engine/engine_private.h"

static enum cln_status check_params(const struct cln_engine_params *params) {
    const struct cln_shape input = params->network->input;
    if (params->batch_size < 1 || params->batch_size > 1 << 20)
        return cln_fail(CLN_INVALID, "batch size is %d: it must be between 1 and %d", params->batch_size, 1 << 20);
    if (params->image.channels != input.channels)
        return cln_fail(CLN_INVALID, "the images have %d channels, the network takes %d", params->image.channels,
                        input.channels);
    if (params->train.count > INT32_MAX || params->test.count > INT32_MAX)
        return cln_fail(CLN_INVALID, "more than %d images", INT32_MAX);
    return CLN_OK;
}

/* Where every stage has a batch norm, a chain has the forward pass or the data gradient of one, in the mean a third of
 * a stage's operations. */
static void choose_chains(struct cln_engine *e) {
    double forward, training;
    cln_network_multiply_adds(e->network, &forward, &training);
    cln_plan_chain(&e->plan, 2 * training * e->plan.batch_size / (3 * (double)e->stage_count));
}

/* Whether launches are joined, so that they gain by having few buffers. */
static bool joins(const struct cln_tuning *tuning) {
    return tuning->join_launches && tuning->lanes == tuning->vector;
}

static enum cln_status create(struct cln_engine **out, struct ocl_context *context,
                              const struct cln_engine_params *params, const struct cln_tuning *tuning) {
    struct cln_engine *e = calloc(1, sizeof *e);
    if (!e)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an engine");
    e->context = context;
    e->network = params->network;
    e->image = params->image;
    e->pixels = params->pixels;
    e->streams = params->streams;
    e->standardized = params->mean != NULL;
    e->weighted = params->class_weights != NULL;
    e->optimizer = cln_optimizer_resolve(params->optimizer);
    e->seed = params->seed;
    e->augmentation = params->augmentation;
    e->frozen = params->frozen;
    e->exchange = params->exchange;
    const int share = cln_engine_share(e, params->batch_size);
    const int samples = e->exchange.varies ? params->batch_size : cln_max(1, share);
    e->plan = (struct cln_plan){
        .context = context,
        .tuning = *tuning,
        .batch_size = samples,
        .whole_batch = e->exchange.count > 0 ? params->batch_size : 0,
        .blocks = cln_ceil_div(samples, tuning->lanes),
    };
    enum cln_status status = cln_engine_plan_memory(e, params);
    if (status == CLN_OK) {
        choose_chains(e);
        e->plan.pool = joins(tuning) ? &e->pool : NULL;
        status = cln_engine_check_fit(e);
    }
    if (status == CLN_OK)
        status = cln_engine_create_memory(e, params);
    /* Prediction first: where its launches are joined, it has the program that takes longest to build. That one should
     * not be the last of the programs that builders share (src/session/builders.h). */
    if (status == CLN_OK && params->test.count > 0)
        status = cln_engine_create_prediction(e);
    e->plan.observe = params->observe;
    e->plan.observer = params->observer;
    if (status == CLN_OK && params->train.count > 0)
        status = cln_engine_create_training(e);
    e->plan.observe = NULL;
    if (status != CLN_OK)
        cln_engine_destroy(&e);
    *out = e;
    return status;
}

enum cln_status cln_engine_create(struct cln_engine **out, struct ocl_context *context,
                                  const struct cln_engine_params *params) {
    struct cln_tuning tuning = *params->tuning;
    *out = NULL;
    enum cln_status status = check_params(params);
    if (status != CLN_OK)
        return status;
    /* Only a built kernel shows how large a work-group its registers and local memory allow. */
    char refusal[512] = "";
    while ((status = create(out, context, params, &tuning)) != CLN_OK &&
           (ocl_context_group_refused(context) || (status == CLN_BUILD && tuning.max_team > 1))) {
        if (!refusal[0])
            snprintf(refusal, sizeof refusal, "%s", cln_error_message());
        if (!cln_tuning_shrink(&tuning))
            break;
    }
    if (status == CLN_OK && tuning.lanes < params->tuning->lanes)
        cln_log(CLN_LOG_WARNING, "%-s: using %d lanes", refusal, tuning.lanes);
    else if (status == CLN_OK && tuning.vector > params->tuning->vector)
        cln_log(CLN_LOG_WARNING, "%-s: using vectors of %d", refusal, tuning.vector);
    else if (status == CLN_OK && refusal[0])
        cln_log(CLN_LOG_WARNING, "%-s: using teams of %d", refusal, tuning.max_team);
    return status;
}

void cln_engine_destroy(struct cln_engine **engine) {
    struct cln_engine *e = *engine;
    if (!e)
        return;
    *engine = NULL;
    ocl_sequence_destroy(&e->repeat);
    ocl_sequence_destroy(&e->update);
    cln_exchange_free(&e->repeat_rounds);
    for (int s = 0; s < CLN_SET_COUNT; s++) {
        struct cln_engine_data *set = &e->sets[s];
        ocl_sequence_destroy(&set->step);
        cln_exchange_free(&set->rounds);
        cln_ring_free(&set->ring);
        cln_pixels_destroy(&set->pixels);
        ocl_buffer_destroy(&set->labels);
        ocl_buffer_destroy(&set->order);
        ocl_buffer_destroy(&set->rates);
        ocl_buffer_destroy(&set->state);
    }
    cln_exchange_free_gradients(&e->of_gradients);
    if (e->buffers)
        for (size_t s = 0; s < e->stage_count; s++)
            cln_stage_buffers_destroy(&e->buffers[s]);
    if (e->gradient_memory)
        for (size_t i = 0; i < 2 * e->stage_count; i++)
            ocl_buffer_destroy(&e->gradient_memory[i]);
    for (int which = 0; which < CLN_VALUES_COUNT; which++)
        ocl_buffer_destroy(&e->values[which]);
    struct ocl_buffer **rest[] = {&e->standardization,
                                  &e->x,
                                  &e->lane_labels,
                                  &e->predicted,
                                  &e->loss_sums,
                                  &e->all_loss_sums,
                                  &e->sums,
                                  &e->nodes,
                                  &e->sum_slice_table,
                                  &e->slice_table,
                                  &e->gradient_partials,
                                  &e->class_weights,
                                  &e->mixes};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        ocl_buffer_destroy(rest[i]);
    ocl_buffer_destroy(&e->pool.buffer);
    free(e->buffers);
    free(e->gradient_memory);
    free(e->slices);
    free(e->stages);
    free(e->learns);
    free(e);
}

static enum cln_status write_order(struct cln_engine_data *set, const uint32_t *order, size_t count) {
    if (!order && count <= set->in_order)
        return CLN_OK;
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
    set->in_order = status == CLN_OK && !order ? count : 0;
    free(indices);
    return status;
}

/* Writes the learning rates of the batches from `state` to the end of the epoch. */
static enum cln_status write_rates(const struct cln_engine *e, const struct cln_engine_data *set,
                                   const struct cln_state *state) {
    const int batches = cln_ceil_div(state->samples - state->seen, state->batch_size);
    float *rates = malloc((size_t)batches * sizeof *rates);
    if (!rates)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the learning rates of %d batches", batches);
    for (int i = 0; i < batches; i++)
        rates[i] = (float)cln_learning_rate(&e->optimizer, state->step + i / (int)e->optimizer.accumulate + 1);
    const enum cln_status status = ocl_buffer_write(set->rates, 0, (size_t)batches * sizeof *rates, rates);
    free(rates);
    return status;
}

/* Draws how the pictures of those batches are mixed. */
static enum cln_status write_mixes(const struct cln_engine *e, const struct cln_state *state) {
    const size_t batches = (size_t)cln_ceil_div(state->samples - state->seen, state->batch_size);
    if (!e->mixes)
        return CLN_OK;
    struct cln_mix *mixes = malloc(batches * sizeof *mixes);
    if (!mixes)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the mixes of %zu batches", batches);
    const size_t accumulate = (size_t)e->optimizer.accumulate;
    for (size_t i = 0; i < batches; i++) {
        const struct cln_mix_draw d = cln_mix_draw(&e->augmentation, e->network->input, e->seed,
                                                   (uint64_t)state->step + i / accumulate + 1, i % accumulate);
        mixes[i] = (struct cln_mix){d.own, d.blend, d.top, d.bottom, d.left, d.right};
    }
    const enum cln_status status = ocl_buffer_write(e->mixes, 0, batches * sizeof *mixes, mixes);
    free(mixes);
    return status;
}

static enum cln_status begin(struct cln_engine *e, enum cln_engine_set which, const uint32_t *order, size_t count,
                             const struct cln_state *at, ocl_buffer_writer *writer) {
    struct cln_engine_data *set = &e->sets[which];
    if (count < 1 || count > set->count)
        return cln_fail(CLN_INVALID, "an epoch of %zu samples: the set has %zu", count, set->count);
    enum cln_status status = write_order(set, order, count);
    if (status == CLN_OK && e->streams)
        status = cln_ring_begin(&set->ring, order, count, at->seen > 0 ? (size_t)at->seen : 0);
    struct cln_state state = set->begun;
    if (status == CLN_OK && which == CLN_TRAIN) /* for the number of steps */
        status = ocl_buffer_read(set->state, 0, sizeof state, &state);
    if (status != CLN_OK)
        return status;
    state.samples = (int)count;
    state.next = state.position = at->seen;
    state.whole = state.count = state.frozen = 0;
    state.batches = state.resumed = at->batches;
    state.seen = at->seen;
    state.hits = at->hits;
    state.loss_sum = at->loss_sum;
    state.loss_carry = at->loss_carry;
    state.step = at->step >= 0 ? at->step : state.step;
    state.epoch = which == CLN_TRAIN ? e->epoch : 0;
    if (which == CLN_TRAIN && state.step > INT_MAX - (int)count)
        return cln_fail(CLN_INVALID,
                        "a training of more than %d steps: %d are done, and an epoch of %zu samples begins", INT_MAX,
                        state.step, count);
    state.update = state.step + 1;
    state.before = state.ended = 0;
    if (which == CLN_TRAIN && state.seen < state.samples) {
        status = write_rates(e, set, &state);
        if (status == CLN_OK)
            status = write_mixes(e, &state);
    }
    if (status != CLN_OK)
        return status;
    if (which == CLN_TRAIN)
        e->batches_left = cln_ceil_div(state.samples - state.seen, state.batch_size);
    set->begun = state;
    return writer(set->state, 0, sizeof set->begun, &set->begun);
}

enum cln_status cln_engine_begin(struct cln_engine *e, enum cln_engine_set set, const uint32_t *order, size_t count) {
    return begin(e, set, order, count, &(struct cln_state){.step = -1}, ocl_buffer_write);
}

enum cln_status cln_engine_begin_queued(struct cln_engine *e, size_t count) {
    return begin(e, CLN_TEST, NULL, count, &(struct cln_state){.step = -1}, ocl_buffer_write_queued);
}

void cln_engine_settle(struct cln_engine *e) {
    ocl_buffer_settle(e->sets[CLN_TEST].state);
}

enum cln_status cln_engine_continue(struct cln_engine *e, const uint32_t *order, size_t count,
                                    const struct cln_state *at) {
    if (at->seen < 0 || (size_t)at->seen > count)
        return cln_fail(CLN_INVALID, "an epoch of %zu samples cannot resume after %d", count, at->seen);
    return begin(e, CLN_TRAIN, order, count, at, ocl_buffer_write);
}

enum cln_status cln_engine_set_rates(struct cln_engine *e, const double *rates, size_t steps) {
    const size_t each = (size_t)e->optimizer.accumulate, left = (size_t)e->batches_left;
    const size_t batches = steps * each < left ? steps * each : left;
    float *values = malloc((batches + 1) * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the learning rates of %zu batches", batches);
    for (size_t i = 0; i < batches; i++)
        values[i] = (float)rates[i / each];
    const enum cln_status status = ocl_buffer_write(e->sets[CLN_TRAIN].rates, 0, batches * sizeof *values, values);
    free(values);
    return status;
}

void cln_engine_place_schedule(struct cln_engine *e, const struct cln_optimizer_params *optimizer) {
    e->optimizer.plateau = optimizer->plateau;
    e->optimizer.step_shift = optimizer->step_shift;
    e->optimizer.steps_per_epoch = optimizer->steps_per_epoch;
}

void cln_engine_place_epoch(struct cln_engine *e, int epoch) {
    e->epoch = epoch;
}

/* Queues one batch, behind its images if they stay on the host. */
static enum cln_status run_batch(struct cln_engine *e, struct cln_engine_data *set) {
    const enum cln_status status = e->streams ? cln_ring_send(&set->ring) : CLN_OK;
    return status == CLN_OK ? ocl_sequence_run(set->step) : status;
}

enum cln_status cln_engine_step(struct cln_engine *e, enum cln_engine_set set) {
    if (set != CLN_TRAIN)
        return run_batch(e, &e->sets[set]);
    const int batches = cln_max(1, cln_min((int)e->optimizer.accumulate, e->batches_left));
    enum cln_status status = CLN_OK;
    for (int i = 0; i < batches && status == CLN_OK; i++)
        status = run_batch(e, &e->sets[CLN_TRAIN]);
    e->batches += (uint64_t)cln_min(batches, e->batches_left);
    e->batches_left = cln_max(0, e->batches_left - batches);
    return status == CLN_OK && e->update ? ocl_sequence_run(e->update) : status;
}

uint64_t cln_engine_batches(const struct cln_engine *e) {
    return e->batches;
}

enum cln_status cln_engine_state(struct cln_engine *e, enum cln_engine_set set, struct cln_state *state,
                                 struct ocl_ticket **ticket) {
    return ocl_buffer_read_begin(ticket, e->sets[set].state, 0, sizeof *state, state);
}

static enum cln_status copy_values(struct cln_engine *e, enum cln_engine_values to, enum cln_engine_values from) {
    const size_t floats = cln_engine_floats(e, from);
    float *values = malloc((floats + 1) * sizeof *values);
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an average of %zu values", floats);
    enum cln_status status = cln_engine_read(e, from, values);
    if (status == CLN_OK)
        status = cln_engine_write(e, to, values);
    free(values);
    return status;
}

enum cln_status cln_engine_begin_average(struct cln_engine *e) {
    if (!e->values[CLN_AVERAGE])
        return CLN_OK;
    enum cln_status status = copy_values(e, CLN_AVERAGE, CLN_PARAMETERS);
    return status == CLN_OK ? copy_values(e, CLN_AVERAGE_RUNNING, CLN_RUNNING) : status;
}

size_t cln_engine_launches(const struct cln_engine *e) {
    const size_t batch = e->sets[CLN_TRAIN].step ? ocl_sequence_length(e->sets[CLN_TRAIN].step) : 0;
    return batch * (size_t)e->optimizer.accumulate + (e->update ? ocl_sequence_length(e->update) : 0);
}

bool cln_engine_replays(const struct cln_engine *e) {
    return e->sets[CLN_TRAIN].step && ocl_sequence_replays(e->sets[CLN_TRAIN].step);
}
