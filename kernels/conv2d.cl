/* Convolution in lanes: the forward pass, the data gradient, the weight gradient.
 *   z[n,o,r,c] = b[o] + sum_{i,u,v} W[o,i,u,v] x[n, first + i, row, column],
 *   row = r*STRIDE_H - PADDING_H + u*DILATION_H, column = c*STRIDE_W - PADDING_W + v*DILATION_W.
 * The channels of x and z are divided into CONV_GROUPS groups: first is the first input channel of o's group. A tile of
 * channels belongs to one group; in a depthwise convolution (IN_EACH is 1) it is narrow, and its columns are unrolled.
 * No im2col: weights are broadcast scalars, inputs are aligned vectors. Every work-item keeps a tile of accumulators in
 * registers; the loops over a tile have constant bounds and are unrolled.
 * z is the largest tensor of a network, and every kernel that reads it brings it through the cache once more. Therefore
 * these kernels take over parts of the epilogue (pool.clh). FUSES_MAX: the forward pass picks a max pool's maxima from
 * the rows it has just written. FUSES_DZ: the weight gradient makes dz itself, a few rows at a time. */
#include "welford.clh"

#ifndef IN_C /* a small geometry, so that this file compiles alone */
#define IN_C 1
#define IN_H 8
#define IN_W 8
#define OUT_C 2
#define OUT_H 4
#define OUT_W 4
#define KERNEL_H 5
#define KERNEL_W 5
#define STRIDE_H 1
#define STRIDE_W 1
#define PADDING_H 0
#define PADDING_W 0
#define DILATION_H 1
#define DILATION_W 1
#define CONV_GROUPS 1
#define FORWARD_CHANNELS 2
#define FORWARD_COLUMNS 4
#define FORWARD_ROWS 4
#define DATA_CHANNELS 1
#define DATA_COLUMNS 8
#define DATA_ROWS 8
#define WEIGHT_CHANNELS 2
#define WEIGHT_TAPS 5
#define WEIGHT_COLUMNS 1
#define BLOCK_SLICES 1
#define ROW_SLICES 1
#define HAS_BIAS 1
#define FUSES_MAX 1
#define FUSES_DZ 1
#define MOMENT_ROWS 2
#endif

/* LIMITED: the device cuts loops off after so many iterations. The fewest then count more than the fewest loads, and
 * where rows or kernels are too long for one work-item, they are divided: rows of z in FORWARD_RANGES of columns, rows
 * of dx in DATA_RANGES, the taps of the weights in TAP_RANGES. */
#ifndef LIMITED
#define LIMITED 0
#define FORWARD_RANGES 1
#define DATA_RANGES 1
#define TAP_RANGES 1
#endif

#if FUSES_MAX || FUSES_DZ
#define SPREAD_TARGET floatv
#include "pool.clh"
#endif

#define CEIL_DIV(a, b) (((a) + (b)-1) / (b))

/* Channels of a group. */
#define IN_EACH (IN_C / CONV_GROUPS)
#define OUT_EACH (OUT_C / CONV_GROUPS)
#define DEPTHWISE (CONV_GROUPS > 1 && IN_EACH == 1)
/* The first of the channels of a tile, if the tiles of a group's `each` channels have `channels`. */
#define TILE_FIRST(tile, each, channels)                                                                               \
    (CONV_GROUPS == 1 ? (tile) * (channels)                                                                            \
                      : (tile) / CEIL_DIV(each, channels) * (each) + (tile) % CEIL_DIV(each, channels) * (channels))
#define CONV_GROUP(channel, each) (CONV_GROUPS == 1 ? 0 : (channel) / (each))

/* Whether a tile may reach outside a row of x; every load is then checked. */
#define FORWARD_EDGES (PADDING_W > 0 || OUT_W % FORWARD_COLUMNS != 0)
/* Without dilation the taps of a row share its columns in registers; with it each tap loads its own. */
#define SHARES_COLUMNS (DILATION_W == 1 && !(LIMITED && FORWARD_COLUMNS == 1))
#define FORWARD_SPAN (SHARES_COLUMNS ? (FORWARD_COLUMNS - 1) * STRIDE_W + KERNEL_W : FORWARD_COLUMNS)
/* The columns of a range. */
#define FORWARD_WIDTH (CEIL_DIV(CEIL_DIV(OUT_W, FORWARD_COLUMNS), FORWARD_RANGES) * FORWARD_COLUMNS)

