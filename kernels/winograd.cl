/* Convolution of stride 1 by minimal filtering along rows (winograd.clh): the forward pass, the data gradient, the
 * weight gradient. It computes what conv2d.cl does, with fewer multiplications. A row of tiles is transformed once
 * for all channels that it meets, into private memory that stays in the nearest caches; then every point is a
 * convolution of columns. Therefore a work-item has its block to itself (GROUP is 1).
 * The data gradient is the transposed forward pass. For it IN_* are those of dz, OUT_* those of dx; rows of filters are
 * taken in reverse, and PADDING_H is KERNEL_H - 1 less the padding of the convolution. A program has one part. */
#include "welford.clh"

#define PART_FORWARD 0 /* as enum cln_conv2d_part */
#define PART_DATA 1
#define PART_WEIGHTS 2

#ifndef PART /* a small geometry, so that this file compiles alone */
#define PART PART_FORWARD
#define IN_C 2
#define IN_H 8
#define IN_W 8
#define OUT_C 4
#define OUT_H 4
#define OUT_W 4
#define KERNEL_H 5
#define KERNEL_W 5
#define PADDING_H 0
#define PADDING_W 0
#define HAS_BIAS 1
#define FUSES_MAX 1
#define TILE_CHANNELS 4
#define TILE_POSITIONS 4
#define ROWS 4
#define OUT_CHANNELS 4
#define IN_CHANNELS 2
#define BLOCK_SLICES 1
#define ROW_SLICES 1
#endif

#include "winograd.clh"

#if FUSES_MAX
#include "pool.clh"
#endif

#define CEIL_DIV(a, b) (((a) + (b)-1) / (b))

#define TILES CEIL_DIV(PART == PART_DATA ? IN_W : OUT_W, OUTPUTS) /* of a row */
#if TILES <= 8 /* columns are then known at compile time, and checks of them vanish */
#define UNROLL_TILES _Pragma("unroll")
#else
#define UNROLL_TILES
#endif

/* A tile of a row of `width` columns, the first of which is `column`. Columns outside are `outside`, dead lanes 0. */
static inline void load_tile(floatv *tile, int columns, __global const floatv *line, int column, int width,
                             floatv outside, bool masked, intv mask) {
#pragma unroll
    for (int s = 0; s < columns; s++) {
        tile[s] = inside(column + s, width) ? line[column + s] : outside;
        if (masked)
            tile[s] = live(tile[s], mask);
    }
}

/* `rows` rows of a channel of a block from first_row on, at all points: to[p * pitch + row * TILES + tile].
 * `is_gradient`: those of dz, else of x. Rows outside are zero, and dead lanes if `masked`. */
static inline void transform_rows(floatv *to, int pitch, bool is_gradient, __global const floatv *plane, int height,
                                  int width, int first_row, int rows, bool masked, intv mask) {
    for (int row = first_row; row < first_row + rows; row++, to += TILES) {
        if (!inside(row, height)) {
            for (int p = 0; p < POINTS; p++)
                for (int t = 0; t < TILES; t++)
                    to[p * pitch + t] = (floatv)0.0f;
            continue;
        }
        UNROLL_TILES
        for (int t = 0; t < TILES; t++) {
            floatv tile[POINTS];
            if (is_gradient) {
                load_tile(tile, OUTPUTS, plane + row * width, t * OUTPUTS, width, (floatv)0.0f, masked, mask);
                gradients_at_points(tile, to + t, pitch);
            } else {
                /* Without padding no output needs the columns outside: a row of equal values stays one. */
                const floatv outside = PADDING_W == 0 ? plane[row * width + width - 1] : (floatv)0.0f;
                load_tile(tile, POINTS, plane + row * width, t * OUTPUTS - PADDING_W, width, outside, masked, mask);
                inputs_at_points(tile, to + t, pitch);
            }
        }
    }
}

/* A position is a tile of a row, counted through ROWS rows: of z, of dx, or for the weight gradient of dz. */
#define POSITIONS (ROWS * TILES)
#define IN_ROWS (ROWS + KERNEL_H - 1)
#define POINT_PITCH(vectors) ((vectors) | 1) /* odd: at all points, a place is in another set of the cache */

