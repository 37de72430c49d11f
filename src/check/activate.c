/* Cases of kernels/activate.cl: every activation with every pool, with and without batch norm, and sums; a, and the
 * gradient from da to dz. The sums that bias_gradient of kernels/batchnorm.cl adds up are checked, too. */
#include <math.h>

#include "src/check/parameters.h"
#include "src/engine/activate.h"
#include "src/reference/reference.h"

struct activate_case {
    struct cln_case base;
    struct cln_activation activation;
    bool normalise;
    struct cln_pool2d pool; /* `out` is computed */
    bool flat;              /* all z equal: every window is a tie */
    bool no_scale;          /* γ is 0, so that all y are equal where z is not */
    bool far;               /* z is a hundred times as large */
    bool adds;              /* a tensor is added before the activation */
    bool further;           /* two gradients of a are added */
    bool close;             /* the error of a is a few roundings of y alone */
    bool saturates; /* z is six times as large, so that a is near ±1; the error of 1 − a² is then large relative to its
                       value */
};

#define NONE(c, h, w)                                                                                                  \
    { .kind = CLN_POOL_NONE, .in = {c, h, w}, .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1 }
#define POOL(pool_kind, c, h, w, kh, kw, sh, sw, ph, pw)                                                               \
    {                                                                                                                  \
        .kind = (pool_kind), .in = {c, h, w}, .kernel_h = kh, .kernel_w = kw, .stride_h = sh, .stride_w = sw,          \
        .padding_h = ph, .padding_w = pw                                                                               \
    }
#define MAX CLN_POOL_MAX
#define AVERAGE CLN_POOL_AVERAGE

