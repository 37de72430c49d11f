/* The strict reference of what convolutions and linear layers compute by themselves: z with the moments of a batch
 * norm, dx. */
#include <stdio.h>

#include "src/checkup/strict_private.h"

void cln_strict_moments(enum cln_strict_way way, float *out, int n, const float *mean, const float *m2, int live) {
    float distances[OCTET] = {0}, squares[OCTET] = {0};
    for (int k = 0; k < 4; k++)
        out[k] = 0.0f;
    if (live == 0)
        return;
    for (int l = 0; l < live; l++)
        distances[l] = mean[l] - mean[0];
    const float lanes = (float)live, values = (float)n;
    const float total = mean[0] + cln_settled(way, cln_divided(way, cln_octet_sum(way, distances), lanes));
    for (int l = 0; l < live; l++) {
        const float delta = mean[l] - total;
        squares[l] = cln_fused(way, delta * values, delta, m2[l]);
    }
    out[0] = lanes * values;
    out[1] = total;
    out[2] = cln_octet_sum(way, squares);
}

static int clamp(int v, int least, int most) {
    return v < least ? least : v > most ? most : v;
}

/* ---- Convolution ---- */

struct cln_strict_conv2d cln_strict_conv2d_of(const struct cln_strict_launch *l) {
    struct cln_strict_conv2d g = {
        .in_c = cln_strict_int(l, "IN_C", 1),
        .in_h = cln_strict_int(l, "IN_H", 1),
        .in_w = cln_strict_int(l, "IN_W", 1),
        .out_c = cln_strict_int(l, "OUT_C", 1),
        .out_h = cln_strict_int(l, "OUT_H", 1),
        .out_w = cln_strict_int(l, "OUT_W", 1),
        .kernel_h = cln_strict_int(l, "KERNEL_H", 1),
        .kernel_w = cln_strict_int(l, "KERNEL_W", 1),
        .stride_h = cln_strict_int(l, "STRIDE_H", 1),
        .stride_w = cln_strict_int(l, "STRIDE_W", 1),
        .padding_h = cln_strict_int(l, "PADDING_H", 0),
        .padding_w = cln_strict_int(l, "PADDING_W", 0),
        .dilation_h = cln_strict_int(l, "DILATION_H", 1),
        .dilation_w = cln_strict_int(l, "DILATION_W", 1),
        .groups = cln_strict_int(l, "CONV_GROUPS", 1),
        .bias = cln_strict_int(l, "HAS_BIAS", 0),
        .row_slices = cln_strict_int(l, "ROW_SLICES", 1),
        .makes_dz = cln_strict_int(l, "FUSES_DZ", 0) != 0,
    };
    g.in_each = g.in_c / g.groups;
    g.out_each = g.out_c / g.groups;
    return g;
}

/* `tile`: channels of a work-group. */
static struct cln_strict_tensor moments_tensor(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g,
                                               int argument, int tile) {
    struct cln_strict_tensor moments = cln_strict_in_parts(l, "moments of z", argument, g->out_c,
                                                           (int)l->groups[1] * cln_strict_batch_of(l).lane_parts,
                                                           (int)l->groups[2], cln_strict_moment_words, 4);
    snprintf(moments.operation, sizeof moments.operation,
             "sums over the rows of each sample's z, then over an octet of samples by halves");
    moments.tile[0] = tile;
    moments.each = g->out_each;
    return moments;
}

static size_t forward_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const int rows = cln_strict_int(l, "FORWARD_ROWS", g.out_h), tile = cln_strict_int(l, "FORWARD_CHANNELS", 1);
    size_t count = 0;
    struct cln_strict_tensor z = cln_strict_in_lanes(l, "z", 4, g.out_c, g.out_h, g.out_w);
    snprintf(z.operation, sizeof z.operation, "%sa sum of %d fused products, by channel, row and column of the kernel",
             g.bias ? "the bias and " : "", g.in_each * g.kernel_h * g.kernel_w);
    z.tile[0] = tile;
    z.tile[2] = rows;
    z.each = g.out_each;
    out[count++] = z;
    if (!cln_strict_value(l, 5))
        return count;
    out[count++] = moments_tensor(l, &g, 6, tile);
    if (!cln_strict_int(l, "FUSES_MAX", 0))
        return count;
    const struct cln_strict_pool p = cln_strict_pool_of(l);
    out[count] = cln_strict_in_lanes(l, "maxima", 8, g.out_c, p.a_h, p.a_w);
    out[count + 1] = cln_strict_in_lanes(l, "places of maxima", 9, g.out_c, p.a_h, p.a_w);
    out[count + 1].cells = CLN_STRICT_SHORT;
    for (int i = 0; i < 2; i++, count++) {
        snprintf(out[count].operation, sizeof out[count].operation, "the maximum of a window of %d by %d", p.h, p.w);
        out[count].tile[0] = tile;
        out[count].tile[2] = rows / p.stride_h > 0 ? rows / p.stride_h : 1;
        out[count].each = g.out_each;
    }
    return count;
}

