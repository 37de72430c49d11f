/* Convolution: adds its launches, one for each operation. */
#include "src/engine/conv2d.h"

#include "src/base/table.h"
#include "src/engine/conv2d_tiles.h"
#include "src/model/layer.h"

/* How a part is filtered; points 0: it is direct, because it cannot be filtered, or because by the estimates filtering
 * gains too little for another program (tuning.winograd 2: the estimates do not matter). */
static struct cln_winograd filtered(const struct cln_plan *plan, const struct cln_conv2d *g,
                                    enum cln_conv2d_part part) {
    const double worth = 1.1;
    struct cln_winograd w = cln_winograd_choose(plan, g, part);
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    const double direct[] = {[CLN_CONV2D_FORWARD] = t.forward_cycles,
                             [CLN_CONV2D_DATA] = t.data_cycles,
                             [CLN_CONV2D_WEIGHTS] = t.weight_cycles};
    CLN_EVERY(direct, CLN_CONV2D_PART_COUNT);
    if (part == CLN_CONV2D_WEIGHTS &&
        g->in.channels == 1) /* dz is then made apart: another pass over z (can_fuse_dz) */
        w.cycles += 4.0 * (double)cln_shape_count(g->out);
    if (plan->tuning.winograd < CLN_WINOGRAD_ALWAYS && w.cycles * worth >= direct[part])
        w.points = 0;
    return w;
}

/* The rows of z that a work-group of the forward pass computes. */
static int rows_of(const struct cln_plan *plan, const struct cln_conv2d *g) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_FORWARD);
    return w.points ? w.rows : cln_conv2d_tiles(plan, g).moment_rows;
}

/* Loop iterations of choosing the maxima of a row of a tile's channels. */
static double max_iterations(const struct cln_activate *epilogue, int channels) {
    const struct cln_pool2d *pool = &epilogue->pool;
    const double window = cln_tile_loop(pool->kernel_h, cln_tile_loop(pool->kernel_w, 0));
    return 2 + cln_loop(channels, cln_loop(pool->out.width, window));
}

/* Whether the forward pass can write the pool's maxima. The work-item that has written the rows of z picks the maxima,
 * so no window may reach from one range of rows into the next. It picks those of z, since the statistics that y needs
 * are not known yet. */
static bool can_fuse_max(const struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_activate *epilogue) {
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    const struct cln_pool2d *pool = &epilogue->pool;
    const int rows = rows_of(plan, g);
    const bool apart = rows >= g->out.height ||
                       (pool->padding_h == 0 && pool->kernel_h <= pool->stride_h && rows % pool->stride_h == 0);
    const double iterations = t.forward_iterations + rows * max_iterations(epilogue, t.forward_channels);
    return plan->tuning.fuse && epilogue->norm && pool->kind == CLN_POOL_MAX && apart && !t.moments_apart &&
           !cln_activation_is_of_input(epilogue->activation.kind) && iterations <= plan->tuning.max_loop_iterations;
}

/* Loop iterations of making dz of a work-item's blocks and rows, once for all taps that it has sums for at a time. */
static double dz_iterations(const struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_conv2d_tiles *t,
                            const struct cln_activate *epilogue) {
    enum { TAPS_AT_A_TIME = 16 };
    const struct cln_pool2d *pool = &epilogue->pool;
    const int windows_h = cln_ceil_div(pool->kernel_h, pool->stride_h);
    const int windows_w = cln_ceil_div(pool->kernel_w, pool->stride_w);
    const double window = cln_tile_loop(windows_h, cln_tile_loop(windows_w, 0));
    const double row = 3 + g->out.width * (3 + window);
    const double blocks = cln_conv2d_slice_blocks(plan, t), rows = cln_conv2d_slice_rows(g, t);
    const int times = cln_ceil_div(g->kernel_h * cln_ceil_div(g->kernel_w, t->weight_taps), TAPS_AT_A_TIME);
    return times * blocks * rows * cln_loop(t->weight_channels, row);
}

/* Whether the weight gradient can make dz itself. It makes dz once per input channel, in private memory, so a work-item
 * must have its block to itself. */
static bool can_fuse_dz(const struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_activate *epilogue) {
    enum { MOST_VECTORS = 1024 }; /* vectors of dz in private memory: a row of the tile's channels */
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    return plan->tuning.fuse && !filtered(plan, g, CLN_CONV2D_WEIGHTS).points && g->in.channels == 1 &&
           cln_plan_vector(plan, "conv2d") == plan->tuning.lanes && t.weight_channels * g->out.width <= MOST_VECTORS &&
           t.weight_iterations + dz_iterations(plan, g, &t, epilogue) <= plan->tuning.max_loop_iterations;
}

