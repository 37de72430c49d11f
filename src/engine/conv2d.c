/* Convolution: chooses tile shapes from geometry and tuning, then adds one launch per operation. */
#include "src/engine/conv2d.h"

#include <math.h>

#include "kernels/state.clh"
#include "src/base/table.h"
#include "src/model/layer.h"

/* Register tiles and splits of the work, per kernel. Loop iterations are counted as if no loop were unrolled. */
struct tiles {
    int forward_channels, forward_columns, forward_rows;
    int data_channels, data_columns, data_rows;
    int weight_channels, weight_taps, weight_columns, block_slices, row_slices;
    double forward_cycles, data_cycles, weight_cycles; /* that a block of samples takes */
    int team;                       /* work-items that divide a tile's sums; for the weight gradient, its taps */
    double forward_row, weight_row; /* loop iterations per row */
};

/* The number of registers for a tile's accumulators, a row of inputs, and a weight. */
static int registers_of(const struct cln_plan *plan) {
    return cln_max(3, plan->tuning.accumulators * 4 / 3);
}

/* The cycles that a tile's products take on a machine that starts two multiply-adds and two loads per cycle and on
 * which a sum waits 4.5 cycles for its next term. That is close enough to today's CPUs to compare tiles. Of two equal
 * tiles the one with fewer loads wins. */
static double tile_cycles(double products, double longest_sum, double loads) {
    return fmax(fmax(products / 2, 4.5 * longest_sum), loads / 2) + 0.15 * loads;
}

enum { MOST_CHANNELS = 4 }; /* per tile: more would use up the scalar registers for weights */

/* One group of a convolution, as a convolution of its own. Tiles are chosen for it, since a tile belongs to one. */
static struct cln_conv2d group_of(const struct cln_conv2d *g) {
    struct cln_conv2d group = *g;
    group.in.channels = g->in_per_group;
    group.out.channels = g->out.channels / g->groups;
    group.groups = 1;
    return group;
}

/* The distinct inputs of a row that a tile of columns loads. With dilation every tap loads its own. */
static double row_loads(const struct cln_conv2d *g, int columns) {
    return g->dilation_w == 1 ? (double)(columns - 1) * g->stride_w + g->kernel_w : (double)columns * g->kernel_w;
}

/* Chooses the forward pass's tile. For every kernel row each column of the tile takes `kernel_w` products per
 * channel. */
static void choose_forward_tile(struct tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    double best = INFINITY;
    for (int channels = 1; channels <= cln_min(MOST_CHANNELS, g->out.channels); channels++)
        for (int columns = 1; columns <= g->out.width && (channels + 1) * columns < registers_of(plan); columns++) {
            const double loads = channels * g->kernel_w + row_loads(g, columns);
            const double cost = tile_cycles((double)channels * columns * g->kernel_w, g->kernel_w, loads) *
                                cln_ceil_div(g->out.channels, channels) * cln_ceil_div(g->out.width, columns);
            if (cost < best) {
                best = cost;
                t->forward_cycles = cost * g->in.channels * g->kernel_h * g->out.height;
                t->forward_channels = channels;
                t->forward_columns = columns;
            }
        }
}

/* The number of products that column `w` of dx takes from a row of dz: the number of columns k of dz, 0 <= k <
 * out.width, with w + padding - extent < k * stride <= w + padding. With dilation only every so many of these, about.
 */
static int products_at(const struct cln_conv2d *g, int w) {
    const int last = w + g->padding_w, first = last - cln_window_extent(g->kernel_w, g->dilation_w) + 1;
    if (w >= g->in.width)
        return 0;
    const int from = first > 0 ? cln_ceil_div(first, g->stride_w) : 0;
    const int to = cln_min(last / g->stride_w, g->out.width - 1);
    return cln_ceil_div(cln_max(0, to - from + 1), g->dilation_w);
}

/* Whether a tile of the data gradient fits the registers. Beside its sums it needs a weight per channel; and compilers
 * keep there the whole row of dz that goes into the sums. Without enough registers they spill sums, which doubles the
 * time. (With 16 registers 4 x 3 fits for kernels 3 and 5 wide, 2 x 5 for 5.) The smallest tile must be allowed
 * everywhere. */
