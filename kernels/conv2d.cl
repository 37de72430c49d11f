/* Convolution in lanes: the forward pass, the data gradient, the weight gradient.
 *   z[n,o,r,c] = b[o] + sum_{i,u,v} W[o,i,u,v] x[n, i, r*STRIDE_H - PADDING_H + u, c*STRIDE_W - PADDING_W + v]
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
#define FORWARD_CHANNELS 2
#define FORWARD_COLUMNS 4
#define FORWARD_ROWS 4
#define DATA_CHANNELS 1
#define DATA_COLUMNS 8
#define DATA_ROWS 8
#define WEIGHT_CHANNELS 2
#define WEIGHT_TAPS 5
#define BLOCK_SLICES 1
#define ROW_SLICES 1
#define HAS_BIAS 1
#define FUSES_MAX 1
#define FUSES_DZ 1
#endif

#if FUSES_MAX || FUSES_DZ
#define SPREAD_TARGET floatv
#include "pool.clh"
#endif

#define CEIL_DIV(a, b) (((a) + (b)-1) / (b))

/* Whether a tile may reach outside a row of x; every load is then checked. */
#define FORWARD_EDGES (PADDING_W > 0 || OUT_W % FORWARD_COLUMNS != 0)
#define FORWARD_SPAN ((FORWARD_COLUMNS - 1) * STRIDE_W + KERNEL_W)

/* Forward. Groups: (channel tiles, blocks, row ranges). If `statistics` is set, in training, also writes the moments of
 * this part of z per channel: partials[channel][block][row range]. */
GROUP_OF(TEAM_ITEMS)
__kernel void conv2d_forward(__global const floatv *restrict x, __global const float *restrict parameters,
                             const int weight_offset, const int bias_offset, __global floatv *restrict z,
                             const int statistics, __global float4 *restrict partials,
#if FUSES_MAX
                             const int gamma_offset, __global floatv *restrict max_value,
                             __global ushortv *restrict max_index,
#endif
                             __global const struct cln_state *restrict state PLACE) {
    LANE_SCRATCH(float4, FORWARD_CHANNELS)
    TEAM_SCRATCH(FORWARD_CHANNELS * FORWARD_COLUMNS)
    WEIGHT_COPY(1, FORWARD_CHANNELS * IN_C * KERNEL_H * KERNEL_W)
    const int block = group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const int o0 = group_id(0) * FORWARD_CHANNELS;
    const int first_row = group_id(2) * FORWARD_ROWS;
    const int end_row = min(first_row + FORWARD_ROWS, OUT_H);
    x += (size_t)block * (IN_C * IN_H * IN_W) * GROUP + lane_group();
    z += (size_t)block * (OUT_C * OUT_H * OUT_W) * GROUP + lane_group();
#if FUSES_MAX
    max_value += (size_t)block * (OUT_C * A_H * A_W) * GROUP + lane_group();
    max_index += (size_t)block * (OUT_C * A_H * A_W) * GROUP + lane_group();
    int window = FIRST_WINDOW(first_row);
#endif

    copy_weights(weight, parameters + weight_offset + o0 * (IN_C * KERNEL_H * KERNEL_W), 1,
                 FORWARD_CHANNELS * IN_C * KERNEL_H * KERNEL_W, 0, (OUT_C - o0) * (IN_C * KERNEL_H * KERNEL_W));
    floatv bias[FORWARD_CHANNELS];
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++) {
        const int channel = min(o0 + o, OUT_C - 1);
        bias[o] = HAS_BIAS && team_rank() == 0 ? parameters[bias_offset + channel] : 0.0f;
    }

    floatv mean[FORWARD_CHANNELS], m2[FORWARD_CHANNELS];
    int seen = 0;
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++)
        mean[o] = m2[o] = (floatv)0.0f;

    for (int r = first_row; r < end_row; r++) {
        for (int c0 = 0; c0 < OUT_W; c0 += FORWARD_COLUMNS) {
            floatv acc[FORWARD_CHANNELS][FORWARD_COLUMNS];
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++)
#pragma unroll
                for (int c = 0; c < FORWARD_COLUMNS; c++)
                    acc[o][c] = bias[o];

            for (int i = 0; i < IN_C; i++) {
                for (int u = 0; u < KERNEL_H; u++) {
                    if (!team_owns(i * KERNEL_H + u))
                        continue;
                    const int row = r * STRIDE_H - PADDING_H + u;
                    if (PADDING_H > 0 && !inside(row, IN_H))
                        continue;
                    const int column = c0 * STRIDE_W - PADDING_W;
                    __global const floatv *line = x + ((i * IN_H + row) * IN_W + column) * GROUP;
                    floatv in[FORWARD_SPAN];
#pragma unroll
                    for (int s = 0; s < FORWARD_SPAN; s++)
                        in[s] = !FORWARD_EDGES || inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;
                    const int tap = (i * KERNEL_H + u) * KERNEL_W;
#pragma unroll
                    for (int v = 0; v < KERNEL_W; v++)
#pragma unroll
                        for (int o = 0; o < FORWARD_CHANNELS; o++) {
                            const int channel = OUT_C % FORWARD_CHANNELS == 0 ? o : min(o, OUT_C - 1 - o0);
                            const floatv w = weight[channel * (IN_C * KERNEL_H * KERNEL_W) + tap + v];
#pragma unroll
                            for (int c = 0; c < FORWARD_COLUMNS; c++)
                                acc[o][c] = multiply_add(w, in[c * STRIDE_W + v], acc[o][c]);
                        }
                }
            }

            team_sums(&acc[0][0], FORWARD_CHANNELS * FORWARD_COLUMNS, FORWARD_COLUMNS);
            const int columns = OUT_W % FORWARD_COLUMNS == 0 ? FORWARD_COLUMNS : min(FORWARD_COLUMNS, OUT_W - c0);
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++)
                if (team_owns(o) && (OUT_C % FORWARD_CHANNELS == 0 || o0 + o < OUT_C)) {
                    __global floatv *out = z + (((o0 + o) * OUT_H + r) * OUT_W + c0) * GROUP;
#pragma unroll
                    for (int c = 0; c < FORWARD_COLUMNS; c++)
                        if (c < columns)
                            out[c * GROUP] = acc[o][c];
                }

            if (!statistics)
                continue;
            /* Adds the tile from registers. Every lane has the same count. */
            const float share = 1.0f / (float)(seen + columns);
