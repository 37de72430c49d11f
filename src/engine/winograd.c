/* Minimal filtering: chooses points and tiles by estimated cost, then adds the launches. */
#include "src/engine/winograd.h"

#include <limits.h>
#include <math.h>

enum { MOST_CHANNELS = 8, MOST_POSITIONS = 8 }; /* of a register tile */

static int outputs_of(const struct cln_winograd *w) {
    return w->points + 1 - w->geometry.kernel_w;
}

/* The tiles of a row of z or dz. */
static int tiles_of(const struct cln_winograd *w) {
    const struct cln_shape z = w->part == CLN_CONV2D_DATA ? w->geometry.in : w->geometry.out;
    return cln_ceil_div(z.width, outputs_of(w));
}

static int pairs_of(const struct cln_winograd *w) {
    return (w->points - 2) / 2;
}

/* ---- Estimated cycles: two multiply-adds and two loads, or one store, at a time ---- */

/* Inputs of a tile at all points. */
static double transform_cycles(const struct cln_winograd *w) {
    const int pairs = pairs_of(w);
    return 0.5 * (2 * (pairs + 1) + pairs * (2 * pairs + 2)) + w->points;
}

/* Gradients of a tile's outputs at all points. */
static double gradient_cycles(const struct cln_winograd *w) {
    return 0.5 * pairs_of(w) * (outputs_of(w) + 2) + w->points;
}

/* What the forward pass or the data gradient loads, at all points. */
static double load_cycles(const struct cln_winograd *w) {
    return w->part == CLN_CONV2D_DATA ? gradient_cycles(w) : transform_cycles(w);
}

/* The results of a tile from all points: outputs and their moments, or gradients of inputs, which overlap. */
static double result_cycles(const struct cln_winograd *w) {
    const int pairs = pairs_of(w), outputs = outputs_of(w);
    return w->part == CLN_CONV2D_DATA ? transform_cycles(w) + 2 * w->points
                                      : 0.5 * (pairs * (outputs + 2) + 3 * outputs) + w->points + outputs;
}

/* A step of a register tile of `a` by `b` sums, whose sums wait 4.5 cycles for their next term. */
static double step_cycles(int a, int b) {
    return fmax(fmax(0.5 * a * b, 4.5), 0.5 * (a + b)) + 0.15 * (a + b);
}

/* The kernel rows that meet the input, added up over the register tiles of the w->rows rows from `first` on. */
static double range_steps(const struct cln_winograd *w, int first) {
    const struct cln_conv2d *g = &w->geometry;
    const int tiles = tiles_of(w);
    double steps = 0;
    for (int q = 0; q < w->rows * tiles; q += w->tile_positions) {
        const int top = first + q / tiles, bottom = first + (q + w->tile_positions - 1) / tiles;
        steps +=
            cln_max(0, cln_min(g->kernel_h, g->in.height + g->padding_h - top) - cln_max(0, g->padding_h - bottom));
    }
    return steps;
}

/* The same for all ranges. Those in the middle meet no padding. */
static double row_steps(const struct cln_winograd *w) {
    const int ranges = cln_ceil_div(w->geometry.out.height, w->rows);
    const double first = range_steps(w, 0);
    if (ranges == 1)
        return first;
    const double middle = (double)cln_ceil_div(w->rows * tiles_of(w), w->tile_positions) * w->geometry.kernel_h;
    return first + (ranges - 2) * middle + range_steps(w, (ranges - 1) * w->rows);
}

/* ---- Choosing ---- */

static double vector_bytes(const struct cln_plan *plan) {
    return (double)sizeof(float) * plan->tuning.lanes;
}

/* The private memory that a work-item may use. Drivers take it from the stack of a thread, of which there are 2 MiB or
 * more. */
static double most_bytes(const struct cln_plan *plan) {
    enum { MOST_KIB = 1024 };
    return 1024.0 * cln_min(MOST_KIB, plan->tuning.slice_cache_kib);
}

/* Work-groups below which some compute units would be idle. */
static int busy_groups(const struct cln_plan *plan) {
    return cln_max(1, plan->tuning.min_groups / 4);
}

/* Estimated cycles per block, if the launch has `groups` work-groups for `blocks` blocks that take `cycles` each. */
static double launch_cycles(const struct cln_plan *plan, double groups, double cycles) {
    return cycles * fmax(groups, busy_groups(plan)) / plan->blocks;
}

/* The next number of parts that splits `total` into smaller parts than `parts` does. */
static int next_parts(int total, int parts) {
    const int size = cln_ceil_div(total, parts);
    return size > 1 ? cln_ceil_div(total, size - 1) : total + 1;
}

/* Chooses the register tile for ranges of w->rows rows. Returns the cycles of all products of a block and one input
 * channel at one point. */
