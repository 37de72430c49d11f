/* Normalise, activate and pool: a = pool(act(scale (z - mean) + beta)), and the way back to z.
 * Where the pool is a maximum it goes before the activation: all activations here are monotone, and most of the
 * exponentials disappear. Of equal maxima the first takes the gradient, as in PyTorch. */
#include "activation.clh"

#ifndef CHANNELS /* a small geometry, so that this file compiles alone */
#define CHANNELS 2
#define IN_H 4
#define IN_W 4
#define OUT_H 2
#define OUT_W 2
#define POOL 1
#define POOL_H 2
#define POOL_W 2
#define STRIDE_H 2
#define STRIDE_W 2
#define PADDING_H 0
#define PADDING_W 0
#define NORMALISE 1
#define CHANNELS_PER_ITEM 1
#define PARTIAL_BLOCKS 1
#endif

#define POOL_NONE 0
#define POOL_MAX 1
#define POOL_AVERAGE 2

/* Whether a window may reach outside z. */
#define POOL_EDGES (PADDING_H > 0 || PADDING_W > 0)

static inline floatv normalised(floatv z, float4 normal) { return NORMALISE ? multiply_add(z - normal.x, normal.z, normal.w) : z; }

/* Groups: (channels / CHANNELS_PER_ITEM, blocks). A maximum also leaves, per window, the z of its
 * winner and where in the window that was: chosen and winner. */
__kernel void activate_forward(__global const floatv *restrict z, __global const float4 *restrict normal,
                               __global floatv *restrict a, __global floatv *restrict chosen,
                               __global ushortv *restrict winner, __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int first = (int)get_group_id(0) * CHANNELS_PER_ITEM;
    for (int channel = first; channel < min(first + CHANNELS_PER_ITEM, CHANNELS); channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        const size_t plane = (size_t)block * CHANNELS + channel;
        __global const floatv *in = z + plane * (IN_H * IN_W) * GROUP + lane_group();
        const size_t out = plane * (OUT_H * OUT_W) * GROUP + lane_group();

        for (int r = 0; r < OUT_H; r++)
            for (int c = 0; c < OUT_W; c++) {
                const size_t at = out + (r * OUT_W + c) * GROUP;
#if POOL == POOL_NONE
                a[at] = activation(normalised(in[(r * IN_W + c) * GROUP], n));
#else
                floatv best = POOL == POOL_MAX ? (floatv)-INFINITY : (floatv)0.0f;
                floatv best_z = (floatv)0.0f;
                intv best_at = (intv)0;
#pragma unroll
                for (int u = 0; u < POOL_H; u++)
#pragma unroll
                    for (int v = 0; v < POOL_W; v++) {
                        const int row = r * STRIDE_H - PADDING_H + u, column = c * STRIDE_W - PADDING_W + v;
                        if (POOL_EDGES && !(inside(row, IN_H) && inside(column, IN_W)))
                            continue;
                        const floatv value = in[(row * IN_W + column) * GROUP];
                        const floatv y = normalised(value, n);
#if POOL == POOL_MAX
                        const intv better = (y > best) | (y != y); /* NaN passes, as in PyTorch */
                        best = select(best, y, better);
                        best_z = select(best_z, value, better);
                        best_at = select(best_at, (intv)(u * POOL_W + v), better);
#else
                        best += activation(y);
#endif
                    }
#if POOL == POOL_MAX
                a[at] = activation(best);
                chosen[at] = best_z;
                winner[at] = convert_ushortv(best_at);
#else
                a[at] = best * (1.0f / (POOL_H * POOL_W));
#endif
#endif
            }
    }
}

/* Gradient by the normalised pre-activation y at (r, c): what the windows over it send back. For a maximum or no
 * pool `da` already holds da * act'(y) (see activate_backward); for an average the derivative is taken here. */
