/* The training loop; read this file first. An epoch is a shuffled order, then steps that only feed the device's queue,
 * then an evaluation. pace.c keeps the host close behind the device and reports progress, judge.c evaluates, saver.c
 * writes resume points, trainer_create.c sets the trainer up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/clock.h"
#include "src/base/part_meter.h"
#include "src/data/images.h"
#include "src/model/picture_words.h"
#include "src/ranks/ranks.h"
#include "src/session/errand.h"
#include "src/train/judge.h"
#include "src/train/logits.h"
#include "src/train/measure.h"
#include "src/train/pace.h"
#include "src/train/saver.h"
#include "src/train/snapshot.h"
#include "src/train/timings.h"
#include "src/train/trainer_private.h"

bool cln_trainer_builds(void) {
    return cln_errand_given();
}

const char *cln_trainer_device(const struct cln_trainer *trainer) {
    return trainer->session->description;
}

static bool is_at_limit(const struct cln_trainer *t) {
    return t->params.max_steps > 0 && t->steps >= t->params.max_steps;
}

/* Gives all processes these values of the first one. */
static enum cln_status take_first(struct cln_trainer *t, enum cln_engine_values which) {
    const size_t bytes = cln_engine_floats(t->engine, which) * sizeof(float);
    float *values = bytes > 0 ? malloc(bytes) : NULL;
    if (bytes == 0)
        return CLN_OK;
    if (!values)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu bytes of values", bytes);
    enum cln_status status = cln_engine_read(t->engine, which, values);
    if (status == CLN_OK)
        status = cln_ranks_take_first(t->params.ranks, values, bytes);
    if (status == CLN_OK)
        status = cln_engine_write(t->engine, which, values);
    free(values);
    return status;
}

/* At the end of an epoch, or where it stops, all processes take what may differ between them from the first one. With
 * batch norms of their own they have other running statistics. Unlike devices round updates differently, but for strict
 * arithmetic. */
static enum cln_status unite(struct cln_trainer *t) {
    const struct cln_trainer_params *p = &t->params;
    const bool rounds = t->deal.varies && !p->session.strict;
    enum cln_status status = CLN_OK;
    for (int which = 0; p->ranks && which < CLN_VALUES_COUNT && status == CLN_OK; which++) {
        const bool is_running = which == CLN_RUNNING || which == CLN_AVERAGE_RUNNING;
        if (which != CLN_GRADIENTS && (rounds || (p->local_batchnorm && is_running)))
            status = take_first(t, (enum cln_engine_values)which);
    }
    return status;
}

/* Begins an epoch with a new order, or continues an unfinished epoch with its order. */
static enum cln_status begin_epoch(struct cln_trainer *t, struct cln_pace *pace) {
    const size_t count = t->split.train_count;
    enum cln_status status = CLN_OK;
    if (t->resuming) {
        status = cln_trainer_state(t, CLN_TRAIN, &pace->state);
    } else {
        t->epoch++;
        t->shuffle_at_start = t->shuffle;
        cln_trainer_draw_order(t, &t->shuffle);
        cln_engine_place_epoch(t->engine, t->epoch);
        status = cln_engine_begin(t->engine, CLN_TRAIN, t->order, count);
    }
    t->resuming = false;
    t->epoch_open = true;
    pace->resumed_samples = (size_t)pace->state.seen;
    pace->resumed_batches = pace->state.batches;
    pace->steps = cln_trainer_steps_of(t, pace->resumed_batches) + cln_trainer_steps(t, count - pace->resumed_samples);
    return status;
}

/* Fails where a damaged picture has been found, of either half, among those that are still being decoded. */
static enum cln_status look_at_images(struct cln_trainer *t) {
    const enum cln_status status = cln_images_look(&t->params.data->train);
    return status == CLN_OK ? cln_images_look(&t->params.data->test) : status;
}

static enum cln_status train_step(struct cln_trainer *t, struct cln_pace *pace) {
    const double begin = cln_clock_seconds(), waited = cln_ranks_waited(t->params.ranks);
    cln_ranks_step(t->params.ranks, t->steps + 1);
    cln_part_meter_begin(t->meter);
    enum cln_status status = cln_engine_step(t->engine, CLN_TRAIN);
    t->steps++;
    if (status == CLN_OK)
        status = cln_pace_step(pace);
    if (status == CLN_OK && t->meter) /* what the device still computes is no waiting for others */
        status = ocl_context_finish(t->session->context);
    if (status == CLN_OK && t->params.ranks)
        status = cln_ranks_any(t->params.ranks, pace->stopped, &pace->stopped);
    if (status == CLN_OK && t->params.ranks)
        status = cln_deal_step(&t->deal, t->params.ranks, t->engine, cln_clock_seconds() - begin,
                               cln_ranks_waited(t->params.ranks) - waited);
    cln_part_meter_end(t->meter);
    /* As often as the pace looks at the device, and behind that. */
    if (status == CLN_OK && pace->since == 0)
        status = look_at_images(t);
    if (status == CLN_OK && pace->since == 0 && cln_saver_due(t->saver))
        status = cln_saver_save(t->saver, t, false);
    return status;
}

