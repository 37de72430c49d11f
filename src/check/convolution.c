/* Runs a case of a convolution: see conv2d.h. */
#include <math.h>

#include "src/check/conv2d.h"
#include "src/check/lanes.h"
#include "src/check/parameters.h"
#include "src/engine/conv2d.h"
#include "src/model/layer.h"
#include "src/reference/index.h"
#include "src/reference/reference.h"

static int windows(int in, int kernel, int stride, int padding, int dilation) {
    return (in + 2 * padding - cln_window_extent(kernel, dilation)) / stride + 1;
}

/* A case's convolution with all that follows. */
static struct cln_conv2d geometry_of(const struct cln_conv2d_case *c) {
    struct cln_conv2d g = c->g;
    g.groups = cln_max(1, g.groups);
    g.dilation_h = cln_max(1, g.dilation_h);
    g.dilation_w = cln_max(1, g.dilation_w);
    g.in_per_group = g.in.channels / g.groups;
    g.out.height = windows(g.in.height, g.kernel_h, g.stride_h, g.padding_h, g.dilation_h);
    g.out.width = windows(g.in.width, g.kernel_w, g.stride_w, g.padding_w, g.dilation_w);
    return g;
}

/* The epilogue's buffers and their content. */
struct epilogue {
    struct cln_activate activate; /* norm NULL: no epilogue */
    struct cln_probe *max_value, *max_index, *da, *dz_coefficients;
    const double *da_values, *coefficient_values;
};

static struct epilogue make_epilogue(struct cln_rig *b, const struct cln_conv2d_case *c, struct cln_shape z,
                                     const struct cln_norm *norm, const struct cln_norm_probes *norm_probes) {
    struct cln_pool2d pool = c->pool;
    pool.in = z;
    pool.out = (struct cln_shape){z.channels, windows(z.height, pool.kernel_h, pool.stride_h, pool.padding_h, 1),
                                  windows(z.width, pool.kernel_w, pool.stride_w, pool.padding_w, 1)};
    const size_t cells = (cln_plan_elements(&b->plan, pool.out) + 1) / 2, channels = (size_t)z.channels;
    struct epilogue s = {.max_value = cln_rig_tensor(b, "max_value", pool.out, NULL),
                         .max_index = cln_rig_cells(b, "max_index", cells)};
    s.da_values = cln_rig_random(b, (size_t)b->count * cln_shape_count(pool.out), 0, 1);
    s.da = cln_rig_tensor(b, "da", pool.out, s.da_values);
    s.dz_coefficients = norm_probes->dz_coefficients;
    s.coefficient_values = cln_rig_random(b, 4 * channels, 0, 1);
    cln_probe_put(s.dz_coefficients, 0, s.coefficient_values, 4 * channels);
    s.activate = (struct cln_activate){
        .activation = c->activation,
        .pool = pool,
        .norm = norm,
        .max_value = s.max_value->buffer,
        .max_index = s.max_index->buffer,
        .da = s.da->buffer,
    };
    return s;
}

/* The expected place of a maximum in its window; the first place if no maximum was to be picked. */
static int place_of(const struct cln_rig *b, const struct epilogue *s, size_t sample, size_t window) {
    const size_t at =
        cln_lanes_index((size_t)b->plan.tuning.lanes, cln_shape_count(s->activate.pool.out), sample, window);
    return (int)(s->max_index->after[at / 2] >> 16 * (at % 2) & 0xffff);
}

static bool is_inside(int row, int column, struct cln_shape s) {
    return row >= 0 && row < s.height && column >= 0 && column < s.width;
}