#if PART != PART_WEIGHTS
/* Filters at all points: filters[point][tile of output channels][input channel][kernel row][channel of the tile], in
 * the order in which the forward pass reads them. Channels beyond OUT_C are zero. A work-item transforms FILTER_RUN
 * rows of filters. Groups: (FILTER_ROWS / FILTER_RUN). */
#define FILTER_RUN 128
#define TILE_ROWS (IN_C * KERNEL_H * TILE_CHANNELS)
#define FILTER_ROWS (CEIL_DIV(OUT_C, TILE_CHANNELS) * TILE_ROWS)

GROUP_OF(1)
__kernel void winograd_filters(__global const float *restrict parameters, const int weight_offset,
                               __global float *restrict filters PLACE) {
    const int first = group_id(0) * FILTER_RUN;
    for (int at = first; at < min(first + FILTER_RUN, FILTER_ROWS); at++) {
        const int o = at / TILE_ROWS * TILE_CHANNELS + at % TILE_CHANNELS;
        const int u = at / TILE_CHANNELS % KERNEL_H, i = at / (TILE_CHANNELS * KERNEL_H) % IN_C;
        float w[KERNEL_W];
        for (int v = 0; v < KERNEL_W; v++) {
            const int row =
                PART == PART_DATA ? (i * OUT_C + o) * KERNEL_H + KERNEL_H - 1 - u : (o * IN_C + i) * KERNEL_H + u;
            w[v] = o < OUT_C ? parameters[weight_offset + row * KERNEL_W + v] : 0.0f;
        }
        filter_at_points(w, filters + at, FILTER_ROWS);
    }
}

/* Forward. Groups: (ranges of OUT_CHANNELS output channels, blocks, ranges of ROWS rows). If `statistics` is set, in
 * training, also writes the moments of this part of z per channel: partials[channel][block][row range]. */
#define IN_POINT POINT_PITCH(IN_C *IN_PITCH)
#define IN_PITCH (IN_ROWS * TILES + CEIL_DIV(POSITIONS, TILE_POSITIONS) * TILE_POSITIONS - POSITIONS)

/* products[p] = sum over input channels and kernel rows of filter times input, for a tile of channels and positions.
 * Kernel rows [u0, u1) only. */
static inline void point_products(floatv products[TILE_CHANNELS * TILE_POSITIONS], const floatv *in,
                                  __global const float *filters, int u0, int u1) {
    floatv acc[TILE_CHANNELS][TILE_POSITIONS];
#pragma unroll
    for (int o = 0; o < TILE_CHANNELS; o++)
#pragma unroll
        for (int q = 0; q < TILE_POSITIONS; q++)
            acc[o][q] = (floatv)0.0f;
    for (int i = 0; i < IN_C; i++)
        for (int u = u0; u < u1; u++) {
            const floatv *line = in + i * IN_PITCH + u * TILES;
            __global const float *w = filters + (i * KERNEL_H + u) * TILE_CHANNELS;
            floatv x[TILE_POSITIONS];
#pragma unroll
            for (int q = 0; q < TILE_POSITIONS; q++)
                x[q] = line[q];
#pragma unroll
            for (int o = 0; o < TILE_CHANNELS; o++)
#pragma unroll
                for (int q = 0; q < TILE_POSITIONS; q++)
                    acc[o][q] = multiply_add((floatv)w[o], x[q], acc[o][q]);
        }
#pragma unroll
    for (int o = 0; o < TILE_CHANNELS; o++)
#pragma unroll
        for (int q = 0; q < TILE_POSITIONS; q++)
            products[o * TILE_POSITIONS + q] = acc[o][q];
}

/* Transforms a work-group's rows of the input, of x or dz. `in` is its block. */
static inline void transform_range(floatv at_points[POINTS * IN_POINT], __global const floatv *in, int first_row) {
    for (int i = 0; i < IN_C; i++) {
        transform_rows(at_points + i * IN_PITCH, IN_POINT, PART == PART_DATA, in + i * (IN_H * IN_W), IN_H, IN_W,
                       first_row - PADDING_H, IN_ROWS, false, (intv)0);
        for (int k = IN_ROWS * TILES; k < IN_PITCH; k++)
            for (int p = 0; p < POINTS; p++)
                at_points[p * IN_POINT + i * IN_PITCH + k] = (floatv)0.0f;
    }
}

