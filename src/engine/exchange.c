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

/* Partial sums of one kind. */
struct part {
    struct ocl_buffer *own, *all;  /* [channel][partial][width] */
    size_t channels, width;        /* floats of a partial: 4 for moments, 2 for sums */
    size_t splits;                 /* partials of a channel for each part of the samples */
    size_t own_stride, all_stride; /* partials of a channel */
    float *own_values, *all_values;
    struct ocl_ticket *ticket; /* of the read that is under way */
};

struct cln_exchange_round {
    struct cln_exchange_round *next;
    struct cln_exchange_rounds *rounds;
    bool begun, ended; /* in the sequence */
    bool strict;
    int samples; /* of a part of the samples */
    struct part *parts;
    size_t count;
    size_t *places;                /* per process, and one more: the parts of the samples before its own */
    size_t *bounds;                /* for the exchange, likewise */
    float *values;                 /* of all parts, own and all */
    unsigned char *packed;         /* what goes round, process by process */
    struct ocl_buffer *state;      /* the first round of a sequence reads the batch's samples here; NULL: another one */
    struct ocl_ticket *of_samples; /* of that read */
};

static size_t own_floats(const struct part *p) {
    return p->channels * p->own_stride * p->width;
}
static size_t all_floats(const struct part *p) {
    return p->channels * p->all_stride * p->width;
}

/* ---- The work of a step ---- */

enum { TOTALS = 3 }; /* numbers of a total: count, mean and M2, or two sums */

/* The bytes that go round of one channel, from a process that has `places` parts of the samples. */
static size_t channel_bytes(const struct cln_exchange_round *r, const struct part *p, size_t places) {
    return r->strict ? places * p->splits * p->width * sizeof(float) : TOTALS * sizeof(double);
}

/* Finds who has what of a batch of so many samples. */
static void divide(struct cln_exchange_round *r, int whole) {
    const struct cln_exchange *e = r->rounds->exchange;
    for (int process = 0; process < e->count; process++) {
        const int samples = cln_min(e->bounds[process + 1], whole) - cln_min(e->bounds[process], whole);
        const size_t places = (size_t)cln_ceil_div(samples, r->samples);
        r->places[process + 1] = r->places[process] + places;
        r->bounds[process + 1] = r->bounds[process];
        for (size_t i = 0; i < r->count; i++)
            r->bounds[process + 1] += r->parts[i].channels * channel_bytes(r, &r->parts[i], places);
    }
}

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

/* A channel of this process, for the others: all its partials, or one total of them. */
static void pack(const struct cln_exchange_round *r, const struct part *p, size_t channel, size_t places, void *out) {
    const float *own = p->own_values + channel * p->own_stride * p->width;
    double total[TOTALS] = {0};
    if (r->strict) {
        memcpy(out, own, channel_bytes(r, p, places));
        return;
    }
    for (size_t i = 0; i < places * p->splits; i++) {
        const float *f = own + i * p->width;
        add(total, (const double[]){f[0], f[1], p->width > 2 ? f[2] : 0}, p->width > 2);
    }
    memcpy(out, total, sizeof total);
}

/* A channel of process `from`: its partials go to their places among those of the whole batch; a total is added to
 * `total`. */
static void unpack(const struct cln_exchange_round *r, struct part *p, size_t channel, int from, const void *in,
                   double *total) {
    double part[TOTALS];
    if (r->strict) {
        memcpy(p->all_values + (channel * p->all_stride + r->places[from] * p->splits) * p->width, in,
               channel_bytes(r, p, r->places[from + 1] - r->places[from]));
        return;
    }
    memcpy(part, in, sizeof part);
    add(total, part, p->width > 2);
}

/* The first partial of a channel has its total. The others have no values, and of moments no distance from the mean. */
static void put_total(struct part *p, size_t channel, const double *total) {
    float *f = p->all_values + channel * p->all_stride * p->width;
    for (size_t k = 0; k < TOTALS && k < p->width; k++)
        f[k] = (float)total[k];
    for (size_t i = 1; p->width > 2 && i < p->all_stride; i++)
        f[i * p->width + 1] = f[1];
}