static bool data_tile_fits(const struct cln_plan *plan, const struct cln_conv2d *g, int channels, int columns) {
    if (channels == 1 && columns == g->stride_w)
        return true;
    const int row = cln_min(g->out.width, (columns - 1 + g->kernel_w - 1) / g->stride_w + 1);
    return (channels + 1) * columns < registers_of(plan) && channels * columns + row <= registers_of(plan);
}

/* The cost of a row of dx in tiles of `channels` and `columns`; columns at a border take fewer products. In a row
 * longer than any picture's, tiles at even distances represent all, so that planning takes no longer. */
static double data_row_cycles(const struct cln_conv2d *g, int channels, int columns) {
    enum { MOST_COLUMNS = 4096 };
    const int tiles = cln_ceil_div(g->in.width, columns), most = cln_max(1, MOST_COLUMNS / columns);
    const int apart = cln_ceil_div(tiles, most);
    double cycles = 0;
    for (int tile = 0; tile < tiles; tile += apart) {
        int products = 0, longest = 0;
        for (int c = 0; c < columns; c++) {
            const int at = products_at(g, tile * columns + c);
            products += at;
            longest = cln_max(longest, at);
        }
        cycles += tile_cycles((double)products * channels, longest,
                              channels * g->kernel_w + (double)(columns + g->kernel_w) / g->stride_w);
    }
    return cycles * tiles / cln_ceil_div(tiles, apart);
}

/* Chooses the data gradient's tile; its width is a multiple of the stride. */
static void choose_data_tile(struct tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    double best = INFINITY;
    for (int channels = 1; channels <= cln_min(MOST_CHANNELS, g->in.channels); channels++)
        for (int columns = g->stride_w; columns < g->in.width + g->stride_w; columns += g->stride_w) {
            if (!data_tile_fits(plan, g, channels, columns))
                break;
            const double cost = data_row_cycles(g, channels, columns) * cln_ceil_div(g->in.channels, channels);
            if (cost < best) {
                best = cost;
                t->data_cycles = cost * g->out.channels * g->kernel_h * g->out.height;
                t->data_channels = channels;
                t->data_columns = columns;
            }
        }
}

/* The tiles of all groups: of output channels forward, of input channels, of output channels for the weights. */
static int forward_tiles(const struct cln_conv2d *g, const struct tiles *t) {
    return g->groups * cln_ceil_div(g->out.channels / g->groups, t->forward_channels);
}

static int data_tiles(const struct cln_conv2d *g, const struct tiles *t) {
    return g->groups * cln_ceil_div(g->in_per_group, t->data_channels);
}

static int weight_tiles(const struct cln_conv2d *g, const struct tiles *t) {
    return g->groups * cln_ceil_div(g->out.channels / g->groups, t->weight_channels);
}

static struct tiles tiles_of(const struct cln_plan *plan, const struct cln_conv2d *convolution) {
    const int budget = plan->tuning.accumulators;
    const struct cln_conv2d group = group_of(convolution), *const g = &group;
    const int groups = convolution->groups;
    struct tiles t;

    choose_forward_tile(&t, plan, g);
    const double span = row_loads(g, t.forward_columns);
    t.forward_row = cln_ceil_div(g->out.width, t.forward_columns) * (double)g->in.channels * g->kernel_h *
                    (span + g->kernel_w * (t.forward_channels * (t.forward_columns + 2) + 1));
    t.forward_rows =
        cln_ceil_div(g->out.height, cln_plan_splits(plan, g->out.height, forward_tiles(convolution, &t) * plan->blocks,
                                                    t.forward_row));
    const double products = (double)cln_shape_count(g->in) * g->kernel_h * g->kernel_w; /* of a sample and a channel */
    if (plan->tuning.strict)
        t.forward_rows = cln_ceil_div(g->out.height, cln_strict_splits(g->out.height, products));

    const int forward_groups =
        forward_tiles(convolution, &t) * plan->blocks * cln_ceil_div(g->out.height, t.forward_rows);

    choose_data_tile(&t, plan, g);
    const double data_row = cln_ceil_div(g->in.width, t.data_columns) * (double)g->out.channels * g->kernel_h *
                            (t.data_columns + g->kernel_w) * (g->kernel_w * (t.data_channels + 1) + 2);
    t.data_rows = cln_ceil_div(
        g->in.height, cln_plan_splits(plan, g->in.height, data_tiles(convolution, &t) * plan->blocks, data_row));

