/* Normalise, add, activate and pool: a = pool(act(scale (z - mean) + beta + addend)), and the gradient back to z.
 * pool.clh has the code for one place of a channel. There are two sets of kernels. activate_…: a work-group takes
 * channels of one block, and the kernels of batchnorm.cl reduce the channels in between. channel_…: a work-group takes
 * whole channels over all blocks, reduces them, and applies the result in the same launch. */
#include "pool.clh"

#ifndef TEAM_ROWS /* work-items of a team that divide a plane's rows or positions */
#define TEAM_ROWS 1
#endif
#define TEAM_BLOCKS (TEAM / TEAM_ROWS)
#define ROW_ITEMS (GROUP * TEAM_ROWS) /* work-items of a group that divide the rows of one plane */

static inline int team_row(void) { return TEAM_ROWS == 1 ? 0 : team_rank() % TEAM_ROWS; }
static inline int team_block(void) { return TEAM_BLOCKS == 1 ? 0 : team_rank() / TEAM_ROWS; }

#ifndef FUSES_MAX /* in training the producer of z has written `max_value` and `max_index` */
#define FUSES_MAX 0
#endif

#ifndef ADDS /* `addend`, of z's shape, is added before the activation; only without a pool and ACTIVATION_OF_INPUT */
#define ADDS 0
#endif

#ifndef SUMS_GRADIENTS /* `further`, of a's shape, is added to da in the backward pass; not with an average pool */
#define SUMS_GRADIENTS 0
#endif

/* The number of channels is an argument, so that stages share a program. The work-groups along dimension 0 divide the
 * channels. */
#define FIRST_CHANNEL(channels) (group_id(0) * PER_GROUP(channels))
#define END_CHANNEL(channels) min(FIRST_CHANNEL(channels) + PER_GROUP(channels), channels)
#define PER_GROUP(channels) (((channels) + group_count(0) - 1) / group_count(0))

/* The start of a channel of a block in tensors of z's shape, and of a's. */
#define Z_PLANE(block, channel) (((size_t)(block)*channels + (channel)) * (Z_H * Z_W) * GROUP + lane_group())
#define A_PLANE(block, channel) (((size_t)(block)*channels + (channel)) * (A_H * A_W) * GROUP + lane_group())

/* Computes a from z for one plane. In training a max pool also writes, per window, the z of the maximum and its place
 * in the window, or reads them if the producer of z wrote them. (In training with batch norm a single NaN has already
 * made the whole channel NaN.) */
static inline void plane_forward(__global const floatv *in, float4 n, __global const floatv *addend, __global floatv *a,
                                 bool training, __global floatv *max_value, __global ushortv *max_index) {
    if (FUSES_MAX && training) {
        OVERLAP_LOADS
        for (int p = team_row(); p < A_H * A_W; p += TEAM_ROWS)
            a[p * GROUP] = activated(normalised(max_value[p * GROUP], n));
        return;
    }
    for (int r = team_row(); r < A_H; r += TEAM_ROWS)
        for (int c = 0; c < A_W; c++) {
            const int at = (r * A_W + c) * GROUP;
#if POOL == POOL_NONE
            const floatv y = normalised(in[at], n);
            a[at] = activated(ADDS ? y + addend[at] : y);
#elif POOL == POOL_MAX
            intv place;
            const floatv z = window_maximum(in, r, c, n, !(training && NORMALISE), &place);
            a[at] = activated(normalised(z, n));
            if (training) {
                max_value[at] = z;
                max_index[at] = convert_ushortv(place);
            }
#else
            floatv sum = (floatv)0.0f;
#pragma unroll
            for (int u = 0; u < POOL_H; u++)
#pragma unroll
                for (int v = 0; v < POOL_W; v++) {
                    const int row = r * POOL_STRIDE_H - POOL_PADDING_H + u;
                    const int column = c * POOL_STRIDE_W - POOL_PADDING_W + v;
                    if (!POOL_EDGES || (inside(row, Z_H) && inside(column, Z_W)))
                        sum += activated(normalised(in[(row * Z_W + column) * GROUP], n));
                }
            a[at] = settled(divided(sum, (floatv)(float)(POOL_H * POOL_W)));
#endif
        }
}