static void pack_own(struct cln_exchange_round *r) {
    const int rank = r->rounds->exchange->rank;
    const size_t places = r->places[rank + 1] - r->places[rank];
    unsigned char *out = r->packed + r->bounds[rank];
    for (size_t i = 0; i < r->count; i++)
        for (size_t c = 0; c < r->parts[i].channels; c++, out += channel_bytes(r, &r->parts[i], places))
            pack(r, &r->parts[i], c, places, out);
}

/* Where a channel of a process's part begins in what went round. */
static const unsigned char *channel_of(const struct cln_exchange_round *r, int process, size_t part, size_t channel) {
    const size_t places = r->places[process + 1] - r->places[process];
    const unsigned char *in = r->packed + r->bounds[process];
    for (size_t i = 0; i < part; i++)
        in += r->parts[i].channels * channel_bytes(r, &r->parts[i], places);
    return in + channel * channel_bytes(r, &r->parts[part], places);
}

/* Totals are added up in the order of the processes, by all of them alike. */
static void unpack_all(struct cln_exchange_round *r) {
    for (size_t i = 0; i < r->count; i++) {
        struct part *p = &r->parts[i];
        memset(p->all_values, 0, all_floats(p) * sizeof(float));
        for (size_t c = 0; c < p->channels; c++) {
            double total[TOTALS] = {0};
            for (int process = 0; process < r->rounds->exchange->count; process++)
                unpack(r, p, c, process, channel_of(r, process, i, c), total);
            if (!r->strict)
                put_total(p, c, total);
        }
    }
}

/* ---- The two actions of a round ---- */

static enum cln_status wait_for_reads(struct cln_exchange_round *r) {
    enum cln_status status = ocl_ticket_wait(&r->of_samples);
    for (size_t i = 0; i < r->count; i++) {
        const enum cln_status own = ocl_ticket_wait(&r->parts[i].ticket);
        status = status == CLN_OK ? own : status;
    }
    return status;
}

static enum cln_status begin_round(void *user) {
    struct cln_exchange_round *r = user;
    enum cln_status status = wait_for_reads(r); /* of a step that failed between the two */
    if (status == CLN_OK && r->state)
        status = ocl_buffer_read_begin(&r->of_samples, r->state, offsetof(struct cln_state, whole),
                                       sizeof r->rounds->whole, &r->rounds->whole);
    for (size_t i = 0; i < r->count && status == CLN_OK; i++) {
        struct part *p = &r->parts[i];
        status = ocl_buffer_read_begin(&p->ticket, p->own, 0, own_floats(p) * sizeof(float), p->own_values);
    }
    return status;
}

static enum cln_status end_round(void *user) {
    struct cln_exchange_round *r = user;
    const struct cln_exchange *e = r->rounds->exchange;
    enum cln_status status = wait_for_reads(r);
    if (status != CLN_OK || r->rounds->whole == 0) /* a step behind the epoch's last batch */
        return status;
    if (e->apart && *e->apart)
        ocl_buffer_settle(r->parts[0].own);
    divide(r, r->rounds->whole);
    pack_own(r);
    status = e->gather(e->user, r->packed, r->bounds);
    if (status == CLN_OK)
        unpack_all(r);
    for (size_t i = 0; i < r->count && status == CLN_OK; i++)
        status = ocl_buffer_write_queued(r->parts[i].all, 0, all_floats(&r->parts[i]) * sizeof(float),
                                         r->parts[i].all_values);
    return status;
}

/* ---- Rounds in a sequence ---- */

static void free_round(struct cln_exchange_round *r) {
    enum cln_status ignored = wait_for_reads(r);
    (void)ignored;
    if (r->count > 0)
        ocl_buffer_settle(r->parts[0].own); /* a write may be under way */
    free(r->parts);
    free(r->places);
    free(r->bounds);
    free(r->values);
    free(r->packed);
    free(r);
}

void cln_exchange_free(struct cln_exchange_rounds *rounds) {
    for (struct cln_exchange_round *r = rounds->first, *next; r; r = next) {
        next = r->next;
        free_round(r);
    }
    rounds->first = rounds->last = NULL;
}

