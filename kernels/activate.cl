/* Normalise, activate and pool: a = pool(act(scale (z - mean) + beta)), and the way back to z.
 * Where the pool is a maximum it goes before the activation: all activations here are monotone, and most of the
 * exponentials disappear. Of equal maxima the first takes the gradient, as in PyTorch.
 *
 * Twice over: with a work-group per channels and block (activate_…), where what is known of a whole channel is worked
 * out by the kernels of batchnorm.cl in between; and with a work-group per channels over all blocks (channel_…), which
 * reduces a channel and goes on with it in the same launch. */
#include "activation.clh"
#include "batchnorm.clh"

#ifndef IN_H /* a small geometry, so that this file compiles alone */
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
#endif

/* Channels come as an argument, so that stages share a program; the work-groups along dimension 0 share them out. */
#define FIRST_CHANNEL(channels) ((int)get_group_id(0) * PER_GROUP(channels))
#define END_CHANNEL(channels) min(FIRST_CHANNEL(channels) + PER_GROUP(channels), channels)
#define PER_GROUP(channels) (((channels) + (int)get_num_groups(0) - 1) / (int)get_num_groups(0))

#define POOL_NONE 0
#define POOL_MAX 1
#define POOL_AVERAGE 2

/* Whether a window may reach outside z. */
#define POOL_EDGES (PADDING_H > 0 || PADDING_W > 0)

/* Where one channel of one block starts in the tensors of z's shape and of a's. */
#define Z_PLANE(block, channel) (((size_t)(block)*channels + (channel)) * (IN_H * IN_W) * GROUP + lane_group())
#define A_PLANE(block, channel) (((size_t)(block)*channels + (channel)) * (OUT_H * OUT_W) * GROUP + lane_group())

static inline floatv normalised(floatv z, float4 normal) { return NORMALISE ? multiply_add(z - normal.x, normal.z, normal.w) : z; }

/* a from z, of one plane. In training a maximum also leaves, per window, the z of its winner and where in the window that
 * was. It is looked for among z itself, of either sign as the scale has it, and only the winner is normalised: rounding
 * keeps the order. NaN has to win, as in PyTorch, and to stay; in training with batch norm a single one has made the
 * whole channel NaN before. */
static inline void plane_forward(__global const floatv *in, float4 n, __global floatv *a, bool training,
                                 __global floatv *chosen, __global ushortv *winner) {
#if POOL == POOL_MAX
    const bool nan_stays = !(training && NORMALISE);
    const float direction = NORMALISE ? sign(n.z) : 1.0f;
#endif
    for (int r = 0; r < OUT_H; r++)
        for (int c = 0; c < OUT_W; c++) {
            const int at = (r * OUT_W + c) * GROUP;
#if POOL == POOL_NONE
            a[at] = activation(normalised(in[(r * IN_W + c) * GROUP], n));
#elif POOL == POOL_MAX
            floatv first = (floatv)0.0f, best = (floatv)-INFINITY;
            intv best_at = (intv)0;
            bool any = false; /* without edges this is known by constant */
#pragma unroll
            for (int u = 0; u < POOL_H; u++)
#pragma unroll
                for (int v = 0; v < POOL_W; v++) {
                    const int row = r * STRIDE_H - PADDING_H + u, column = c * STRIDE_W - PADDING_W + v;
                    if (POOL_EDGES && !(inside(row, IN_H) && inside(column, IN_W)))
                        continue;
                    const floatv z = in[(row * IN_W + column) * GROUP], value = z * direction;
                    if (!any) {
                        first = z;
                        best = value;
                        best_at = (intv)(u * POOL_W + v);
                        any = true;
                        continue;
                    }
                    const intv better = nan_stays ? (value > best) | (value != value) : value > best;
                    best = select(best, value, better);
                    best_at = select(best_at, (intv)(u * POOL_W + v), better);
                }
            const floatv best_z = direction == 0.0f ? first : best * direction; /* a scale of 0 makes all of them equal */
            a[at] = activation(normalised(best_z, n));
            if (training) {
                chosen[at] = best_z;
                winner[at] = convert_ushortv(best_at);
            }
#else
            floatv sum = (floatv)0.0f;
#pragma unroll
            for (int u = 0; u < POOL_H; u++)
#pragma unroll
                for (int v = 0; v < POOL_W; v++) {
                    const int row = r * STRIDE_H - PADDING_H + u, column = c * STRIDE_W - PADDING_W + v;
                    if (!POOL_EDGES || (inside(row, IN_H) && inside(column, IN_W)))
                        sum += activation(normalised(in[(row * IN_W + column) * GROUP], n));
                }
            a[at] = sum * (1.0f / (POOL_H * POOL_W));
#endif
        }
}

/* Gradient by the normalised pre-activation y at (r, c): what the windows over it send back. For a maximum or no
 * pool `da` already holds da * act'(y) (see plane_backward); for an average the derivative is taken here. */
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