    /* Weight gradient: the taps of a kernel row share values of dz, channels share inputs. */
    t.weight_taps = cln_even_tile(g->kernel_w, cln_min(8, budget));
    t.weight_channels = cln_even_tile(g->out.channels, cln_max(1, budget / t.weight_taps));
    /* A dense convolution has enough other work for the waits between its sums. */
    t.weight_columns =
        groups == 1 ? 1 : cln_max(1, cln_min(g->out.width, budget / (t.weight_channels * t.weight_taps)));
    t.weight_row = (double)g->kernel_h * cln_ceil_div(g->kernel_w, t.weight_taps) * (g->out.width + 1) *
                   (t.weight_taps + 1) * (t.weight_channels + 1);
    t.weight_cycles = tile_cycles((double)t.weight_channels * t.weight_taps, 1, t.weight_channels + t.weight_taps) *
                      cln_ceil_div(g->out.channels, t.weight_channels) * g->in.channels * g->kernel_h *
                      cln_ceil_div(g->kernel_w, t.weight_taps) * g->out.height * g->out.width;
    const int wanted = cln_plan_splits(plan, plan->blocks * g->out.height,
                                       weight_tiles(convolution, &t) * g->in.channels, t.weight_row);
    const double value_bytes = (double)cln_plan_bytes(plan, g->in) + (double)cln_plan_bytes(plan, g->out);
    const double weights = (double)g->out.channels * g->in.channels * g->kernel_h * g->kernel_w;
    t.block_slices = cln_min(plan->blocks, cln_max(wanted, cln_plan_cache_slices(plan, value_bytes, weights)));
    const int sums = cln_max(t.weight_channels * t.weight_taps,
                             cln_max(t.forward_channels * t.forward_columns, t.data_channels * t.data_columns));
    const int most = cln_min(g->out.channels, g->in.channels * g->kernel_h);
    t.team = cln_plan_team(plan, "conv2d", cln_min(most, cln_ceil_div(plan->tuning.min_groups, forward_groups)), sums);
    const int taps = g->kernel_h * cln_ceil_div(g->kernel_w, t.weight_taps);
    const int sharing = cln_max(1, taps / cln_ceil_div(taps, t.team)); /* work-items of a team with taps */
    t.row_slices = cln_min(g->out.height, cln_ceil_div(cln_ceil_div(wanted, t.block_slices), sharing));
    if (plan->tuning.strict) {
        t.weight_columns = 1;
        t.block_slices = cln_plan_strict_slices(plan);
        t.row_slices = cln_strict_splits(g->out.height, products / g->in.channels * SHARD_SAMPLES / STRANDS);
    }
    return t;
}

/* How a part is filtered; points 0: it is direct, because it cannot be filtered, or because by the estimates filtering
 * gains too little for another program (tuning.winograd 2: the estimates do not matter). */
static struct cln_winograd filtered(const struct cln_plan *plan, const struct cln_conv2d *g,
                                    enum cln_conv2d_part part) {
    const double worth = 1.1;
    struct cln_winograd w = cln_winograd_choose(plan, g, part);
    const struct tiles t = tiles_of(plan, g);
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
    return w.points ? w.rows : tiles_of(plan, g).forward_rows;
}

/* Whether the forward pass can write the pool's maxima. The work-item that has written the rows of z picks the maxima,
 * so no window may reach from one range of rows into the next. It picks those of z, since the statistics that y needs
 * are not known yet. */
static bool can_fuse_max(const struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_activate *epilogue) {
    const struct tiles t = tiles_of(plan, g);
    const struct cln_pool2d *pool = &epilogue->pool;
    const int rows = rows_of(plan, g);
    const bool apart = rows >= g->out.height ||
                       (pool->padding_h == 0 && pool->kernel_h <= pool->stride_h && rows % pool->stride_h == 0);
    const double row = (double)t.forward_channels * pool->out.width * (pool->kernel_h * (pool->kernel_w + 1.0) + 1);
    return plan->tuning.fuse && epilogue->norm && pool->kind == CLN_POOL_MAX && apart &&
           !cln_activation_is_of_input(epilogue->activation.kind) &&
           rows * (t.forward_row + row) <= plan->tuning.max_loop_iterations;
}

/* Whether the weight gradient can make dz itself. It makes dz once per input channel, in private memory, so a work-item
 * must have its block to itself. */