#pragma unroll
            for (int o = 0; o < FORWARD_CHANNELS; o++) {
                if (!team_owns(o))
                    continue;
                if (seen == 0)
                    mean[o] = acc[o][0];
                floatv sum = (floatv)0.0f, squares = (floatv)0.0f;
#pragma unroll
                for (int c = 0; c < FORWARD_COLUMNS; c++)
                    if (c < columns) {
                        const floatv d = acc[o][c] - mean[o];
                        sum += d;
                        squares = multiply_add(d, d, squares);
                    }
                add_to_moments(&mean[o], &m2[o], sum, squares, share);
            }
            seen += columns;
        }

#if FUSES_MAX
        for (; statistics && window < END_WINDOW(end_row) && LAST_ROW(window) <= r; window++)
            for (int o = o0 + team_rank(); o < min(o0 + FORWARD_CHANNELS, OUT_C); o += TEAM)
                select_row(z + o * (OUT_H * OUT_W) * GROUP, window, parameters[gamma_offset + o],
                           max_value + o * (A_H * A_W) * GROUP, max_index + o * (A_H * A_W) * GROUP);
#endif
    }

    if (!statistics)
        return;
    const intv mask = live_lanes(block, count);
#pragma unroll
    for (int o = 0; o < FORWARD_CHANNELS; o++)
        if (team_owns(o))
            lane_put(o, moments_of_vector(seen, mean[o], m2[o], mask, own_live_count(block, count)));
    lane_barrier();
    LANE_TOTALS(o, FORWARD_CHANNELS) {
        float4 total = lane_share(o, 0);
        lane_moments(total, o);
        if (OUT_C % FORWARD_CHANNELS == 0 || o0 + o < OUT_C)
            partials[((size_t)(o0 + o) * group_count(1) + block) * group_count(2) + group_id(2)] = total;
    }
}

