/* Cases of kernels/batchnorm.cl, chained as in a stage without affine part, activation and pool: moments, statistics, y
 * from x; sums, their statistics, dx from dy; the same by launches over whole channels; and y in prediction. */
#include <math.h>
#include <string.h>

#include "src/check/parameters.h"
#include "src/engine/activate.h"
#include "src/reference/reference.h"

struct batchnorm_case {
    struct cln_case base;
    struct cln_batchnorm options;
    double centre, scale; /* of x */
    bool frozen;          /* the state is frozen: running statistics must stay */
    bool alike;           /* each channel of x has a single value, as after a batch norm of one value */
};

static const struct batchnorm_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {{2, 3, 2}, 0.1, 1e-5, false}, 0, 1},
    {{"vectors", 33, {1, 2, 17, 32, 33}, .quick = true}, {{5, 1, 1}, 0.1, 1e-5, false}, 0, 1},
    {{"biased running variance", 9, {1, 9}, .quick = true}, {{3, 2, 2}, 0.9, 1e-3, true}, 0.5, 2},
    {{"large mean, small deviation", 33, {33, 20}}, {{2, 4, 4}, 0.1, 1e-5, false}, 1e4, 1e-2},
    {{"negative large mean", 5, {5}}, {{2, 5, 3}, 0.1, 1e-5, false}, -1e4, 1e-2},
    {{"variance 0", 17, {17}}, {{3, 3, 3}, 0.1, 1e-5, false}, 0.3, 0},
    {{"all zero", 7, {7}}, {{2, 2, 2}, 0.1, 1e-5, false}, 0, 0},
    {{"many channels", 7, {7}}, {{67, 1, 2}, 0.3, 1e-5, false}, 0, 1},
    {{"large images", 2, {2}}, {{1, 31, 29}, 0.1, 1e-5, false}, 3, 1},
    {{"frozen", 5, {5}, .quick = true}, {{2, 2, 2}, 0.1, 1e-5, false}, 0, 1, true},
    {{"all values alike", 37, {37, 19, 3, 1}, .quick = true}, {{9, 3, 5}, 0.1, 1e-5, false}, 0.5, 1, .alike = true},
    {{"all values alike, eps 1e-8", 33, {33, 11}}, {{9, 5, 5}, 0.1, 1e-8, false}, 0, 1, .alike = true},
    {{"large values alike", 21, {21, 13}}, {{9, 7, 1}, 0.1, 1e-5, true}, 3e4, 1e3, .alike = true},
    {{"vectors alike", 33, {33, 27, 2}}, {{13, 1, 1}, 0.3, 1e-5, false}, 0, 1, .alike = true},
    {{"one value per channel", 1, {1}, .quick = true}, {{33, 1, 1}, 0.1, 1e-8, false}, 0.5, 2},
    {{"one image", 1, {1}}, {{3, 28, 28}, 1, 1e-3, true}, 0.5, 0.5},
};

/* Errors of y and of the gradients from those of mean and deviation: the error of x̂ is error(μ)/σ +
 * error(1/σ)·|x̂|. */
struct bounds {
    double *y, *dx, *dgamma, *dbeta;
};