/* The round that takes what is due: the last, unless it has begun. */
static enum cln_status coming_round(struct cln_exchange_round **out, struct cln_plan *plan) {
    struct cln_exchange_rounds *rounds = plan->rounds;
    *out = rounds->last;
    if (*out && !(*out)->begun)
        return CLN_OK;
    struct cln_exchange_round *r = *out = calloc(1, sizeof *r);
    if (!r)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an exchange");
    *r = (struct cln_exchange_round){.rounds = rounds,
                                     .strict = plan->tuning.strict,
                                     .samples = cln_plan_samples_per_part(plan),
                                     .state = rounds->first ? NULL : plan->state};
    if (rounds->last)
        rounds->last->next = r;
    else
        rounds->first = r;
    rounds->last = r;
    return CLN_OK;
}

static enum cln_status add_part(struct cln_plan *plan, struct part part) {
    struct cln_exchange_round *r;
    enum cln_status status = coming_round(&r, plan);
    if (status != CLN_OK)
        return status;
    struct part *grown = realloc(r->parts, (r->count + 1) * sizeof *grown);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an exchange of %zu kinds of sums", r->count + 1);
    part.own_stride = (size_t)cln_plan_parts(plan) * part.splits;
    part.all_stride = (size_t)cln_plan_whole_parts(plan) * part.splits;
    r->parts = grown;
    r->parts[r->count++] = part;
    return CLN_OK;
}

enum cln_status cln_exchange_moments(struct cln_plan *plan, int channels, struct cln_partials own,
                                     struct ocl_buffer *all) {
    return add_part(
        plan,
        (struct part){
            .own = own.buffer, .all = all, .channels = (size_t)channels, .width = 4, .splits = (size_t)own.splits});
}

enum cln_status cln_exchange_sums(struct cln_plan *plan, int channels, struct ocl_buffer *own, struct ocl_buffer *all) {
    return add_part(plan, (struct part){.own = own, .all = all, .channels = (size_t)channels, .width = 2, .splits = 1});
}

bool cln_exchange_is_due(const struct cln_plan *plan) {
    return plan->rounds && plan->rounds->last && !plan->rounds->last->begun;
}

/* The host memory of all parts. */
static enum cln_status reserve(struct cln_exchange_round *r) {
    const size_t processes = (size_t)r->rounds->exchange->count;
    size_t floats = 0, bytes = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct part *p = &r->parts[i];
        floats += own_floats(p) + all_floats(p);
        bytes += r->strict ? all_floats(p) * sizeof(float) : processes * p->channels * TOTALS * sizeof(double);
    }
    r->places = calloc(processes + 1, sizeof *r->places);
    r->bounds = calloc(processes + 1, sizeof *r->bounds);
    r->values = calloc(floats, sizeof *r->values);
    r->packed = calloc(1, bytes);
    if (!r->places || !r->bounds || !r->values || !r->packed)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu partial sums", floats);
    float *values = r->values;
    for (size_t i = 0; i < r->count; i++) {
        r->parts[i].own_values = values;
        values += own_floats(&r->parts[i]);
        r->parts[i].all_values = values;
        values += all_floats(&r->parts[i]);
    }
    return CLN_OK;
}

enum cln_status cln_exchange_begin(struct cln_plan *plan) {
    enum cln_status status = cln_plan_barrier(plan);
    if (status != CLN_OK || !cln_exchange_is_due(plan))
        return status;
    struct cln_exchange_round *r = plan->rounds->last;
    r->begun = true;
    status = reserve(r);
    return status == CLN_OK ? cln_plan_call(plan, "beginning of an exchange", OCL_AT_ONCE, begin_round, r) : status;
}

enum cln_status cln_exchange_end(struct cln_plan *plan) {
    struct cln_exchange_round *r = plan->rounds ? plan->rounds->last : NULL;
    if (!r || !r->begun || r->ended)
        return CLN_OK;
    r->ended = true;
    const bool moments = r->parts[r->count - 1].width > 2;
    return cln_plan_call(plan, moments ? "exchange of moments" : "exchange of sums", OCL_AT_ONCE, end_round, r);
}