static enum cln_status train_epoch(struct cln_trainer *t, struct cln_epoch *epoch) {
    struct cln_pace pace = cln_pace_begin(t);
    enum cln_status status = begin_epoch(t, &pace);
    epoch->epoch = t->epoch;
    for (size_t step = cln_trainer_steps_of(t, pace.resumed_batches);
         step < pace.steps && status == CLN_OK && !pace.stopped && !is_at_limit(t); step++)
        status = train_step(t, &pace);
    cln_ranks_pause(t->params.ranks);
    status = cln_pace_end(&pace, status);
    epoch->train = cln_trainer_metrics(&pace.state);
    epoch->before = pace.resumed_samples;
    epoch->train_seconds = cln_clock_seconds() - pace.start;
    epoch->total_steps = (size_t)pace.state.step;
    const struct cln_optimizer_params optimizer = cln_optimizer_resolve(t->params.optimizer);
    epoch->learning_rate = pace.state.batches > 0 ? cln_learning_rate(&optimizer, pace.state.step) : 0.0;
    if (status == CLN_OK && optimizer.clip_norm > 0 && epoch->train.samples > epoch->before)
        status = cln_engine_gradient_norm(t->engine, &epoch->gradient_norm);
    epoch->stopped = (pace.stopped || is_at_limit(t)) && epoch->train.samples < t->split.train_count;
    t->resuming = epoch->stopped;
    return status == CLN_OK && epoch->stopped ? unite(t) : status;
}

/* Evaluates the epoch, and lets the saver keep the model of the best accuracy so far. */
static enum cln_status finish_epoch(struct cln_trainer *t, struct cln_epoch *epoch) {
    enum cln_status status = unite(t);
    if (status == CLN_OK)
        status = cln_dataset_wait(t->params.data);
    const double start = cln_clock_seconds();
    const bool validates = t->split.validation_count > 0;
    const struct cln_metrics *judged = validates ? &epoch->validation : &epoch->test;
    if (status == CLN_OK && validates)
        status = cln_judge_validation(t, &epoch->validation);
    else if (status == CLN_OK && t->params.data->test.count > 0)
        status = cln_trainer_evaluate(t, &epoch->test, NULL);
    epoch->test_seconds = cln_clock_seconds() - start;
    if (status == CLN_OK && validates)
        status = cln_judge_note(t, judged);
    if (status != CLN_OK)
        return status;
    t->epoch_open = false;
    const bool best = judged->samples > 0 && judged->accuracy > t->best_accuracy;
    if (best)
        t->best_accuracy = judged->accuracy;
    return cln_saver_epoch(t->saver, t, best);
}

enum cln_status cln_trainer_epoch(struct cln_trainer *t, struct cln_epoch *epoch) {
    *epoch = (struct cln_epoch){0};
    if (t->params.evaluate_only)
        return cln_fail(CLN_INVALID, "this trainer was made to evaluate only");
    if (cln_trainer_best(t).is_final) {
        *epoch = (struct cln_epoch){.epoch = cln_trainer_epochs(t) + 1, .stopped = true};
        return CLN_OK;
    }
    /* Without steps left no epoch begins; but an unfinished epoch may only lack its evaluation. */
    if (is_at_limit(t) && !t->resuming) {
        *epoch = (struct cln_epoch){.epoch = t->epoch + 1, .stopped = true};
        return CLN_OK;
    }
    enum cln_status status = train_epoch(t, epoch);
    return status == CLN_OK && !epoch->stopped ? finish_epoch(t, epoch) : status;
}

enum cln_status cln_trainer_save(struct cln_trainer *t, const char *path) {
    struct cln_snapshot *snapshot = NULL;
    enum cln_status status = cln_snapshot_create(&snapshot, t);
    if (status == CLN_OK)
        status = cln_snapshot_take(snapshot, t);
    if (status == CLN_OK)
        status = cln_checkpoint_write(path, &snapshot->checkpoint);
    cln_snapshot_destroy(&snapshot);
    return status;
}

enum cln_status cln_trainer_finish(struct cln_trainer *t) {
    return cln_saver_finish(t->saver, t);
}

bool cln_trainer_saved(struct cln_trainer *t) {
    return cln_saver_has_saved(t->saver);
}