/* Forward. Groups: (channel tiles, blocks, row ranges x FORWARD_RANGES). If `statistics` is set, in training, also
 * writes the moments of this part of z per channel: partials[channel][part][row range]. */
GROUP_OF(TEAM_ITEMS)
__kernel void conv2d_forward(__global const floatv *restrict x, __global const float *restrict parameters,
                             const int weight_offset, const int bias_offset, __global floatv *restrict z,
                             const int statistics, __global float4 *restrict partials,
#if FUSES_MAX
                             const int gamma_offset, __global floatv *restrict max_value,
                             __global ushortv *restrict max_index,
#endif
                             __global const struct cln_state *restrict state PLACE) {
    MOMENTS(FORWARD_CHANNELS)
    TEAM_SCRATCH(FORWARD_CHANNELS * FORWARD_COLUMNS)
    WEIGHT_COPY(1, FORWARD_CHANNELS * IN_EACH * KERNEL_H * KERNEL_W)
    const int block = group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const int o0 = TILE_FIRST(group_id(0), OUT_EACH, FORWARD_CHANNELS);
    const int conv_group = CONV_GROUP(o0, OUT_EACH), end_channel = (conv_group + 1) * OUT_EACH;
    const int first_row = group_id(2) / FORWARD_RANGES * FORWARD_ROWS;
    const int end_row = min(first_row + FORWARD_ROWS, OUT_H);
    const int first_column = FORWARD_RANGES == 1 ? 0 : group_id(2) % FORWARD_RANGES * FORWARD_WIDTH;
    const int end_column = FORWARD_RANGES == 1 ? OUT_W : min(first_column + FORWARD_WIDTH, OUT_W);
    x += (size_t)block * (IN_C * IN_H * IN_W) * GROUP + conv_group * (IN_EACH * IN_H * IN_W) * GROUP + lane_group();
    z += (size_t)block * (OUT_C * OUT_H * OUT_W) * GROUP + lane_group();
#if FUSES_MAX
    max_value += (size_t)block * (OUT_C * A_H * A_W) * GROUP + lane_group();
    max_index += (size_t)block * (OUT_C * A_H * A_W) * GROUP + lane_group();
    int window = FIRST_WINDOW(first_row);
#endif

    copy_weights(weight, parameters + weight_offset + o0 * (IN_EACH * KERNEL_H * KERNEL_W), 1,
                 FORWARD_CHANNELS * IN_EACH * KERNEL_H * KERNEL_W, 0, (OUT_C - o0) * (IN_EACH * KERNEL_H * KERNEL_W));
    floatv bias[FORWARD_CHANNELS];
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++) {
        const int channel = min(o0 + o, end_channel - 1);
        bias[o] = HAS_BIAS && team_rank() == 0 ? parameters[bias_offset + channel] : 0.0f;
    }

    floatv mean[FORWARD_CHANNELS], m2[FORWARD_CHANNELS], sum[FORWARD_CHANNELS], squares[FORWARD_CHANNELS];
    int seen = 0;
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++)
        mean[o] = m2[o] = (floatv)0.0f;

    for (int r = first_row; r < end_row; r++) {
#if DEPTHWISE && OUT_W <= 8 * FORWARD_COLUMNS &&                                                                       \
    FORWARD_RANGES == 1 /* so few products that checks would cost as much; here they vanish */
#pragma unroll
#endif
        for (int c0 = first_column; c0 < end_column; c0 += FORWARD_COLUMNS) {
            floatv acc[FORWARD_CHANNELS][FORWARD_COLUMNS];
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++)
#pragma unroll
                for (int c = 0; c < FORWARD_COLUMNS; c++)
                    acc[o][c] = bias[o];

            for (int i = 0; i < IN_EACH; i++) {
                for (int u = 0; u < KERNEL_H; u++) {
                    if (!team_owns(i * KERNEL_H + u))
                        continue;
                    const int row = r * STRIDE_H - PADDING_H + u * DILATION_H;
                    if (PADDING_H > 0 && !inside(row, IN_H))
                        continue;
                    const int column = c0 * STRIDE_W - PADDING_W;
                    __global const floatv *line = x + ((i * IN_H + row) * IN_W + column) * GROUP;
                    floatv in[FORWARD_SPAN];
#pragma unroll
                    for (int s = 0; SHARES_COLUMNS && s < FORWARD_SPAN; s++)
                        in[s] = !FORWARD_EDGES || inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;
                    const int tap = (i * KERNEL_H + u) * KERNEL_W;
#pragma unroll
                    for (int v = 0; v < KERNEL_W; v++) {
#if !SHARES_COLUMNS
#pragma unroll
                        for (int c = 0; c < FORWARD_COLUMNS; c++) {
                            const int s = c * STRIDE_W + v * DILATION_W;
                            in[c] = !FORWARD_EDGES || inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;
                        }
#endif
#pragma unroll
                        for (int o = 0; o < FORWARD_CHANNELS; o++) {
                            const int channel = OUT_EACH % FORWARD_CHANNELS == 0 ? o : min(o, end_channel - 1 - o0);
                            const floatv w = weight[channel * (IN_EACH * KERNEL_H * KERNEL_W) + tap + v];
#pragma unroll
                            for (int c = 0; c < FORWARD_COLUMNS; c++)
                                acc[o][c] = multiply_add(w, in[SHARES_COLUMNS ? c * STRIDE_W + v : c], acc[o][c]);
                        }
                    }
                }
            }

            team_sums(&acc[0][0], FORWARD_CHANNELS * FORWARD_COLUMNS, FORWARD_COLUMNS);
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++)
#pragma unroll
                for (int c = 0; c < FORWARD_COLUMNS; c++)
                    acc[o][c] = settled(acc[o][c]);
            const int columns = OUT_W % FORWARD_COLUMNS == 0 ? FORWARD_COLUMNS : min(FORWARD_COLUMNS, OUT_W - c0);
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++)
                if (team_owns(o) && (OUT_EACH % FORWARD_CHANNELS == 0 || o0 + o < end_channel)) {
                    __global floatv *out = z + (((o0 + o) * OUT_H + r) * OUT_W + c0) * GROUP;
#pragma unroll
                    for (int c = 0; c < FORWARD_COLUMNS; c++)
                        if (c < columns)
                            out[c * GROUP] = acc[o][c];
                }

            if (!statistics)
                continue;
            /* Adds the tile from registers; with STRICT, which knows no tiles, the row. Every lane has the same count.
             */
            const bool begins = !STRICT || c0 == 0, ends = !STRICT || c0 + FORWARD_COLUMNS >= OUT_W;
            const int all = seen + (STRICT ? OUT_W : columns);
            const float share = ends ? scalar_divided(1.0f, (float)all) : 0.0f;
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++) {
                if (!team_owns(o))
                    continue;
                if (seen == 0 && begins)
                    mean[o] = acc[o][0];
                if (begins)
                    sum[o] = squares[o] = (floatv)0.0f;
#pragma unroll
                for (int c = 0; c < FORWARD_COLUMNS; c++)
                    if (c < columns) {
                        const floatv d = acc[o][c] - mean[o];
                        sum[o] += d;
                        squares[o] = multiply_add(d, d, squares[o]);
                    }
                if (ends)
                    add_to_moments(&mean[o], &m2[o], sum[o], squares[o], share);
            }
            seen = ends ? all : seen;
        }

