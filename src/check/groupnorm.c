/* Cases of kernels/groupnorm.cl: z, the gradient of x, and that of the weights. */
#include "src/engine/groupnorm.h"

#include <math.h>
#include <string.h>

#include "src/check/parameters.h"
#include "src/reference/reference.h"

struct groupnorm_case {
    struct cln_case base;
    struct cln_groupnorm g;
    double centre, scale; /* of x */
};

#define WEIGHTED .affine = true
#define BY_ELEMENT .affine = true, .by_element = true

static const struct groupnorm_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {{4, 2, 3}, 2, 1e-5, WEIGHTED}, 0, 1},
    {{"a group per channel", 17, {17, 3}}, {{5, 3, 3}, 5, 1e-5, WEIGHTED}, 0, 1},
    {{"one group", 9, {9, 4}, .quick = true}, {{7, 3, 5}, 1, 1e-3, WEIGHTED}, 0.5, 2},
    {{"features", 33, {33, 1}, .quick = true}, {{12, 1, 1}, 3, 1e-5, WEIGHTED}, 0, 1},
    {{"no weights", 9, {9, 8}, .quick = true}, {{6, 2, 2}, 3, 1e-5}, 0, 1},
    {{"by element, features", 257, EVERY_BATCH, .quick = true}, {{13, 1, 1}, 1, 1e-5, BY_ELEMENT}, 0, 1},
    {{"by element, images", 17, {17, 5}, .quick = true}, {{3, 5, 7}, 1, 1e-5, BY_ELEMENT}, 0, 1},
    {{"by element, no weights", 5, {5}}, {{2, 5, 3}, 1, 1e-5, .by_element = true}, 0, 1},
    {{"large groups", 5, {5, 2}, .quick = true}, {{6, 23, 29}, 2, 1e-5, WEIGHTED}, 0, 1},
    {{"large by element", 3, {3}}, {{3, 31, 29}, 1, 1e-5, BY_ELEMENT}, 0, 1},
    {{"large mean, small deviation", 33, {33, 20}}, {{2, 4, 4}, 2, 1e-5, WEIGHTED}, 1e4, 1e-2},
    {{"negative large mean", 5, {5}}, {{4, 9, 7}, 1, 1e-5, WEIGHTED}, -1e4, 1e-2},
    {{"all values alike", 17, {17, 3}, .quick = true}, {{4, 5, 5}, 2, 1e-8, WEIGHTED}, 0.3, 0},
    {{"large values alike", 21, {21}}, {{9, 1, 1}, 1, 1e-5, BY_ELEMENT}, 3e4, 0},
    {{"one number per group", 9, {9, 4}, .quick = true}, {{8, 1, 1}, 8, 1e-8, WEIGHTED}, 0.5, 2},
    {{"one number", 1, .quick = true}, {{1, 1, 1}, 1, 1e-5, WEIGHTED}, 0, 1},
};

/* What rounding may add to z, dx and dγ. */
struct bounds {
    double *z, *dx, *dgamma;
};

/* The mean's error is a few roundings of the distances from the first value, and one of the mean; 1/deviation is off by
 * that of the variance. The error of x̂ is error(μ)/σ + relative error(1/σ) · |x̂|; those of the gradients follow. */