static inline floatv gradient_at(int r, int c, floatv z, float4 normal, __global const floatv *da,
                          __global const ushortv *winner) {
#if POOL == POOL_NONE
    return da[(r * OUT_W + c) * GROUP];
#else
    floatv dy = (floatv)0.0f;
    /* Windows that cover a row: those w with w*STRIDE_H <= r + PADDING_H < w*STRIDE_H + POOL_H. */
    const int last_row = (r + PADDING_H) / STRIDE_H, last_column = (c + PADDING_W) / STRIDE_W;
#pragma unroll
    for (int i = 0; i < (POOL_H + STRIDE_H - 1) / STRIDE_H; i++)
#pragma unroll
        for (int j = 0; j < (POOL_W + STRIDE_W - 1) / STRIDE_W; j++) {
            const int wr = last_row - i, wc = last_column - j;
            const int u = r + PADDING_H - wr * STRIDE_H, v = c + PADDING_W - wc * STRIDE_W;
            if (!inside(wr, OUT_H) || !inside(wc, OUT_W) || u >= POOL_H || v >= POOL_W)
                continue;
            const floatv d = da[(wr * OUT_W + wc) * GROUP];
#if POOL == POOL_MAX
            const intv here = convert_intv(winner[(wr * OUT_W + wc) * GROUP]) == (intv)(u * POOL_W + v);
            dy += select((floatv)0.0f, d, here);
#else
            dy += d;
#endif
        }
#if POOL == POOL_AVERAGE
    dy *= (1.0f / (POOL_H * POOL_W)) * activation_derivative(activation(normalised(z, normal)));
#endif
    return dy;
#endif
}

/* Per channel the sums of dy and of dy x̂ over a block: sums[channel][block]. For a maximum or no pool da becomes
 * da * act'(y) on the way, at the resolution of a. Groups: (channels / CHANNELS_PER_ITEM, blocks). */
__kernel void activate_backward(__global floatv *restrict da, __global const floatv *restrict a,
                                __global const floatv *restrict z, __global const floatv *restrict chosen,
                                __global const ushortv *restrict winner, __global const float4 *restrict normal,
                                __global float2 *restrict sums, __global const struct cln_state *restrict state) {
    LANE_SCRATCH(float2, 1)
    const int block = (int)get_group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const intv mask = live_lanes(block, count);
    const int first = (int)get_group_id(0) * CHANNELS_PER_ITEM;
    for (int channel = first; channel < min(first + CHANNELS_PER_ITEM, CHANNELS); channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        const size_t plane = (size_t)block * CHANNELS + channel;
        const size_t out = plane * (OUT_H * OUT_W) * GROUP + lane_group();
        const size_t in = plane * (IN_H * IN_W) * GROUP + lane_group();
        floatv sum = (floatv)0.0f, product = (floatv)0.0f;

#if POOL == POOL_AVERAGE
        for (int r = 0; r < IN_H; r++)
            for (int c = 0; c < IN_W; c++) {
                const floatv value = z[in + (r * IN_W + c) * GROUP];
                const floatv dy = gradient_at(r, c, value, n, da + out, winner + out);
                sum += dy;
                product = multiply_add(dy, value - n.x, product);
            }
#else
        for (int p = 0; p < OUT_H * OUT_W; p++) {
            const size_t at = out + p * GROUP;
            const floatv dy = da[at] * activation_derivative(a[at]);
            const floatv value = POOL == POOL_MAX ? chosen[at] : z[in + p * GROUP];
            da[at] = dy;
            sum += dy;
            product = multiply_add(dy, value - n.x, product);
        }
#endif
        lane_barrier(); /* the channel before has been read */
        lane_put(0, (float2)(vector_sum(live(sum, mask)), vector_sum(live(product, mask)) * n.y));
        lane_barrier();
        LANE_TOTALS(k, 1) {
            float2 total = lane_share(k, 0);
            lane_total(total, k);
            sums[channel * PARTIAL_BLOCKS + block] = total;
        }
    }
}

/* dz over the whole pre-activation, written over z:  k dy + q (z - mean) + p  with batch norm, dy without.
 * Groups: (channels / CHANNELS_PER_ITEM, blocks). */
__kernel void activate_spread(__global const floatv *restrict da, __global floatv *restrict z,
                              __global const ushortv *restrict winner, __global const float4 *restrict normal,
                              __global const float4 *restrict gradient, __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int first = (int)get_group_id(0) * CHANNELS_PER_ITEM;
    for (int channel = first; channel < min(first + CHANNELS_PER_ITEM, CHANNELS); channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        const float4 g = NORMALISE ? gradient[channel] : (float4)0.0f;
        const size_t plane = (size_t)block * CHANNELS + channel;
        const size_t out = plane * (OUT_H * OUT_W) * GROUP + lane_group();
        __global floatv *line = z + plane * (IN_H * IN_W) * GROUP + lane_group();
        for (int r = 0; r < IN_H; r++)
            for (int c = 0; c < IN_W; c++) {
                const floatv value = line[(r * IN_W + c) * GROUP];
                const floatv dy = gradient_at(r, c, value, n, da + out, winner + out);
                line[(r * IN_W + c) * GROUP] =
                    NORMALISE ? multiply_add(value - g.x, g.y, multiply_add(dy, g.w, g.z)) : dy;
            }
    }
}