#if FUSES_MAX
        for (; statistics && window < END_WINDOW(end_row) && LAST_ROW(window) <= r; window++)
            for (int o = o0 + team_rank(); o < min(o0 + FORWARD_CHANNELS, end_channel); o += TEAM)
                select_row(z + o * (OUT_H * OUT_W) * GROUP, window, parameters[gamma_offset + o],
                           max_value + o * (A_H * A_W) * GROUP, max_index + o * (A_H * A_W) * GROUP);
#endif
    }

    if (!statistics)
        return;
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++)
        if (team_owns(o))
            lane_put_moments(o, seen, mean[o], m2[o], block, count);
    lane_barrier();
    LANE_TOTALS(o, FORWARD_CHANNELS) {
        for (int part = 0; part < LANE_PARTS; part++) {
            const float4 total = part_moments(o, part, seen, block, count);
            const size_t at = ((size_t)(o0 + o) * group_count(1) + block) * LANE_PARTS + part;
            if (OUT_EACH % FORWARD_CHANNELS == 0 || o0 + o < end_channel)
                partials[at * group_count(2) + group_id(2)] = total;
        }
    }
}

#ifdef MOMENT_ROWS
/* The moments of z of MOMENT_ROWS rows each, where a work-item of the forward pass has too few of them; with STRICT as
 * that adds them, row by row. Groups: (channels, blocks, row ranges). */
