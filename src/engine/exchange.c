/* Batch norm's exchanges: partials from the device become one set of numbers per channel, and back: see exchange.h. */
#include "src/engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/state.clh"

enum cln_status cln_exchange_samples(int *samples, struct ocl_buffer *state) {
    return ocl_buffer_read(state, offsetof(struct cln_state, count), sizeof *samples, samples);
}

/* The partials of all channels on the host, `width` floats each, and the numbers of channels before and after the
 * exchange. */
struct copy {
    size_t bytes, used; /* of a channel's partials, those that this batch has; 0: there is no batch */
    float *partials;
    void *before, *channels;
};

static void destroy_copy(struct copy *copy) {
    free(copy->partials);
    free(copy->before);
    free(copy->channels);
}

/* After a failure, too, destroy_copy frees what there is. */
static enum cln_status read_partials(struct copy *copy, const struct cln_exchange_point *p, size_t width,
                                     size_t channel_bytes) {
    int samples = 0;
    *copy = (struct copy){.bytes = p->channels * p->stride * width * sizeof(float)};
    enum cln_status status = cln_exchange_samples(&samples, p->state);
    if (status != CLN_OK || samples == 0)
        return status;
    copy->used = (size_t)(cln_ceil_div(samples, p->samples) * p->splits);
    copy->partials = malloc(copy->bytes);
    copy->before = calloc(p->channels, channel_bytes);
    copy->channels = calloc(p->channels, channel_bytes);
    if (!copy->partials || !copy->before || !copy->channels)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for partial sums of %zu channels", p->channels);
    return ocl_buffer_read(p->partials, 0, copy->bytes, copy->partials);
}

/* Chan, Golub and LeVeque's combination, as in kernels/welford.clh. */
static void add_moments(struct cln_channel_moments *m, const float partial[4]) {
    const double count = partial[0], delta = partial[1] - m->mean, total = m->count + count;
    if (count == 0)
        return;
    m->m2 += partial[2] + delta * delta * m->count * count / total;
    m->mean += delta * count / total;
    m->count = total;
}

/* Calls `exchange` on one struct per channel. Afterwards the first partial of a channel has all of it, the others
 * nothing. A process that is alone gets its own moments back: then the partials stay as they are, bit for bit. */
static enum cln_status exchange_moments(void *user) {
    const struct cln_exchange_point *p = user;
    struct copy copy;
    enum cln_status status = read_partials(&copy, p, 4, sizeof(struct cln_channel_moments));
    struct cln_channel_moments *channels = copy.channels;
    const size_t bytes = p->channels * sizeof *channels;
    if (status == CLN_OK && copy.used > 0) {
        for (size_t c = 0; c < p->channels; c++)
            for (size_t i = 0; i < copy.used; i++)
                add_moments(&channels[c], copy.partials + 4 * (c * p->stride + i));
        memcpy(copy.before, channels, bytes);
        status = p->exchange->moments(p->exchange->user, channels, p->channels);
    }
    if (status == CLN_OK && copy.used > 0 && memcmp(copy.before, channels, bytes) != 0) {
        for (size_t c = 0; c < p->channels; c++) {
            const struct cln_channel_moments *m = &channels[c];
            const float all[4] = {(float)m->count, (float)m->mean, (float)m->m2}, nothing[4] = {0, (float)m->mean};
            for (size_t i = 0; i < copy.used; i++)
                memcpy(copy.partials + 4 * (c * p->stride + i), i == 0 ? all : nothing, sizeof all);
        }
        status = ocl_buffer_write(p->partials, 0, copy.bytes, copy.partials);
    }
    destroy_copy(&copy);
    return status;
}

/* A channel's totals, in the kernel's order and precision: what an exchange leaves alone is the same bit for bit. */
static struct cln_channel_sums add_sums(const float (*part)[2], size_t used) {
    float total[2] = {0, 0};
    for (size_t i = 0; i < used; i++)
        for (size_t k = 0; k < 2; k++)
            total[k] += part[i][k];
    return (struct cln_channel_sums){(double)total[0], (double)total[1]};
}

/* As exchange_moments, but always writes: all processes go on with the same bits. */
static enum cln_status exchange_sums(void *user) {
    const struct cln_exchange_point *p = user;
    struct copy copy;
    enum cln_status status = read_partials(&copy, p, 2, sizeof(struct cln_channel_sums));
    struct cln_channel_sums *channels = copy.channels;
    float(*parts)[2] = (float(*)[2])copy.partials;
    if (status == CLN_OK && copy.used > 0) {
        for (size_t c = 0; c < p->channels; c++)
            channels[c] = add_sums((const float(*)[2])parts + c * p->stride, copy.used);
        status = p->exchange->sums(p->exchange->user, channels, p->channels);
    }
    if (status == CLN_OK && copy.used > 0) {
        for (size_t c = 0; c < p->channels; c++) {
            float(*part)[2] = parts + c * p->stride;
            memset(part, 0, copy.used * sizeof *part);
            part[0][0] = (float)channels[c].dy;
            part[0][1] = (float)channels[c].dy_xhat;
        }
        status = ocl_buffer_write(p->partials, 0, copy.bytes, copy.partials);
    }
    destroy_copy(&copy);
    return status;
}

static enum cln_status add(struct cln_plan *plan, struct cln_exchange_point *point, const struct cln_exchange *exchange,
                           int channels, struct cln_partials partials, const char *label, ocl_host_function *function) {
    *point = (struct cln_exchange_point){.exchange = exchange,
                                         .state = plan->state,
                                         .partials = partials.buffer,
                                         .channels = (size_t)channels,
                                         .stride = (size_t)(cln_plan_parts(plan) * partials.splits),
                                         .splits = partials.splits,
                                         .samples = cln_plan_samples_per_part(plan)};
    return cln_plan_call(plan, label, function, point);
}

enum cln_status cln_exchange_moments(struct cln_plan *plan, struct cln_exchange_point *point,
                                     const struct cln_exchange *exchange, int channels, struct cln_partials partials) {
    return add(plan, point, exchange, channels, partials, "exchange of moments", exchange_moments);
}

enum cln_status cln_exchange_sums(struct cln_plan *plan, struct cln_exchange_point *point,
                                  const struct cln_exchange *exchange, int channels, struct cln_partials sums) {
    return add(plan, point, exchange, channels, sums, "exchange of sums", exchange_sums);
}