/* The number of tensors that two networks have in common, from the first on, by name and shape. */
static size_t common_tensors(const struct cln_network *a, const struct cln_network *b) {
    size_t i = 0;
    while (i < a->tensor_count && i < b->tensor_count && strcmp(a->tensors[i].name, b->tensors[i].name) == 0 &&
           a->tensors[i].rank == b->tensors[i].rank &&
           memcmp(a->tensors[i].dims, b->tensors[i].dims, sizeof a->tensors[i].dims) == 0)
        i++;
    return i;
}

/* "0.weight [6, 1, 5, 5]", or "no more" for tensor `i` of a network that has fewer. */
static void describe_tensor(char *out, size_t bytes, const struct cln_network *network, size_t i) {
    int used = snprintf(out, bytes, "%s", i < network->tensor_count ? network->tensors[i].name : "no more");
    for (int d = 0; i < network->tensor_count && d < network->tensors[i].rank; d++)
        used += snprintf(out + used, bytes - (size_t)used, "%s%d", d ? ", " : " [", network->tensors[i].dims[d]);
    if (i < network->tensor_count)
        snprintf(out + used, bytes - (size_t)used, "]");
}

enum cln_status cln_trainer_set_model(struct cln_trainer *t, const struct cln_checkpoint *c) {
    const char *origin = c->origin ? c->origin : "the model";
    const struct cln_network *here = t->params.network;
    const size_t common = common_tensors(c->network, here);
    if (common < c->network->tensor_count || common < here->tensor_count) {
        char there[128], wanted[128];
        describe_tensor(there, sizeof there, c->network, common);
        describe_tensor(wanted, sizeof wanted, here, common);
        return cln_fail(CLN_INVALID,
                        "%s is of network %s, which does not fit this trainer's network, %s: tensor %s, not %s", origin,
                        c->network->name, here->name, there, wanted);
    }
    if ((c->mean != NULL) != (t->mean != NULL))
        return cln_fail(CLN_INVALID,
                        "%s was trained on pixels that were %sstandardised, but `standardize` of this trainer differs",
                        origin, c->mean ? "" : "not ");
    if ((c->pixels == CLN_PIXEL_F32) != (t->params.data->train.type == CLN_PIXEL_F32))
        return cln_fail(
            CLN_INVALID,
            "%s was trained on images of type %s, and those of this trainer are of type %s: the network sees "
            "floats as they are, and whole numbers divided by their largest value",
            origin, cln_pixel_type_words[c->pixels], cln_pixel_type_words[t->params.data->train.type]);
    if (c->resize != t->params.resize)
        return cln_fail(CLN_INVALID,
                        "%s was trained on images resized to %d, but this trainer resizes to %d (0: not resized)",
                        origin, c->resize, t->params.resize);
    enum cln_status status = cln_engine_write(t->engine, CLN_PARAMETERS, c->parameters);
    if (status == CLN_OK)
        status = cln_engine_write(t->engine, CLN_RUNNING, c->running);
    if (status == CLN_OK)
        status = cln_engine_begin_average(t->engine);
    if (status != CLN_OK)
        return status;
    t->batches_before = c->batches_tracked;
    if (!t->mean)
        return CLN_OK;
    const size_t bytes = cln_shape_count(t->params.network->input) * sizeof *t->mean;
    memcpy(t->mean, c->mean, bytes);
    memcpy(t->inverse_deviation, c->inverse_deviation, bytes);
    return cln_engine_standardize(t->engine, t->mean, t->inverse_deviation);
}

enum cln_status cln_trainer_load(struct cln_trainer *t, const char *path) {
    struct cln_checkpoint *checkpoint = NULL;
    enum cln_status status = cln_checkpoint_read(&checkpoint, path, t->params.network);
    if (status == CLN_OK)
        status = cln_trainer_set_model(t, checkpoint);
    cln_checkpoint_destroy(&checkpoint);
    return status;
}

enum cln_status cln_trainer_timings(struct cln_trainer *t, char **out) {
    return cln_timings_text(out, t->session->context);
}

struct ocl_context *cln_trainer_context(const struct cln_trainer *t) {
    return t->session->context;
}

void cln_trainer_meter(struct cln_trainer *t, struct cln_part_meter *meter) {
    t->meter = meter;
    ocl_context_meter(t->session->context, meter);
    cln_ranks_meter(t->params.ranks, meter);
}

enum cln_status cln_trainer_parameters(struct cln_trainer *t, float *values) {
    return cln_engine_read(t->engine, cln_engine_model(t->engine).parameters, values);
}

size_t cln_trainer_launches(const struct cln_trainer *t) {
    return cln_engine_launches(t->engine);
}

bool cln_trainer_replays(const struct cln_trainer *t) {
    return cln_engine_replays(t->engine);
}

enum cln_status cln_trainer_logits(struct cln_trainer *t, size_t count, float *logits) {
    return cln_logits_read(logits, t->engine, t->params.network, (size_t)t->params.batch_size, count);
}
