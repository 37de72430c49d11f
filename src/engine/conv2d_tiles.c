/* Chooses the tiles of a convolution by estimates of their cycles, and divides its work. */
#include "src/engine/conv2d_tiles.h"

#include <math.h>

#include "kernels/state.clh"
#include "src/model/layer.h"

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

/* The work-items of a group without a team. */
static int items_of(const struct cln_plan *plan) {
    return plan->tuning.lanes / cln_plan_vector(plan, "conv2d");
}

/* The loop iterations that have room beside those that a work-item does once, at its beginning and its end: weights are
 * copied to local memory, and moments of a tile's channels are reduced. */
static double once(const struct cln_plan *plan) {
    const int items = items_of(plan);
    const bool copies = plan->tuning.local_weights && items > 1;
    const double floats =
        copies ? (double)ocl_context_device(plan->context)->local_memory_bytes / 2 / sizeof(float) : 0;
    return 64 + MOST_CHANNELS * (8 + 2 * cln_loop(items, 0)) + floats / items;
}
static double room(const struct cln_plan *plan) {
    return plan->tuning.max_loop_iterations - once(plan);
}

/* Iterations of what follows the products of a tile of sums: they are added up over a team, rounded, written, and added
 * to moments. */
static double sums_iterations(const struct cln_plan *plan, int channels, int columns) {
    const int most = items_of(plan) > 1 ? plan->tuning.max_team : 1, sums = channels * columns;
    return 8 * channels + 5 * cln_tile_loop(channels, cln_tile_loop(columns, 0)) +
           (most > 1 ? sums * (3.0 + most) + 2 : 0);
}

/* The ranges of columns that a row of `tiles` has to be divided in, if a tile takes `iterations`. */
static int ranges_of(const struct cln_plan *plan, int tiles, double iterations) {
    const double most = fmax(1, floor((room(plan) - 3) / (iterations + 1)));
    return most < tiles ? cln_ceil_div(tiles, (int)most) : 1;
}

/* The products of a sample's plane with a plane of weights. */
static double plane_products(const struct cln_conv2d *g) {
    return (double)g->in.height * g->in.width * g->kernel_h * g->kernel_w;
}

/* The distinct inputs of a row that a tile of columns loads. With dilation every tap loads its own. */
static double row_loads(const struct cln_conv2d *g, int columns) {
    return g->dilation_w == 1 ? (double)(columns - 1) * g->stride_w + g->kernel_w : (double)columns * g->kernel_w;
}

/* ---- The forward pass ---- */

/* Loop iterations of a tile. Where they are limited, a tile of one column loads each input where it is used. */
static double forward_iterations(const struct cln_plan *plan, const struct cln_conv2d *g, int channels, int columns) {
    const double sums = cln_tile_loop(channels, cln_tile_loop(columns, 0));
    const bool shares = g->dilation_w == 1 && !(cln_plan_is_limited(plan) && columns == 1);
    const double row =
        shares ? cln_tile_loop((columns - 1) * g->stride_w + g->kernel_w, 0) + cln_tile_loop(g->kernel_w, sums)
               : cln_tile_loop(g->kernel_w, cln_tile_loop(columns, 0) + sums);
    return sums_iterations(plan, channels, columns) + cln_loop(g->in.channels, cln_loop(g->kernel_h, row));
}

/* Chooses the forward pass's tile. For every kernel row each column of the tile takes `kernel_w` products per
 * channel. */
