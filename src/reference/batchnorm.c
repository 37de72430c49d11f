/* Batch normalisation per channel (Ioffe and Szegedy, 2015). The statistics take two passes over the data, the mean
 * first, so that a large mean costs the variance no digits. */
#include <math.h>

#include "src/reference/reference.h"

/* All numbers of one channel: `samples` runs of `run` numbers, `stride` apart. */
struct channel {
    size_t samples, run, stride, first;
};

static struct channel channel_of(const struct cln_batchnorm *g, size_t batch, int c) {
    size_t run = (size_t)g->shape.height * (size_t)g->shape.width;
    return (struct channel){
        .samples = batch, .run = run, .stride = cln_shape_count(g->shape), .first = (size_t)c * run};
}

static size_t channel_count(const struct channel *c) {
    return c->samples * c->run;
}

/* Index into the tensor of the channel's k-th number. */
static size_t at(const struct channel *c, size_t k) {
    return c->first + k / c->run * c->stride + k % c->run;
}

/* μ = (1/m) Σ x, σ² = (1/m) Σ (x − μ)². The mean is computed as x₀ plus the mean of x − x₀, so that equal numbers have
 * exactly their value as mean. */
static void measure(const struct channel *c, const double *x, double *mean, double *variance) {
    double m = (double)channel_count(c), first = x[c->first], sum = 0, squares = 0;
    for (size_t k = 0; k < channel_count(c); k++)
        sum += x[at(c, k)] - first;
    *mean = first + sum / m;
    for (size_t k = 0; k < channel_count(c); k++)
        squares += (x[at(c, k)] - *mean) * (x[at(c, k)] - *mean);
    *variance = squares / m;
}

/* The parameter of a channel; `otherwise` where there are none. */
static double parameter(const double *values, int channel, double otherwise) {
    return values ? values[channel] : otherwise;
}

/* y = γ·(x − μ)/√(σ² + ε) + β */
static void normalise(const struct channel *c, const double *x, double mean, double variance, double eps, double gamma,
                      double beta, double *y) {
    for (size_t k = 0; k < channel_count(c); k++)
        y[at(c, k)] = gamma * (x[at(c, k)] - mean) / sqrt(variance + eps) + beta;
}

void cln_reference_batchnorm_forward(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, double *y, double *mean, double *variance,
                                     double *running_mean, double *running_var) {
    for (int i = 0; i < g->shape.channels; i++) {
        struct channel c = channel_of(g, batch, i);
        double m = (double)channel_count(&c), mu, sigma2;
        measure(&c, x, &mu, &sigma2);
        normalise(&c, x, mu, sigma2, g->eps, parameter(gamma, i, 1), parameter(beta, i, 0), y);
        if (mean)
            mean[i] = mu;
        if (variance)
            variance[i] = sigma2;
        if (running_mean) {
            double tracked = g->biased_running_variance || m == 1 ? sigma2 : sigma2 * m / (m - 1);
            running_mean[i] = (1 - g->momentum) * running_mean[i] + g->momentum * mu;
            running_var[i] = (1 - g->momentum) * running_var[i] + g->momentum * tracked;
        }
    }
}

void cln_reference_batchnorm_predict(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, const double *running_mean, const double *running_var,
                                     double *y) {
    for (int i = 0; i < g->shape.channels; i++) {
        struct channel c = channel_of(g, batch, i);
        normalise(&c, x, running_mean[i], running_var[i], g->eps, parameter(gamma, i, 1), parameter(beta, i, 0), y);
    }
}

/* With x̂ = (x − μ)/√(σ² + ε): dβ = Σ dy, dγ = Σ dy·x̂, dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m) */
void cln_reference_batchnorm_backward(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                      const double *dy, double *dx, double *dgamma, double *dbeta) {
    for (int i = 0; i < g->shape.channels; i++) {
        struct channel c = channel_of(g, batch, i);
        double m = (double)channel_count(&c), mu, sigma2, sum = 0, product = 0;
        measure(&c, x, &mu, &sigma2);
        double deviation = sqrt(sigma2 + g->eps);
        for (size_t k = 0; k < channel_count(&c); k++) {
            sum += dy[at(&c, k)];
            product += dy[at(&c, k)] * (x[at(&c, k)] - mu) / deviation;
        }
        for (size_t k = 0; dx && k < channel_count(&c); k++) {
            double normalised = (x[at(&c, k)] - mu) / deviation;
            dx[at(&c, k)] = parameter(gamma, i, 1) / deviation * (dy[at(&c, k)] - sum / m - normalised * product / m);
        }
        if (dgamma)
            dgamma[i] = product;
        if (dbeta)
            dbeta[i] = sum;
    }
}