/* Adds dy and dy (z - mean) of one plane to `sum` and `product`. For a max pool or no pool da also becomes dy,
 * at the resolution of a. */
static inline void plane_backward(__global floatv *da, __global const floatv *further, __global const floatv *a,
                                  __global const floatv *z, __global const floatv *max_value,
                                  __global const ushortv *max_index, float4 n, floatv *sum, floatv *product) {
#if POOL == POOL_AVERAGE
    for (int r = team_row(); r < Z_H; r += TEAM_ROWS)
        for (int c = 0; c < Z_W; c++) {
            const floatv value = z[(r * Z_W + c) * GROUP];
            const floatv dy = gradient_at(r, c, value, n, da, max_index);
            *sum += dy;
            *product = multiply_add(dy, value - n.x, *product);
        }
#else
    OVERLAP_LOADS
    for (int p = team_row(); p < A_H * A_W; p += TEAM_ROWS) {
        const int at = p * GROUP;
        const floatv value = POOL == POOL_MAX ? max_value[at] : z[at];
        const floatv d = SUMS_GRADIENTS ? da[at] + further[at] : da[at];
        const floatv dy = settled(d * derivative_at(normalised(value, n), a[at]));
        if (ACTIVATION != IDENTITY || SUMS_GRADIENTS)
            da[at] = dy;
        *sum += dy;
        *product = multiply_add(dy, value - n.x, *product);
    }
#endif
}

/* Overwrites z by dz for one plane. */
static inline void plane_spread(__global const floatv *da, __global floatv *z, __global const ushortv *max_index,
                                float4 n, float4 g) {
    for (int r = team_row(); r < Z_H; r += TEAM_ROWS)
        spread_row(z + r * Z_W * GROUP, z + r * Z_W * GROUP, r, n, g, da, max_index);
}

/* Prediction: normalised by the running statistics. Groups: (channel groups, blocks). */
GROUP_OF(ROW_ITEMS)
__kernel void activate_predict(__global const floatv *restrict z, __global const float *restrict parameters,
                               const int gamma_offset, const int beta_offset, __global const float *restrict running,
                               const int mean_offset, const int variance_offset, __global const floatv *restrict addend,
                               __global floatv *restrict a, const int channels,
                               __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE
                             ? batchnorm_normal(running[mean_offset + channel], running[variance_offset + channel],
                                                parameters[gamma_offset + channel], parameters[beta_offset + channel])
                             : (float4)0.0f;
        const size_t out = A_PLANE(block, channel);
        plane_forward(z + Z_PLANE(block, channel), n, addend + out, a + out, false, 0, 0);
    }
}

/* `normal` has a copy for every `span` blocks (batchnorm.cl). Groups: (channel groups, blocks). */
GROUP_OF(ROW_ITEMS)
__kernel void activate_forward(__global const floatv *restrict z, __global const float4 *restrict normal,
                               const int span, __global const floatv *restrict addend, __global floatv *restrict a,
                               __global floatv *restrict max_value, __global ushortv *restrict max_index,
                               const int channels, __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const size_t out = A_PLANE(block, channel);
        const float4 n = NORMALISE ? normal[block / span * channels + channel] : (float4)0.0f;
        plane_forward(z + Z_PLANE(block, channel), n, addend + out, a + out, true, max_value + out, max_index + out);
    }
}

/* Sums dy and dy x̂ over a block, per channel: sums[channel][part]. `normal` as in activate_forward: a chain may have
 * made it in this launch. Groups: (channel groups, blocks). */