static bool can_fuse_dz(const struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_activate *epilogue) {
    enum { MOST_VECTORS = 1024 }; /* vectors of dz in private memory: a row of the tile's channels */
    const struct tiles t = tiles_of(plan, g);
    const struct cln_pool2d *pool = &epilogue->pool;
    const int windows = cln_ceil_div(pool->kernel_h, pool->stride_h) * cln_ceil_div(pool->kernel_w, pool->stride_w);
    const double rows = (double)cln_ceil_div(plan->blocks, t.block_slices) * cln_ceil_div(g->out.height, t.row_slices);
    const double row = (double)t.weight_channels * g->out.width * (2 * windows + 1);
    return plan->tuning.fuse && !filtered(plan, g, CLN_CONV2D_WEIGHTS).points && g->in.channels == 1 &&
           cln_plan_vector(plan, "conv2d") == plan->tuning.lanes && t.weight_channels * g->out.width <= MOST_VECTORS &&
           rows * (t.weight_row + row) <= plan->tuning.max_loop_iterations;
}

void cln_conv2d_fuse(const struct cln_plan *plan, const struct cln_conv2d *g, bool dz_is_private,
                     struct cln_activate *epilogue) {
    epilogue->fuses_max = can_fuse_max(plan, g, epilogue);
    epilogue->fuses_dz = dz_is_private && can_fuse_dz(plan, g, epilogue);
}

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_conv2d *g,
                         const struct cln_activate *epilogue) {
    const struct tiles t = tiles_of(plan, g);
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
    const struct tiles t = tiles_of(plan, g);
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

enum cln_status cln_conv2d_forward(struct cln_plan *plan, const struct cln_conv2d *g,
                                   const struct cln_activate *epilogue, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_FORWARD);
    if (w.points)
        return cln_winograd_forward(plan, &w, epilogue, x, weights, z, partials);
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, epilogue);
    struct ocl_launch launch = {
        .source = "conv2d.cl",
        .kernel = "conv2d_forward",
        .constants = &constants,
        .args = {OCL_BUFFER(x), OCL_BUFFER(weights.buffer), OCL_INT(weights.weight), OCL_INT(weights.bias),
                 OCL_BUFFER(z), OCL_INT(partials.buffer != NULL), OCL_BUFFER(partials.buffer ? partials.buffer : z)},
        .arg_count = 7,
        .groups = {(size_t)forward_tiles(g, &t), 0, (size_t)cln_ceil_div(g->out.height, t.forward_rows)},
        .flops = cln_convolution_flops(plan, g),
        .bytes = cln_convolution_bytes(plan, g),
    };
    if (epilogue && epilogue->fuses_max) {
        ocl_launch_argument(&launch, OCL_INT(epilogue->norm->gamma));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_value));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_index));
    }
    ocl_launch_argument(&launch, OCL_BUFFER(plan->state));
    return cln_plan_teams(plan, &launch, t.team);
}

enum cln_status cln_conv2d_backward_data(struct cln_plan *plan, const struct cln_conv2d *g,
                                         const struct cln_activate *epilogue, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) {
    const struct cln_winograd w = filtered(plan, g, CLN_CONV2D_DATA);
    if (w.points)
        return cln_winograd_backward_data(plan, &w, dz, weights, dx);
    const struct tiles t = tiles_of(plan, g);
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
                              .groups = {(size_t)data_tiles(g, &t), 0, (size_t)cln_ceil_div(g->in.height, t.data_rows)},
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
    const struct tiles t = tiles_of(plan, g);
    struct ocl_constants constants;
    constants_of(&constants, plan, g, epilogue);
    struct ocl_launch launch = {
        .source = "conv2d.cl",
        .kernel = "conv2d_backward_weights",
        .constants = &constants,
        .args = {OCL_BUFFER(x), OCL_BUFFER(dz)},
        .arg_count = 2,
        .groups = {(size_t)weight_tiles(g, &t), (size_t)g->in_per_group, (size_t)(t.block_slices * t.row_slices)},
        .flops = cln_convolution_flops(plan, g),
        .bytes = cln_convolution_bytes(plan, g),
    };
    if (epilogue && epilogue->fuses_dz) {
        struct ocl_buffer *const none = dz; /* unused argument: not read */
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
