/* Trains with rates that rise: see range_test.h. */
#include "src/train/range_test.h"

#include <math.h>
#include <stdlib.h>

#include "src/train/trainer_private.h"

static const double smoothing = 0.9, least_fall = 0.01; /* of the loss, so that a rate has lowered it */
static const double worst = 4;                          /* times the lowest smoothed loss */

static double rate_of(const struct cln_range_params *p, size_t step) {
    return p->from * pow(p->to / p->from, (double)step / (double)(p->steps - 1));
}

void cln_range_judge(struct cln_range_result *out, const struct cln_range_step *steps) {
    const size_t first = out->count / 10;
    size_t lowest = first, steepest = 0;
    double slope = 0;
    out->lowest = out->steepest = out->suggestion = 0;
    for (size_t i = first; i < out->count; i++)
        if (steps[i].smoothed < steps[lowest].smoothed)
            lowest = i;
    for (size_t i = first + 1; i < out->count && i <= lowest; i++) {
        const size_t next = i + 1 < out->count ? i + 1 : i;
        const double rise = (steps[next].smoothed - steps[i - 1].smoothed) / log(steps[next].rate / steps[i - 1].rate);
        if (rise < slope) {
            slope = rise;
            steepest = i;
        }
    }
    if (steepest == 0 || !(steps[lowest].smoothed < (1 - least_fall) * steps[first].smoothed))
        return;
    out->lowest = steps[lowest].rate;
    out->steepest = steps[steepest].rate;
    out->suggestion = fmin(out->steepest, out->lowest / 10);
}

/* Begins an epoch whose steps have the rates of the test from step `done` on. */
static enum cln_status begin_epoch(struct cln_trainer *t, const struct cln_range_params *p, size_t done) {
    const size_t count = t->split.train_count, left = p->steps - done, of_epoch = cln_trainer_steps(t, count);
    const size_t steps = left < of_epoch ? left : of_epoch;
    double *rates = malloc(steps * sizeof *rates);
    if (!rates)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the learning rates of %zu steps", steps);
    for (size_t i = 0; i < steps; i++)
        rates[i] = rate_of(p, done + i);
    cln_trainer_draw_order(t, &t->shuffle);
    cln_engine_place_epoch(t->engine, (int)(done / of_epoch) + 1);
    enum cln_status status = cln_engine_begin(t->engine, CLN_TRAIN, t->order, count);
    if (status == CLN_OK)
        status = cln_engine_set_rates(t->engine, rates, steps);
    free(rates);
    return status;
}

static double sum_of(const struct cln_state *state) {
    return (double)state->loss_sum - (double)state->loss_carry;
}

/* Notes a step. False: it is the last one. */
static bool note(struct cln_range_result *out, struct cln_range_step *steps, double *mean, double *lowest,
                 const struct cln_range_step *step) {
    *mean = smoothing * *mean + (1 - smoothing) * step->loss;
    steps[out->count] = *step;
    const double smoothed = *mean / (1 - pow(smoothing, (double)(out->count + 1)));
    steps[out->count++].smoothed = smoothed;
    out->diverged = smoothed > worst * *lowest;
    *lowest = fmin(*lowest, smoothed);
    return !out->diverged;
}

enum cln_status cln_range_test(struct cln_range_result *out, struct cln_range_step *steps, struct cln_trainer *t,
                               const struct cln_range_params *p) {
    struct cln_state before = {0}, state = {0};
    double mean = 0, lowest = INFINITY;
    bool goes_on = true;
    *out = (struct cln_range_result){0};
    enum cln_status status = begin_epoch(t, p, 0);
    while (status == CLN_OK && goes_on && out->count < p->steps) {
        if (out->count > 0 && (size_t)before.seen == t->split.train_count) {
            status = begin_epoch(t, p, out->count);
            before = (struct cln_state){0};
        }
        if (status == CLN_OK)
            status = cln_engine_step(t->engine, CLN_TRAIN);
        if (status == CLN_OK)
            status = cln_trainer_state(t, CLN_TRAIN, &state);
        if (status != CLN_OK)
            break;
        if (state.frozen) {
            out->diverged = true;
            break;
        }
        const struct cln_range_step step = {.rate = rate_of(p, out->count),
                                            .loss = (sum_of(&state) - sum_of(&before)) / (state.seen - before.seen)};
        before = state;
        goes_on = note(out, steps, &mean, &lowest, &step) && (!p->progress || p->progress(p->user, out->count));
    }
    cln_range_judge(out, steps);
    return status;
}