/* The products at all points for a tile of output channels from o0 on and of positions from q0 on. */
static inline void tile_products(floatv products[POINTS][TILE_CHANNELS * TILE_POSITIONS], const floatv *at_points,
                                 __global const float *filters, int first_row, int o0, int q0) {
    const int top = first_row + q0 / TILES, bottom = first_row + (q0 + TILE_POSITIONS - 1) / TILES;
    const int u0 = PADDING_H > 0 ? max(PADDING_H - bottom, 0) : 0;
    const int u1 = PADDING_H > 0 ? min(IN_H + PADDING_H - top, KERNEL_H) : KERNEL_H;
    for (int p = 0; p < POINTS; p++)
        point_products(products[p], at_points + p * IN_POINT + q0,
                       filters + p * FILTER_ROWS + o0 / TILE_CHANNELS * TILE_ROWS, u0, u1);
}

#if PART == PART_FORWARD
GROUP_OF(1)
__kernel void winograd_forward(__global const floatv *restrict x, __global const float *restrict filters,
                               __global const float *restrict parameters, const int bias_offset,
                               __global floatv *restrict z, const int statistics, __global float4 *restrict partials,
#if FUSES_MAX
                               const int gamma_offset, __global floatv *restrict max_value,
                               __global ushortv *restrict max_index,
#endif
                               __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), count = state->count;
    if (block >= blocks_of(count))
        return;
    const int first_row = group_id(2) * ROWS, end_row = min(first_row + ROWS, OUT_H);
    const int first_channel = group_id(0) * OUT_CHANNELS;
    const int end_channel = min(first_channel + OUT_CHANNELS, OUT_C);
    const int positions = (end_row - first_row) * TILES;
    z += (size_t)block * (OUT_C * OUT_H * OUT_W);
    floatv at_points[POINTS * IN_POINT];
    transform_range(at_points, x + (size_t)block * (IN_C * IN_H * IN_W), first_row);

    for (int o0 = first_channel; o0 < end_channel; o0 += TILE_CHANNELS) {
        floatv mean[TILE_CHANNELS], m2[TILE_CHANNELS];
        int seen = 0;
        for (int o = 0; o < TILE_CHANNELS; o++)
            mean[o] = m2[o] = (floatv)0.0f;
        for (int q0 = 0; q0 < positions; q0 += TILE_POSITIONS) {
            floatv products[POINTS][TILE_CHANNELS * TILE_POSITIONS];
            tile_products(products, at_points, filters, first_row, o0, q0);
            int values = 0;
            for (int o = 0; o < TILE_CHANNELS && o0 + o < OUT_C; o++) {
                const floatv bias = HAS_BIAS ? parameters[bias_offset + o0 + o] : 0.0f;
                floatv sum = (floatv)0.0f, squares = (floatv)0.0f;
                values = 0;
                for (int q = 0; q < min(TILE_POSITIONS, positions - q0); q++) {
                    const int row = first_row + (q0 + q) / TILES, column = (q0 + q) % TILES * OUTPUTS;
                    const int columns = OUT_W % OUTPUTS == 0 ? OUTPUTS : min(OUTPUTS, OUT_W - column);
                    __global floatv *out = z + ((o0 + o) * OUT_H + row) * OUT_W + column;
                    floatv y[OUTPUTS];
                    outputs_from_points(products[0] + o * TILE_POSITIONS + q, TILE_CHANNELS * TILE_POSITIONS, y);
                    if (seen == 0 && q == 0)
                        mean[o] = y[0] + bias;
#pragma unroll
                    for (int j = 0; j < OUTPUTS; j++)
                        if (j < columns) {
                            y[j] += bias;
                            out[j] = y[j];
                            const floatv d = y[j] - mean[o];
                            sum += d;
                            squares = multiply_add(d, d, squares);
                        }
                    values += columns;
                }
                add_to_moments(&mean[o], &m2[o], sum, squares, 1.0f / (float)(seen + values));
            }
            seen += values;
        }

        if (!statistics)
            continue;
#if FUSES_MAX
        for (int window = FIRST_WINDOW(first_row); window < END_WINDOW(end_row); window++)
            for (int o = o0; o < min(o0 + TILE_CHANNELS, OUT_C); o++) {
                const size_t plane = ((size_t)block * OUT_C + o) * (A_H * A_W);
                select_row(z + o * (OUT_H * OUT_W), window, parameters[gamma_offset + o], max_value + plane,
                           max_index + plane);
            }
#endif
        for (int o = 0; o < TILE_CHANNELS && o0 + o < OUT_C; o++)
            partials[((size_t)(o0 + o) * group_count(1) + block) * group_count(2) + group_id(2)] =
                moments_of_vector(seen, mean[o], m2[o], live_lanes(block, count), own_live_count(block, count));
    }
}
#elif PART == PART_DATA
/* Groups as in the forward pass, over dx. Tiles of dx overlap by KERNEL_W - 1 columns, which are added up. */
GROUP_OF(1)
__kernel void winograd_backward_data(__global const floatv *restrict dz, __global const float *restrict filters,
                                     __global floatv *restrict dx,
                                     __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int first_row = group_id(2) * ROWS, end_row = min(first_row + ROWS, OUT_H);
    const int first_channel = group_id(0) * OUT_CHANNELS;
    const int end_channel = min(first_channel + OUT_CHANNELS, OUT_C);
    const int positions = (end_row - first_row) * TILES;
    dx += (size_t)block * (OUT_C * OUT_H * OUT_W);
    floatv at_points[POINTS * IN_POINT];
    transform_range(at_points, dz + (size_t)block * (IN_C * IN_H * IN_W), first_row);

    for (int o0 = first_channel; o0 < end_channel; o0 += TILE_CHANNELS)
        for (int q0 = 0; q0 < positions; q0 += TILE_POSITIONS) {
            floatv products[POINTS][TILE_CHANNELS * TILE_POSITIONS];
            tile_products(products, at_points, filters, first_row, o0, q0);
            for (int o = 0; o < TILE_CHANNELS && o0 + o < OUT_C; o++)
                for (int q = 0; q < min(TILE_POSITIONS, positions - q0); q++) {
                    const int row = first_row + (q0 + q) / TILES, tile = (q0 + q) % TILES;
                    const int column = tile * OUTPUTS - PADDING_W;
                    __global floatv *out = dx + ((o0 + o) * OUT_H + row) * OUT_W + column;
                    floatv y[POINTS];
                    inputs_from_points(products[0] + o * TILE_POSITIONS + q, TILE_CHANNELS * TILE_POSITIONS, y);
#pragma unroll
                    for (int s = 0; s < POINTS; s++)
                        if (inside(column + s, OUT_W))
                            out[s] = s < KERNEL_W - 1 && tile > 0 ? out[s] + y[s] : y[s];
                }
        }
}
#endif
#endif