/* A number of z. `x` is a sample's first channel of the group. */
static float forward_at(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g, const float *x, int lanes,
                        const float *kernel, float bias, int r, int c) {
    const int terms = g->in_each * g->kernel_h * g->kernel_w;
    const enum cln_strict_way way = cln_strict_way_of(l, 4);
    float sum = bias;
    for (int k = 0; k < terms; k++) {
        const int t = way == CLN_STRICT_REVERSED ? terms - 1 - k : k;
        const int i = t / (g->kernel_h * g->kernel_w), u = t / g->kernel_w % g->kernel_h, v = t % g->kernel_w;
        const int row = r * g->stride_h - g->padding_h + u * g->dilation_h;
        const int column = c * g->stride_w - g->padding_w + v * g->dilation_w;
        if (row >= 0 && row < g->in_h && column >= 0 && column < g->in_w)
            sum = cln_fused(way, kernel[t], x[((i * g->in_h + row) * g->in_w + column) * lanes], sum);
    }
    return cln_settled(way, sum);
}

static void add_row(enum cln_strict_way way, const float *z, int lanes, int width, int seen, float *mean, float *m2) {
    float sum = 0.0f, squares = 0.0f;
    if (seen == 0)
        *mean = z[0];
    for (int c = 0; c < width; c++) {
        const float d = z[c * lanes] - *mean;
        sum += d;
        squares = cln_fused(way, d, d, squares);
    }
    const float share = cln_divided(way, 1.0f, (float)(seen + width));
    const float step = cln_settled(way, sum * share);
    *mean += step;
    *m2 += cln_fused(way, -step, sum, squares);
}

/* The moments of z in `out`: by channel, octet and range of so many rows. */
static void put_moments(float *out, const struct cln_strict_launch *l, const struct cln_strict_conv2d *g,
                        const float *z, int rows) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const int splits = (int)l->groups[2];
    const size_t pitch = l->groups[1] * (size_t)b.lane_parts;
    for (int o = 0; o < g->out_c; o++)
        for (int part = 0; part < b.parts; part++)
            for (int split = 0; split < splits; split++) {
                const int first = split * rows, end = first + rows < g->out_h ? first + rows : g->out_h;
                const int live = clamp(b.count - part * OCTET, 0, OCTET);
                float mean[OCTET] = {0}, m2[OCTET] = {0};
                for (int n = 0; n < live; n++)
                    for (int r = first; r < end; r++)
                        add_row(l->way,
                                z + cln_strict_cell(&b, (size_t)(g->out_c * g->out_h * g->out_w), part * OCTET + n,
                                                    (size_t)((o * g->out_h + r) * g->out_w)),
                                b.lanes, g->out_w, (r - first) * g->out_w, &mean[n], &m2[n]);
                cln_strict_moments(l->way,
                                   out + 4 * (((size_t)o * pitch + (size_t)part) * (size_t)splits + (size_t)split),
                                   (end - first) * g->out_w, mean, m2, live);
            }
}

static void forward_maxima(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g, const float *z) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const struct cln_strict_pool p = cln_strict_pool_of(l);
    const float *gamma = cln_strict_in(l, 1) + cln_strict_value(l, 7);
    uint16_t *index = l->expected[9];
    for (int n = 0; n < b.count; n++)
        for (int o = 0; o < g->out_c; o++)
            for (int at = 0; at < p.a_h * p.a_w; at++) {
                int place;
                const size_t to =
                    cln_strict_cell(&b, (size_t)(g->out_c * p.a_h * p.a_w), n, (size_t)(o * p.a_h * p.a_w + at));
                const float *plane = z + cln_strict_cell(&b, (size_t)(g->out_c * g->out_h * g->out_w), n,
                                                         (size_t)(o * g->out_h * g->out_w));
                cln_strict_out(l, 8)[to] =
                    cln_strict_maximum(&p, plane, b.lanes, at / p.a_w, at % p.a_w, gamma[o], &place);
                index[to] = (uint16_t)place;
            }
}