static struct bounds bound(struct cln_rig *b, const struct cln_batchnorm *g, const double *x, const double *dy,
                           const struct cln_parameters *parameters, const struct cln_channel_statistics *statistics) {
    const size_t count = (size_t)b->count * cln_shape_count(g->shape), channels = (size_t)g->shape.channels;
    const size_t run = (size_t)(g->shape.height * g->shape.width);
    const double m = (double)b->count * (double)run;
    double *dy_sum = cln_rig_alloc(b, channels), *product_sum = cln_rig_alloc(b, channels);
    struct bounds t = {cln_rig_alloc(b, count), cln_rig_alloc(b, count), cln_rig_alloc(b, channels),
                       cln_rig_alloc(b, channels)};
    memset(dy_sum, 0, channels * sizeof *dy_sum);
    memset(product_sum, 0, channels * sizeof *product_sum);
    memset(t.dgamma, 0, channels * sizeof *t.dgamma);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            const size_t c = i / run % channels;
            const struct cln_channel_statistics *s = &statistics[c];
            const double relative = s->inverse_error + 8 * CLN_EPS32;
            const double normalised = fabs(x[i] - s->mean) * s->inverse, gamma = fabs(parameters->gamma[c]);
            const double error = s->mean_error * s->inverse + relative * normalised;
            if (pass == 0) {
                dy_sum[c] += fabs(dy[i]);
                product_sum[c] += fabs(dy[i]) * normalised;
                t.dgamma[c] += fabs(dy[i]) * (error + 8 * CLN_EPS32 * normalised);
                continue;
            }
            if (s->variance > 0)
                t.y[i] = gamma * error + 8 * CLN_EPS32 * (gamma * normalised + fabs(parameters->beta[c]));
            else /* β, as it is */
                t.y[i] = 0;
            const double terms = fabs(dy[i]) + dy_sum[c] / m + normalised * product_sum[c] / m;
            t.dx[i] =
                gamma * s->inverse *
                (2 * relative * terms + error * (product_sum[c] + t.dgamma[c]) / m + normalised * t.dgamma[c] / m);
            if (m == 1) /* 0 */
                t.dx[i] = 0;
        }
    for (size_t c = 0; c < channels; c++)
        t.dbeta[c] = 8 * CLN_EPS32 * dy_sum[c];
    return t;
}

/* Expects y of prediction, within a few roundings of its terms. */
static void expect_predicted(struct cln_rig *b, const struct cln_norm_probes *p, const double *x,
                             struct cln_probe *predicted) {
    const struct cln_batchnorm *g = &p->options;
    const size_t count = (size_t)b->count * cln_shape_count(g->shape), channels = (size_t)g->shape.channels;
    const size_t run = (size_t)(g->shape.height * g->shape.width);
    double *y = cln_rig_alloc(b, count), *size = cln_rig_alloc(b, count);
    cln_reference_batchnorm_predict(g, (size_t)b->count, x, p->gamma, p->beta, p->running_mean, p->running_var, y);
    for (size_t i = 0; i < count; i++) {
        const size_t c = i / run % channels;
        const double terms = fabs(x[i]) + fabs(p->running_mean[c]);
        size[i] = fabs(p->gamma[c]) / sqrt(p->running_var[c] + g->eps) * terms + fabs(p->beta[c]);
    }
    cln_rig_expect_tensor(b, predicted, g->shape, y, size, 8);
}

struct buffers {
    struct ocl_buffer *x, *y, *predicted, *dy;
    struct cln_partials moments, sums;
    struct cln_slices dgamma, dbeta;
};