static double choose_register_tile(struct cln_winograd *w, const struct cln_plan *plan) {
    const int most = plan->tuning.accumulators, positions = w->rows * tiles_of(w);
    struct cln_winograd tile = *w;
    double best = INFINITY;
    for (int q = 1; q <= cln_min(MOST_POSITIONS, cln_min(most, positions)); q++) {
        tile.tile_positions = q;
        const double steps = row_steps(&tile);
        for (int channels = 1; channels <= cln_min(MOST_CHANNELS, w->geometry.out.channels) && channels * q <= most;
             channels++) {
            const double cost = steps * step_cycles(channels, q) * cln_ceil_div(w->geometry.out.channels, channels);
            if (cost < best) {
                best = cost;
                w->tile_channels = channels;
                w->tile_positions = q;
            }
        }
    }
    return best;
}

/* Private vectors of the forward pass and the data gradient: IN_POINT and `products` of the kernel. */
static double forward_vectors(const struct cln_winograd *w) {
    const struct cln_conv2d *g = &w->geometry;
    const int tiles = tiles_of(w), positions = w->rows * tiles;
    const int pitch = positions + (g->kernel_h - 1) * tiles +
                      (cln_ceil_div(positions, w->tile_positions) * w->tile_positions - positions);
    return w->points * ((double)g->in.channels * pitch + 1 + w->tile_channels * w->tile_positions);
}

/* Forward pass and data gradient: a range of rows and of output channels per work-group. */
static struct cln_winograd choose_ranges(struct cln_winograd w, const struct cln_plan *plan) {
    const struct cln_conv2d *g = &w.geometry;
    const int tiles = tiles_of(&w);
    struct cln_winograd best = {.points = 0, .cycles = INFINITY};
    w.in_channels = g->in.channels;
    for (int splits = 1; splits <= g->out.height; splits = next_parts(g->out.height, splits)) {
        w.rows = cln_ceil_div(g->out.height, splits);
        const int in_rows = w.rows + g->kernel_h - 1;
        const double bytes = (double)w.points * g->in.channels * in_rows * tiles * vector_bytes(plan);
        if (bytes > most_bytes(plan))
            continue;
        const double products = choose_register_tile(&w, plan) * w.points * g->in.channels / (splits * g->out.channels);
        if (forward_vectors(&w) * vector_bytes(plan) > most_bytes(plan))
            continue;
        const double per_channel = products + w.rows * tiles * (result_cycles(&w) + w.points);
        const int channel_tiles = cln_ceil_div(g->out.channels, w.tile_channels);
        for (int ranges = 1; ranges <= channel_tiles; ranges = next_parts(channel_tiles, ranges)) {
            w.out_channels = w.tile_channels * cln_ceil_div(channel_tiles, ranges);
            const double groups = (double)plan->blocks * splits * ranges;
            w.cycles = launch_cycles(plan, groups,
                                     g->in.channels * in_rows * tiles * load_cycles(&w) + w.out_channels * per_channel);
            if (w.cycles < best.cycles)
                best = w;
        }
    }
    return best;
}

/* The weight gradient with `out` and `in` channels per work-group and strips of `rows` rows. */
static double weight_bytes(const struct cln_winograd *w, const struct cln_plan *plan, int out, int in, int rows) {
    const struct cln_conv2d *g = &w->geometry;
    const double sums = (double)in * out * g->kernel_h, tiles = tiles_of(w);
    return w->points * (sums + in * (rows + g->kernel_h - 1) * tiles + out * rows * tiles) * vector_bytes(plan);
}

static double weight_cycles(const struct cln_winograd *w, int out, int in, int rows) {
    const struct cln_conv2d *g = &w->geometry;
    const int tiles = tiles_of(w), strips = cln_ceil_div(g->out.height, rows);
    const double steps = (double)w->points * in * out / w->tile_channels;
    const double strip =
        in * (rows + g->kernel_h - 1) * tiles * transform_cycles(w) + out * rows * tiles * gradient_cycles(w) +
        steps * (rows * tiles * step_cycles(w->tile_channels, g->kernel_h) + 1.5 * w->tile_channels * g->kernel_h);
    return strips * strip;
}