static struct bounds bound(struct cln_rig *b, const struct cln_groupnorm *g, const double *x, const double *dz,
                           const struct cln_parameters *parameters) {
    const size_t count = (size_t)b->count * cln_shape_count(g->shape);
    const size_t elements = cln_shape_count(g->shape) / (size_t)g->groups;
    const size_t positions = g->by_element ? 1 : (size_t)(g->shape.height * g->shape.width);
    const size_t weights = cln_shape_count(g->shape) / positions;
    struct bounds t = {cln_rig_alloc(b, count), cln_rig_alloc(b, count), cln_rig_alloc(b, weights)};
    memset(t.dgamma, 0, weights * sizeof *t.dgamma);
    for (size_t first = 0; first < count; first += elements) {
        double mean = 0, variance = 0, spread = 0, sum = 0, product = 0, product_error = 0;
        for (size_t e = first; e < first + elements; e++) {
            mean += x[e] / (double)elements;
            spread += fabs(x[e] - x[first]) / (double)elements;
        }
        for (size_t e = first; e < first + elements; e++)
            variance += (x[e] - mean) * (x[e] - mean) / (double)elements;
        const double inverse = 1 / sqrt(variance + g->eps);
        const double mean_error = spread > 0 ? CLN_EPS32 * (spread + fabs(mean)) : 0;
        const double relative = 16 * CLN_EPS32 + mean_error * mean_error * inverse * inverse;
        for (int pass = 0; pass < 2; pass++)
            for (size_t e = first; e < first + elements; e++) {
                const size_t w = e % cln_shape_count(g->shape) / positions;
                const double gamma = g->affine ? fabs(parameters->gamma[w]) : 1;
                const double normalised = spread > 0 ? fabs(x[e] - mean) * inverse : 0, d = gamma * fabs(dz[e]);
                const double error = mean_error * inverse + relative * normalised;
                if (pass == 0) {
                    sum += d / (double)elements;
                    product += d * normalised / (double)elements;
                    product_error += d * error / (double)elements;
                    t.dgamma[w] += fabs(dz[e]) * (error + 8 * CLN_EPS32 * normalised);
                    t.z[e] = gamma * error +
                             8 * CLN_EPS32 * (gamma * normalised + (g->affine ? fabs(parameters->beta[w]) : 0));
                    continue;
                }
                if (elements == 1) /* 0 */
                    t.dx[e] = 0;
                else
                    t.dx[e] = inverse * (2 * relative * (d + sum + normalised * product) + error * product +
                                         normalised * product_error);
            }
    }
    return t;
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct groupnorm_case *c = entry;
    const struct cln_groupnorm *g = &c->g;
    const size_t count = (size_t)b->count * cln_shape_count(g->shape);
    const size_t weights = g->by_element ? cln_shape_count(g->shape) : (size_t)g->shape.channels;
    const int slices = cln_groupnorm_slices(&b->plan, g);
    const double *x = cln_rig_random(b, count, c->centre, c->scale), *dz = cln_rig_random(b, count, 0, 1);
    const struct cln_parameters parameters = cln_rig_parameters(b, 0, 0, g->affine ? weights : 0);
    struct cln_probe *px = cln_rig_tensor(b, "x", g->shape, x), *pz = cln_rig_tensor(b, "z", g->shape, NULL);
    struct cln_probe *pdz = cln_rig_tensor(b, "dz", g->shape, dz), *pdx = cln_rig_tensor(b, "dx", g->shape, NULL);
    struct cln_probe *statistics = cln_rig_cells(b, "statistics", cln_groupnorm_statistic_floats(&b->plan, g));
    struct cln_slices at;
    struct cln_probe *pdgamma = cln_rig_slices(b, "dγ", weights, slices, &at);
    cln_probe_free(statistics, 0, cln_groupnorm_statistic_floats(&b->plan, g));

    const struct cln_weights place = {.buffer = parameters.probe->buffer,
                                      .weight = g->affine ? parameters.gamma_at : -1,
                                      .bias = g->affine ? parameters.beta_at : -1,
                                      .statistics = statistics->buffer};
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_groupnorm_forward(&b->plan, g, px->buffer, place, pz->buffer);
    if (status == CLN_OK)
        status = cln_groupnorm_backward_data(&b->plan, g, px->buffer, pdz->buffer, place, pdx->buffer);
    if (status == CLN_OK)
        status = cln_groupnorm_backward_weights(&b->plan, g, px->buffer, pdz->buffer, place, at);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    const double *gamma = g->affine ? parameters.gamma : NULL, *beta = g->affine ? parameters.beta : NULL;
    double *z = cln_rig_alloc(b, count), *dx = cln_rig_alloc(b, count), *dgamma = cln_rig_alloc(b, weights);
    cln_reference_groupnorm_forward(g, (size_t)b->count, x, gamma, beta, z);
    cln_reference_groupnorm_backward(g, (size_t)b->count, x, gamma, dz, dx, dgamma, NULL);
    const struct bounds bounds = bound(b, g, x, dz, &parameters);
    cln_rig_expect_tensor(b, pz, g->shape, z, bounds.z, 1 / CLN_EPS32);
    cln_rig_expect_tensor(b, pdx, g->shape, dx, bounds.dx, 1 / CLN_EPS32);
    cln_rig_expect_slices(pdgamma, &at, slices, dgamma, bounds.dgamma, weights, 1 / CLN_EPS32);
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_groupnorm = CLN_OPERATION("groupnorm", cases, run);