static const struct activate_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, {CLN_SIGMOID}, true, POOL(MAX, 2, 2, 3, 2, 2, 2, 2, 0, 0)},
    {{"identity", 17, {17, 3}}, {CLN_IDENTITY}, false, NONE(3, 2, 2)},
    {{"sigmoid", 17, {17, 3}, .quick = true}, {CLN_SIGMOID}, true, NONE(5, 1, 1)},
    {{"relu", 5, {5}}, {CLN_RELU}, false, NONE(2, 3, 3)},
    {{"tanh", 5, {5}}, {CLN_TANH}, true, NONE(67, 1, 1)},
    {{"identity, max, rows left over", 9, {9, 4}}, {CLN_IDENTITY}, true, POOL(MAX, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"sigmoid, max, overlapping and padded", 7, {7}}, {CLN_SIGMOID}, false, POOL(MAX, 3, 7, 5, 3, 3, 2, 2, 1, 1)},
    {{"relu, max, not square", 7, {7}, .quick = true}, {CLN_RELU}, true, POOL(MAX, 3, 4, 6, 3, 2, 1, 2, 0, 1)},
    {{"tanh, max, stride beyond the kernel", 3, {3}}, {CLN_TANH}, false, POOL(MAX, 2, 7, 8, 2, 1, 3, 3, 0, 0)},
    {{"identity, average, whole image", 9, {9, 4}}, {CLN_IDENTITY}, false, POOL(AVERAGE, 3, 3, 4, 3, 4, 1, 1, 0, 0)},
    {{"sigmoid, average, rows left over", 7, {7}}, {CLN_SIGMOID}, true, POOL(AVERAGE, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"relu, average, stride beyond the kernel", 3, {3}}, {CLN_RELU}, false, POOL(AVERAGE, 2, 7, 8, 2, 1, 3, 3, 0, 0)},
    {{"tanh, average, overlapping and padded", 7, {7}, .quick = true},
     {CLN_TANH},
     true,
     POOL(AVERAGE, 3, 7, 5, 3, 3, 2, 2, 1, 1)},
    {{"leaky relu", 17, {17, 3}, .quick = true}, {CLN_LEAKY_RELU, 0.01}, true, NONE(5, 3, 2)},
    {{"leaky relu, slope 0.5, max", 7, {7}}, {CLN_LEAKY_RELU, 0.5}, false, POOL(MAX, 3, 7, 5, 3, 3, 2, 2, 1, 1)},
    {{"leaky relu, slope 0", 5, {5}}, {CLN_LEAKY_RELU, 0}, true, NONE(2, 3, 3)},
    {{"elu", 17, {17, 3}, .quick = true}, {CLN_ELU, 1}, true, NONE(5, 3, 2)},
    {{"elu, alpha 2, average", 7, {7}}, {CLN_ELU, 2}, false, POOL(AVERAGE, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"elu, max", 9, {9, 4}}, {CLN_ELU, 0.3}, true, POOL(MAX, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"elu, far below 0", 17, {17}}, {CLN_ELU, 1}, false, NONE(67, 1, 1), .far = true},
    {{"sum, relu", 17, {17, 3}, .quick = true}, {CLN_RELU}, true, NONE(5, 3, 2), .adds = true},
    {{"sum, tanh", 19, {19, 8, 1}}, {CLN_TANH}, true, NONE(3, 2, 3), .adds = true},
    {{"sum alone", 9, {9, 4}, .quick = true}, {CLN_IDENTITY}, false, NONE(67, 1, 1), .adds = true},
    {{"sum, sigmoid", 5, {5}}, {CLN_SIGMOID}, false, NONE(2, 7, 5), .adds = true},
    {{"two gradients, max", 7, {7, 4}, .quick = true},
     {CLN_SIGMOID},
     true,
     POOL(MAX, 3, 7, 5, 3, 3, 2, 2, 1, 1),
     .further = true},
    {{"two gradients alone", 9, {9, 4}}, {CLN_IDENTITY}, false, NONE(67, 1, 1), .further = true},
    {{"sum, two gradients", 17, {17, 3}}, {CLN_RELU}, true, NONE(5, 3, 2), .adds = true, .further = true},
    {{"hardswish", 17, {17, 3}, .quick = true}, {CLN_HARDSWISH}, true, NONE(5, 3, 2)},
    {{"hardswish, far from 0", 9, {9, 4}, .quick = true},
     {CLN_HARDSWISH},
     false,
     NONE(67, 1, 1),
     .far = true,
     .close = true},
    {{"hardswish, max", 7, {7}, .quick = true}, {CLN_HARDSWISH}, true, POOL(MAX, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"hardswish, average, padded", 9, {9, 4}}, {CLN_HARDSWISH}, false, POOL(AVERAGE, 3, 7, 5, 3, 3, 2, 2, 1, 1)},
    {{"silu", 17, {17, 3}, .quick = true}, {CLN_SILU}, true, NONE(5, 3, 2)},
    {{"silu, far from 0", 17, {17}}, {CLN_SILU}, false, NONE(67, 1, 1), .far = true, .close = true},
    {{"silu, max, overlapping and padded", 7, {7}, .quick = true},
     {CLN_SILU},
     true,
     POOL(MAX, 3, 7, 5, 3, 3, 2, 2, 1, 1)},
    {{"silu, max, every batch", 257, EVERY_BATCH}, {CLN_SILU}, false, POOL(MAX, 2, 2, 3, 2, 2, 2, 2, 0, 0)},
    {{"silu, average", 3, {3}}, {CLN_SILU}, true, POOL(AVERAGE, 2, 7, 8, 2, 1, 3, 3, 0, 0)},
    {{"silu, max, all equal", 3, {3}}, {CLN_SILU}, true, POOL(MAX, 1, 5, 5, 3, 3, 1, 1, 1, 1), true},
    {{"gelu", 17, {17, 3}, .quick = true}, {CLN_GELU}, true, NONE(5, 3, 2)},
    {{"gelu, near 0", 19, {19, 8, 1}}, {CLN_GELU}, false, NONE(67, 1, 1), .close = true},
    {{"gelu, far from 0", 17, {17}}, {CLN_GELU}, false, NONE(67, 1, 1), .far = true, .close = true},
    {{"gelu, max, scale 0", 3, {3}}, {CLN_GELU}, true, POOL(MAX, 2, 5, 4, 3, 2, 2, 1, 1, 0), .no_scale = true},
    {{"gelu, max, stride beyond the kernel", 3, {3}}, {CLN_GELU}, false, POOL(MAX, 2, 7, 8, 2, 1, 3, 3, 0, 0)},
    {{"gelu, average", 7, {7}, .quick = true}, {CLN_GELU}, true, POOL(AVERAGE, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"gelu by tanh", 17, {17, 3}, .quick = true}, {CLN_GELU, 1}, true, NONE(5, 3, 2)},
    {{"gelu by tanh, near 0", 9, {9, 4}}, {CLN_GELU, 1}, false, NONE(67, 1, 1), .close = true},
    {{"gelu by tanh, far from 0", 17, {17}}, {CLN_GELU, 1}, false, NONE(67, 1, 1), .far = true, .close = true},
    {{"gelu by tanh, max", 9, {9, 4}}, {CLN_GELU, 1}, true, POOL(MAX, 2, 5, 7, 2, 2, 2, 2, 0, 0)},
    {{"all equal", 3, {3}}, {CLN_SIGMOID}, true, POOL(MAX, 1, 5, 5, 3, 3, 1, 1, 1, 1), true},
    {{"scale 0", 3, {3}, .quick = true}, {CLN_SIGMOID}, true, POOL(MAX, 2, 5, 4, 3, 2, 2, 1, 1, 0), .no_scale = true},
    {{"tanh, saturating", 17, {17}, .quick = true}, {CLN_TANH}, false, NONE(67, 1, 1), .saturates = true},
};