/* Adds dy and dy (z - mean) of one plane to `sum` and `product`. For a maximum or no pool da becomes da * act'(y) on
 * the way, at the resolution of a. */
static inline void plane_backward(__global floatv *da, __global const floatv *a, __global const floatv *z,
                                  __global const floatv *chosen, __global const ushortv *winner, float4 n,
                                  floatv *sum, floatv *product) {
#if POOL == POOL_AVERAGE
    for (int r = 0; r < IN_H; r++)
        for (int c = 0; c < IN_W; c++) {
            const floatv value = z[(r * IN_W + c) * GROUP];
            const floatv dy = gradient_at(r, c, value, n, da, winner);
            *sum += dy;
            *product = multiply_add(dy, value - n.x, *product);
        }
#else
    for (int p = 0; p < OUT_H * OUT_W; p++) {
        const int at = p * GROUP;
        const floatv dy = da[at] * activation_derivative(a[at]);
        const floatv value = POOL == POOL_MAX ? chosen[at] : z[at];
        da[at] = dy;
        *sum += dy;
        *product = multiply_add(dy, value - n.x, *product);
    }
#endif
}

/* dz over the pre-activation of one plane, written over z:  k dy + q (z - mean) + p  with batch norm, dy without. */
static inline void plane_spread(__global const floatv *da, __global floatv *z, __global const ushortv *winner, float4 n,
                                float4 g) {
    for (int r = 0; r < IN_H; r++)
        for (int c = 0; c < IN_W; c++) {
            const int at = (r * IN_W + c) * GROUP;
            const floatv value = z[at];
            const floatv dy = gradient_at(r, c, value, n, da, winner);
            z[at] = NORMALISE ? multiply_add(value - g.x, g.y, multiply_add(dy, g.w, g.z)) : dy;
        }
}

/* Prediction: normalised by the running averages. Groups: (channel groups, blocks). */
__kernel void activate_predict(__global const floatv *restrict z, __global const float *restrict parameters,
                               const int gamma_offset, const int beta_offset, __global const float *restrict running,
                               const int mean_offset, const int variance_offset, __global floatv *restrict a,
                               const int channels, __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE ? batchnorm_normal(running[mean_offset + channel], running[variance_offset + channel],
                                                      parameters[gamma_offset + channel], parameters[beta_offset + channel])
                                   : (float4)0.0f;
        plane_forward(z + Z_PLANE(block, channel), n, a + A_PLANE(block, channel), false, 0, 0);
    }
}

/* Groups: (channel groups, blocks). */
__kernel void activate_forward(__global const floatv *restrict z, __global const float4 *restrict normal,
                               __global floatv *restrict a, __global floatv *restrict chosen,
                               __global ushortv *restrict winner, const int channels,
                               __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const size_t out = A_PLANE(block, channel);
        plane_forward(z + Z_PLANE(block, channel), NORMALISE ? normal[channel] : (float4)0.0f, a + out, true,
                      chosen + out, winner + out);
    }
}

/* Per channel the sums of dy and of dy x̂ over a block: sums[channel][block].
 * Groups: (channel groups, blocks). */
__kernel void activate_backward(__global floatv *restrict da, __global const floatv *restrict a,
                                __global const floatv *restrict z, __global const floatv *restrict chosen,
                                __global const ushortv *restrict winner, __global const float4 *restrict normal,
                                __global float2 *restrict sums, const int channels,
                                __global const struct cln_state *restrict state) {
    LANE_SCRATCH(float2, 1)
    const int block = (int)get_group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const intv mask = live_lanes(block, count);
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        const size_t out = A_PLANE(block, channel);
        floatv sum = (floatv)0.0f, product = (floatv)0.0f;
        plane_backward(da + out, a + out, z + Z_PLANE(block, channel), chosen + out, winner + out, n, &sum, &product);
        lane_barrier(); /* the channel before has been read */
        lane_put(0, (float2)(vector_sum(live(sum, mask)), vector_sum(live(product, mask)) * n.y));
        lane_barrier();
        LANE_TOTALS(k, 1) {
            float2 total = lane_share(k, 0);
            lane_total(total, k);
            sums[channel * (int)get_num_groups(1) + block] = total;
        }
    }
}

/* Groups: (channel groups, blocks). */
__kernel void activate_spread(__global const floatv *restrict da, __global floatv *restrict z,
                              __global const ushortv *restrict winner, __global const float4 *restrict normal,
                              __global const float4 *restrict gradient, const int channels,
                              __global const struct cln_state *restrict state) {
    const int block = (int)get_group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const size_t out = A_PLANE(block, channel);
        plane_spread(da + out, z + Z_PLANE(block, channel), winner + out, NORMALISE ? normal[channel] : (float4)0.0f,
                     NORMALISE ? gradient[channel] : (float4)0.0f);
    }
}

/* Statistics, then a, of whole channels. The moments come from `splits` partials per block where the producer of z left
 * them, else (splits 0) from z: the mean, as a distance from the channel's first value, and then what lies around it.
 * Groups: (channel groups). */