void cln_conv2d_fuse(const struct cln_plan *plan, const struct cln_conv2d *g, bool dz_is_private,
                     struct cln_activate *epilogue) {
    epilogue->fuses_max = can_fuse_max(plan, g, epilogue);
    epilogue->fuses_dz = dz_is_private && can_fuse_dz(plan, g, epilogue);
}

static void limited_constants(struct ocl_constants *c, const struct cln_conv2d_tiles *t) {
    ocl_constants_int(c, "LIMITED", 1);
    ocl_constants_int(c, "FORWARD_RANGES", t->forward_ranges);
    ocl_constants_int(c, "DATA_RANGES", t->data_ranges);
    ocl_constants_int(c, "TAP_RANGES", t->tap_ranges);
    if (t->moments_apart)
        ocl_constants_int(c, "MOMENT_ROWS", t->moment_rows);
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_conv2d *g,
                         const struct cln_activate *epilogue) {
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    const int taps = g->kernel_h * g->kernel_w;
    const int forward = t.forward_channels * g->in_per_group; /* kernels of a tile */
    const int data = t.data_channels * (g->out.channels / g->groups);
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"FORWARD_CHANNELS", t.forward_channels},
        {"FORWARD_COLUMNS", t.forward_columns},
        {"FORWARD_ROWS", t.forward_rows},
        {"DATA_CHANNELS", t.data_channels},
        {"DATA_COLUMNS", t.data_columns},
        {"DATA_ROWS", t.data_rows},
        {"WEIGHT_CHANNELS", t.weight_channels},
        {"WEIGHT_TAPS", t.weight_taps},
        {"WEIGHT_COLUMNS", t.weight_columns},
        {"BLOCK_SLICES", t.block_slices},
        {"ROW_SLICES", t.row_slices},
        {"TEAM", t.team},
        {"LOCAL_WEIGHTS",
         cln_plan_copies_weights(plan, "conv2d", (double)taps * cln_max(forward, data), t.forward_channels)},
    };
    cln_plan_constants(plan, c);
    cln_convolution_constants(c, g);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
    if (cln_plan_is_limited(plan))
        limited_constants(c, &t);
    ocl_constants_int(c, "FUSES_MAX", epilogue && epilogue->fuses_max);
    ocl_constants_int(c, "FUSES_DZ", epilogue && epilogue->fuses_dz);
    if (epilogue && (epilogue->fuses_max || epilogue->fuses_dz))
        cln_pool_constants(c, epilogue);
}

int cln_conv2d_splits(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return cln_ceil_div(g->out.height, rows_of(plan, g));
}

int cln_conv2d_slices(const struct cln_plan *plan, const struct cln_conv2d *g) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_WEIGHTS);
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    return w.points ? w.block_slices * w.row_slices : t.block_slices * t.row_slices;
}

size_t cln_conv2d_filter_floats(const struct cln_plan *plan, const struct cln_conv2d *g, enum cln_conv2d_part part) {
    const struct cln_winograd w = filtered(plan, g, part);
    return w.points ? cln_winograd_filter_floats(&w) : 0;
}

enum cln_status cln_conv2d_filters(struct cln_plan *plan, const struct cln_conv2d *g, struct cln_weights weights,
                                   enum cln_conv2d_part part) {
    const struct cln_winograd w = filtered(plan, g, part);
    return w.points ? cln_winograd_filters(plan, &w, weights) : CLN_OK;
}

/* Adds the moments of z where the forward pass cannot sum them: its work-items have other parts of z. */
static enum cln_status add_moments(struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_conv2d_tiles *t,
                                   struct ocl_buffer *z, struct ocl_buffer *partials) {
    struct ocl_constants constants;
    const enum cln_status status = cln_plan_follow(plan);
    if (status != CLN_OK)
        return status;
    constants_of(&constants, plan, g, NULL);
    return cln_plan_lanes(
        plan, &(struct ocl_launch){
                  .source = "conv2d.cl",
                  .kernel = "conv2d_moments",
                  .constants = &constants,
                  .args = {OCL_BUFFER(z), OCL_BUFFER(partials), OCL_BUFFER(plan->state)},
                  .arg_count = 3,
                  .groups = {(size_t)g->out.channels, 0, (size_t)cln_ceil_div(g->out.height, t->moment_rows)},
                  .iterations = t->moment_iterations,
                  .bytes = (double)cln_plan_bytes(plan, g->out),
              });
}