static void choose_forward_tile(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    double best = INFINITY;
    for (int channels = 1; channels <= cln_min(MOST_CHANNELS, g->out.channels); channels++)
        for (int columns = 1; columns <= g->out.width && (channels + 1) * columns < registers_of(plan); columns++) {
            if (channels * columns > 1 && forward_iterations(plan, g, channels, columns) > room(plan) - 3)
                break;
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

static void divide_forward(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    const double tile = forward_iterations(plan, g, t->forward_channels, t->forward_columns);
    const int tiles = cln_ceil_div(g->out.width, t->forward_columns), height = g->out.height;
    const double row = cln_loop(tiles, tile);
    const int rows =
        cln_ceil_div(height, cln_plan_splits(plan, height, t->forward_tiles * plan->blocks, row + 1 + once(plan)));
    t->moment_rows = plan->tuning.strict
                         ? cln_ceil_div(height, cln_strict_splits(height, g->in.channels * plane_products(g)))
                         : rows;
    t->moments_apart = cln_loop(t->moment_rows, row) > room(plan);
    t->forward_rows = t->moments_apart ? rows : t->moment_rows;
    t->forward_ranges = ranges_of(plan, tiles, tile);
    t->forward_iterations =
        once(plan) + cln_loop(t->forward_rows, cln_loop(cln_ceil_div(tiles, t->forward_ranges), tile));
    t->moment_iterations = once(plan) + cln_loop(t->moment_rows, 4 + 2 * cln_loop(g->out.width, 0));
}

/* ---- The data gradient ---- */

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

/* Loop iterations of a tile of the data gradient where they are limited; elsewhere they may be some more. */
static double data_iterations(const struct cln_plan *plan, const struct cln_conv2d *g, int channels, int columns) {
    /* The others have no dz for a row of dx. */
    const int kernel_rows = g->dilation_h == 1 ? cln_ceil_div(g->kernel_h, g->stride_h) : g->kernel_h;
    const double products = (double)columns / g->stride_w * cln_tile_loop(channels, 0);
    const double row = cln_tile_loop(g->kernel_w, cln_tile_loop(channels, 0) + cln_tile_loop(columns, 0) + products);
    return sums_iterations(plan, channels, columns) + cln_loop(g->out.channels, 1 + g->kernel_h + kernel_rows * row);
}

/* Chooses the data gradient's tile; its width is a multiple of the stride. */
static void choose_data_tile(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    double best = INFINITY;
    for (int channels = 1; channels <= cln_min(MOST_CHANNELS, g->in.channels); channels++)
        for (int columns = g->stride_w; columns < g->in.width + g->stride_w; columns += g->stride_w) {
            const bool smallest = channels == 1 && columns == g->stride_w;
            if (!data_tile_fits(plan, g, channels, columns) ||
                (!smallest && data_iterations(plan, g, channels, columns) > room(plan) - 3))
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

static void divide_data(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    const double tile = data_iterations(plan, g, t->data_channels, t->data_columns);
    const int tiles = cln_ceil_div(g->in.width, t->data_columns), height = g->in.height;
    const int splits =
        cln_plan_splits(plan, height, t->data_tiles * plan->blocks, cln_loop(tiles, tile) + 1 + once(plan));
    t->data_rows = cln_ceil_div(height, splits);
    t->data_ranges = ranges_of(plan, tiles, tile);
    t->data_iterations = once(plan) + cln_loop(t->data_rows, cln_loop(cln_ceil_div(tiles, t->data_ranges), tile));
}

/* ---- The weight gradient ---- */

/* The kernel rows' tiles of taps, and those of a range. */
static int taps_of(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t) {
    return g->kernel_h * cln_ceil_div(g->kernel_w, t->weight_taps);
}
static int own_taps(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t) {
    return cln_ceil_div(taps_of(g, t), t->tap_ranges);
}

int cln_conv2d_slice_blocks(const struct cln_plan *plan, const struct cln_conv2d_tiles *t) {
    return plan->tuning.strict ? SHARD_SAMPLES / STRANDS : cln_ceil_div(plan->blocks, t->block_slices);
}

int cln_conv2d_slice_rows(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t) {
    return cln_ceil_div(g->out.height, t->row_slices);
}

/* Loop iterations that a tile of taps takes for a row of a block. */
static double weight_row(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t) {
    const int sums = t->weight_channels * t->weight_taps * t->weight_columns;
    const double column =
        cln_tile_loop(t->weight_channels, 0) + cln_tile_loop(t->weight_taps, cln_tile_loop(t->weight_channels, 0));
    const double row = cln_tile_loop(t->weight_channels, 0) + cln_loop(cln_ceil_div(g->out.width, t->weight_columns),
                                                                       cln_tile_loop(t->weight_columns, column));
    return 2 + row + 4 * cln_tile_loop(sums, 0); /* a strip may be a single row */
}

static double weight_iterations(const struct cln_plan *plan, const struct cln_conv2d *g,
                                const struct cln_conv2d_tiles *t) {
    const int sums = t->weight_channels * t->weight_taps;
    const double rows = cln_loop(cln_conv2d_slice_rows(g, t), 1 + own_taps(g, t) * weight_row(g, t));
    return cln_loop(cln_conv2d_slice_blocks(plan, t), rows) +
           own_taps(g, t) * (3 + 5 * cln_loop(sums, 0) + sums * cln_loop(items_of(plan), 0));
}

/* Divides the work further until the iterations are few enough. First come more slices, where these are free, since
 * they repeat nothing. */
static void limit_weights(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g) {
    const bool free = !plan->tuning.strict;
    while (weight_iterations(plan, g, t) > plan->tuning.max_loop_iterations) {
        if (free && t->block_slices < plan->blocks)
            t->block_slices = cln_min(plan->blocks, 2 * t->block_slices);
        else if (free && t->row_slices < g->out.height)
            t->row_slices = cln_min(g->out.height, 2 * t->row_slices);
        else if (t->tap_ranges < taps_of(g, t))
            t->tap_ranges = cln_min(taps_of(g, t), 2 * t->tap_ranges);
        else if (t->weight_channels > 1)
            t->weight_channels = cln_even_tile(g->out.channels, t->weight_channels / 2);
        else if (t->weight_taps > 1)
            t->weight_taps = cln_even_tile(g->kernel_w, t->weight_taps / 2);
        else
            break;
    }
}

/* The taps of a kernel row share values of dz, channels share inputs. */
static void choose_weight_tile(struct cln_conv2d_tiles *t, const struct cln_plan *plan, const struct cln_conv2d *g,
                               bool dense) {
    const int budget = plan->tuning.accumulators;
    t->weight_taps = cln_even_tile(g->kernel_w, cln_min(8, budget));
    t->weight_channels = cln_even_tile(g->out.channels, cln_max(1, budget / t->weight_taps));
    /* A dense convolution has enough other work for the waits between its sums. */
    t->weight_columns = dense ? 1 : cln_max(1, cln_min(g->out.width, budget / (t->weight_channels * t->weight_taps)));
    t->weight_cycles =
        tile_cycles((double)t->weight_channels * t->weight_taps, 1, t->weight_channels + t->weight_taps) *
        cln_ceil_div(g->out.channels, t->weight_channels) * g->in.channels * g->kernel_h *
        cln_ceil_div(g->kernel_w, t->weight_taps) * g->out.height * g->out.width;
}

/* ---- All three ---- */

static int tiles_in(int channels, int tile, int groups) {
    return groups * cln_ceil_div(channels, tile);
}

struct cln_conv2d_tiles cln_conv2d_tiles(const struct cln_plan *plan, const struct cln_conv2d *convolution) {
    const struct cln_conv2d group = group_of(convolution), *const g = &group;
    const int groups = convolution->groups;
    struct cln_conv2d_tiles t = {.tap_ranges = 1};

    choose_forward_tile(&t, plan, g);
    t.forward_tiles = tiles_in(g->out.channels, t.forward_channels, groups);
    divide_forward(&t, plan, g);
    choose_data_tile(&t, plan, g);
    t.data_tiles = tiles_in(g->in.channels, t.data_channels, groups);
    divide_data(&t, plan, g);
    choose_weight_tile(&t, plan, g, groups == 1);

    const int forward_groups = t.forward_tiles * plan->blocks * cln_ceil_div(g->out.height, t.forward_rows);
    const int wanted = cln_plan_splits(plan, plan->blocks * g->out.height,
                                       tiles_in(g->out.channels, t.weight_channels, groups) * g->in.channels,
                                       taps_of(g, &t) * weight_row(g, &t));
    const double value_bytes = (double)cln_plan_bytes(plan, g->in) + (double)cln_plan_bytes(plan, g->out);
    const double weights = (double)g->out.channels * g->in.channels * g->kernel_h * g->kernel_w;
    t.block_slices = cln_min(plan->blocks, cln_max(wanted, cln_plan_cache_slices(plan, value_bytes, weights)));
    const int sums = cln_max(t.weight_channels * t.weight_taps,
                             cln_max(t.forward_channels * t.forward_columns, t.data_channels * t.data_columns));
    const int most = cln_min(g->out.channels, g->in.channels * g->kernel_h);
    t.team = cln_plan_team(plan, "conv2d", cln_min(most, cln_ceil_div(plan->tuning.min_groups, forward_groups)), sums);
    const int taps = taps_of(g, &t);
    const int sharing = cln_max(1, taps / cln_ceil_div(taps, t.team)); /* work-items of a team with taps */
    t.row_slices = cln_min(g->out.height, cln_ceil_div(cln_ceil_div(wanted, t.block_slices), sharing));
    if (plan->tuning.strict) {
        t.weight_columns = 1;
        t.block_slices = cln_plan_strict_slices(plan);
        t.row_slices = cln_strict_splits(g->out.height, plane_products(g) * SHARD_SAMPLES / STRANDS);
    }
    limit_weights(&t, plan, g);
    t.weight_tiles = tiles_in(g->out.channels, t.weight_channels, groups);
    t.weight_iterations = weight_iterations(plan, g, &t);
    return t;
}
