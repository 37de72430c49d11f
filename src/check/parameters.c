/* Probes that several operations share: see parameters.h. */
#include "src/check/parameters.h"

#include <math.h>

#include "clenet/network.h"
#include "src/reference/reference.h"

static size_t padded(size_t count) {
    return (count + CLN_TENSOR_ALIGN - 1) / CLN_TENSOR_ALIGN * CLN_TENSOR_ALIGN;
}

struct cln_parameters cln_rig_parameters(struct cln_rig *b, size_t weights, size_t biases, size_t channels) {
    struct cln_parameters p = {0};
    double *gamma = cln_rig_random(b, channels, 1, 0.5);
    for (size_t c = 1; c < channels; c += 2)
        gamma[c] = -gamma[c];
    p.weight = cln_rig_random(b, weights, 0, 1);
    p.bias = cln_rig_random(b, biases, 0, 1);
    p.gamma = gamma;
    p.beta = cln_rig_random(b, channels, 0, 0.5);
    const struct {
        int *at;
        const double *values;
        size_t count;
    } tensors[] = {{&p.weight_at, p.weight, weights},
                   {&p.bias_at, p.bias, biases},
                   {&p.gamma_at, p.gamma, channels},
                   {&p.beta_at, p.beta, channels}};
    enum { TENSORS = sizeof tensors / sizeof *tensors };
    size_t cells = CLN_TENSOR_ALIGN;
    for (size_t t = 0; t < TENSORS; t++) {
        *tensors[t].at = tensors[t].count > 0 ? (int)cells : -1;
        cells += padded(tensors[t].count) + CLN_TENSOR_ALIGN;
    }
    p.probe = cln_rig_cells(b, "parameters", cells);
    for (size_t t = 0; t < TENSORS; t++)
        if (tensors[t].count > 0)
            cln_probe_put(p.probe, (size_t)*tensors[t].at, tensors[t].values, tensors[t].count);
    return p;
}

struct cln_weights cln_parameters_weights(const struct cln_parameters *p) {
    return (struct cln_weights){.buffer = p->probe->buffer, .weight = p->weight_at, .bias = p->bias_at};
}

struct cln_probe *cln_rig_slices(struct cln_rig *b, const char *name, size_t count, int slices,
                                 struct cln_slices *out) {
    const size_t stride = padded(count) + CLN_TENSOR_ALIGN;
    struct cln_probe *p = cln_rig_cells(b, name, CLN_TENSOR_ALIGN + (size_t)slices * stride);
    *out = (struct cln_slices){.buffer = p->buffer, .base = CLN_TENSOR_ALIGN, .stride = (int)stride};
    return p;
}

void cln_rig_expect_slices(struct cln_probe *p, const struct cln_slices *at, int slices, const double *expected,
                           const double *magnitude, size_t count, double factor) {
    const size_t base = (size_t)at->base;
    cln_probe_fold(p, base, (size_t)at->stride, (size_t)slices, count);
    for (size_t i = 0; i < count; i++)
        cln_probe_expect(p, base + i, expected[i], factor * CLN_EPS32 * magnitude[i]);
}

struct cln_norm_probes cln_rig_norm(struct cln_rig *b, const struct cln_batchnorm *options,
                                    const struct cln_parameters *parameters) {
    const size_t channels = (size_t)options->shape.channels;
    struct cln_norm_probes p = {.options = *options, .gamma = parameters->gamma, .beta = parameters->beta};
    p.running_mean = cln_rig_random(b, channels, 0, 1);
    p.running_var = cln_rig_random(b, channels, 1, 0.5);
    p.running_mean_at = CLN_TENSOR_ALIGN;
    p.running_var_at = (int)(2 * CLN_TENSOR_ALIGN + padded(channels));
    p.normal = cln_rig_cells(b, "normal", channels * 4);
    p.dz_coefficients = cln_rig_cells(b, "dz_coefficients", channels * 4);
    p.running = cln_rig_cells(b, "running", (size_t)p.running_var_at + padded(channels));
    cln_probe_put(p.running, (size_t)p.running_mean_at, p.running_mean, channels);
    cln_probe_put(p.running, (size_t)p.running_var_at, p.running_var, channels);
    return p;
}