GROUP_OF(ROW_ITEMS)
__kernel void activate_backward(__global floatv *restrict da, __global const floatv *restrict a,
                                __global const floatv *restrict z, __global const floatv *restrict max_value,
                                __global const ushortv *restrict max_index, __global const float4 *restrict normal,
                                const int span, __global const floatv *restrict further, __global float2 *restrict sums,
                                const int channels, __global const struct cln_state *restrict state PLACE) {
#if STRICT
    PART_SUMS(2)
#else
    GROUP_SCRATCH
#endif
    const int block = group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const intv mask = live_lanes(block, count);
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE ? normal[block / span * channels + channel] : (float4)0.0f;
        const size_t out = A_PLANE(block, channel);
        floatv sum = (floatv)0.0f, product = (floatv)0.0f;
        plane_backward(da + out, further + out, a + out, z + Z_PLANE(block, channel), max_value + out, max_index + out,
                       n, &sum, &product);
        const floatv of_lanes[] = {live(sum, mask), live(product, mask)};
#if STRICT
        lane_barrier(); /* the channel before has been read */
        part_put_sums(of_lanes, 2);
        lane_barrier();
        LANE_TOTALS(k, LANE_PARTS) {
            sums[(channel * group_count(1) + block) * LANE_PARTS + k] =
                (float2)(part_sum(0, k), scalar_settled(part_sum(1, k)) * n.y);
        }
#else
        float2 total = group_sums(of_lanes[0], of_lanes[1], group_scratch);
        total.y *= n.y;
        if (group_rank() == 0)
            sums[channel * group_count(1) + block] = total;
#endif
    }
}

/* `dz_coefficients` has a copy for every `span` blocks (batchnorm.cl). Groups: (channel groups, blocks). */
GROUP_OF(ROW_ITEMS)
__kernel void activate_spread(__global const floatv *restrict da, __global floatv *restrict z,
                              __global const ushortv *restrict max_index, __global const float4 *restrict normal,
                              __global const float4 *restrict dz_coefficients, const int span, const int channels,
                              __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const size_t out = A_PLANE(block, channel);
        plane_spread(da + out, z + Z_PLANE(block, channel), max_index + out, NORMALISE ? normal[channel] : (float4)0.0f,
                     NORMALISE ? dz_coefficients[block / span * channels + channel] : (float4)0.0f);
    }
}

#if !STRICT /* which sums block by block */
/* Statistics and then a, for whole channels; without an early return (see batchnorm_statistics). The moments come from
 * `splits` partials per block if the producer of z wrote them, else (splits 0) from z: first the mean, as a distance
 * from the channel's first value, then the deviations around it, which also correct it. Groups: (channel groups). */