#if PART == PART_WEIGHTS
/* The weight gradient, of OUT_CHANNELS output channels and IN_CHANNELS input channels. A slice sums a part of the
 * blocks and of the rows, as in conv2d.cl, a strip of ROWS rows of a block at a time. The products at every point are
 * summed over the slice before the filter is interpolated. Groups: (output ranges, input ranges, slices). */
#define SLICE_ROWS CEIL_DIV(OUT_H, ROW_SLICES)
#define IN_PITCH (IN_ROWS * TILES)
#define IN_POINT POINT_PITCH(IN_CHANNELS *IN_PITCH)
#define OUT_POINT POINT_PITCH(OUT_CHANNELS *POSITIONS)

/* sums[o][u] += sum over the positions of a strip of dz times x, for TILE_CHANNELS output channels. */
static inline void point_sums(floatv *sums, const floatv *dz, const floatv *x) {
    floatv acc[TILE_CHANNELS][KERNEL_H];
#pragma unroll
    for (int o = 0; o < TILE_CHANNELS; o++)
#pragma unroll
        for (int u = 0; u < KERNEL_H; u++)
            acc[o][u] = sums[o * KERNEL_H + u];
    for (int q = 0; q < POSITIONS; q++) {
        floatv in[KERNEL_H];
#pragma unroll
        for (int u = 0; u < KERNEL_H; u++)
            in[u] = x[q + u * TILES];
#pragma unroll
        for (int o = 0; o < TILE_CHANNELS; o++) {
            const floatv d = dz[o * POSITIONS + q];
#pragma unroll
            for (int u = 0; u < KERNEL_H; u++)
                acc[o][u] = multiply_add(d, in[u], acc[o][u]);
        }
    }
#pragma unroll
    for (int o = 0; o < TILE_CHANNELS; o++)
#pragma unroll
        for (int u = 0; u < KERNEL_H; u++)
            sums[o * KERNEL_H + u] = acc[o][u];
}

