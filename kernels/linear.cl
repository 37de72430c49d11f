/* A linear layer in lanes: the forward pass, the data gradient, the weight gradient.
 *   z[n,o] = b[o] + sum_i W[o,i] x[n,i]
 * In lanes this is a matrix times lanes: weights are broadcast scalars, and each is used for the same row of several
 * blocks. */
#include "welford.clh"

#ifndef TILE_FEATURES /* small tiles, so that this file compiles alone */
#define TILE_FEATURES 4
#define TILE_BLOCKS 2
#define WEIGHT_OUT 2
#define WEIGHT_IN 4
#endif
/* The numbers of features are arguments, so that layers share a program. Only copied weights need them as constants. */
#ifndef IN_FEATURES
#define IN_FEATURES 1
#define OUT_FEATURES 1
#endif

/* acc[f][b] += sum_k matrix[f*row + k*column] x[block0 + b][k], for a tile of features and blocks; the work-items of a
 * team divide the k. `features` is the number of features in the tile. A tile that reaches past the last feature or
 * block reads the last one again, and the caller does not write these results. */
static inline void multiply(floatv acc[TILE_FEATURES][TILE_BLOCKS], WEIGHTS *matrix, int row, int column, int features,
                            __global const floatv *x, int depth, int block0, int blocks) {
    WEIGHTS *weight[TILE_FEATURES];
    __global const floatv *in[TILE_BLOCKS];
#pragma unroll
    for (int f = 0; f < TILE_FEATURES; f++)
        weight[f] = matrix + min(f, features - 1) * row;
#pragma unroll
    for (int b = 0; b < TILE_BLOCKS; b++)
        in[b] = x + (size_t)min(block0 + b, blocks - 1) * depth * GROUP + lane_group();
    const int end = depth * (team_rank() + 1) / TEAM;
    OVERLAP_LOADS
    for (int k = depth * team_rank() / TEAM; k < end; k++) {
        floatv value[TILE_BLOCKS];
#pragma unroll
        for (int b = 0; b < TILE_BLOCKS; b++)
            value[b] = in[b][k * GROUP];
#pragma unroll
        for (int f = 0; f < TILE_FEATURES; f++) {
            const floatv w = weight[f][k * column];
#pragma unroll
            for (int b = 0; b < TILE_BLOCKS; b++)
                acc[f][b] = multiply_add(w, value[b], acc[f][b]);
        }
    }
}

/* Forward. Groups: (feature tiles, block tiles). If `statistics` is set, also writes the moments over each block's
 * samples: partials[feature][part]. */