#define STRETCH (STRICT || OUT_W < 16 ? OUT_W : 16)
GROUP_OF(GROUP)
__kernel void conv2d_moments(__global const floatv *restrict z, __global float4 *restrict partials,
                             __global const struct cln_state *restrict state PLACE) {
    MOMENTS(1)
    const int channel = group_id(0), block = group_id(1), count = state->count;
    if (block >= blocks_of(count))
        return;
    const int first_row = group_id(2) * MOMENT_ROWS, end_row = min(first_row + MOMENT_ROWS, OUT_H);
    z += ((size_t)block * OUT_C + channel) * (OUT_H * OUT_W) * GROUP + lane_group();
    floatv mean = z[first_row * OUT_W * GROUP], m2 = (floatv)0.0f;
    int seen = 0;
    for (int r = first_row; r < end_row; r++)
        for (int c0 = 0; c0 < OUT_W; c0 += STRETCH) {
            const int columns = min(STRETCH, OUT_W - c0);
            floatv sum = (floatv)0.0f, squares = (floatv)0.0f;
            for (int c = c0; c < c0 + columns; c++) {
                const floatv d = z[(r * OUT_W + c) * GROUP] - mean;
                sum += d;
                squares = multiply_add(d, d, squares);
            }
            seen += columns;
            add_to_moments(&mean, &m2, sum, squares, scalar_divided(1.0f, (float)seen));
        }
    lane_put_moments(0, seen, mean, m2, block, count);
    lane_barrier();
    LANE_TOTALS(part, LANE_PARTS) {
        const size_t at = ((size_t)channel * group_count(1) + block) * LANE_PARTS + part;
        partials[at * group_count(2) + group_id(2)] = part_moments(0, part, seen, block, count);
    }
}
#endif

/* The data gradient: dx[n, first + i, h, w] = sum over o, u, v with row = h and column = w of W[o,i,u,v] dz[n,o,r,c],
 * over the o of the group that begins with input channel first. A stretch of a row of dx stays in registers, and every
 * dz that reaches it is scattered into it with constant indices, so that no multiply is wasted at the borders.
 * DATA_COLUMNS is a multiple of STRIDE_W, so that the pattern is the same at every c0. Groups: (input-channel tiles,
 * blocks, row ranges x DATA_RANGES). */
#define DATA_FIRST (-CEIL_DIV((KERNEL_W - 1) * DILATION_W, STRIDE_W))
#define DATA_LAST ((DATA_COLUMNS - 1 + PADDING_W) / STRIDE_W)
#define DATA_TILES CEIL_DIV(IN_W, DATA_COLUMNS)
#define RANGE_TILES CEIL_DIV(DATA_TILES, DATA_RANGES)
#define DATA_UNROLLS (DATA_TILES <= 8 && DATA_RANGES == 1)
#define DZ_FITS ((long)OUT_C * OUT_H * OUT_W * (long)sizeof(floatv) <= PREFETCH_BYTES) /* of a block */

/* acc[i][c] += w d for every tap of a kernel row, and every dz of a row that reaches the tile whose column 0 is at j0;
 * `taps` points to the first channel's taps. `checked`: some dz may be outside the row. */