__kernel void channel_forward(__global const floatv *restrict z, __global const float4 *restrict partials,
                              const int partial_blocks, const int splits,
                              __global const float *restrict parameters, const int gamma_offset,
                              const int beta_offset, __global float4 *restrict normal, __global float *restrict running,
                              const int mean_offset, const int variance_offset, __global floatv *restrict a,
                              __global floatv *restrict chosen, __global ushortv *restrict winner,
                              const int channels, __global const struct cln_state *restrict state) {
    LANE_SCRATCH(float, 2)
    const int count = state->count, blocks = blocks_of(count);
    if (count == 0)
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        float4 moments;
        if (splits > 0) {
            moments = moments_of_partials(partials + channel * partial_blocks * splits, blocks * splits);
        } else {
            const float n = (float)count * (IN_H * IN_W);
            const float pivot = ((__global const float *)(z + (Z_PLANE(0, channel) - lane_group())))[0];
            floatv sum = (floatv)0.0f, m2 = (floatv)0.0f;
            for (int block = blocks - 1; block >= 0; block--) {
                for (int p = 0; p < IN_H * IN_W; p++)
                    sum += z[Z_PLANE(block, channel) + p * GROUP] - pivot;
                if (live_count(block, count) < LANES)
                    sum = live(sum, live_lanes(block, count));
            }
            lane_barrier(); /* the channel before has been read */
            lane_put(0, vector_sum(sum));
            lane_barrier();
            float total = lane_share(0, 0);
            lane_total(total, 0);
            const float mean = pivot + total / n;
            for (int block = blocks - 1; block >= 0; block--) {
                for (int p = 0; p < IN_H * IN_W; p++) {
                    const floatv d = z[Z_PLANE(block, channel) + p * GROUP] - mean;
                    m2 = multiply_add(d, d, m2);
                }
                if (live_count(block, count) < LANES)
                    m2 = live(m2, live_lanes(block, count));
            }
            lane_put(1, vector_sum(m2));
            lane_barrier();
            total = lane_share(1, 0);
            lane_total(total, 1);
            moments = (float4)(n, mean, total, 0.0f);
        }
        const float4 normal_c = batchnorm_normal(moments.y, moments.z / moments.x, parameters[gamma_offset + channel],
                                                 parameters[beta_offset + channel]);
        if (lane_group() == 0) {
            normal[channel] = normal_c;
            if (!state->frozen)
                batchnorm_move(running + mean_offset + channel, running + variance_offset + channel, moments);
        }
        for (int block = 0; block < blocks; block++) {
            const size_t out = A_PLANE(block, channel);
            plane_forward(z + Z_PLANE(block, channel), normal_c, a + out, true, chosen + out, winner + out);
        }
    }
}

/* Sums, then dgamma and dbeta (without batch norm: the gradient of the bias, at beta_base), then dz, of whole
 * channels. The last block comes first, so that its dead lanes can be cleared from the sums. spread 0: da is dz, and
 * only the sums are wanted. Groups: (channel groups). */
__kernel void channel_backward(__global floatv *restrict da, __global const floatv *restrict a,
                               __global floatv *restrict z, __global const floatv *restrict chosen,
                               __global const ushortv *restrict winner, __global const float4 *restrict normal,
                               __global float *restrict gradients, const int gamma_base, const int beta_base,
                               const int spread, const int channels, __global const struct cln_state *restrict state) {
    LANE_SCRATCH(float2, 1)
    const int count = state->count, blocks = blocks_of(count);
    if (count == 0)
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        floatv sum = (floatv)0.0f, product = (floatv)0.0f;
        for (int block = blocks - 1; block >= 0; block--) {
            const size_t out = A_PLANE(block, channel);
            plane_backward(da + out, a + out, z + Z_PLANE(block, channel), chosen + out, winner + out, n, &sum,
                           &product);
            if (live_count(block, count) < LANES) {
                const intv mask = live_lanes(block, count);
                sum = live(sum, mask);
                product = live(product, mask);
            }
        }
        lane_barrier(); /* the channel before has been read */
        lane_put(0, (float2)(vector_sum(sum), vector_sum(product) * n.y));
        lane_barrier();
        float2 total = lane_share(0, 0);
        lane_total(total, 0);
        if (lane_group() == 0) {
            if (beta_base >= 0)
                gradients[beta_base + channel] = total.x;
            if (NORMALISE)
                gradients[gamma_base + channel] = total.y;
        }
        if (!spread)
            continue;
        const float4 g =
            NORMALISE ? batchnorm_gradient(total, n, (float)count * (IN_H * IN_W)) : (float4)0.0f;
        for (int block = 0; block < blocks; block++) {
            const size_t out = A_PLANE(block, channel);
            plane_spread(da + out, z + Z_PLANE(block, channel), winner + out, n, g);
        }
    }
}
