/* Convolution as torch.nn.Conv2d defines it, and its gradients, one sum per number. */
#include <stdbool.h>
#include <string.h>

#include "src/reference/index.h"
#include "src/reference/reference.h"

/* W[o,i,u,v] */
static size_t weight_index(const struct cln_conv2d *g, int o, int i, int u, int v) {
    struct cln_shape filter = {g->in_per_group, g->kernel_h, g->kernel_w};
    return cln_index(filter, (size_t)o, i, u, v);
}

/* The index of the x that W[o,i,u,v] multiplies for z[n,o,r,c]; false: that place is in the padding. */
static bool input_index(const struct cln_conv2d *g, size_t n, int o, int i, int r, int c, int u, int v, size_t *index) {
    const int group = o / (g->out.channels / g->groups);
    int row = r * g->stride_h - g->padding_h + u * g->dilation_h;
    int column = c * g->stride_w - g->padding_w + v * g->dilation_w;
    *index = cln_index(g->in, n, group * g->in_per_group + i, row, column);
    return row >= 0 && row < g->in.height && column >= 0 && column < g->in.width;
}

/* Σ_{i,u,v} W[o,i,u,v] · x[…], the x of input_index */
static double output(const struct cln_conv2d *g, const double *x, const double *weight, size_t n, int o, int r, int c) {
    double sum = 0;
    size_t at;
    for (int i = 0; i < g->in_per_group; i++)
        for (int u = 0; u < g->kernel_h; u++)
            for (int v = 0; v < g->kernel_w; v++)
                if (input_index(g, n, o, i, r, c, u, v, &at))
                    sum += weight[weight_index(g, o, i, u, v)] * x[at];
    return sum;
}

/* dW[o,i,u,v] = Σ_{n,r,c} dz[n,o,r,c] · x[…], the x of input_index */
static double weight_gradient(const struct cln_conv2d *g, size_t batch, const double *x, const double *dz, int o, int i,
                              int u, int v) {
    double sum = 0;
    size_t at;
    for (size_t n = 0; n < batch; n++)
        for (int r = 0; r < g->out.height; r++)
            for (int c = 0; c < g->out.width; c++)
                if (input_index(g, n, o, i, r, c, u, v, &at))
                    sum += dz[cln_index(g->out, n, o, r, c)] * x[at];
    return sum;
}

/* Adds the contributions of z[n,o,r,c] to dx: dx[…] += W[o,i,u,v] · dz[n,o,r,c] for every x that it was made of. */
static void scatter(const struct cln_conv2d *g, const double *weight, double dz, size_t n, int o, int r, int c,
                    double *dx) {
    size_t at;
    for (int i = 0; i < g->in_per_group; i++)
        for (int u = 0; u < g->kernel_h; u++)
            for (int v = 0; v < g->kernel_w; v++)
                if (input_index(g, n, o, i, r, c, u, v, &at))
                    dx[at] += weight[weight_index(g, o, i, u, v)] * dz;
}

void cln_reference_conv2d_forward(const struct cln_conv2d *g, size_t batch, const double *x, const double *weight,
                                  const double *bias, double *z) {
    for (size_t n = 0; n < batch; n++)
        for (int o = 0; o < g->out.channels; o++)
            for (int r = 0; r < g->out.height; r++)
                for (int c = 0; c < g->out.width; c++)
                    z[cln_index(g->out, n, o, r, c)] = (bias ? bias[o] : 0) + output(g, x, weight, n, o, r, c);
}

static void data_gradient(const struct cln_conv2d *g, size_t batch, const double *weight, const double *dz,
                          double *dx) {
    memset(dx, 0, batch * cln_shape_count(g->in) * sizeof(*dx));
    for (size_t n = 0; n < batch; n++)
        for (int o = 0; o < g->out.channels; o++)
            for (int r = 0; r < g->out.height; r++)
                for (int c = 0; c < g->out.width; c++)
                    scatter(g, weight, dz[cln_index(g->out, n, o, r, c)], n, o, r, c, dx);
}

static double bias_gradient(const struct cln_conv2d *g, size_t batch, const double *dz, int o) {
    double sum = 0;
    for (size_t n = 0; n < batch; n++)
        for (int r = 0; r < g->out.height; r++)
            for (int c = 0; c < g->out.width; c++)
                sum += dz[cln_index(g->out, n, o, r, c)];
    return sum;
}

void cln_reference_conv2d_backward(const struct cln_conv2d *g, size_t batch, const double *x, const double *weight,
                                   const double *dz, double *dx, double *dweight, double *dbias) {
    if (dx)
        data_gradient(g, batch, weight, dz, dx);
    for (int o = 0; o < g->out.channels; o++) {
        if (dbias)
            dbias[o] = bias_gradient(g, batch, dz, o);
        for (int i = 0; dweight && i < g->in_per_group; i++)
            for (int u = 0; u < g->kernel_h; u++)
                for (int v = 0; v < g->kernel_w; v++)
                    dweight[weight_index(g, o, i, u, v)] = weight_gradient(g, batch, x, dz, o, i, u, v);
    }
}