static void forward(const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const float *parameters = cln_strict_in(l, 1);
    const int taps = g.in_each * g.kernel_h * g.kernel_w;
    float *z = cln_strict_out(l, 4);
    for (int n = 0; n < b.count; n++)
        for (int o = 0; o < g.out_c; o++) {
            const size_t first = (size_t)(o / g.out_each * g.in_each * g.in_h * g.in_w);
            const float *x = cln_strict_in(l, 0) + cln_strict_cell(&b, (size_t)(g.in_c * g.in_h * g.in_w), n, first);
            const float bias = g.bias ? parameters[cln_strict_value(l, 3) + o] : 0.0f;
            for (int at = 0; at < g.out_h * g.out_w; at++)
                z[cln_strict_cell(&b, (size_t)(g.out_c * g.out_h * g.out_w), n, (size_t)(o * g.out_h * g.out_w + at))] =
                    forward_at(l, &g, x, b.lanes, parameters + cln_strict_value(l, 2) + o * taps, bias, at / g.out_w,
                               at % g.out_w);
        }
    if (!cln_strict_value(l, 5))
        return;
    put_moments(cln_strict_out(l, 6), l, &g, z, cln_strict_int(l, "FORWARD_ROWS", g.out_h));
    if (cln_strict_int(l, "FUSES_MAX", 0))
        forward_maxima(l, &g, z);
}

/* Where a limit of iterations divides the forward pass, its moments are summed behind it. */
static size_t moments_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    out[0] = moments_tensor(l, &g, 1, 1);
    return 1;
}

static void moments(const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    put_moments(cln_strict_out(l, 1), l, &g, cln_strict_in(l, 0), cln_strict_int(l, "MOMENT_ROWS", g.out_h));
}

static size_t data_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    out[0] = cln_strict_in_lanes(l, "dx", 3, g.in_c, g.in_h, g.in_w);
    snprintf(out[0].operation, sizeof out[0].operation,
             "a sum of up to %d fused products, by output channel, row and column of the kernel",
             g.out_each * g.kernel_h * g.kernel_w);
    out[0].tile[0] = cln_strict_int(l, "DATA_CHANNELS", 1);
    out[0].tile[2] = cln_strict_int(l, "DATA_ROWS", g.in_h);
    out[0].each = g.in_each;
    return 1;
}

static float data_at(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g, const float *dz, int lanes,
                     const float *kernel, int h, int w) {
    const int terms = g->out_each * g->kernel_h * g->kernel_w;
    float sum = 0.0f;
    for (int k = 0; k < terms; k++) {
        const int t = l->way == CLN_STRICT_REVERSED ? terms - 1 - k : k;
        const int o = t / (g->kernel_h * g->kernel_w), u = t / g->kernel_w % g->kernel_h, v = t % g->kernel_w;
        const int above = h + g->padding_h - u * g->dilation_h, before = w + g->padding_w - v * g->dilation_w;
        const int r = above / g->stride_h, c = before / g->stride_w;
        if (above < 0 || before < 0 || r * g->stride_h != above || c * g->stride_w != before || r >= g->out_h ||
            c >= g->out_w)
            continue;
        sum = cln_fused(l->way, kernel[(o * g->in_each * g->kernel_h + u) * g->kernel_w + v],
                        dz[((o * g->out_h + r) * g->out_w + c) * lanes], sum);
    }
    return cln_settled(l->way, sum);
}

static void data(const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const float *weights = cln_strict_in(l, 1) + cln_strict_value(l, 2);
    for (int n = 0; n < b.count; n++)
        for (int channel = 0; channel < g.in_c; channel++) {
            const int group = channel / g.in_each, i = channel % g.in_each;
            const float *dz = cln_strict_in(l, 0) + cln_strict_cell(&b, (size_t)(g.out_c * g.out_h * g.out_w), n,
                                                                    (size_t)(group * g.out_each * g.out_h * g.out_w));
            for (int at = 0; at < g.in_h * g.in_w; at++)
                cln_strict_out(l, 3)[cln_strict_cell(&b, (size_t)(g.in_c * g.in_h * g.in_w), n,
                                                     (size_t)(channel * g.in_h * g.in_w + at))] =
                    data_at(l, &g, dz, b.lanes,
                            weights + (group * g.out_each * g.in_each + i) * g.kernel_h * g.kernel_w, at / g.in_w,
                            at % g.in_w);
        }
}

/* ---- Linear ---- */