/* The data gradient: dx[n,i,h,w] = sum over o, u, v with r*STRIDE_H - PADDING_H + u = h and c*STRIDE_W - PADDING_W + v
 * = w of W[o,i,u,v] dz[n,o,r,c]. A stretch of a row of dx stays in registers, and every dz that reaches it is scattered
 * into it with constant indices, so that no multiply is wasted at the borders. DATA_COLUMNS is a multiple of STRIDE_W,
 * so that the pattern is the same at every c0. Groups: (input-channel tiles, blocks, row ranges). */
#define DATA_FIRST (-CEIL_DIV(KERNEL_W - 1, STRIDE_W))
#define DATA_LAST ((DATA_COLUMNS - 1 + PADDING_W) / STRIDE_W)
#define DATA_TILES CEIL_DIV(IN_W, DATA_COLUMNS)
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
            w[i] = taps[(IN_C % DATA_CHANNELS == 0 ? i : min(i, IN_C - 1 - i0)) * (KERNEL_H * KERNEL_W) + v];
#pragma unroll
        for (int j = DATA_FIRST; j <= DATA_LAST; j++) {
            const int c = j * STRIDE_W + v - PADDING_W;
            if (c < 0 || c >= DATA_COLUMNS || (checked && !inside(j0 + j, OUT_W)))
                continue;
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
    WEIGHT_COPY(OUT_C, DATA_CHANNELS * KERNEL_H * KERNEL_W)
    const int block = group_id(1), blocks = blocks_of(state->count);
    if (block >= blocks)
        return;
    const int i0 = group_id(0) * DATA_CHANNELS;
    const int first_row = group_id(2) * DATA_ROWS;
    const int end_row = min(first_row + DATA_ROWS, IN_H);
    dz += (size_t)block * (OUT_C * OUT_H * OUT_W) * GROUP + lane_group();
    dx += (size_t)block * (IN_C * IN_H * IN_W) * GROUP + lane_group();

    copy_weights(weight, parameters + weight_offset + i0 * (KERNEL_H * KERNEL_W), OUT_C,
                 DATA_CHANNELS * KERNEL_H * KERNEL_W, IN_C * KERNEL_H * KERNEL_W,
                 (OUT_C * IN_C - i0) * (KERNEL_H * KERNEL_W));

    for (int h = first_row; h < end_row; h++) {
        /* A row of dx reads a row of every channel of dz: too many places for the processor's own prefetching. */
        if (DZ_FITS && group_id(0) == 0 && block + 1 < blocks)
            prefetch_vectors(dz + OUT_C * OUT_H * OUT_W, OUT_C * OUT_H * OUT_W * h / IN_H,
                             OUT_C * OUT_H * OUT_W * (h + 1) / IN_H);
#if DATA_TILES <= 8 /* the products are then known at compile time, and the checks below vanish */
#pragma unroll
#endif
        for (int tile = 0; tile < DATA_TILES; tile++) {
            const int c0 = tile * DATA_COLUMNS, j0 = c0 / STRIDE_W;
            floatv acc[DATA_CHANNELS][DATA_COLUMNS];
#pragma unroll
            for (int i = 0; i < DATA_CHANNELS; i++)
#pragma unroll
                for (int c = 0; c < DATA_COLUMNS; c++)
                    acc[i][c] = (floatv)0.0f;

            for (int o = team_rank(); o < OUT_C; o += TEAM) {
                for (int u = 0; u < KERNEL_H; u++) {
                    const int above = h + PADDING_H - u;
                    const int r = above / STRIDE_H;
                    if (above < 0 || r * STRIDE_H != above || r >= OUT_H)
                        continue;
                    __global const floatv *line = dz + ((o * OUT_H + r) * OUT_W) * GROUP;
                    WEIGHTS *taps = weight +
                                    o * COPY_PITCH(IN_C * KERNEL_H * KERNEL_W, DATA_CHANNELS * KERNEL_H * KERNEL_W) +
                                    u * KERNEL_W;
                    if (DATA_TILES > 8 && j0 + DATA_FIRST >= 0 && j0 + DATA_LAST < OUT_W)
                        data_products(acc, taps, i0, line, j0, false);
                    else
                        data_products(acc, taps, i0, line, j0, true);
                }
            }

            team_sums(&acc[0][0], DATA_CHANNELS * DATA_COLUMNS, 1);
#pragma unroll
            for (int i = 0; i < DATA_CHANNELS; i++)
                if (IN_C % DATA_CHANNELS == 0 || i0 + i < IN_C) {
                    __global floatv *out = dx + (((i0 + i) * IN_H + h) * IN_W + c0) * GROUP;
#pragma unroll
                    for (int c = 0; c < DATA_COLUMNS; c++)
                        if (team_owns(i * DATA_COLUMNS + c) && (IN_W % DATA_COLUMNS == 0 || c0 + c < IN_W))
                            out[c * GROUP] = acc[i][c];
                }
        }
    }
}

