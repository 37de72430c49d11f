/* Cases of kernels/linear.cl, and of CLBlast instead: the forward pass with moments, and the data and weight
 * gradients. */
#include "src/engine/linear.h"
#include "src/check/parameters.h"
#include "src/reference/reference.h"

struct linear_case {
    struct cln_case base;
    struct cln_linear g;
    double centre, scale; /* of x */
};

static const struct linear_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {5, 3, true}, 0, 1},
    {{"one number", 1, .quick = true}, {1, 1, true}, 0, 1},
    {{"no bias", 17, {17, 9}, .quick = true}, {17, 13, false}, 0, 1},
    {{"many features", 5, {5}}, {257, 129, true}, 0, 1},
    {{"a full batch", 64, {64, 33}}, {16, 12, true}, 0, 1},
    {{"large mean, small deviation", 33, {33, 20}}, {1, 3, true}, 1e4, 1e-2},
    {{"all zero", 5, {5}}, {8, 4, false}, 0, 0},
    {{"all values alike", 33, {33, 27, 11, 3, 1}, .quick = true}, {7, 29, true}, 0.3, 0},
    {{"large values alike", 21, {21}}, {1, 29, true}, 3e4, 0},
    {{"BN-LeNet's first", 33, {33}}, {256, 120, true}, 0, 1},
    {{"BN-LeNet's second", 33, {33}}, {120, 84, true}, 0, 1},
    {{"BN-LeNet's third", 33, {33}}, {84, 10, true}, 0, 1},
};

/* The error of a sum of products, in any order, is less than a few roundings of the sum of their magnitudes. */
static const double factor = 8;

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct linear_case *c = entry;
    const struct cln_linear *g = &c->g;
    const struct cln_shape in_shape = {g->in_features, 1, 1}, out_shape = {g->out_features, 1, 1};
    const size_t n = (size_t)b->count, in = n * (size_t)g->in_features, out = n * (size_t)g->out_features;
    const size_t channels = (size_t)g->out_features, weights = channels * (size_t)g->in_features;
    const struct cln_batchnorm options = {.shape = out_shape, .momentum = 0.1, .eps = 1e-5};
    const int slices = cln_linear_slices(&b->plan, g);

    b->loose = cln_linear_uses_gemm(&b->plan, g);
    const double *x = cln_rig_random(b, in, c->centre, c->scale), *dz = cln_rig_random(b, out, 0, 1);
    const struct cln_parameters parameters = cln_rig_parameters(b, weights, g->bias ? channels : 0, channels);
    struct cln_probe *px = cln_rig_tensor(b, "x", in_shape, x), *pz = cln_rig_tensor(b, "z", out_shape, NULL);
    struct cln_probe *pdz = cln_rig_tensor(b, "dz", out_shape, dz), *pdx = cln_rig_tensor(b, "dx", in_shape, NULL);
    struct cln_probe *moments = cln_rig_partials(b, "moments", g->out_features, 1, 4);
    const struct cln_norm_probes norm_probes = cln_rig_norm(b, &options, &parameters);
    struct cln_slices at;
    struct cln_probe *pdw = cln_rig_slices(b, "dW", weights, slices, &at);

    const struct cln_norm norm = cln_norm_of(&norm_probes, &parameters);
    const struct cln_weights place = cln_parameters_weights(&parameters);
    const struct cln_partials partials = {.buffer = moments->buffer, .splits = 1};
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_linear_forward(&b->plan, g, px->buffer, place, pz->buffer, partials);
    if (status == CLN_OK)
        status = cln_batchnorm_statistics(&b->plan, &norm, partials);
    if (status == CLN_OK)
        status = cln_linear_backward_data(&b->plan, g, pdz->buffer, place, pdx->buffer);
    if (status == CLN_OK)
        status = cln_linear_backward_weights(&b->plan, g, px->buffer, pdz->buffer, at);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    double *z = cln_rig_alloc(b, out), *dx = cln_rig_alloc(b, in), *dw = cln_rig_alloc(b, weights);
    double *z_terms = cln_rig_alloc(b, out), *dx_terms = cln_rig_alloc(b, in), *dw_terms = cln_rig_alloc(b, weights);
    const double *x_size = cln_rig_magnitudes(b, x, in), *dz_size = cln_rig_magnitudes(b, dz, out);
    const double *w_size = cln_rig_magnitudes(b, parameters.weight, weights);
    const double *bias_size = cln_rig_magnitudes(b, parameters.bias, g->bias ? channels : 0);
    cln_reference_linear_forward(g, n, x, parameters.weight, g->bias ? parameters.bias : NULL, z);
    cln_reference_linear_forward(g, n, x_size, w_size, g->bias ? bias_size : NULL, z_terms);
    cln_reference_linear_backward(g, n, x, parameters.weight, dz, dx, dw, NULL);
    cln_reference_linear_backward(g, n, x_size, w_size, dz_size, dx_terms, dw_terms, NULL);
    cln_rig_expect_tensor(b, pz, out_shape, z, z_terms, factor);
    cln_rig_expect_tensor(b, pdx, in_shape, dx, dx_terms, factor);
    cln_rig_expect_slices(pdw, &at, slices, dw, dw_terms, weights, factor);
    cln_rig_expect_norm(b, &norm_probes, cln_rig_statistics(b, &options, cln_rig_values(b, pz, out_shape)));
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_linear = CLN_OPERATION("linear", cases, run);