GROUP_OF(TEAM_ITEMS)
__kernel void channel_forward(__global const floatv *restrict z, __global const float4 *restrict partials,
                              const int partial_blocks, const int splits, __global const float *restrict parameters,
                              const int gamma_offset, const int beta_offset, __global float4 *restrict normal,
                              __global float *restrict running, const int mean_offset, const int variance_offset,
                              __global const floatv *restrict addend, __global floatv *restrict a,
                              __global floatv *restrict max_value, __global ushortv *restrict max_index,
                              const int channels, __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int count = state->count, blocks = blocks_of(count);
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        float4 moments;
        if (splits > 0) {
            moments = moments_of_partials(partials + channel * partial_blocks * splits, blocks * splits, group_scratch);
        } else {
            const float n = (float)count * (Z_H * Z_W);
            const float pivot = ((__global const float *)(z + (Z_PLANE(0, channel) - lane_group())))[0];
            floatv sum = (floatv)0.0f, rest = (floatv)0.0f, m2 = (floatv)0.0f;
            for (int block = blocks - 1 - team_block(); block >= 0; block -= TEAM_BLOCKS) {
                for (int p = team_row(); p < Z_H * Z_W; p += TEAM_ROWS)
                    sum += z[Z_PLANE(block, channel) + p * GROUP] - pivot;
                if (live_count(block, count) < LANES)
                    sum = live(sum, live_lanes(block, count));
            }
            const float mean = pivot + group_sums(sum, (floatv)0.0f, group_scratch).x / n;
            for (int block = blocks - 1 - team_block(); block >= 0; block -= TEAM_BLOCKS) {
                for (int p = team_row(); p < Z_H * Z_W; p += TEAM_ROWS) {
                    const floatv d = z[Z_PLANE(block, channel) + p * GROUP] - mean;
                    rest += d;
                    m2 = multiply_add(d, d, m2);
                }
                if (live_count(block, count) < LANES) {
                    rest = live(rest, live_lanes(block, count));
                    m2 = live(m2, live_lanes(block, count));
                }
            }
            const float2 around = group_sums(m2, rest, group_scratch);
            const float off = around.y / n;
            moments = (float4)(n, mean + off, multiply_add(-off, around.y, around.x), 0.0f);
        }
        const float4 normal_c = batchnorm_normal(moments.y, moments.z / moments.x, parameters[gamma_offset + channel],
                                                 parameters[beta_offset + channel]);
        if (count > 0 && group_rank() == 0) {
            normal[channel] = normal_c;
            if (!state->frozen)
                batchnorm_move(running + mean_offset + channel, running + variance_offset + channel, moments);
        }
        for (int block = team_block(); block < blocks; block += TEAM_BLOCKS) {
            const size_t out = A_PLANE(block, channel);
            plane_forward(z + Z_PLANE(block, channel), normal_c, addend + out, a + out, true, max_value + out,
                          max_index + out);
        }
    }
}

/* Sums, then dgamma and dbeta (without batch norm: the bias's gradient, at beta_base), then dz, for whole channels. The
 * last block comes first, so that its dead lanes can be cleared from the sums. spread 0: da is dz, or the consumer of
 * dz makes it from da and `dz_coefficients` (see batchnorm.clh). Groups: (channel groups). */
GROUP_OF(TEAM_ITEMS)
__kernel void channel_backward(__global floatv *restrict da, __global const floatv *restrict a,
                               __global floatv *restrict z, __global const floatv *restrict max_value,
                               __global const ushortv *restrict max_index, __global const float4 *restrict normal,
                               __global float4 *restrict dz_coefficients, __global const floatv *restrict further,
                               __global float *restrict gradients, const int gamma_base, const int beta_base,
                               const int spread, const int channels,
                               __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int count = state->count, blocks = blocks_of(count);
    if (count == 0)
        return;
    const int end = END_CHANNEL(channels);
    for (int channel = FIRST_CHANNEL(channels); channel < end; channel++) {
        const float4 n = NORMALISE ? normal[channel] : (float4)0.0f;
        floatv sum = (floatv)0.0f, product = (floatv)0.0f;
        for (int block = blocks - 1 - team_block(); block >= 0; block -= TEAM_BLOCKS) {
            const size_t out = A_PLANE(block, channel);
            plane_backward(da + out, further + out, a + out, z + Z_PLANE(block, channel), max_value + out,
                           max_index + out, n, &sum, &product);
            if (live_count(block, count) < LANES) {
                const intv mask = live_lanes(block, count);
                sum = live(sum, mask);
                product = live(product, mask);
            }
        }
        float2 total = group_sums(sum, product, group_scratch);
        total.y *= n.y;
        const float4 g = NORMALISE ? batchnorm_dz_coefficients(total, n, (float)count * (Z_H * Z_W)) : (float4)0.0f;
        if (group_rank() == 0) {
            if (beta_base >= 0)
                gradients[beta_base + channel] = total.x;
            if (NORMALISE) {
                gradients[gamma_base + channel] = total.y;
                dz_coefficients[channel] = g;
            }
        }
        if (!spread)
            continue;
        for (int block = team_block(); block < blocks; block += TEAM_BLOCKS) {
            const size_t out = A_PLANE(block, channel);
            plane_spread(da + out, z + Z_PLANE(block, channel), max_index + out, n, g);
        }
    }
}
#endif
