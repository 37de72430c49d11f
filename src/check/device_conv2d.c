/* Cases of kernels/conv2d.cl: forward with the moments it leaves, gradients by the data and by the weights. */
#include "src/check/parameters.h"
#include "src/check/reference.h"
#include "src/engine/conv2d.h"

struct conv2d_case {
    struct cln_case base;
    struct cln_conv2d g;  /* `out` but for its channels follows */
    double centre, scale; /* of x */
};

#define IN(c, h, w) .in = {c, h, w}
#define OUT(c) .out = {c, 0, 0}
#define KERNEL(h, w) .kernel_h = h, .kernel_w = w
#define STRIDE(h, w) .stride_h = h, .stride_w = w
#define PADDING(h, w) .padding_h = h, .padding_w = w

static const struct conv2d_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true},
     {IN(1, 4, 5), OUT(2), KERNEL(3, 2), STRIDE(1, 1), .bias = true},
     0,
     1},
    {{"one number", 1, .quick = true}, {IN(1, 1, 1), OUT(1), KERNEL(1, 1), STRIDE(1, 1), .bias = true}, 0, 1},
    {{"LeNet's second", 7, {7}, .quick = true},
     {IN(6, 12, 12), OUT(16), KERNEL(5, 5), STRIDE(1, 1), .bias = true},
     0,
     1},
    {{"not square, no bias", 17, {17, 3}}, {IN(3, 7, 4), OUT(5), KERNEL(2, 3), STRIDE(1, 1)}, 0, 1},
    {{"padding", 7, {7}}, {IN(2, 5, 6), OUT(7), KERNEL(3, 3), STRIDE(1, 1), PADDING(1, 1), .bias = true}, 0, 1},
    {{"padding wider than the image", 2, {2}, .quick = true},
     {IN(2, 1, 2), OUT(3), KERNEL(3, 7), STRIDE(1, 1), PADDING(2, 4), .bias = true},
     0,
     1},
    {{"stride, a row and a column unused", 9, {9, 4}, .quick = true},
     {IN(2, 8, 6), OUT(3), KERNEL(3, 3), STRIDE(2, 2), .bias = true},
     0,
     1},
    {{"stride not square, padded", 17, {17}, .quick = true},
     {IN(2, 7, 9), OUT(5), KERNEL(3, 4), STRIDE(2, 3), PADDING(1, 2), .bias = true},
     0,
     1},
    {{"stride beyond the kernel", 3, {3}}, {IN(2, 7, 8), OUT(2), KERNEL(2, 1), STRIDE(3, 3), .bias = true}, 0, 1},
    {{"kernel of 17 columns", 2, {2}}, {IN(1, 2, 33), OUT(13), KERNEL(1, 17), STRIDE(1, 1), .bias = true}, 0, 1},
    {{"large mean, small deviation", 33, {33, 20}},
     {IN(2, 5, 5), OUT(3), KERNEL(1, 1), STRIDE(1, 1), .bias = true},
     1e4,
     1e-2},
    {{"all zero", 5, {5}}, {IN(2, 4, 4), OUT(3), KERNEL(3, 3), STRIDE(1, 1)}, 0, 0},
};

static int windows(int in, int kernel, int stride, int padding) {
    return (in + 2 * padding - kernel) / stride + 1;
}

/* A sum of products in any order is off by less than a few roundings of the sum of their magnitudes. */
static const double factor = 8;

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct conv2d_case *c = entry;
    struct cln_conv2d g = c->g;
    g.out.height = windows(g.in.height, g.kernel_h, g.stride_h, g.padding_h);
    g.out.width = windows(g.in.width, g.kernel_w, g.stride_w, g.padding_w);
    const size_t n = (size_t)b->count, in = n * cln_shape_count(g.in), out = n * cln_shape_count(g.out);
    const size_t channels = (size_t)g.out.channels;
    const size_t weights = channels * (size_t)(g.in.channels * g.kernel_h * g.kernel_w);
    const struct cln_batchnorm options = {.shape = g.out, .momentum = 0.1, .eps = 1e-5};
    const int splits = cln_conv2d_splits(&b->plan, &g), slices = cln_conv2d_slices(&b->plan, &g);

    const double *x = cln_rig_random(b, in, c->centre, c->scale), *dz = cln_rig_random(b, out, 0, 1);
    const struct cln_parameters parameters = cln_rig_parameters(b, weights, g.bias ? channels : 0, channels);
    struct cln_probe *px = cln_rig_tensor(b, "x", g.in, x), *pz = cln_rig_tensor(b, "z", g.out, NULL);
    struct cln_probe *pdz = cln_rig_tensor(b, "dz", g.out, dz), *pdx = cln_rig_tensor(b, "dx", g.in, NULL);
    struct cln_probe *moments = cln_rig_partials(b, "moments", g.out.channels, splits, 4);
    const struct cln_norm_probes norm_probes = cln_rig_norm(b, &options, &parameters);
    struct cln_slices at;
    struct cln_probe *pdw = cln_rig_slices(b, "dW", weights, slices, &at);

    const struct cln_norm norm = cln_norm_of(&norm_probes, &parameters);
    const struct cln_weights place = cln_parameters_weights(&parameters);
    const struct cln_partials partials = {.buffer = moments->buffer, .splits = splits};
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_conv2d_forward(&b->plan, &g, px->buffer, place, pz->buffer, partials);
    if (status == CLN_OK)
        status = cln_batchnorm_statistics(&b->plan, &norm, partials);
    if (status == CLN_OK)
        status = cln_conv2d_backward_data(&b->plan, &g, pdz->buffer, place, pdx->buffer);
    if (status == CLN_OK)
        status = cln_conv2d_backward_weights(&b->plan, &g, px->buffer, pdz->buffer, at);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    double *z = cln_rig_alloc(b, out), *dx = cln_rig_alloc(b, in), *dw = cln_rig_alloc(b, weights);
    double *z_terms = cln_rig_alloc(b, out), *dx_terms = cln_rig_alloc(b, in), *dw_terms = cln_rig_alloc(b, weights);
    const double *x_size = cln_rig_magnitudes(b, x, in), *dz_size = cln_rig_magnitudes(b, dz, out);
    const double *w_size = cln_rig_magnitudes(b, parameters.weight, weights);
    const double *bias_size = cln_rig_magnitudes(b, parameters.bias, g.bias ? channels : 0);
    cln_reference_conv2d_forward(&g, n, x, parameters.weight, g.bias ? parameters.bias : NULL, z);
    cln_reference_conv2d_forward(&g, n, x_size, w_size, g.bias ? bias_size : NULL, z_terms);
    cln_reference_conv2d_backward(&g, n, x, parameters.weight, dz, dx, dw, NULL);
    cln_reference_conv2d_backward(&g, n, x_size, w_size, dz_size, dx_terms, dw_terms, NULL);
    cln_rig_expect_tensor(b, pz, g.out, z, z_terms, factor);
    cln_rig_expect_tensor(b, pdx, g.in, dx, dx_terms, factor);
    cln_rig_expect_slices(pdw, &at, slices, dw, dw_terms, weights, factor);
    for (size_t i = 0; i < out; i++)
        z_terms[i] *= CLN_EPS32; /* a rounding or two each: what the moments inherit */
    cln_rig_expect_norm(b, &norm_probes, cln_rig_statistics(b, &options, z, z_terms));
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_conv2d = CLN_OPERATION("conv2d", cases, run);
