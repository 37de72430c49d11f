/* The strict reference of the gradients of weights: slices of convolutions and linear layers. */
#include <stdio.h>

#include "src/checkup/strict_private.h"

/* The slices of a gradient, as kernels/lanes.clh has them: the blocks of a slice are every `halves`-th of a shard. */
struct slices {
    int buffer; /* its argument; base and stride follow */
    int halves, count;
    size_t base, stride;
};

static struct slices slices_of(const struct cln_strict_launch *l, int buffer) {
    return (struct slices){.buffer = buffer,
                           .halves = STRANDS / cln_strict_batch_of(l).lanes,
                           .count = (int)l->groups[2],
                           .base = (size_t)cln_strict_value(l, (size_t)buffer + 1),
                           .stride = (size_t)cln_strict_value(l, (size_t)buffer + 2)};
}

/* A tensor of slices: with fewer lanes than strands, two neighbouring slices are one of a device with more. */
static struct cln_strict_tensor in_slices(const struct slices *s, const char *name) {
    struct cln_strict_tensor t = {
        .name = name, .argument = s->buffer, .base = s->base, .pair = s->halves == 2 ? s->stride : 0};
    t.dimensions[t.dimension_count++] = (struct cln_strict_dimension){
        .name = "slice", .size = s->count / s->halves, .stride = s->stride * (size_t)s->halves};
    return t;
}

static void add_dimension(struct cln_strict_tensor *t, const char *name, int size, int stride) {
    t->dimensions[t->dimension_count++] =
        (struct cln_strict_dimension){.name = name, .size = size, .stride = (size_t)stride};
}

/* The slice of a wrong element: of two neighbours the first, unless it is right. Kernels count slices backwards. */
static int group_of_slice(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at) {
    const struct slices s = slices_of(l, t->argument);
    const uint32_t *after = l->after[t->argument], *expected = l->expected[t->argument];
    int slice = at[0] * s.halves;
    size_t cell = t->base;
    for (int d = 0; d < t->dimension_count; d++)
        cell += (size_t)at[d] * t->dimensions[d].stride;
    if (t->pair > 0 && after[cell] == expected[cell])
        slice++;
    return s.count - 1 - slice;
}

/* ---- Convolution ---- */

static void own_weight(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                       int group[3], int *item) {
    group[0] = at[1] / t->each * cln_ceil_div(t->each, t->tile[0]) + at[1] % t->each / t->tile[0];
    group[1] = at[2];
    group[2] = group_of_slice(l, t, at);
    *item = -1;
}

static size_t weight_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const struct slices s = slices_of(l, g.makes_dz ? 6 : 2);
    struct cln_strict_tensor *t = out;
    *t = in_slices(&s, "slices of the weights' gradient");
    add_dimension(t, "output channel", g.out_c, g.in_each * g.kernel_h * g.kernel_w);
    add_dimension(t, "input channel", g.in_each, g.kernel_h * g.kernel_w);
    add_dimension(t, "kernel row", g.kernel_h, g.kernel_w);
    add_dimension(t, "kernel column", g.kernel_w, 1);
    snprintf(
        t->operation, sizeof t->operation,
        "%ssums of fused products over the samples of each strand and up to %d places, then over strands by halves",
        g.makes_dz ? "dz, then " : "", cln_ceil_div(g.out_h, g.row_slices) * g.out_w);
    t->tile[0] = cln_strict_int(l, "WEIGHT_CHANNELS", 1);
    t->each = g.out_each;
    t->owner = own_weight;
    return 1;
}

/* dz of a row of a plane, at `at`, whether it is there or the launch makes it from z. */
static void dz_row(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g,
                   const struct cln_strict_batch *b, int n, int o, int r, float *out) {
    const float *row = cln_strict_in(l, 1) + cln_strict_cell(b, (size_t)(g->out_c * g->out_h * g->out_w), n,
                                                             (size_t)((o * g->out_h + r) * g->out_w));
    const struct cln_strict_pool p = cln_strict_pool_of(l);
    const size_t plane = cln_strict_cell(b, (size_t)(g->out_c * p.a_h * p.a_w), n, (size_t)(o * p.a_h * p.a_w));
    for (int c = 0; c < g->out_w; c++)
        out[c] = g->makes_dz ? cln_strict_spread(l->way, &p, r, c, row[c * b->lanes], cln_strict_in(l, 4) + 4 * o,
                                                 cln_strict_in(l, 5) + 4 * o, cln_strict_in(l, 2) + plane,
                                                 (const uint16_t *)l->before[3] + plane, b->lanes)
                             : row[c * b->lanes];
}

/* Adds a row's products of one sample to the sums of all taps of an output channel. */
static void add_row(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g, const float *x, int lanes,
                    const float *dz, int r, float *sums) {
    for (int i = 0; i < g->in_each; i++)
        for (int u = 0; u < g->kernel_h; u++) {
            const int row = r * g->stride_h - g->padding_h + u * g->dilation_h;
            if (row < 0 || row >= g->in_h)
                continue;
            for (int v = 0; v < g->kernel_w; v++) {
                float *sum = &sums[(i * g->kernel_h + u) * g->kernel_w + v];
                for (int k = 0; k < g->out_w; k++) {
                    const int c = l->way == CLN_STRICT_REVERSED ? g->out_w - 1 - k : k;
                    const int column = c * g->stride_w - g->padding_w + v * g->dilation_w;
                    if (column >= 0 && column < g->in_w)
                        *sum = cln_fused(l->way, dz[c], x[((i * g->in_h + row) * g->in_w + column) * lanes], *sum);
                }
            }
        }
}