static void choose_slices(struct cln_winograd *w, const struct cln_plan *plan) {
    const struct cln_conv2d *g = &w->geometry;
    w->tile_channels =
        cln_max(1, cln_min(plan->tuning.accumulators / g->kernel_h, cln_min(MOST_CHANNELS, g->out.channels)));
    w->tile_positions = 1;
    w->cycles = INFINITY;
    const int out_tiles = cln_ceil_div(g->out.channels, w->tile_channels);
    for (int outs = 1; outs <= out_tiles; outs = next_parts(out_tiles, outs))
        for (int ins = 1; ins <= g->in.channels; ins = next_parts(g->in.channels, ins)) {
            const int out = w->tile_channels * cln_ceil_div(out_tiles, outs), in = cln_ceil_div(g->in.channels, ins);
            for (int strips = 1; strips <= g->out.height; strips = next_parts(g->out.height, strips)) {
                const int rows = cln_ceil_div(g->out.height, strips);
                if (weight_bytes(w, plan, out, in, rows) > most_bytes(plan))
                    continue;
                const int wanted = cln_ceil_div(busy_groups(plan), outs * ins);
                const int blocks = cln_min(plan->blocks, wanted);
                const int row_slices = cln_min(strips, cln_ceil_div(wanted, blocks));
                const double groups = (double)outs * ins * blocks * row_slices;
                const double sums = 15.0 * w->points * in * out * g->kernel_h; /* cleared, added up across a vector */
                const double cost = launch_cycles(
                    plan, groups, weight_cycles(w, out, in, rows) * plan->blocks / (blocks * row_slices) + sums);
                if (cost < w->cycles) {
                    w->cycles = cost;
                    w->rows = rows;
                    w->out_channels = out;
                    w->in_channels = in;
                    w->block_slices = blocks;
                    w->row_slices = row_slices;
                }
            }
        }
}

/* The geometry that the kernel of a part sees: see struct cln_winograd. */
static struct cln_conv2d geometry_of(const struct cln_conv2d *g, enum cln_conv2d_part part) {
    struct cln_conv2d back = *g;
    if (part != CLN_CONV2D_DATA)
        return *g;
    back.in = g->out;
    back.out = g->in;
    back.padding_h = g->kernel_h - 1 - g->padding_h;
    back.bias = false;
    return back;
}

static int filter_pitch(const struct cln_winograd *w) {
    return cln_ceil_div(w->geometry.out.channels, w->tile_channels) * w->tile_channels;
}

static size_t filter_rows(const struct cln_winograd *w) {
    return (size_t)w->geometry.in.channels * (size_t)w->geometry.kernel_h * (size_t)filter_pitch(w);
}

size_t cln_winograd_filter_floats(const struct cln_winograd *w) {
    return filter_rows(w) * (size_t)w->points;
}

/* What the filters cost per block. The units compute them beside the first launch of the step. */
static double filter_cycles(const struct cln_plan *plan, const struct cln_winograd *w) {
    return 4.0 * (double)cln_winograd_filter_floats(w) / cln_plan_units(plan) / plan->blocks;
}

bool cln_winograd_fits(const struct cln_conv2d *g) {
    return g->stride_h == 1 && g->stride_w == 1 && g->dilation_h == 1 && g->dilation_w == 1 && g->groups == 1 &&
           g->padding_h < g->kernel_h && g->padding_w < g->kernel_w;
}

static bool can_filter(const struct cln_plan *plan, const struct cln_conv2d *g) {
    return plan->tuning.winograd && plan->tuning.lanes == plan->tuning.vector &&
           plan->tuning.max_loop_iterations == INT_MAX && cln_winograd_fits(g);
}

struct cln_winograd cln_winograd_choose(const struct cln_plan *plan, const struct cln_conv2d *g,
                                        enum cln_conv2d_part part) {
    struct cln_winograd best = {.points = 0, .cycles = INFINITY};
    if (!can_filter(plan, g))
        return best;
    for (int points = 4; points <= 8; points += 2) {
        struct cln_winograd w = {.part = part, .convolution = *g, .geometry = geometry_of(g, part), .points = points};
        if (g->kernel_w < 2 || outputs_of(&w) < 2)
            continue;
        if (part == CLN_CONV2D_WEIGHTS)
            choose_slices(&w, plan);
        else
            w = choose_ranges(w, plan);
        if (w.points == 0 || cln_winograd_filter_floats(&w) > INT_MAX) /* the kernels count them in int */
            continue;
        w.cycles += part == CLN_CONV2D_WEIGHTS ? 0 : filter_cycles(plan, &w);
        if (w.cycles < best.cycles)
            best = w;
    }
    return best;
}

/* ---- Launches ---- */

enum {
    UNLIMITED = INT_MAX
}; /* loop iterations, which are not counted: filtered parts are for devices without a limit */

static void constants_of(struct ocl_constants *c, const struct cln_plan *plan, const struct cln_winograd *w,
                         const struct cln_activate *epilogue) {
    const struct {
        const char *name;
        int value;
    } values[] = {
        {"PART", (int)w->part},
        {"POINTS", w->points},
        {"TILE_CHANNELS", w->tile_channels},
        {"TILE_POSITIONS", w->tile_positions},
        {"ROWS", w->rows},
        {"OUT_CHANNELS", w->out_channels},
        {"IN_CHANNELS", w->in_channels},
        {"BLOCK_SLICES", w->block_slices},
        {"ROW_SLICES", w->row_slices},
    };
    cln_plan_constants(plan, c);
    cln_convolution_constants(c, &w->geometry);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        ocl_constants_int(c, values[i].name, values[i].value);
    ocl_constants_int(c, "FUSES_MAX", epilogue && epilogue->fuses_max);
    if (epilogue && epilogue->fuses_max)
        cln_pool_constants(c, epilogue);
}