struct cln_norm cln_norm_of(const struct cln_norm_probes *p, const struct cln_parameters *parameters) {
    return (struct cln_norm){
        .options = p->options,
        .parameters = parameters->probe->buffer,
        .gamma = parameters->gamma_at,
        .beta = parameters->beta_at,
        .running = p->running->buffer,
        .running_mean = p->running_mean_at,
        .running_var = p->running_var_at,
        .normal = p->normal->buffer,
        .dz_coefficients = p->dz_coefficients->buffer,
        .normal_span = CLN_ONE_COPY,
        .dz_span = CLN_ONE_COPY,
    };
}

/* Means per channel, by the batch norm's reference. */
static double *channel_means(struct cln_rig *b, const struct cln_batchnorm *g, const double *values, double *variance) {
    const size_t count = (size_t)b->count * cln_shape_count(g->shape), channels = (size_t)g->shape.channels;
    double *mean = cln_rig_alloc(b, channels);
    const double *any = cln_rig_random(b, channels, 0, 1);
    cln_reference_batchnorm_forward(g, (size_t)b->count, values, any, any, cln_rig_alloc(b, count), mean, variance,
                                    NULL, NULL);
    return mean;
}

/* The error of a mean is a few roundings of mean |x|. It moves the deviation by at most as much, which matters if the
 * deviation is small beside the mean. (E[x²] − E[x]² would have that error times mean |x|.) If all values are equal,
 * nothing is rounded. */
struct cln_channel_statistics *cln_rig_statistics(struct cln_rig *b, const struct cln_batchnorm *g, const double *x) {
    const size_t count = (size_t)b->count * cln_shape_count(g->shape), channels = (size_t)g->shape.channels;
    const double roundings = 4;
    double *variance = cln_rig_alloc(b, channels);
    const double *mean = channel_means(b, g, x, variance);
    const double *magnitude = channel_means(b, g, cln_rig_magnitudes(b, x, count), NULL);
    struct cln_channel_statistics *statistics =
        (void *)cln_rig_alloc(b, channels * sizeof *statistics / sizeof(double));
    for (size_t c = 0; c < channels; c++) {
        struct cln_channel_statistics *s = &statistics[c];
        s->mean = mean[c];
        s->variance = variance[c];
        s->inverse = 1 / sqrt(s->variance + g->eps);
        s->mean_error = s->variance > 0 ? roundings * CLN_EPS32 * magnitude[c] : 0;
        const double deviation = sqrt(s->variance) + s->mean_error;
        s->variance_error = deviation * deviation - s->variance + 16 * CLN_EPS32 * s->variance;
        const double least = s->variance > s->variance_error ? s->variance - s->variance_error : 0;
        s->inverse_error = 8 * CLN_EPS32 + sqrt((s->variance + g->eps) / (least + g->eps)) - 1;
    }
    return statistics;
}

void cln_rig_expect_norm(struct cln_rig *b, const struct cln_norm_probes *p,
                         const struct cln_channel_statistics *statistics) {
    const struct cln_batchnorm *g = &p->options;
    const size_t channels = (size_t)g->shape.channels;
    const double m = (double)b->count * g->shape.height * g->shape.width;
    for (size_t c = 0; c < channels; c++) {
        const struct cln_channel_statistics *s = &statistics[c];
        cln_probe_expect(p->normal, 4 * c, s->mean, s->mean_error);
        cln_probe_expect(p->normal, 4 * c + 1, s->inverse, s->inverse_error * s->inverse);
        cln_probe_expect(p->normal, 4 * c + 2, p->gamma[c] * s->inverse,
                         (s->inverse_error + CLN_EPS32) * fabs(p->gamma[c]) * s->inverse);
        cln_probe_expect(p->normal, 4 * c + 3, p->beta[c], 0);
        if (b->state.frozen)
            continue;
        const double mean = p->running_mean[c], variance = p->running_var[c], w = g->momentum;
        const double scale = g->biased_running_variance || m == 1 ? 1 : m / (m - 1);
        cln_probe_expect(p->running, (size_t)p->running_mean_at + c, (1 - w) * mean + w * s->mean,
                         w * s->mean_error + 4 * CLN_EPS32 * (fabs(mean) + fabs(s->mean)));
        cln_probe_expect(p->running, (size_t)p->running_var_at + c, (1 - w) * variance + w * scale * s->variance,
                         w * scale * s->variance_error + 4 * CLN_EPS32 * (variance + scale * s->variance));
    }
}