struct probes {
    struct cln_probe *z, *a, *predicted, *max_value, *max_index, *da, *normal, *dz_coefficients, *sums, *dbias;
};

/* Random quarters: windows have ties, and rounding never decides a maximum. */
static double *quarters(struct cln_rig *b, size_t count, const struct activate_case *c) {
    double *z = cln_rig_random(b, count, 0, c->far ? 200 : c->saturates ? 12 : 2);
    for (size_t i = 0; i < count; i++)
        z[i] = c->flat ? 0.75 : round(4 * z[i]) / 4;
    return z;
}

/* Adds the launches. With batch norm, launches over whole channels reduce and apply at once: batchnorm.c checks these.
 * Without it there is only the backward one. */
static enum cln_status add_launches(struct cln_plan *plan, const struct cln_activate *g, const struct probes *p,
                                    struct cln_slices dbias) {
    const struct cln_partials sums = {p->sums->buffer, 1};
    struct cln_activate prediction = *g;
    prediction.a = p->predicted->buffer;
    prediction.fuses_max = g->norm && g->pool.kind == MAX; /* again, from the maxima that the first time has left */
    enum cln_status status = cln_activate_forward(plan, g);
    if (status == CLN_OK) /* with batch norm it would need running statistics instead */
        status = g->norm ? cln_activate_forward(plan, &prediction) : cln_activate_predict(plan, &prediction);
    if (!g->norm && cln_channel_backward_pays(plan, g))
        return status == CLN_OK ? cln_channel_backward(plan, g, (struct cln_slices){NULL}, dbias) : status;
    if (status == CLN_OK)
        status = cln_activate_backward(plan, g, sums);
    if (status == CLN_OK)
        status = cln_bias_gradient(plan, g->pool.in, sums, dbias);
    if (status == CLN_OK)
        status = cln_activate_spread(plan, g);
    return status;
}

/* The inputs of a case. normal and dz_coefficients are as in kernels/batchnorm.clh, per channel. */
struct inputs {
    const struct activate_case *c;
    struct cln_pool2d pool;
    const double *z, *addend, *da, *normal, *dz_coefficients; /* addend NULL: none; da: all of it */
};

/* The error of an activation is a few roundings of y's terms; `size` bounds all of them (1 and the activation's own
 * error included). A derivative's error is the same times da. Errors of sums and of dz are sums of those. */
static const double factor = 16;

/* The y whose act(y), in `whole`, is the maximum of a window, in `a`; of equal ones the first. Not for averages. */
static void find_winners(const struct cln_pool2d *g, size_t samples, const double *whole, const double *a,
                         const double *y, double *y_out) {
    const size_t count = samples * cln_shape_count(g->out), in_plane = (size_t)(g->in.height * g->in.width);
    const int out_plane = g->out.height * g->out.width;
    for (size_t i = 0; i < count && g->kind == MAX; i++) {
        const int window = (int)(i % (size_t)out_plane), cells = g->kernel_h * g->kernel_w;
        for (int k = cells - 1; k >= 0; k--) {
            const int row = window / g->out.width * g->stride_h - g->padding_h + k / g->kernel_w;
            const int column = window % g->out.width * g->stride_w - g->padding_w + k % g->kernel_w;
            if (row < 0 || row >= g->in.height || column < 0 || column >= g->in.width)
                continue;
            const size_t at = i / (size_t)out_plane * in_plane + (size_t)(row * g->in.width + column);
            if (whole[at] == a[i])
                y_out[i] = y[at];
        }
    }
}