enum { MOST_TAPS = 4096, MOST_WIDTH = 4096 };

/* One slice of one output channel. */
static void weight_slice(const struct cln_strict_launch *l, const struct cln_strict_conv2d *g, const struct slices *s,
                         int slice, int o) {
    static float sums[MOST_TAPS][STRANDS]; /* too large for a stack; by one thread alone */
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const int taps = g->in_each * g->kernel_h * g->kernel_w, rows = cln_ceil_div(g->out_h, g->row_slices);
    const int block_slice = slice / s->halves / g->row_slices * s->halves + slice % s->halves;
    const int first_block = block_slice / s->halves * (SHARD_SAMPLES / b.lanes) + block_slice % s->halves;
    const int shard_end = (block_slice / s->halves + 1) * (SHARD_SAMPLES / b.lanes);
    const int end_block = shard_end < b.blocks ? shard_end : b.blocks;
    const int first_row = slice / s->halves % g->row_slices * rows;
    const int end_row = first_row + rows < g->out_h ? first_row + rows : g->out_h;
    for (int lane = 0; lane < b.lanes; lane++) {
        float own[MOST_TAPS] = {0}, dz[MOST_WIDTH];
        for (int block = first_block; block < end_block; block += s->halves) {
            const int n = block * b.lanes + lane;
            const float *x =
                cln_strict_in(l, 0) + cln_strict_cell(&b, (size_t)(g->in_c * g->in_h * g->in_w), n,
                                                      (size_t)(o / g->out_each * g->in_each * g->in_h * g->in_w));
            for (int r = first_row; n < b.count && r < end_row; r++) {
                dz_row(l, g, &b, n, o, r, dz);
                add_row(l, g, x, b.lanes, dz, r, own);
            }
        }
        for (int t = 0; t < taps; t++)
            sums[t][lane] = own[t];
    }
    for (int t = 0; t < taps; t++)
        cln_strict_out(l, (size_t)s->buffer)[s->base + (size_t)slice * s->stride + (size_t)(o * taps + t)] =
            cln_lanes_sum(l->way, sums[t], b.lanes);
}

static void weights(const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const struct slices s = slices_of(l, g.makes_dz ? 6 : 2);
    for (int slice = 0; slice < s.count; slice++)
        for (int o = 0; o < g.out_c; o++)
            weight_slice(l, &g, &s, slice, o);
}

static size_t known_weight_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_conv2d g = cln_strict_conv2d_of(l);
    const bool fits = g.in_each * g.kernel_h * g.kernel_w <= MOST_TAPS && g.out_w <= MOST_WIDTH;
    return fits ? weight_tensors(out, l) : 0;
}

/* ---- Linear ---- */

static void own_linear(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at,
                       int group[3], int *item) {
    group[0] = at[2] / cln_strict_value(l, 4);
    group[1] = at[1] / t->tile[0];
    group[2] = group_of_slice(l, t, at);
    *item = -1;
}

static size_t linear_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct slices s = slices_of(l, 5);
    const int in = cln_strict_value(l, 2), features = cln_strict_value(l, 3);
    *out = in_slices(&s, "slices of the weights' gradient");
    add_dimension(out, "output feature", features, in);
    add_dimension(out, "input feature", in, 1);
    snprintf(out->operation, sizeof out->operation,
             "sums of fused products over the samples of each strand, from the last to the first, then over strands by "
             "halves");
    out->tile[0] = cln_strict_int(l, "WEIGHT_OUT", 1);
    out->owner = own_linear;
    return 1;
}

static void linear(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const struct slices s = slices_of(l, 5);
    const int in = cln_strict_value(l, 2), out = cln_strict_value(l, 3), of_shard = SHARD_SAMPLES / b.lanes;
    for (int slice = 0; slice < s.count; slice++)
        for (int at = 0; at < in * out; at++) {
            float strands[STRANDS] = {0};
            for (int k = of_shard - 1; k >= 0; k--) {
                const int step = l->way == CLN_STRICT_REVERSED ? of_shard - 1 - k : k;
                const int block = slice / s.halves * of_shard + step;
                for (int lane = 0; step % s.halves == slice % s.halves && lane < b.lanes; lane++) {
                    const int n = block * b.lanes + lane;
                    if (n >= b.count)
                        continue;
                    const float dz = cln_strict_in(l, 1)[cln_strict_cell(&b, (size_t)out, n, (size_t)(at / in))];
                    const float x = cln_strict_in(l, 0)[cln_strict_cell(&b, (size_t)in, n, (size_t)(at % in))];
                    strands[lane] = cln_fused(l->way, dz, x, strands[lane]);
                }
            }
            cln_strict_out(l, 5)[s.base + (size_t)slice * s.stride + (size_t)at] =
                cln_lanes_sum(l->way, strands, b.lanes);
        }
}

const struct cln_strict_kernel cln_strict_gradients[] = {{"conv2d_backward_weights", known_weight_tensors, weights},
                                                         {"linear_backward_weights", linear_tensors, linear},
                                                         {0}};
