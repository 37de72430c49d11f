/* Batch norm's exchanges: partials from the device become one set of numbers per channel, and back: see exchange.h. */
#include "src/engine/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/state.clh"

/* Reads all partials, `width` floats each, and how many of a channel's this batch has. *out is the caller's: free(). */
static enum cln_status read_partials(float **out, size_t *used, const struct cln_exchange_point *p, size_t width) {
    const size_t bytes = p->channels * p->stride * width * sizeof(float);
    struct cln_state state;
    *out = malloc(bytes);
    if (!*out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for partial sums of %zu channels", p->channels);
    enum cln_status status = ocl_buffer_read(p->state, 0, sizeof state, &state);
    if (status == CLN_OK)
        status = ocl_buffer_read(p->partials, 0, bytes, *out);
    *used = (size_t)(cln_ceil_div(state.count, p->lanes) * p->splits);
    return status;
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
 * nothing. */
static enum cln_status exchange_moments(void *user) {
    const struct cln_exchange_point *p = user;
    float *partials = NULL;
    size_t used = 0;
    struct cln_channel_moments *channels = calloc(p->channels, sizeof *channels);
    enum cln_status status = channels ? read_partials(&partials, &used, p, 4)
                                      : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu channels", p->channels);
    for (size_t c = 0; status == CLN_OK && c < p->channels; c++)
        for (size_t i = 0; i < used; i++)
            add_moments(&channels[c], partials + 4 * (c * p->stride + i));
    if (status == CLN_OK)
        status = p->exchange->moments(p->exchange->user, channels, p->channels);
    for (size_t c = 0; status == CLN_OK && c < p->channels; c++) {
        const struct cln_channel_moments *m = &channels[c];
        const float all[4] = {(float)m->count, (float)m->mean, (float)m->m2}, nothing[4] = {0, (float)m->mean};
        for (size_t i = 0; i < used; i++)
            memcpy(partials + 4 * (c * p->stride + i), i == 0 ? all : nothing, sizeof all);
    }
    if (status == CLN_OK)
        status = ocl_buffer_write(p->partials, 0, p->channels * p->stride * 4 * sizeof(float), partials);
    free(partials);
    free(channels);
    return status;
}

static enum cln_status exchange_sums(void *user) {
    const struct cln_exchange_point *p = user;
    float *partials = NULL;
    size_t used = 0;
    struct cln_channel_sums *channels = calloc(p->channels, sizeof *channels);
    enum cln_status status = channels ? read_partials(&partials, &used, p, 2)
                                      : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu channels", p->channels);
    for (size_t c = 0; status == CLN_OK && c < p->channels; c++)
        for (size_t i = 0; i < used; i++) {
            channels[c].dy += partials[2 * (c * p->stride + i)];
            channels[c].dy_xhat += partials[2 * (c * p->stride + i) + 1];
        }
    if (status == CLN_OK)
        status = p->exchange->sums(p->exchange->user, channels, p->channels);
    for (size_t c = 0; status == CLN_OK && c < p->channels; c++)
        for (size_t i = 0; i < used; i++) {
            partials[2 * (c * p->stride + i)] = i == 0 ? (float)channels[c].dy : 0;
            partials[2 * (c * p->stride + i) + 1] = i == 0 ? (float)channels[c].dy_xhat : 0;
        }
    if (status == CLN_OK)
        status = ocl_buffer_write(p->partials, 0, p->channels * p->stride * 2 * sizeof(float), partials);
    free(partials);
    free(channels);
    return status;
}

static enum cln_status add(struct cln_plan *plan, struct cln_exchange_point *point, const struct cln_exchange *exchange,
                           int channels, struct cln_partials partials, const char *label, ocl_host_function *function) {
    *point = (struct cln_exchange_point){.exchange = exchange,
                                         .state = plan->state,
                                         .partials = partials.buffer,
                                         .channels = (size_t)channels,
                                         .stride = (size_t)(plan->blocks * partials.splits),
                                         .splits = partials.splits,
                                         .lanes = plan->tuning.lanes};
    return ocl_sequence_call(plan->sequence, label, function, point);
}

enum cln_status cln_exchange_moments(struct cln_plan *plan, struct cln_exchange_point *point,
                                     const struct cln_exchange *exchange, int channels, struct cln_partials partials) {
    return add(plan, point, exchange, channels, partials, "exchange of moments", exchange_moments);
}

enum cln_status cln_exchange_sums(struct cln_plan *plan, struct cln_exchange_point *point,
                                  const struct cln_exchange *exchange, int channels, struct cln_partials sums) {
    return add(plan, point, exchange, channels, sums, "exchange of sums", exchange_sums);
}
