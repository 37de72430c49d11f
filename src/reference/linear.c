/* The affine map of torch.nn.Linear and its gradients. */
#include "src/reference/reference.h"

void cln_reference_linear_forward(const struct cln_linear *g, size_t batch, const double *x, const double *weight,
                                  const double *bias, double *z) {
    size_t in = (size_t)g->in_features, out = (size_t)g->out_features;
    for (size_t n = 0; n < batch; n++) {
        for (size_t o = 0; o < out; o++) {
            double sum = bias ? bias[o] : 0;
            for (size_t i = 0; i < in; i++)
                sum += weight[o * in + i] * x[n * in + i];
            z[n * out + o] = sum;
        }
    }
}

/* dx = dz · W, dW = dzᵀ · x, db = Σ_n dz[n] */
void cln_reference_linear_backward(const struct cln_linear *g, size_t batch, const double *x, const double *weight,
                                   const double *dz, double *dx, double *dweight, double *dbias) {
    size_t in = (size_t)g->in_features, out = (size_t)g->out_features;
    for (size_t n = 0; dx && n < batch; n++) {
        for (size_t i = 0; i < in; i++) {
            double sum = 0;
            for (size_t o = 0; o < out; o++)
                sum += dz[n * out + o] * weight[o * in + i];
            dx[n * in + i] = sum;
        }
    }
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; dweight && i < in; i++) {
            double sum = 0;
            for (size_t n = 0; n < batch; n++)
                sum += dz[n * out + o] * x[n * in + i];
            dweight[o * in + i] = sum;
        }
        if (dbias) {
            dbias[o] = 0;
            for (size_t n = 0; n < batch; n++)
                dbias[o] += dz[n * out + o];
        }
    }
}