/* The weight gradient: dW[o,i,u,v] = sum over n, r, c of dz[n,o,r,c] x[n, i, r*STRIDE_H - PADDING_H + u, c*STRIDE_W -
 * PADDING_W + v], for a tile of output channels and of taps of a kernel row. A slice sums a part of the blocks and of
 * the rows: gradients[base + slice*stride + …]. The slices are added up later. The loop goes block by block, and
 * through all taps while a block is in the nearest cache; so sums wait in memory, and dead lanes have to be left out
 * only there. Groups: (output-channel tiles, input channels, slices). */
#define TAP_TILES CEIL_DIV(KERNEL_W, WEIGHT_TAPS)
#define WEIGHT_EDGES (PADDING_W > 0 || KERNEL_W % WEIGHT_TAPS != 0)
#define SLICE_ROWS CEIL_DIV(OUT_H, ROW_SLICES)
#define TAP_ROWS (KERNEL_H * TAP_TILES)
#define MOST_TAPS (TAP_ROWS < 16 ? TAP_ROWS : 16) /* taps at a time, so that a large kernel needs no large stack */
#define OWN_TAPS CEIL_DIV(MOST_TAPS, TEAM)        /* those of one work-item; a team divides them */
#define WEIGHT_SUMS (WEIGHT_CHANNELS * WEIGHT_TAPS)

/* With FUSES_DZ, dz is computed a strip of rows at a time, in private memory that stays in the nearest cache; a
 * work-item then has its block to itself (GROUP is 1). Otherwise the strip is all rows of the slice, in place. */
#if FUSES_DZ
#define STRIP_VECTORS 256
#define STRIP_ROWS CEIL_DIV(SLICE_ROWS, CEIL_DIV(SLICE_ROWS *WEIGHT_CHANNELS *OUT_W, STRIP_VECTORS))
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
#define STRIP_ROWS SLICE_ROWS
#define STRIP __global const floatv
#endif

/* acc = sum of dz x over rows [row0, row1) of one block, for a tile of channels and taps v0 to v0 + WEIGHT_TAPS - 1 of
 * kernel row u. `dz` points to the tile's dz at row0. */
