/* What processes that share a batch give each other in a step: see exchange.h. exchange_gradients.c has the gradients.
 */
#include "src/engine/exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/state.clh"

void cln_exchange_deal(int *bounds, int processes, int samples, const double *weights) {
    const int shards = cln_ceil_div(samples, SHARD_SAMPLES);
    double all = 0, before = 0;
    for (int r = 0; r < processes; r++)
        all += weights ? weights[r] : 1;
    bounds[0] = 0;
    for (int r = 0; r < processes; r++) {
        before += weights ? weights[r] : 1;
        const int end = (int)ceil(shards * (before / all) - 1e-9);
        bounds[r + 1] = cln_min(samples, cln_max(r == 0, end) * SHARD_SAMPLES);
    }
    bounds[processes] = samples;
}

/* The partials of one step: those of process r are from first[r] to before first[r + 1]. */
struct step {
    size_t *first;         /* per process, and one more */
    size_t *bounds;        /* for the exchange */
    float *own, *all;      /* [channel][partial][width] with the strides of the buffers */
    unsigned char *packed; /* what goes round, process by process */
};

static void free_step(struct step *s) {
    free(s->first);
    free(s->bounds);
    free(s->own);
    free(s->all);
    free(s->packed);
}

/* After a failure, too, free_step frees what there is. `bytes`: of what goes round. */
static enum cln_status begin_step(struct step *s, const struct cln_exchange_point *p, int whole, size_t bytes) {
    const struct cln_exchange *e = p->exchange;
    s->first = calloc((size_t)e->count + 1, sizeof *s->first);
    s->bounds = calloc((size_t)e->count + 1, sizeof *s->bounds);
    s->own = malloc(p->channels * p->own_stride * p->width * sizeof(float));
    s->all = calloc(p->channels * p->all_stride * p->width, sizeof(float));
    s->packed = calloc(1, bytes);
    if (!s->first || !s->bounds || !s->own || !s->all || !s->packed)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for partial sums of %zu channels", p->channels);
    for (int r = 0; r < e->count; r++) {
        const int samples = cln_min(e->bounds[r + 1], whole) - cln_min(e->bounds[r], whole);
        s->first[r + 1] = s->first[r] + (size_t)(cln_ceil_div(samples, p->samples) * p->splits);
    }
    return ocl_buffer_read(p->own, 0, p->channels * p->own_stride * p->width * sizeof(float), s->own);
}

/* Every partial goes to its place among those of the whole batch. */
static enum cln_status gather_partials(struct step *s, const struct cln_exchange_point *p) {
    const struct cln_exchange *e = p->exchange;
    const size_t bytes = p->width * sizeof(float);
    for (int r = 0; r <= e->count; r++)
        s->bounds[r] = s->first[r] * p->channels * bytes;
    const size_t own = (s->first[e->rank + 1] - s->first[e->rank]) * bytes;
    for (size_t c = 0; c < p->channels; c++)
        memcpy(s->packed + s->bounds[e->rank] + c * own, s->own + c * p->own_stride * p->width, own);
    const enum cln_status status = e->gather(e->user, s->packed, s->bounds);
    for (int r = 0; r < e->count && status == CLN_OK; r++) {
        const size_t part = (s->first[r + 1] - s->first[r]) * bytes;
        for (size_t c = 0; c < p->channels; c++)
            memcpy(s->all + (c * p->all_stride + s->first[r]) * p->width, s->packed + s->bounds[r] + c * part, part);
    }
    return status;
}

enum { TOTALS = 3 }; /* numbers of a total: count, mean and M2, or two sums */

/* total += part. Of moments by Chan, Golub and LeVeque's formula, as in kernels/welford.clh. */
static void add(double *total, const double *part, bool moments) {
    if (!moments) {
        total[0] += part[0];
        total[1] += part[1];
    } else if (part[0] > 0) {
        const double count = total[0] + part[0], delta = part[1] - total[1];
        total[2] += part[2] + delta * delta * total[0] * part[0] / count;
        total[1] += delta * part[0] / count;
        total[0] = count;
    }
}