static enum cln_status add_launches(struct cln_plan *plan, const struct cln_norm *norm, const struct cln_norm *unmoved,
                                    const struct buffers *b) {
    const struct cln_shape shape = norm->options.shape;
    const struct cln_activate activate = {
        .pool = {.in = shape, .out = shape, .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1},
        .norm = norm,
        .z = b->x,
        .a = b->y,
        .da = b->dy,
    };
    struct cln_activate prediction = activate;
    prediction.norm = unmoved;
    prediction.a = b->predicted;
    enum cln_status status = cln_activate_predict(plan, &prediction);
    if (cln_channel_forward_pays(plan, &activate)) {
        if (status == CLN_OK)
            status = cln_channel_forward(plan, &activate, (struct cln_partials){NULL});
        if (status == CLN_OK)
            status = cln_channel_backward(plan, &activate, b->dgamma, b->dbeta);
        return status;
    }
    if (status == CLN_OK)
        status = cln_batchnorm_partials(plan, shape, b->x, b->moments);
    if (status == CLN_OK)
        status = cln_batchnorm_statistics(plan, norm, b->moments);
    if (status == CLN_OK)
        status = cln_activate_forward(plan, &activate);
    if (status == CLN_OK)
        status = cln_activate_backward(plan, &activate, b->sums);
    if (status == CLN_OK)
        status = cln_batchnorm_backward(plan, norm, b->sums, b->dgamma, b->dbeta);
    if (status == CLN_OK)
        status = cln_activate_spread(plan, &activate);
    return status;
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct batchnorm_case *c = entry;
    const struct cln_batchnorm *g = &c->options;
    const size_t channels = (size_t)g->shape.channels, count = (size_t)b->count * cln_shape_count(g->shape);
    b->state.frozen = c->frozen;
    double *x = cln_rig_random(b, count, c->centre, c->scale);
    const size_t run_length = (size_t)(g->shape.height * g->shape.width);
    for (size_t i = 0; i < count && c->alike; i++)
        x[i] = x[i / run_length % channels * run_length];
    const double *dy = cln_rig_random(b, count, 0, 1);
    const struct cln_parameters parameters = cln_rig_parameters(b, 0, 0, channels);
    const struct cln_norm_probes norm_probes = cln_rig_norm(b, g, &parameters);
    const struct cln_norm_probes unmoved_probes = cln_rig_norm(b, g, &parameters);
    struct cln_probe *px = cln_rig_tensor(b, "x", g->shape, x), *py = cln_rig_tensor(b, "y", g->shape, NULL);
    struct cln_probe *ppredicted = cln_rig_tensor(b, "y in prediction", g->shape, NULL);
    struct cln_probe *pdy = cln_rig_tensor(b, "dy", g->shape, dy);
    struct cln_probe *moments = cln_rig_partials(b, "moments", g->shape.channels, 1, 4);
    struct cln_probe *sums = cln_rig_partials(b, "sums", g->shape.channels, 1, 2);
    struct buffers buffers = {.x = px->buffer,
                              .y = py->buffer,
                              .predicted = ppredicted->buffer,
                              .dy = pdy->buffer,
                              .moments = {moments->buffer, 1},
                              .sums = {sums->buffer, 1}};
    /* The gradients of γ and β are in one buffer, as in the engine. */
    struct cln_probe *gradients = cln_rig_slices(b, "dγ and dβ", channels, 2, &buffers.dgamma);
    buffers.dbeta = buffers.dgamma;
    buffers.dbeta.base += buffers.dgamma.stride;

    const struct cln_norm norm = cln_norm_of(&norm_probes, &parameters);
    const struct cln_norm unmoved = cln_norm_of(&unmoved_probes, &parameters);
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = add_launches(&b->plan, &norm, &unmoved, &buffers);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    double *y = cln_rig_alloc(b, count), *dx = cln_rig_alloc(b, count);
    double *dgamma = cln_rig_alloc(b, channels), *dbeta = cln_rig_alloc(b, channels);
    cln_reference_batchnorm_forward(g, (size_t)b->count, x, parameters.gamma, parameters.beta, y, NULL, NULL, NULL,
                                    NULL);
    cln_reference_batchnorm_backward(g, (size_t)b->count, x, parameters.gamma, dy, dx, dgamma, dbeta);
    const struct cln_channel_statistics *statistics = cln_rig_statistics(b, g, x);
    const struct bounds bounds = bound(b, g, x, dy, &parameters, statistics);
    cln_rig_expect_norm(b, &norm_probes, statistics);
    expect_predicted(b, &unmoved_probes, x, ppredicted);
    cln_rig_expect_tensor(b, py, g->shape, y, bounds.y, 1 / CLN_EPS32);
    cln_rig_expect_tensor(b, px, g->shape, dx, bounds.dx, 1 / CLN_EPS32);
    cln_rig_expect_tensor(b, pdy, g->shape, dy, dy, 0); /* identity: dy must stay unchanged */
    cln_probe_free(norm_probes.dz_coefficients, 0, 4 * channels);
    for (size_t i = 0; i < channels; i++) {
        cln_probe_expect(gradients, (size_t)buffers.dgamma.base + i, dgamma[i], bounds.dgamma[i]);
        cln_probe_expect(gradients, (size_t)buffers.dbeta.base + i, dbeta[i], bounds.dbeta[i]);
    }
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_batchnorm = CLN_OPERATION("batchnorm", cases, run);