/* Expects the maxima of the device's z, or the minima if γ is negative; of equal ones the first. */
static void expect_maxima(struct cln_rig *b, const struct epilogue *s, const struct cln_probe *z, const double *gamma) {
    const struct cln_pool2d *p = &s->activate.pool;
    const size_t lanes = (size_t)b->plan.tuning.lanes, outs = cln_shape_count(p->out);
    for (size_t n = 0; n < (size_t)b->count; n++)
        for (size_t e = 0; e < outs; e++) {
            const int c = (int)e / (p->out.height * p->out.width), r = (int)e / p->out.width % p->out.height;
            double best = 0;
            int place = -1;
            for (int k = 0; k < p->kernel_h * p->kernel_w; k++) {
                const int row = r * p->stride_h - p->padding_h + k / p->kernel_w;
                const int column = (int)e % p->out.width * p->stride_w - p->padding_w + k % p->kernel_w;
                if (!is_inside(row, column, p->in))
                    continue;
                const double value =
                    z->values[cln_lanes_index(lanes, cln_shape_count(p->in), n, cln_index(p->in, 0, c, row, column))];
                if (place < 0 || (gamma[c] > 0 ? value > best : value < best)) {
                    best = value;
                    place = k;
                }
            }
            cln_probe_expect(s->max_value, cln_lanes_index(lanes, outs, n, e), best, 0);
            if (place_of(b, s, n, e) != place)
                cln_rig_compare_value(b, "place of a maximum", place_of(b, s, n, e), place, 0);
        }
    for (size_t n = (size_t)b->count; n < cln_rig_blocks(b) * lanes; n++)
        for (size_t e = 0; e < outs; e++)
            cln_probe_free(s->max_value, cln_lanes_index(lanes, outs, n, e), 1);
    cln_probe_free(s->max_index, 0, (cln_rig_blocks(b) * lanes * outs + 1) / 2);
}

/* dz from z as in kernels/batchnorm.clh, and the magnitude of its terms. */
static void reference_dz(struct cln_rig *b, const struct epilogue *s, const double *z, const struct cln_probe *normal,
                         double *dz, double *terms) {
    const struct cln_pool2d *p = &s->activate.pool;
    const size_t count = (size_t)b->count * cln_shape_count(p->in), outs = cln_shape_count(p->out);
    const bool average = p->kind == CLN_POOL_AVERAGE;
    for (size_t i = 0; i < count; i++)
        dz[i] = terms[i] = 0;
    for (size_t n = 0; n < (size_t)b->count; n++)
        for (size_t e = 0; e < outs; e++)
            for (int k = 0; k < p->kernel_h * p->kernel_w; k++) {
                const int c = (int)e / (p->out.height * p->out.width), r = (int)e / p->out.width % p->out.height;
                const int row = r * p->stride_h - p->padding_h + k / p->kernel_w;
                const int column = (int)e % p->out.width * p->stride_w - p->padding_w + k % p->kernel_w;
                if (!is_inside(row, column, p->in) || (p->kind == CLN_POOL_MAX && place_of(b, s, n, e) != k))
                    continue;
                const double share = s->da_values[n * outs + e] / (average ? p->kernel_h * p->kernel_w : 1);
                dz[cln_index(p->in, n, c, row, column)] += share;
                terms[cln_index(p->in, n, c, row, column)] += fabs(share);
            }
    for (size_t i = 0; i < count; i++) {
        const size_t c = i / (size_t)(p->in.height * p->in.width) % (size_t)p->in.channels;
        const double *g = &s->coefficient_values[4 * c], *m = &normal->values[4 * c];
        const double scaled = (z[i] - m[0]) * m[2];
        if (average) {
            dz[i] *= cln_reference_activation(s->activate.activation, scaled + m[3]).derivative;
            terms[i] *= 2 * (1 + fabs(scaled) + fabs(m[3]));
        }
        dz[i] = g[3] * (dz[i] - g[2]) + g[1] * (z[i] - g[0]);
        terms[i] = fabs(g[3]) * (terms[i] + fabs(g[2])) + fabs(g[1]) * (fabs(z[i]) + fabs(g[0]));
    }
}

/* Expects that every plane of z has one value: that of x where all are alike. A batch norm would multiply what rounding
 * makes of it. */
static void expect_equal_planes(struct cln_rig *b, const double *z, struct cln_shape shape) {
    const size_t plane = (size_t)(shape.height * shape.width), count = (size_t)b->count * cln_shape_count(shape);
    for (size_t e = 0; e < count; e++)
        if (z[e] != z[e / plane * plane])
            cln_rig_compare_value(b, "z of equal values", z[e], z[e / plane * plane], 0);
}