enum cln_status cln_winograd_filters(struct cln_plan *plan, const struct cln_winograd *w, struct cln_weights weights) {
    enum { RUN = 128 }; /* FILTER_RUN of the kernel */
    struct ocl_constants constants;
    constants_of(&constants, plan, w, NULL);
    return cln_plan_lanes(
        plan, &(struct ocl_launch){
                  .source = "winograd.cl",
                  .kernel = "winograd_filters",
                  .constants = &constants,
                  .args = {OCL_BUFFER(weights.buffer), OCL_INT(weights.weight), OCL_BUFFER(weights.filters[w->part])},
                  .arg_count = 3,
                  .groups = {(filter_rows(w) + RUN - 1) / RUN, 1, 1},
                  .iterations = UNLIMITED,
              });
}

/* Completes and adds the launch of the forward pass or data gradient. */
static enum cln_status add_convolution(struct cln_plan *plan, const struct cln_winograd *w, struct ocl_launch *launch) {
    const struct cln_conv2d *g = &w->geometry;
    launch->source = "winograd.cl";
    launch->iterations = UNLIMITED;
    launch->groups[0] = (size_t)cln_ceil_div(g->out.channels, w->out_channels);
    launch->groups[2] = (size_t)cln_ceil_div(g->out.height, w->rows);
    launch->flops = cln_convolution_flops(plan, &w->convolution);
    launch->bytes = cln_convolution_bytes(plan, &w->convolution);
    ocl_launch_argument(launch, OCL_BUFFER(plan->state));
    return cln_plan_lanes(plan, launch);
}

enum cln_status cln_winograd_forward(struct cln_plan *plan, const struct cln_winograd *w,
                                     const struct cln_activate *epilogue, struct ocl_buffer *x,
                                     struct cln_weights weights, struct ocl_buffer *z, struct cln_partials partials) {
    struct ocl_constants constants;
    constants_of(&constants, plan, w, epilogue);
    struct ocl_launch launch = {
        .kernel = "winograd_forward",
        .constants = &constants,
        .args = {OCL_BUFFER(x), OCL_BUFFER(weights.filters[w->part]), OCL_BUFFER(weights.buffer), OCL_INT(weights.bias),
                 OCL_BUFFER(z), OCL_INT(partials.buffer != NULL), OCL_BUFFER(partials.buffer ? partials.buffer : z)},
        .arg_count = 7,
    };
    if (epilogue && epilogue->fuses_max) {
        ocl_launch_argument(&launch, OCL_INT(epilogue->norm->gamma));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_value));
        ocl_launch_argument(&launch, OCL_BUFFER(epilogue->max_index));
    }
    return add_convolution(plan, w, &launch);
}

enum cln_status cln_winograd_backward_data(struct cln_plan *plan, const struct cln_winograd *w, struct ocl_buffer *dz,
                                           struct cln_weights weights, struct ocl_buffer *dx) {
    struct ocl_constants constants;
    constants_of(&constants, plan, w, NULL);
    struct ocl_launch launch = {
        .kernel = "winograd_backward_data",
        .constants = &constants,
        .args = {OCL_BUFFER(dz), OCL_BUFFER(weights.filters[w->part]), OCL_BUFFER(dx)},
        .arg_count = 3,
    };
    return add_convolution(plan, w, &launch);
}

enum cln_status cln_winograd_backward_weights(struct cln_plan *plan, const struct cln_winograd *w, struct ocl_buffer *x,
                                              struct ocl_buffer *dz, struct cln_slices out) {
    const struct cln_conv2d *g = &w->geometry;
    struct ocl_constants constants;
    constants_of(&constants, plan, w, NULL);
    return cln_plan_lanes(plan, &(struct ocl_launch){
                                    .source = "winograd.cl",
                                    .kernel = "winograd_backward_weights",
                                    .constants = &constants,
                                    .args = {OCL_BUFFER(x), OCL_BUFFER(dz), OCL_BUFFER(out.buffer), OCL_INT(out.base),
                                             OCL_INT(out.stride), OCL_BUFFER(plan->state)},
                                    .arg_count = 6,
                                    .groups = {(size_t)cln_ceil_div(g->out.channels, w->out_channels),
                                               (size_t)cln_ceil_div(g->in.channels, w->in_channels),
                                               (size_t)(w->block_slices * w->row_slices)},
                                    .iterations = UNLIMITED,
                                    .flops = cln_convolution_flops(plan, &w->convolution),
                                    .bytes = cln_convolution_bytes(plan, &w->convolution),
                                });
}