/* Sets expected values. `by_channels`: there are no sums per block. */
static void expect(struct cln_rig *b, const struct inputs *in, const struct probes *p, struct cln_slices dbias,
                   bool by_channels) {
    const struct cln_pool2d *g = &in->pool;
    const bool pools = g->kind != CLN_POOL_NONE, normalise = in->c->normalise;
    const struct cln_activation activation = in->c->activation;
    const size_t n = (size_t)b->count, count = n * cln_shape_count(g->in), out = n * cln_shape_count(g->out);
    const size_t channels = (size_t)g->in.channels, run = (size_t)(g->in.height * g->in.width);
    const size_t parts = (size_t)cln_plan_parts(&b->plan), samples = (size_t)cln_plan_samples_per_part(&b->plan);
    double *y = cln_rig_alloc(b, count), *whole = cln_rig_alloc(b, count), *size = cln_rig_alloc(b, count);
    double *a = cln_rig_alloc(b, out), *y_out = cln_rig_alloc(b, out), *da = cln_rig_alloc(b, out);
    double *back = cln_rig_alloc(b, count), *back_terms = cln_rig_alloc(b, count);

    double largest = 1;
    for (size_t i = 0; i < count; i++) {
        const double *normal = &in->normal[4 * (i / run % channels)];
        const double scaled = normalise ? (in->z[i] - normal[0]) * normal[2] : in->z[i];
        const double addend = in->addend ? in->addend[i] : 0;
        y[i] = (normalise ? scaled + normal[3] : scaled) + addend;
        whole[i] = cln_reference_activation(activation, y[i]).value;
        largest = fmax(largest, 1 + fabs(scaled) + (normalise ? fabs(normal[3]) : 0) + fabs(addend));
    }
    for (size_t i = 0; i < count; i++)
        size[i] = largest;
    if (pools) {
        cln_reference_pool2d_forward(g, n, whole, a);
        find_winners(g, n, whole, a, y, y_out);
        cln_reference_pool2d_backward(g, n, whole, in->da, back);
        cln_reference_pool2d_backward(g, n, whole, cln_rig_magnitudes(b, in->da, out), back_terms);
    }
    double *allowed = cln_rig_alloc(b, count);
    for (size_t i = 0; i < count; i++)
        allowed[i] = in->c->saturates ? 0.5 + 2 * (1 - fabs(whole[i]))
                     : in->c->close   ? 4 * fabs(y[i])
                                      : factor * size[i];
    cln_rig_expect_tensor(b, p->a, g->out, pools ? a : whole, allowed, 1);
    cln_rig_expect_tensor(b, p->predicted, g->out, pools ? a : whole, allowed, 1);

    double *da_terms = cln_rig_magnitudes(b, in->da, out);
    for (size_t i = 0; i < out; i++) {
        da[i] = in->da[i] * cln_reference_activation(activation, pools ? y_out[i] : y[i]).derivative;
        da_terms[i] *= largest;
    }
    if (g->kind != CLN_POOL_AVERAGE)
        cln_rig_expect_tensor(b, p->da, g->out, da, da_terms, 2 * factor);

    double *dz = cln_rig_alloc(b, count), *dz_terms = cln_rig_alloc(b, count);
    double *sums = cln_rig_alloc(b, channels * parts * 4);
    for (size_t i = 0; i < channels * parts * 4; i++)
        sums[i] = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t c = i / run % channels, part = i / (run * channels) / samples;
        const double *normal = &in->normal[4 * c], *dz_coefficients = &in->dz_coefficients[4 * c];
        const double dy = (pools ? back[i] : in->da[i]) * cln_reference_activation(activation, y[i]).derivative;
        const double dy_terms = 2 * largest * (pools ? back_terms[i] : fabs(in->da[i]));
        const double normalised = normalise ? (in->z[i] - normal[0]) * normal[1] : 0;
        double *sum = &sums[(c * parts + part) * 4];
        sum[0] += dy;
        sum[1] += dy * normalised;
        sum[2] += dy_terms;
        sum[3] += dy_terms * fabs(normalised);
        const double straight = dz_coefficients[1] * (in->z[i] - dz_coefficients[0]);
        dz[i] = normalise ? dz_coefficients[3] * (dy - dz_coefficients[2]) + straight : dy;
        dz_terms[i] =
            normalise ? fabs(dz_coefficients[3]) * (dy_terms + fabs(dz_coefficients[2])) + fabs(straight) : dy_terms;
    }
    cln_rig_expect_tensor(b, p->z, g->in, dz, dz_terms, factor);
    for (size_t c = 0; c < channels; c++) {
        double total = 0, terms = 0;
        for (size_t part = 0; part < cln_rig_parts(b); part++) {
            const double *sum = &sums[(c * parts + part) * 4];
            for (size_t k = 0; k < 2 && !by_channels; k++)
                cln_probe_expect(p->sums, (c * parts + part) * 2 + k, sum[k], factor * CLN_EPS32 * sum[2 + k]);
            total += sum[0];
            terms += sum[2];
        }
        cln_probe_expect(p->dbias, (size_t)dbias.base + c, total, factor * CLN_EPS32 * terms);
    }
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct activate_case *c = entry;
    struct cln_pool2d g = c->pool;
    g.out = (struct cln_shape){g.in.channels, (g.in.height + 2 * g.padding_h - g.kernel_h) / g.stride_h + 1,
                               (g.in.width + 2 * g.padding_w - g.kernel_w) / g.stride_w + 1};
    const size_t n = (size_t)b->count, channels = (size_t)g.in.channels, out = n * cln_shape_count(g.out);
    const double *z = quarters(b, n * cln_shape_count(g.in), c), *da = cln_rig_random(b, out, 0, 1);
    double *normal = cln_rig_random(b, 4 * channels, 0.5, 1.5); /* of either sign */
    for (size_t i = 0; i < channels && c->no_scale; i++)
        normal[4 * i + 2] = 0;
    const double *further = c->further ? cln_rig_random(b, out, 0, 1) : NULL;
    struct cln_probe *more = c->further ? cln_rig_tensor(b, "further da", g.out, further) : NULL;
    double *whole = cln_rig_alloc(b, out);
    for (size_t i = 0; i < out; i++)
        whole[i] = da[i] + (further ? further[i] : 0);
    const double *addend = c->adds ? cln_rig_random(b, n * cln_shape_count(g.in), 0, 1) : NULL;
    const struct inputs inputs = {c, g, z, addend, whole, normal, cln_rig_random(b, 4 * channels, 0, 1)};
    struct cln_probe *sum = c->adds ? cln_rig_tensor(b, "addend", g.in, addend) : NULL;

    const struct probes p = {
        .z = cln_rig_tensor(b, "dz over z", g.in, z),
        .a = cln_rig_tensor(b, "a", g.out, NULL),
        .predicted = cln_rig_tensor(b, "a in prediction", g.out, NULL),
        .max_value = cln_rig_tensor(b, "max_value", g.out, NULL),
        .max_index = cln_rig_cells(b, "max_index", (cln_plan_elements(&b->plan, g.out) + 1) / 2),
        .da = cln_rig_tensor(b, "da", g.out, da),
        .normal = cln_rig_cells(b, "normal", 4 * channels),
        .dz_coefficients = cln_rig_cells(b, "dz_coefficients", 4 * channels),
        .sums = cln_rig_partials(b, "sums", g.in.channels, 1, 2),
    };
    const size_t written = cln_rig_blocks(b) * (size_t)b->plan.tuning.lanes * cln_shape_count(g.out);
    if (g.kind == MAX) {
        cln_probe_free(p.max_value, 0, written);
        cln_probe_free(p.max_index, 0, (written + 1) / 2);
    }
    cln_probe_put(p.normal, 0, normal, 4 * channels);
    cln_probe_put(p.dz_coefficients, 0, inputs.dz_coefficients, 4 * channels);
    struct cln_slices dbias;
    struct probes all = p;
    all.dbias = cln_rig_slices(b, "bias gradient", channels, 1, &dbias);

    const struct cln_norm norm = {.options = {.eps = 1e-5, .momentum = 0.1},
                                  .normal = p.normal->buffer,
                                  .dz_coefficients = p.dz_coefficients->buffer,
                                  .normal_span = CLN_ONE_COPY,
                                  .dz_span = CLN_ONE_COPY};
    const struct cln_activate activate = {
        .activation = c->activation,
        .pool = g,
        .norm = c->normalise ? &norm : NULL,
        .adds = c->adds,
        .addend = sum ? sum->buffer : NULL,
        .z = p.z->buffer,
        .a = p.a->buffer,
        .max_value = p.max_value->buffer,
        .max_index = p.max_index->buffer,
        .da = p.da->buffer,
        .further = more ? more->buffer : NULL,
    };
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = add_launches(&b->plan, &activate, &all, dbias);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    expect(b, &inputs, &all, dbias, !c->normalise && cln_channel_backward_pays(&b->plan, &activate));
    cln_rig_compare(b);
    return CLN_OK;
}

const struct cln_operation cln_device_activate = CLN_OPERATION("activate", cases, run);