GROUP_OF(TEAM_ITEMS)
__kernel void linear_forward(__global const floatv *restrict x, const int in_features, const int out_features,
                             __global const float *restrict parameters, const int weight_offset, const int bias_offset,
                             __global floatv *restrict z, const int statistics, __global float4 *restrict partials,
                             const int partial_blocks, __global const struct cln_state *restrict state PLACE) {
    MOMENTS(TILE_FEATURES * TILE_BLOCKS)
    TEAM_SCRATCH(TILE_FEATURES * TILE_BLOCKS)
    WEIGHT_COPY(1, TILE_FEATURES * IN_FEATURES)
    const int f0 = group_id(0) * TILE_FEATURES;
    const int block0 = group_id(1) * TILE_BLOCKS;
    const int count = state->count, blocks = blocks_of(count);
    if (block0 >= blocks)
        return;

    floatv acc[TILE_FEATURES][TILE_BLOCKS];
#pragma unroll
    for (int f = 0; f < TILE_FEATURES; f++)
#pragma unroll
        for (int b = 0; b < TILE_BLOCKS; b++)
            acc[f][b] =
                bias_offset >= 0 && team_rank() == 0 ? parameters[bias_offset + min(f0 + f, out_features - 1)] : 0.0f;

    copy_weights(tile, parameters + weight_offset + f0 * in_features, 1, TILE_FEATURES * in_features, 0,
                 (out_features - f0) * in_features);
    multiply(acc, tile, in_features, 1, out_features - f0, x, in_features, block0, blocks);
    team_sums(&acc[0][0], TILE_FEATURES * TILE_BLOCKS, 1);

#pragma unroll
    for (int b = 0; b < TILE_BLOCKS; b++)
#pragma unroll
        for (int f = 0; f < TILE_FEATURES; f++)
            acc[f][b] = settled(acc[f][b]);
#pragma unroll
    for (int b = 0; b < TILE_BLOCKS; b++)
        if (block0 + b < blocks) {
#pragma unroll
            for (int f = 0; f < TILE_FEATURES; f++)
                if (team_owns(f * TILE_BLOCKS + b) && f0 + f < out_features)
                    z[((size_t)(block0 + b) * out_features + f0 + f) * GROUP + lane_group()] = acc[f][b];
        }

    if (!statistics)
        return;
#pragma unroll
    for (int b = 0; b < TILE_BLOCKS; b++)
#pragma unroll
        for (int f = 0; f < TILE_FEATURES; f++)
            if (team_owns(f * TILE_BLOCKS + b))
                lane_put_moments(f * TILE_BLOCKS + b, 1, acc[f][b], (floatv)0.0f, block0 + b, count);
    lane_barrier();
    LANE_TOTALS(k, TILE_FEATURES * TILE_BLOCKS) {
        const int f = f0 + k / TILE_BLOCKS, b = block0 + k % TILE_BLOCKS;
        for (int part = 0; part < LANE_PARTS; part++) {
            const float4 total = part_moments(k, part, 1, b, count);
            if (f < out_features && b < blocks)
                partials[f * partial_blocks + b * LANE_PARTS + part] = total;
        }
    }
}

/* The data gradient: dx[n,i] = sum_o W[o,i] dz[n,o]. Groups: (input-feature tiles, block tiles). */
GROUP_OF(TEAM_ITEMS)
__kernel void linear_backward_data(__global const floatv *restrict dz, const int in_features, const int out_features,
                                   __global const float *restrict parameters, const int weight_offset,
                                   __global floatv *restrict dx,
                                   __global const struct cln_state *restrict state PLACE) {
    TEAM_SCRATCH(TILE_FEATURES * TILE_BLOCKS)
    WEIGHT_COPY(OUT_FEATURES, TILE_FEATURES)
    const int f0 = group_id(0) * TILE_FEATURES;
    const int block0 = group_id(1) * TILE_BLOCKS;
    const int blocks = blocks_of(state->count);
    if (block0 >= blocks)
        return;

    floatv acc[TILE_FEATURES][TILE_BLOCKS];
#pragma unroll
    for (int f = 0; f < TILE_FEATURES; f++)
#pragma unroll
        for (int b = 0; b < TILE_BLOCKS; b++)
            acc[f][b] = (floatv)0.0f;

    copy_weights(tile, parameters + weight_offset + f0, out_features, TILE_FEATURES, in_features,
                 out_features * in_features - f0);
    multiply(acc, tile, 1, COPY_PITCH(in_features, TILE_FEATURES), in_features - f0, dz, out_features, block0, blocks);
    team_sums(&acc[0][0], TILE_FEATURES * TILE_BLOCKS, 1);

#pragma unroll
    for (int b = 0; b < TILE_BLOCKS; b++)
        if (block0 + b < blocks) {
#pragma unroll
            for (int f = 0; f < TILE_FEATURES; f++)
                if (team_owns(f * TILE_BLOCKS + b) && f0 + f < in_features)
                    dx[((size_t)(block0 + b) * in_features + f0 + f) * GROUP + lane_group()] = settled(acc[f][b]);
        }
}

