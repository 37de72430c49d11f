/* Group and layer normalisation per sample (Wu and He, 2018; Ba and others, 2016), in two passes over a group, the mean
 * first. */
#include <math.h>
#include <string.h>

#include "src/reference/reference.h"

/* The numbers of a group, which are side by side, and those that share a weight. */
static size_t elements_of(const struct cln_groupnorm *g) {
    return cln_shape_count(g->shape) / (size_t)g->groups;
}
static size_t positions_of(const struct cln_groupnorm *g) {
    return g->by_element ? 1 : (size_t)(g->shape.height * g->shape.width);
}

static void measure(const double *x, size_t count, double *mean, double *variance) {
    double sum = 0, squares = 0;
    for (size_t e = 0; e < count; e++)
        sum += x[e] - x[0];
    *mean = x[0] + sum / (double)count;
    for (size_t e = 0; e < count; e++)
        squares += (x[e] - *mean) * (x[e] - *mean);
    *variance = squares / (double)count;
}

void cln_reference_groupnorm_forward(const struct cln_groupnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, double *y) {
    const size_t elements = elements_of(g), positions = positions_of(g);
    for (size_t i = 0; i < batch * (size_t)g->groups; i++) {
        const size_t first = i * elements, in_sample = i % (size_t)g->groups * elements;
        double mean, variance;
        measure(x + first, elements, &mean, &variance);
        for (size_t e = 0; e < elements; e++) {
            const size_t w = (in_sample + e) / positions;
            y[first + e] =
                (gamma ? gamma[w] : 1) * (x[first + e] - mean) / sqrt(variance + g->eps) + (beta ? beta[w] : 0);
        }
    }
}

/* With d = γ·dy: dx = (d − mean of d − x̂ · mean of d·x̂) / √(σ² + ε), dγ = Σ dy·x̂, dβ = Σ dy */
void cln_reference_groupnorm_backward(const struct cln_groupnorm *g, size_t batch, const double *x, const double *gamma,
                                      const double *dy, double *dx, double *dgamma, double *dbeta) {
    const size_t elements = elements_of(g), positions = positions_of(g);
    const size_t weights = cln_shape_count(g->shape) / positions;
    if (dgamma)
        memset(dgamma, 0, weights * sizeof(*dgamma));
    if (dbeta)
        memset(dbeta, 0, weights * sizeof(*dbeta));
    for (size_t i = 0; i < batch * (size_t)g->groups; i++) {
        const size_t first = i * elements, in_sample = i % (size_t)g->groups * elements;
        double mean, variance, sum = 0, product = 0;
        measure(x + first, elements, &mean, &variance);
        const double deviation = sqrt(variance + g->eps);
        for (size_t e = 0; e < elements; e++) {
            const size_t w = (in_sample + e) / positions;
            const double normalised = (x[first + e] - mean) / deviation, d = dy[first + e];
            sum += (gamma ? gamma[w] : 1) * d;
            product += (gamma ? gamma[w] : 1) * d * normalised;
            if (dgamma)
                dgamma[w] += d * normalised;
            if (dbeta)
                dbeta[w] += d;
        }
        for (size_t e = 0; dx && e < elements; e++) {
            const double d = (gamma ? gamma[(in_sample + e) / positions] : 1) * dy[first + e];
            const double normalised = (x[first + e] - mean) / deviation;
            dx[first + e] = (d - sum / (double)elements - normalised * product / (double)elements) / deviation;
        }
    }
}
