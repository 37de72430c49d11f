/* Convolution: tile shapes from geometry and tuning, then one launch each. */
#include "src/engine/conv2d.h"

/* Register tiles and work splits, per kernel. Loop iterations are counted as if no loop were unrolled. */
struct tiles {
    int forward_channels, forward_columns, forward_rows;
    int data_channels, data_columns, data_rows;
    int weight_channels, weight_taps, block_slices, row_slices;
};

static struct tiles tiles_of(const struct cln_plan *plan, const struct cln_conv2d *g) {
    const int budget = plan->tuning.accumulators;
    struct tiles t;

    /* Forward: channels share inputs, columns share weights; a tile near 6 × 4 balances their loads. */
    t.forward_channels = cln_even_tile(g->out.channels, budget >= 24 ? 6 : budget >= 8 ? 4 : 2);
    t.forward_columns = cln_even_tile(g->out.width, cln_max(1, budget / t.forward_channels));
    const int span = (t.forward_columns - 1) * g->stride_w + g->kernel_w;
    const double forward_row = cln_ceil_div(g->out.width, t.forward_columns) * (double)g->in.channels * g->kernel_h *
                               (span + g->kernel_w * (t.forward_channels * (t.forward_columns + 2) + 1));
    t.forward_rows = cln_ceil_div(
        g->out.height, cln_plan_splits(plan, g->out.height,
                                       cln_ceil_div(g->out.channels, t.forward_channels) * plan->blocks, forward_row));

    /* Data: a row, or an even part of it, in registers; a multiple of the stride. */
    const int strides = cln_ceil_div(g->in.width, g->stride_w);
    t.data_columns = g->stride_w * cln_even_tile(strides, cln_max(1, budget / g->stride_w));
    t.data_channels = cln_even_tile(g->in.channels, cln_max(1, budget / t.data_columns));
    const double data_row = cln_ceil_div(g->in.width, t.data_columns) * (double)g->out.channels * g->kernel_h *
                            (t.data_columns + g->kernel_w) * (g->kernel_w * (t.data_channels + 1) + 2);
    t.data_rows = cln_ceil_div(
        g->in.height,
        cln_plan_splits(plan, g->in.height, cln_ceil_div(g->in.channels, t.data_channels) * plan->blocks, data_row));

    /* Weights: taps of a kernel row share a gradient, channels share inputs. */
    t.weight_taps = cln_even_tile(g->kernel_w, cln_min(8, budget));
    t.weight_channels = cln_even_tile(g->out.channels, cln_max(1, budget / t.weight_taps));
    const double weight_row = (double)g->kernel_h * cln_ceil_div(g->kernel_w, t.weight_taps) * (g->out.width + 1) *
                              (t.weight_taps + 1) * (t.weight_channels + 1);
    const int wanted = cln_plan_splits(plan, plan->blocks * g->out.height,
                                       cln_ceil_div(g->out.channels, t.weight_channels) * g->in.channels, weight_row);
    t.block_slices = cln_min(plan->blocks, wanted);
    t.row_slices = cln_min(g->out.height, cln_ceil_div(wanted, t.block_slices));
    return t;
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_conv2d *g) {
    const struct tiles t = tiles_of(plan, g);
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"IN_C", g->in.channels},
        {"IN_H", g->in.height},
        {"IN_W", g->in.width},
        {"OUT_C", g->out.channels},
        {"OUT_H", g->out.height},
        {"OUT_W", g->out.width},
        {"KERNEL_H", g->kernel_h},
        {"KERNEL_W", g->kernel_w},
        {"STRIDE_H", g->stride_h},
        {"STRIDE_W", g->stride_w},
        {"PADDING_H", g->padding_h},
        {"PADDING_W", g->padding_w},
        {"HAS_BIAS", g->bias},
        {"FORWARD_CHANNELS", t.forward_channels},
        {"FORWARD_COLUMNS", t.forward_columns},
        {"FORWARD_ROWS", t.forward_rows},
        {"DATA_CHANNELS", t.data_channels},
        {"DATA_COLUMNS", t.data_columns},
        {"DATA_ROWS", t.data_rows},
        {"WEIGHT_CHANNELS", t.weight_channels},
        {"WEIGHT_TAPS", t.weight_taps},
        {"BLOCK_SLICES", t.block_slices},
        {"ROW_SLICES", t.row_slices},
    };
    cln_plan_constants(plan, c);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
}

static double flops_of(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return 2.0 * plan->batch_size * (double)cln_shape_count(g->out) * g->in.channels * g->kernel_h * g->kernel_w;
}

static double bytes_of(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return (double)sizeof(float) * plan->batch_size * (double)(cln_shape_count(g->in) + cln_shape_count(g->out));
}

int cln_conv2d_splits(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return cln_ceil_div(g->out.height, tiles_of(plan, g).forward_rows);
}

int cln_conv2d_slices(const struct cln_plan *plan, const struct cln_conv2d *g) {
    const struct tiles t = tiles_of(plan, g);
    return t.block_slices * t.row_slices;
}

enum cln_status cln_conv2d_forward(struct cln_plan *plan, const struct cln_conv2d *g, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    return cln_plan_lanes(plan,
                          &(struct ocl_launch){
                              .source = "conv2d.cl",
                              .kernel = "conv2d_forward",
                              .constants = &constants,
                              .args = {OCL_BUFFER(x), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight),
                                       OCL_INT(weights.bias), OCL_BUFFER(z), OCL_INT(partials.buffer != NULL),
                                       OCL_BUFFER(partials.buffer ? partials.buffer : z), OCL_BUFFER(plan->state)},
                              .arg_count = 8,
                              .groups = {(size_t)cln_ceil_div(g->out.channels, t.forward_channels), 0,
                                         (size_t)cln_ceil_div(g->out.height, t.forward_rows)},
                              .flops = flops_of(plan, g),
                              .bytes = bytes_of(plan, g),
                          });
}

enum cln_status cln_conv2d_backward_data(struct cln_plan *plan, const struct cln_conv2d *g, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) {
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "conv2d.cl",
                                    .kernel = "conv2d_backward_data",
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(dz), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight),
                                             OCL_BUFFER(dx), OCL_BUFFER(plan->state)},
                                    .arg_count = 5,
                                    .groups = {(size_t)cln_ceil_div(g->in.channels, t.data_channels), 0,
                                               (size_t)cln_ceil_div(g->in.height, t.data_rows)},
                                    .flops = flops_of(plan, g),
                                    .bytes = bytes_of(plan, g),
                                });
}

enum cln_status cln_conv2d_backward_weights(struct cln_plan *plan, const struct cln_conv2d *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) {
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g);
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "conv2d.cl",
                                    .kernel = "conv2d_backward_weights",
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_BUFFER(out.buffer), OCL_INT(out.base),
                                             OCL_INT(out.stride), OCL_BUFFER(plan->state)},
                                    .arg_count = 6,
                                    .groups = {(size_t)cln_ceil_div(g->out.channels, t.weight_channels),
                                               (size_t)g->in.channels, (size_t)(t.block_slices * t.row_slices)},
                                    .flops = flops_of(plan, g),
                                    .bytes = bytes_of(plan, g),
                                });
}