/* Each process adds its own partials up; then all add up those totals, in the order of the processes. */
static enum cln_status gather_totals(struct step *s, const struct cln_exchange_point *p) {
    const struct cln_exchange *e = p->exchange;
    const bool moments = p->width == 4;
    double(*totals)[TOTALS] = (double(*)[TOTALS])s->packed;
    for (int r = 0; r <= e->count; r++)
        s->bounds[r] = (size_t)r * p->channels * sizeof *totals;
    for (size_t c = 0; c < p->channels; c++)
        for (size_t i = 0; i < s->first[e->rank + 1] - s->first[e->rank]; i++) {
            const float *f = s->own + (c * p->own_stride + i) * p->width;
            add(totals[(size_t)e->rank * p->channels + c], (const double[]){f[0], f[1], moments ? f[2] : 0}, moments);
        }
    const enum cln_status status = e->gather(e->user, totals, s->bounds);
    for (size_t c = 0; c < p->channels && status == CLN_OK; c++) {
        double total[TOTALS] = {0};
        for (int r = 0; r < e->count; r++)
            add(total, totals[(size_t)r * p->channels + c], moments);
        float *f = s->all + c * p->all_stride * p->width;
        for (size_t k = 0; k < TOTALS && k < p->width; k++)
            f[k] = (float)total[k];
        for (size_t i = 1; moments && i < p->all_stride; i++) /* no values, and no distance from the mean */
            f[i * p->width + 1] = f[1];
    }
    return status;
}

static enum cln_status exchange(void *user) {
    const struct cln_exchange_point *p = user;
    const size_t all = p->channels * p->all_stride * p->width * sizeof(float);
    const size_t totals = (size_t)p->exchange->count * p->channels * TOTALS * sizeof(double);
    struct step s = {NULL};
    int whole = 0;
    enum cln_status status = ocl_buffer_read(p->state, offsetof(struct cln_state, whole), sizeof whole, &whole);
    if (status != CLN_OK || whole == 0) /* a step behind the epoch's last batch */
        return status;
    status = begin_step(&s, p, whole, p->strict ? all : totals);
    if (status == CLN_OK)
        status = p->strict ? gather_partials(&s, p) : gather_totals(&s, p);
    if (status == CLN_OK)
        status = ocl_buffer_write(p->all, 0, all, s.all);
    free_step(&s);
    return status;
}

static enum cln_status add_point(struct cln_plan *plan, const char *label, struct cln_exchange_point *point,
                                 struct cln_exchange_point values) {
    *point = values;
    point->state = plan->state;
    point->own_stride = (size_t)(cln_plan_parts(plan) * values.splits);
    point->all_stride = (size_t)(cln_plan_whole_parts(plan) * values.splits);
    point->samples = cln_plan_samples_per_part(plan);
    point->strict = plan->tuning.strict;
    return cln_plan_call(plan, label, exchange, point);
}

enum cln_status cln_exchange_moments(struct cln_plan *plan, struct cln_exchange_point *point,
                                     const struct cln_exchange *exchange, int channels, struct cln_partials own,
                                     struct ocl_buffer *all) {
    return add_point(plan, "exchange of moments", point,
                     (struct cln_exchange_point){.exchange = exchange,
                                                 .own = own.buffer,
                                                 .all = all,
                                                 .channels = (size_t)channels,
                                                 .width = 4,
                                                 .splits = own.splits});
}

enum cln_status cln_exchange_sums(struct cln_plan *plan, struct cln_exchange_point *point,
                                  const struct cln_exchange *exchange, int channels, struct ocl_buffer *own,
                                  struct ocl_buffer *all) {
    return add_point(
        plan, "exchange of sums", point,
        (struct cln_exchange_point){
            .exchange = exchange, .own = own, .all = all, .channels = (size_t)channels, .width = 2, .splits = 1});
}