static inline void data_products(floatv acc[DATA_CHANNELS][DATA_COLUMNS], WEIGHTS *taps, int i0,
                                 __global const floatv *line, int j0, bool checked) {
#pragma unroll
    for (int v = 0; v < KERNEL_W; v++) {
        floatv w[DATA_CHANNELS];
#pragma unroll
        for (int i = 0; i < DATA_CHANNELS; i++)
            w[i] = taps[(IN_EACH % DATA_CHANNELS == 0 ? i : min(i, IN_EACH - 1 - i0)) * (KERNEL_H * KERNEL_W) + v];
#if DILATION_W == 1 && !LIMITED
#pragma unroll
        for (int j = DATA_FIRST; j <= DATA_LAST; j++) {
            const int c = j * STRIDE_W + v - PADDING_W;
            if (c < 0 || c >= DATA_COLUMNS || (checked && !inside(j0 + j, OUT_W)))
                continue;
#else /* the same products; there may be many dz between those that reach the tile */
#pragma unroll
        for (int c = 0; c < DATA_COLUMNS; c++) {
            const int from = c + PADDING_W - v * DILATION_W, j = from / STRIDE_W;
            if (j * STRIDE_W != from || (checked && !inside(j0 + j, OUT_W)))
                continue;
#endif
            const floatv d = line[(j0 + j) * GROUP];
#pragma unroll
            for (int i = 0; i < DATA_CHANNELS; i++)
                acc[i][c] = multiply_add(w[i], d, acc[i][c]);
        }
    }
}

GROUP_OF(TEAM_ITEMS)
__kernel void conv2d_backward_data(__global const floatv *restrict dz, __global const float *restrict parameters,
                                   const int weight_offset, __global floatv *restrict dx,
                                   __global const struct cln_state *restrict state PLACE) {
    TEAM_SCRATCH(DATA_CHANNELS * DATA_COLUMNS)
    WEIGHT_COPY(OUT_EACH, DATA_CHANNELS * KERNEL_H * KERNEL_W)
    const int block = group_id(1), blocks = blocks_of(state->count);
    if (block >= blocks)
        return;
    const int first_channel = TILE_FIRST(group_id(0), IN_EACH, DATA_CHANNELS);
    const int conv_group = CONV_GROUP(first_channel, IN_EACH), i0 = first_channel - conv_group * IN_EACH;
    const int first_row = group_id(2) / DATA_RANGES * DATA_ROWS;
    const int end_row = min(first_row + DATA_ROWS, IN_H);
    const int first_tile = DATA_RANGES == 1 ? 0 : group_id(2) % DATA_RANGES * RANGE_TILES;
    const int end_tile = DATA_RANGES == 1 ? DATA_TILES : min(first_tile + RANGE_TILES, DATA_TILES);
    dz += (size_t)block * (OUT_C * OUT_H * OUT_W) * GROUP + conv_group * (OUT_EACH * OUT_H * OUT_W) * GROUP +
          lane_group();
    dx += (size_t)block * (IN_C * IN_H * IN_W) * GROUP + conv_group * (IN_EACH * IN_H * IN_W) * GROUP + lane_group();

    copy_weights(weight, parameters + weight_offset + (conv_group * (OUT_EACH * IN_EACH) + i0) * (KERNEL_H * KERNEL_W),
                 OUT_EACH, DATA_CHANNELS * KERNEL_H * KERNEL_W, IN_EACH * KERNEL_H * KERNEL_W,
                 (OUT_EACH * IN_EACH - i0) * (KERNEL_H * KERNEL_W));

    for (int h = first_row; h < end_row; h++) {
        /* A row of dx reads a row of every channel of dz: too many places for the processor's own prefetching. */
        if (CONV_GROUPS == 1 && DZ_FITS && group_id(0) == 0 && block + 1 < blocks)
            prefetch_vectors(dz + OUT_C * OUT_H * OUT_W, OUT_C * OUT_H * OUT_W * h / IN_H,
                             OUT_C * OUT_H * OUT_W * (h + 1) / IN_H);
#if DATA_UNROLLS /* the products are then known at compile time, and the checks below vanish */
#pragma unroll
#endif
        for (int tile = first_tile; tile < end_tile; tile++) {
            const int c0 = tile * DATA_COLUMNS, j0 = c0 / STRIDE_W;
            floatv acc[DATA_CHANNELS][DATA_COLUMNS];
#pragma unroll
            for (int i = 0; i < DATA_CHANNELS; i++)
#pragma unroll
                for (int c = 0; c < DATA_COLUMNS; c++)
                    acc[i][c] = (floatv)0.0f;

            for (int o = team_rank(); o < OUT_EACH; o += TEAM) {
                for (int u = 0; u < KERNEL_H; u++) {
                    const int above = h + PADDING_H - u * DILATION_H;
                    const int r = above / STRIDE_H;
                    if (above < 0 || r * STRIDE_H != above || r >= OUT_H)
                        continue;
                    __global const floatv *line = dz + ((o * OUT_H + r) * OUT_W) * GROUP;
                    WEIGHTS *taps = weight +
                                    o * COPY_PITCH(IN_EACH * KERNEL_H * KERNEL_W, DATA_CHANNELS * KERNEL_H * KERNEL_W) +
                                    u * KERNEL_W;
                    if (!DATA_UNROLLS && j0 + DATA_FIRST >= 0 && j0 + DATA_LAST < OUT_W)
                        data_products(acc, taps, i0, line, j0, false);
                    else
                        data_products(acc, taps, i0, line, j0, true);
                }
            }

            team_sums(&acc[0][0], DATA_CHANNELS * DATA_COLUMNS, 1);
#pragma unroll
            for (int i = 0; i < DATA_CHANNELS; i++)
                if (IN_EACH % DATA_CHANNELS == 0 || i0 + i < IN_EACH) {
                    __global floatv *out = dx + (((i0 + i) * IN_H + h) * IN_W + c0) * GROUP;
#pragma unroll
                    for (int c = 0; c < DATA_COLUMNS; c++)
                        if (team_owns(i * DATA_COLUMNS + c) && (IN_W % DATA_COLUMNS == 0 || c0 + c < IN_W))
                            out[c * GROUP] = settled(acc[i][c]);
                }
        }
    }
}

/* The weight gradient: dW[o,i,u,v] = sum over n, r, c of dz[n,o,r,c] x[n, first + i, row, column], for a tile of output
 * channels and of taps of a kernel row. A slice sums a part of the blocks and of the rows: gradients[base +
 * slice*stride + …]. The slices are added up later. The loop goes block by block, and through all taps while a block is
 * in the nearest cache; so sums wait in memory, and dead lanes have to be left out only there. Few sums would wait for
 * each other, so WEIGHT_COLUMNS neighbouring columns have sums of their own. Groups: (output-channel tiles, input
 * channels of a group, slices). */
#define TAP_TILES CEIL_DIV(KERNEL_W, WEIGHT_TAPS)
#define WEIGHT_EDGES (PADDING_W > 0 || KERNEL_W % WEIGHT_TAPS != 0)
#define SLICE_ROWS CEIL_DIV(OUT_H, ROW_SLICES)
#define TAP_ROWS (KERNEL_H * TAP_TILES)
#define RANGE_TAPS CEIL_DIV(TAP_ROWS, TAP_RANGES)
#define MOST_TAPS                                                                                                      \
    (RANGE_TAPS < 16 ? RANGE_TAPS : 16)    /* taps at a time, so that a large kernel needs no large stack              \
                                            */
#define OWN_TAPS CEIL_DIV(MOST_TAPS, TEAM) /* those of one work-item; a team divides them */
#define WEIGHT_SUMS (WEIGHT_CHANNELS * WEIGHT_TAPS)
#if DEPTHWISE && OUT_W <= 32 /* as in the forward pass */
#define WEIGHT_LOOP _Pragma("unroll")
#else
#define WEIGHT_LOOP OVERLAP_LOADS
#endif

/* With FUSES_DZ, dz is computed a strip of rows at a time, in private memory that stays in the nearest cache; a
 * work-item then has its block to itself (GROUP is 1). Otherwise the strip is all rows of the slice, in place; in a
 * depthwise convolution fewer, which stay in the nearest cache from tap to tap. */
#define STRIP_VECTORS 256
#define SHORT_STRIP CEIL_DIV(SLICE_ROWS, CEIL_DIV(SLICE_ROWS *WEIGHT_CHANNELS *OUT_W, STRIP_VECTORS))
#if FUSES_DZ
#define STRIP_ROWS SHORT_STRIP
#define STRIP const floatv

/* Computes dz of rows [row0, row1) for a tile of channels from o0 on: strip[o][row - row0][column]. `z`, `da` and
 * `max_index` are those of one block. */
static inline void spread_strip(floatv strip[WEIGHT_CHANNELS][STRIP_ROWS * OUT_W], __global const floatv *z,
                                __global const floatv *da, __global const ushortv *max_index,
                                __global const float4 *normal, __global const float4 *dz_coefficients, int o0, int row0,
                                int row1) {
    for (int o = 0; o < WEIGHT_CHANNELS; o++) {
        const int channel = min(o0 + o, OUT_C - 1);
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        const float4 k = NORMALISE ? dz_coefficients[channel] : (float4)0.0f;
        __global const floatv *plane = z + channel * (OUT_H * OUT_W);
        for (int r = row0; r < row1; r++)
            spread_row(strip[o] + (r - row0) * OUT_W, plane + r * OUT_W, r, n, k, da + channel * (A_H * A_W),
                       max_index + channel * (A_H * A_W));
    }
}
#else
#define STRIP_ROWS (DEPTHWISE ? SHORT_STRIP : SLICE_ROWS)
#define STRIP __global const floatv
#endif

/* Adds the products of column c of one row. `line` points to the x of the first tap at column 0, which is `column`. */
static inline void weight_column(floatv *acc, __global const floatv *line, int column, STRIP *d[WEIGHT_CHANNELS],
                                 int c) {
    floatv out[WEIGHT_CHANNELS];
#pragma unroll
    for (int o = 0; o < WEIGHT_CHANNELS; o++)
        out[o] = d[o][c * GROUP];
#pragma unroll
    for (int v = 0; v < WEIGHT_TAPS; v++) {
        const int s = c * STRIDE_W + v * DILATION_W;
        const floatv value = !WEIGHT_EDGES || inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;
#pragma unroll
        for (int o = 0; o < WEIGHT_CHANNELS; o++)
            acc[o * WEIGHT_TAPS + v] = multiply_add(out[o], value, acc[o * WEIGHT_TAPS + v]);
    }
}

/* acc += sum of dz x over rows [row0, row1) of one block, for a tile of channels and taps v0 to v0 + WEIGHT_TAPS - 1 of
 * kernel row u. `dz` points to the tile's dz at row0. */
static inline void weight_products(floatv *acc, __global const floatv *in, STRIP *dz[WEIGHT_CHANNELS], int u, int v0,
                                   int row0, int row1) {
    for (int r = row0; r < row1; r++) {
        const int row = r * STRIDE_H - PADDING_H + u * DILATION_H;
        if (PADDING_H > 0 && !inside(row, IN_H))
            continue;
        const int column = v0 * DILATION_W - PADDING_W;
        __global const floatv *line = in + (row * IN_W + column) * GROUP;
        STRIP *d[WEIGHT_CHANNELS];
#pragma unroll
        for (int o = 0; o < WEIGHT_CHANNELS; o++)
            d[o] = dz[o] + (r - row0) * OUT_W * GROUP;
#if WEIGHT_COLUMNS == 1
        OVERLAP_LOADS
        for (int c = 0; c < OUT_W; c++)
            weight_column(acc, line, column, d, c);
#else
        WEIGHT_LOOP
        for (int c0 = 0; c0 < OUT_W; c0 += WEIGHT_COLUMNS)
#pragma unroll
            for (int k = 0; k < WEIGHT_COLUMNS; k++)
                if (OUT_W % WEIGHT_COLUMNS == 0 || c0 + k < OUT_W)
                    weight_column(acc + k * WEIGHT_SUMS, line, column, d, c0 + k);
#endif
    }
#pragma unroll
    for (int k = WEIGHT_SUMS; k < WEIGHT_SUMS * WEIGHT_COLUMNS; k++)
        acc[k % WEIGHT_SUMS] += acc[k];
}

/* With FUSES_DZ the buffer `dz` holds z. */
GROUP_OF(TEAM_ITEMS)
__kernel void conv2d_backward_weights(__global const floatv *restrict x, __global const floatv *restrict dz,
#if FUSES_DZ
                                      __global const floatv *restrict da, __global const ushortv *restrict max_index,
                                      __global const float4 *restrict normal,
                                      __global const float4 *restrict dz_coefficients,
#endif
                                      __global float *restrict gradients, const int base, const int stride,
                                      __global const struct cln_state *restrict state PLACE) {
    LANE_SUMS(WEIGHT_SUMS * TEAM)
    const int o0 = TILE_FIRST(group_id(0), OUT_EACH, WEIGHT_CHANNELS);
    const int conv_group = CONV_GROUP(o0, OUT_EACH), end_channel = (conv_group + 1) * OUT_EACH;
    const int i = group_id(1) / TAP_RANGES;
    const int begin_tap = group_id(1) % TAP_RANGES * RANGE_TAPS, finish_tap = min(begin_tap + RANGE_TAPS, TAP_ROWS);
    const int slice = last_first(group_id(2), group_count(2));
    const int count = state->count, blocks = blocks_of(count);
    /* With HALVES the two halves of a shard are neighbours: the first sums of the optimizer's. */
    const int block_slice = slice / HALVES / ROW_SLICES * HALVES + slice % HALVES;
    const int first_block = slice_first(block_slice, BLOCK_SLICES, blocks);
    const int end_block = slice_end(block_slice, BLOCK_SLICES, blocks);
    const int slice_row = slice / HALVES % ROW_SLICES * SLICE_ROWS;
    const int slice_end = min(slice_row + SLICE_ROWS, OUT_H);
    x += lane_group();
    dz += lane_group();

    for (int first_tap = begin_tap; first_tap < finish_tap; first_tap += MOST_TAPS) {
        const int end_tap = min(first_tap + MOST_TAPS, finish_tap);
        floatv total[OWN_TAPS][WEIGHT_SUMS];
        for (int own = 0; own < OWN_TAPS; own++)
#pragma unroll
            for (int k = 0; k < WEIGHT_SUMS; k++)
                total[own][k] = (floatv)0.0f;

        for (int block = first_block; block < end_block; block += HALVES) {
            __global const floatv *in = x + ((size_t)block * IN_C + conv_group * IN_EACH + i) * (IN_H * IN_W) * GROUP;
            __global const floatv *out = dz + (size_t)block * (OUT_C * OUT_H * OUT_W) * GROUP;
            const bool all_live = live_count(block, count) == LANES;
            for (int row0 = slice_row; row0 < slice_end; row0 += STRIP_ROWS) {
                const int row1 = min(row0 + STRIP_ROWS, slice_end);
                STRIP *gradient[WEIGHT_CHANNELS];
#if FUSES_DZ
                floatv strip[WEIGHT_CHANNELS][STRIP_ROWS * OUT_W];
                spread_strip(strip, out, da + (size_t)block * (OUT_C * A_H * A_W),
                             max_index + (size_t)block * (OUT_C * A_H * A_W), normal, dz_coefficients, o0, row0, row1);
#pragma unroll
                for (int o = 0; o < WEIGHT_CHANNELS; o++)
                    gradient[o] = strip[o];
#else
#pragma unroll
                for (int o = 0; o < WEIGHT_CHANNELS; o++)
                    gradient[o] = out + (min(o0 + o, end_channel - 1) * OUT_H + row0) * OUT_W * GROUP;
#endif
                for (int own = 0; own < OWN_TAPS; own++) {
                    const int tap = first_tap + own * TEAM + team_rank();
                    if (tap >= end_tap)
                        break;
                    /* With STRICT a sum goes on from strip to strip, and from block to block of a shard. */
                    floatv acc[WEIGHT_SUMS * WEIGHT_COLUMNS];
#pragma unroll
                    for (int k = 0; k < WEIGHT_SUMS * WEIGHT_COLUMNS; k++)
                        acc[k] = STRICT ? total[own][k % WEIGHT_SUMS] : (floatv)0.0f;
                    weight_products(acc, in, gradient, tap / TAP_TILES, tap % TAP_TILES * WEIGHT_TAPS, row0, row1);
                    if (!all_live) {
                        const intv mask = live_lanes(block, count);
#pragma unroll
                        for (int k = 0; k < WEIGHT_SUMS; k++)
                            acc[k] = select(STRICT ? total[own][k] : (floatv)0.0f, acc[k], mask);
                    }
#pragma unroll
                    for (int k = 0; k < WEIGHT_SUMS; k++)
                        total[own][k] = STRICT ? acc[k] : total[own][k] + acc[k];
                }
            }
        }

        for (int own = 0; own < OWN_TAPS; own++) {
            const int tap = first_tap + own * TEAM + team_rank();
            const int u = tap / TAP_TILES, v0 = tap % TAP_TILES * WEIGHT_TAPS, first_sum = team_rank() * WEIGHT_SUMS;
            lane_barrier(); /* the taps before have been read */
            lane_put_sums(first_sum, total[own], WEIGHT_SUMS);
            lane_barrier();
#pragma unroll
            for (int k = lane_group(); k < WEIGHT_SUMS; k += GROUP) {
                const int o = o0 + k / WEIGHT_TAPS, v = v0 + k % WEIGHT_TAPS;
                const float whole = lane_sum(first_sum + k);
                if (tap < end_tap && o < end_channel && v < KERNEL_W)
                    gradients[base + slice * stride + ((o * IN_EACH + i) * KERNEL_H + u) * KERNEL_W + v] = whole;
            }
        }
    }
}