static inline void weight_products(floatv *acc, __global const floatv *in, STRIP *dz[WEIGHT_CHANNELS], int u, int v0,
                                   int row0, int row1) {
#pragma unroll
    for (int k = 0; k < WEIGHT_SUMS; k++)
        acc[k] = (floatv)0.0f;
    for (int r = row0; r < row1; r++) {
        const int row = r * STRIDE_H - PADDING_H + u;
        if (PADDING_H > 0 && !inside(row, IN_H))
            continue;
        const int column = v0 - PADDING_W;
        __global const floatv *line = in + (row * IN_W + column) * GROUP;
        STRIP *d[WEIGHT_CHANNELS];
#pragma unroll
        for (int o = 0; o < WEIGHT_CHANNELS; o++)
            d[o] = dz[o] + (r - row0) * OUT_W * GROUP;
        OVERLAP_LOADS
        for (int c = 0; c < OUT_W; c++) {
            floatv out[WEIGHT_CHANNELS];
#pragma unroll
            for (int o = 0; o < WEIGHT_CHANNELS; o++)
                out[o] = d[o][c * GROUP];
#pragma unroll
            for (int v = 0; v < WEIGHT_TAPS; v++) {
                const int s = c * STRIDE_W + v;
                const floatv value = !WEIGHT_EDGES || inside(column + s, IN_W) ? line[s * GROUP] : (floatv)0.0f;
#pragma unroll
                for (int o = 0; o < WEIGHT_CHANNELS; o++)
                    acc[o * WEIGHT_TAPS + v] = multiply_add(out[o], value, acc[o * WEIGHT_TAPS + v]);
            }
        }
    }
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
    LANE_SCRATCH(float, WEIGHT_SUMS *TEAM)
    const int o0 = group_id(0) * WEIGHT_CHANNELS;
    const int i = group_id(1);
    const int slice = last_first(group_id(2), group_count(2));
    const int count = state->count, blocks = blocks_of(count);
    const int first_block = blocks * (slice / ROW_SLICES) / BLOCK_SLICES;
    const int end_block = blocks * (slice / ROW_SLICES + 1) / BLOCK_SLICES;
    const int slice_row = slice % ROW_SLICES * SLICE_ROWS;
    const int slice_end = min(slice_row + SLICE_ROWS, OUT_H);
    x += lane_group();
    dz += lane_group();

    for (int first_tap = 0; first_tap < TAP_ROWS; first_tap += MOST_TAPS) {
        const int end_tap = min(first_tap + MOST_TAPS, TAP_ROWS);
        floatv total[OWN_TAPS][WEIGHT_SUMS];
        for (int own = 0; own < OWN_TAPS; own++)
#pragma unroll
            for (int k = 0; k < WEIGHT_SUMS; k++)
                total[own][k] = (floatv)0.0f;

        for (int block = first_block; block < end_block; block++) {
            __global const floatv *in = x + ((size_t)block * IN_C + i) * (IN_H * IN_W) * GROUP;
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
                    gradient[o] = out + (min(o0 + o, OUT_C - 1) * OUT_H + row0) * OUT_W * GROUP;
#endif
                for (int own = 0; own < OWN_TAPS; own++) {
                    const int tap = first_tap + own * TEAM + team_rank();
                    if (tap >= end_tap)
                        break;
                    floatv acc[WEIGHT_SUMS];
                    weight_products(acc, in, gradient, tap / TAP_TILES, tap % TAP_TILES * WEIGHT_TAPS, row0, row1);
                    if (!all_live) {
                        const intv mask = live_lanes(block, count);
#pragma unroll
                        for (int k = 0; k < WEIGHT_SUMS; k++)
                            acc[k] = live(acc[k], mask);
                    }
#pragma unroll
                    for (int k = 0; k < WEIGHT_SUMS; k++)
                        total[own][k] += acc[k];
                }
            }
        }

        for (int own = 0; own < OWN_TAPS; own++) {
            const int tap = first_tap + own * TEAM + team_rank();
            const int u = tap / TAP_TILES, v0 = tap % TAP_TILES * WEIGHT_TAPS, first_sum = team_rank() * WEIGHT_SUMS;
            float sum[WEIGHT_SUMS];
            vector_sums(total[own], WEIGHT_SUMS, sum);
            lane_barrier(); /* the taps before have been read */
#pragma unroll
            for (int k = 0; k < WEIGHT_SUMS; k++)
                lane_put(first_sum + k, sum[k]);
            lane_barrier();
#pragma unroll
            for (int k = lane_group(); k < WEIGHT_SUMS; k += GROUP) {
                const int o = o0 + k / WEIGHT_TAPS, v = v0 + k % WEIGHT_TAPS;
                float whole = lane_share(first_sum + k, 0);
                lane_total(whole, first_sum + k);
                if (tap < end_tap && o < OUT_C && v < KERNEL_W)
                    gradients[base + slice * stride + ((o * IN_C + i) * KERNEL_H + u) * KERNEL_W + v] = whole;
            }
        }
    }
}