GROUP_OF(1)
__kernel void winograd_backward_weights(__global const floatv *restrict x, __global const floatv *restrict dz,
                                        __global float *restrict gradients, const int base, const int stride,
                                        __global const struct cln_state *restrict state PLACE) {
    const int first_out = group_id(0) * OUT_CHANNELS, outs = min(OUT_CHANNELS, OUT_C - first_out);
    const int first_in = group_id(1) * IN_CHANNELS, ins = min(IN_CHANNELS, IN_C - first_in);
    const int slice = last_first(group_id(2), group_count(2));
    const int count = state->count, blocks = blocks_of(count);
    const int first_block = blocks * (slice / ROW_SLICES) / BLOCK_SLICES;
    const int end_block = blocks * (slice / ROW_SLICES + 1) / BLOCK_SLICES;
    const int slice_row = slice % ROW_SLICES * SLICE_ROWS;
    const int slice_end = min(slice_row + SLICE_ROWS, OUT_H);

    floatv sums[POINTS][IN_CHANNELS][OUT_CHANNELS * KERNEL_H];
    floatv in[POINTS * IN_POINT], out[POINTS * OUT_POINT];
    for (int p = 0; p < POINTS; p++) {
        for (int i = 0; i < IN_CHANNELS; i++)
            for (int k = 0; k < OUT_CHANNELS * KERNEL_H; k++)
                sums[p][i][k] = (floatv)0.0f;
        for (int o = outs; o < OUT_CHANNELS; o++)
            for (int q = 0; q < POSITIONS; q++)
                out[p * OUT_POINT + o * POSITIONS + q] = (floatv)0.0f;
    }

    for (int block = first_block; block < end_block; block++) {
        const bool masked = live_count(block, count) < LANES;
        const intv mask = live_lanes(block, count);
        for (int row0 = slice_row; row0 < slice_end; row0 += ROWS) {
            for (int i = 0; i < ins; i++)
                transform_rows(in + i * IN_PITCH, IN_POINT, false,
                               x + ((size_t)block * IN_C + first_in + i) * (IN_H * IN_W), IN_H, IN_W, row0 - PADDING_H,
                               ROWS + KERNEL_H - 1, masked, mask);
            for (int o = 0; o < outs; o++)
                transform_rows(out + o * POSITIONS, OUT_POINT, true,
                               dz + ((size_t)block * OUT_C + first_out + o) * (OUT_H * OUT_W), slice_end, OUT_W, row0,
                               ROWS, masked, mask);
            for (int p = 0; p < POINTS; p++)
                for (int i = 0; i < ins; i++)
                    for (int o = 0; o < OUT_CHANNELS; o += TILE_CHANNELS)
                        point_sums(sums[p][i] + o * KERNEL_H, out + p * OUT_POINT + o * POSITIONS,
                                   in + p * IN_POINT + i * IN_PITCH);
        }
    }

    for (int o = 0; o < outs; o++)
        for (int i = 0; i < ins; i++)
            for (int u = 0; u < KERNEL_H; u++) {
                float sum[POINTS], dw[KERNEL_W];
                for (int p = 0; p < POINTS; p++)
                    sum[p] = vector_sum(sums[p][i][o * KERNEL_H + u]);
                filter_from_points(sum, 1, dw);
                for (int v = 0; v < KERNEL_W; v++)
                    gradients[base + slice * stride +
                              (((first_out + o) * IN_C + first_in + i) * KERNEL_H + u) * KERNEL_W + v] = dw[v];
            }
}
#endif