static size_t linear_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const int features = cln_strict_value(l, 2), tile = cln_strict_int(l, "TILE_FEATURES", 1);
    const int blocks = cln_strict_int(l, "TILE_BLOCKS", 1);
    out[0] = cln_strict_in_lanes(l, "z", 6, features, 1, 1);
    snprintf(out[0].operation, sizeof out[0].operation, "%sa sum of %d fused products, by input feature",
             cln_strict_value(l, 5) >= 0 ? "the bias and " : "", cln_strict_value(l, 1));
    out[0].tile[0] = tile;
    out[0].tile[1] = blocks;
    if (!cln_strict_value(l, 7))
        return 1;
    out[1] = cln_strict_in_parts(l, "moments of z", 8, features, cln_strict_value(l, 9), 1, cln_strict_moment_words, 4);
    snprintf(out[1].operation, sizeof out[1].operation, "sums over an octet of samples by halves");
    out[1].tile[0] = tile;
    out[1].tile[1] = blocks;
    return 2;
}

/* bias + sum over k of matrix[k·column] in[k·lanes]. */
static float product(enum cln_strict_way way, float bias, const float *matrix, int column, const float *in, int lanes,
                     int depth) {
    float sum = bias;
    for (int i = 0; i < depth; i++) {
        const int k = way == CLN_STRICT_REVERSED ? depth - 1 - i : i;
        sum = cln_fused(way, matrix[k * column], in[k * lanes], sum);
    }
    return cln_settled(way, sum);
}

static void linear(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const int in = cln_strict_value(l, 1), out = cln_strict_value(l, 2), bias = cln_strict_value(l, 5);
    const float *parameters = cln_strict_in(l, 3);
    float *z = cln_strict_out(l, 6);
    for (int n = 0; n < b.count; n++)
        for (int o = 0; o < out; o++)
            z[cln_strict_cell(&b, (size_t)out, n, (size_t)o)] =
                product(cln_strict_way_of(l, 6), bias >= 0 ? parameters[bias + o] : 0.0f,
                        parameters + cln_strict_value(l, 4) + o * in, 1,
                        cln_strict_in(l, 0) + cln_strict_cell(&b, (size_t)in, n, 0), b.lanes, in);
    for (int o = 0; cln_strict_value(l, 7) && o < out; o++)
        for (int part = 0; part < b.parts; part++)
            cln_strict_moments(l->way, cln_strict_out(l, 8) + 4 * (o * cln_strict_value(l, 9) + part), 1,
                               z + cln_strict_cell(&b, (size_t)out, part * OCTET, (size_t)o), (const float[OCTET]){0},
                               clamp(b.count - part * OCTET, 0, OCTET));
}

static size_t linear_data_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    out[0] = cln_strict_in_lanes(l, "dx", 5, cln_strict_value(l, 1), 1, 1);
    snprintf(out[0].operation, sizeof out[0].operation, "a sum of %d fused products, by output feature",
             cln_strict_value(l, 2));
    out[0].tile[0] = cln_strict_int(l, "TILE_FEATURES", 1);
    out[0].tile[1] = cln_strict_int(l, "TILE_BLOCKS", 1);
    return 1;
}

static void linear_data(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const int in = cln_strict_value(l, 1), out = cln_strict_value(l, 2);
    const float *weights = cln_strict_in(l, 3) + cln_strict_value(l, 4);
    for (int n = 0; n < b.count; n++)
        for (int i = 0; i < in; i++)
            cln_strict_out(l, 5)[cln_strict_cell(&b, (size_t)in, n, (size_t)i)] =
                product(l->way, 0.0f, weights + i, in, cln_strict_in(l, 0) + cln_strict_cell(&b, (size_t)out, n, 0),
                        b.lanes, out);
}

/* ---- Neither ---- */

static size_t copy_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    out[0] = cln_strict_in_lanes(l, "copy", 1, cln_strict_int(l, "FEATURES", 1), 1, 1);
    out[0].tile[0] = cln_strict_int(l, "FEATURES_PER_ITEM", 1);
    snprintf(out[0].operation, sizeof out[0].operation, "a copy");
    return 1;
}

static void copy(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const size_t features = (size_t)cln_strict_int(l, "FEATURES", 1);
    for (int n = 0; n < b.count; n++)
        for (size_t f = 0; f < features; f++) {
            const size_t at = cln_strict_cell(&b, features, n, f);
            cln_strict_out(l, 1)[at] = cln_strict_in(l, 0)[at];
        }
}

const struct cln_strict_kernel cln_strict_affine[] = {{"copy", copy_tensors, copy},
                                                      {"conv2d_forward", forward_tensors, forward},
                                                      {"conv2d_moments", moments_tensors, moments},
                                                      {"conv2d_backward_data", data_tensors, data},
                                                      {"linear_forward", linear_tensors, linear},
                                                      {"linear_backward_data", linear_data_tensors, linear_data},
                                                      {0}};