enum cln_status cln_conv2d_forward(struct cln_plan *plan, const struct cln_conv2d *g,
                                   const struct cln_activate *epilogue, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_FORWARD);
    if (w.points)
        return cln_winograd_forward(plan, &w, epilogue, x, weights, z, partials);
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    const bool moments = partials.buffer && !t.moments_apart;
    struct ocl_constants constants;
    constants_of(&constants, plan, g, epilogue);
    struct ocl_launch launch = {
        .source = "conv2d.cl",
        .kernel = "conv2d_forward",
        .constants = &constants,
        .args = {OCL_BUFFER(x), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight), OCL_INT(weights.bias),
                 OCL_BUFFER(z), OCL_INT(moments), OCL_BUFFER(moments ? partials.buffer : z)},
        .arg_count = 7,
        .groups = {(size_t)t.forward_tiles, 0,
                   (size_t)cln_ceil_div(g->out.height, t.forward_rows) * (size_t)t.forward_ranges},
        .iterations = t.forward_iterations,
        .flops = cln_convolution_flops(plan, g),
        .bytes = cln_convolution_bytes(plan, g),
    };
    if (epilogue && epilogue->fuses_max) {
        ocl_launch_argument(&launch, OCL_INT(epilogue->norm->gamma));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_value));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_index));
        launch.iterations += t.forward_rows * max_iterations(epilogue, t.forward_channels);
    }
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    const enum cln_status status = cln_plan_teams(plan, &launch, t.team);
    return status == CLN_OK && partials.buffer && !moments ? add_moments(plan, g, &t, z, partials.buffer) : status;
}

enum cln_status cln_conv2d_backward_data(struct cln_plan *plan, const struct cln_conv2d *g,
                                         const struct cln_activate *epilogue, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_DATA);
    if (w.points)
        return cln_winograd_backward_data(plan, &w, dz, weights, dx);
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, epilogue);
    return cln_plan_teams(plan,
                          &(struct ocl_launch){
                              .source = "conv2d.cl",
                              .kernel = "conv2d_backward_data",
                              .constants = &constants,
                              .args = {OCL_BUFFER(dz), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight),
                                       OCL_BUFFER(dx), OCL_BUFFER(plan->state)},
                              .arg_count = 5,
                              .groups = {(size_t)t.data_tiles, 0,
                                         (size_t)cln_ceil_div(g->in.height, t.data_rows) * (size_t)t.data_ranges},
                              .iterations = t.data_iterations,
                              .flops = cln_convolution_flops(plan, g),
                              .bytes = cln_convolution_bytes(plan, g),
                          },
                          t.team);
}

enum cln_status cln_conv2d_backward_weights(struct cln_plan *plan, const struct cln_conv2d *g,
                                            const struct cln_activate *epilogue, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_WEIGHTS);
    if (w.points)
        return cln_winograd_backward_weights(plan, &w, x, dz, out);
    const struct cln_conv2d_tiles t = cln_conv2d_tiles(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, epilogue);
    struct ocl_launch launch = {
        .source = "conv2d.cl",
        .kernel = "conv2d_backward_weights",
        .constants = &constants,
        .args = {OCL_BUFFER(x), OCL_BUFFER(dz)},
        .arg_count = 2,
        .groups = {(size_t)t.weight_tiles, (size_t)(g->in_per_group * t.tap_ranges),
                   (size_t)(t.block_slices * t.row_slices)},
        .iterations = t.weight_iterations,
        .flops = cln_convolution_flops(plan, g),
        .bytes = cln_convolution_bytes(plan, g),
    };
    if (epilogue && epilogue->fuses_dz) {
        struct ocl_buffer *const none = dz; /* unused argument: not read */
        launch.iterations += dz_iterations(plan, g, &t, epilogue);
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->da));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_index ? epilogue->max_index : none));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->norm ? epilogue->norm->normal : none));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->norm ? epilogue->norm->dz_coefficients : none));
    }
    ocl_launch_argument(&launch, OCL_BUFFER(out.buffer));
    ocl_launch_argument(&launch, OCL_INT(out.base));
    ocl_launch_argument(&launch, OCL_INT(out.stride));
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    return cln_plan_teams(plan, &launch, t.team);
}