enum cln_status cln_check_conv2d(struct cln_rig *b, const struct cln_conv2d_case *c,
                                 void (*terms)(const struct cln_rig *, const struct cln_conv2d *,
                                               struct cln_conv2d_magnitudes *),
                                 double factor) {
    const struct cln_conv2d g = geometry_of(c);
    const size_t n = (size_t)b->count, in = n * cln_shape_count(g.in), out = n * cln_shape_count(g.out);
    const size_t channels = (size_t)g.out.channels;
    const size_t weights = channels * (size_t)(g.in_per_group * g.kernel_h * g.kernel_w);
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
    struct epilogue epilogue = {.activate = {.norm = NULL}};
    if (c->stage) {
        epilogue = make_epilogue(b, c, g.out, &norm, &norm_probes);
        cln_conv2d_fuse(&b->plan, &g, true, &epilogue.activate);
        if (!epilogue.activate.fuses_max)
            for (size_t i = 0; i < epilogue.max_index->count; i++)
                epilogue.max_index->before[i] = 0;
    }
    const struct cln_activate *activate = c->stage ? &epilogue.activate : NULL;
    struct cln_weights place = cln_parameters_weights(&parameters);
    for (int part = CLN_CONV2D_FORWARD; part <= CLN_CONV2D_DATA; part++) {
        const size_t floats = cln_conv2d_filter_floats(&b->plan, &g, (enum cln_conv2d_part)part);
        if (floats > 0) {
            struct cln_probe *filters = cln_rig_cells(b, "filters", floats);
            cln_probe_free(filters, 0, floats);
            place.filters[part] = filters->buffer;
        }
    }
    const struct cln_partials partials = {.buffer = moments->buffer, .splits = splits};
    enum cln_status status = b->status;
    for (int part = CLN_CONV2D_FORWARD; part <= CLN_CONV2D_DATA && status == CLN_OK; part++)
        status = cln_conv2d_filters(&b->plan, &g, place, (enum cln_conv2d_part)part);
    if (status == CLN_OK)
        status = cln_conv2d_forward(&b->plan, &g, activate, px->buffer, place, pz->buffer, partials);
    if (status == CLN_OK)
        status = cln_batchnorm_statistics(&b->plan, &norm, partials);
    if (status == CLN_OK)
        status = cln_conv2d_backward_data(&b->plan, &g, activate, pdz->buffer, place, pdx->buffer);
    if (status == CLN_OK)
        status = cln_conv2d_backward_weights(&b->plan, &g, activate, px->buffer, pdz->buffer, at);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    double *z = cln_rig_alloc(b, out), *dx = cln_rig_alloc(b, in), *dw = cln_rig_alloc(b, weights);
    struct cln_conv2d_magnitudes sizes = {
        .samples = n,
        .x = cln_rig_magnitudes(b, x, in),
        .weight = cln_rig_magnitudes(b, parameters.weight, weights),
        .bias = g.bias ? cln_rig_magnitudes(b, parameters.bias, channels) : NULL,
        .dz = cln_rig_magnitudes(b, dz, out),
        .z_terms = cln_rig_alloc(b, out),
        .dx_terms = cln_rig_alloc(b, in),
        .dw_terms = cln_rig_alloc(b, weights),
    };
    cln_reference_conv2d_forward(&g, n, x, parameters.weight, g.bias ? parameters.bias : NULL, z);
    cln_reference_conv2d_backward(&g, n, x, parameters.weight, dz, dx, dw, NULL);
    terms(b, &g, &sizes);
    if (cln_activation_is_of_input(c->activation.kind))
        cln_rig_compare_value(b, "picks maxima of z", epilogue.activate.fuses_max, 0, 0);
    if (epilogue.activate.fuses_max)
        expect_maxima(b, &epilogue, pz, parameters.gamma);
    /* dW from the dz that the kernel makes from z, in the buffer that held dz above. */
    if (epilogue.activate.fuses_dz) {
        double *epilogue_dz = cln_rig_alloc(b, out), *epilogue_terms = cln_rig_alloc(b, out);
        reference_dz(b, &epilogue, dz, norm_probes.normal, epilogue_dz, epilogue_terms);
        cln_reference_conv2d_backward(&g, n, x, parameters.weight, epilogue_dz, cln_rig_alloc(b, in), dw, NULL);
        cln_reference_conv2d_backward(&g, n, sizes.x, sizes.weight, epilogue_terms, cln_rig_alloc(b, in),
                                      sizes.dw_terms, NULL);
    }
    cln_rig_expect_tensor(b, pz, g.out, z, sizes.z_terms, factor);
    cln_rig_expect_tensor(b, pdx, g.in, dx, sizes.dx_terms, factor);
    cln_rig_expect_slices(pdw, &at, slices, dw, sizes.dw_terms, weights,
                          epilogue.activate.fuses_dz ? 2 * factor : factor);
    cln_rig_expect_norm(b, &norm_probes, cln_rig_statistics(b, &options, cln_rig_values(b, pz, g.out)));
    if (c->scale == 0 && g.padding_h == 0 && g.padding_w == 0)
        expect_equal_planes(b, cln_rig_values(b, pz, g.out), g.out);
    cln_rig_compare(b);
    return CLN_OK;
}