/* acc += dz[o0 + o] x[i0 + i] of one block, lane by lane. */
static inline void weight_products(floatv *acc, __global const floatv *x, __global const floatv *dz, int in_features,
                                   int out_features, int block, int i0, int o0) {
    __global const floatv *in = x + (size_t)block * in_features * GROUP + lane_group();
    __global const floatv *gradient = dz + (size_t)block * out_features * GROUP + lane_group();
    floatv out[WEIGHT_OUT];
#pragma unroll
    for (int o = 0; o < WEIGHT_OUT; o++)
        out[o] = gradient[min(o0 + o, out_features - 1) * GROUP];
#pragma unroll
    for (int i = 0; i < WEIGHT_IN; i++) {
        const floatv value = in[min(i0 + i, in_features - 1) * GROUP];
#pragma unroll
        for (int o = 0; o < WEIGHT_OUT; o++)
            acc[o * WEIGHT_IN + i] = multiply_add(out[o], value, acc[o * WEIGHT_IN + i]);
    }
}

/* The weight gradient: dW[o,i] = sum_n dz[n,o] x[n,i]. Each tile of vector accumulators runs over blocks and is summed
 * across lanes once at the end. The last block of a slice comes first, so that its dead lanes can be cleared from the
 * accumulators before any other block adds to them. Groups: (input features / run, output-feature tiles, slices of the
 * blocks). */
GROUP_OF(GROUP)
__kernel void linear_backward_weights(__global const floatv *restrict x, __global const floatv *restrict dz,
                                      const int in_features, const int out_features, const int run,
                                      __global float *restrict gradients, const int base, const int stride,
                                      __global const struct cln_state *restrict state PLACE) {
    LANE_SUMS(WEIGHT_OUT * WEIGHT_IN)
    const int first = group_id(0) * run;
    const int o0 = group_id(1) * WEIGHT_OUT;
    const int slices = group_count(2), slice = last_first(group_id(2), slices);
    const int count = state->count, blocks = blocks_of(count);
    const int first_block = slice_first(slice, slices, blocks), last_block = slice_last(slice, slices, blocks);

    for (int i0 = first; i0 < min(first + run, in_features); i0 += WEIGHT_IN) {
        floatv acc[WEIGHT_OUT * WEIGHT_IN];
#pragma unroll
        for (int k = 0; k < WEIGHT_OUT * WEIGHT_IN; k++)
            acc[k] = (floatv)0.0f;

        int block = last_block;
        if (block >= first_block && live_count(block, count) < LANES) {
            weight_products(acc, x, dz, in_features, out_features, block, i0, o0);
            const intv mask = live_lanes(block, count);
#pragma unroll
            for (int k = 0; k < WEIGHT_OUT * WEIGHT_IN; k++)
                acc[k] = live(acc[k], mask);
            block -= HALVES;
        }
        for (; block >= first_block; block -= HALVES)
            weight_products(acc, x, dz, in_features, out_features, block, i0, o0);

        lane_barrier(); /* the tile before has been read */
        lane_put_sums(0, acc, WEIGHT_OUT * WEIGHT_IN);
        lane_barrier();
        LANE_TOTALS(k, WEIGHT_OUT * WEIGHT_IN) {
            const int o = o0 + k / WEIGHT_IN, i = i0 + k % WEIGHT_IN;
            const float total = lane_sum(k);
            if (o < out_features && i < in_features)
                gradients[base + slice * stride + o * in_features + i] = total;
        }
    }
}

/* Sets the lanes without a sample to 0, for CLBlast's product, whose operands must be finite everywhere. Groups: (1,
 * blocks). */
GROUP_OF(GROUP)
__kernel void linear_clear_dead(__global floatv *restrict x, const int features,
                                __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    const intv mask = live_lanes(block, state->count);
    if (live_count(block, state->count) == LANES)
        return;
    for (int f = 0; f < features; f++) {
        __global floatv *value = x + ((size_t)block * features + f) * GROUP + lane_group();
        *value = live(*value, mask);
    }
}

/* Sets every lane of z[o] to b[o]; CLBlast's product is then added to it. Groups: (1, blocks). */
GROUP_OF(GROUP)
__kernel void linear_fill_bias(__global const float *restrict parameters, const int bias_offset, const int out_features,
                               __global floatv *restrict z PLACE) {
    const size_t block = (size_t)group_id(1);
    for (int o = 0; o < out_features; o++)
        z[(block * out_features + o) * GROUP + lane_group()] = bias_offset >= 0 ? parameters[bias_offset + o] : 0.0f;
}
