/* The reductions of batch normalisation if a channel is divided among many work-groups: partials are combined per
 * channel, always in the same order. There is room for PARTIAL_BLOCKS of this process, and for WHOLE_PARTS of all that
 * share a batch. kernels/activate.cl has the same for groups that take whole channels. */
#include "batchnorm.clh"

#ifndef CHANNELS /* a small geometry, so that this file compiles alone */
#define CHANNELS 4
#define POSITIONS 9
#define PARTIAL_BLOCKS 2
#define WHOLE_PARTS 2
#define LOCAL_NORM 0
#define CHANNELS_PER_ITEM 1
#endif

/* The samples that are normalised together: those of all processes that share a batch, or with LOCAL_NORM those of this
 * one; and the room for their partials. */
#ifndef LOCAL_NORM
#define LOCAL_NORM 0
#endif
#define norm_count(state) (LOCAL_NORM ? (state)->count : (state)->whole)
#define NORM_PARTIALS (LOCAL_NORM ? PARTIAL_BLOCKS : WHOLE_PARTS)

/* Moments of every channel and block of x, if its producer wrote none: first the mean, as a distance from each lane's
 * first value, then the deviations around it, which also correct it. Groups: (channels / CHANNELS_PER_ITEM, blocks). */
GROUP_OF(GROUP)
__kernel void batchnorm_partials(__global const floatv *restrict x, __global float4 *restrict partials,
                                 __global const struct cln_state *restrict state PLACE) {
    MOMENTS(1)
    const int block = group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const int c0 = group_id(0) * CHANNELS_PER_ITEM;
    for (int c = c0; c < min(c0 + CHANNELS_PER_ITEM, CHANNELS); c++) {
        __global const floatv *in = x + ((size_t)block * CHANNELS + c) * POSITIONS * GROUP + lane_group();
        const floatv first = in[0];
        floatv sum = (floatv)0.0f, rest = (floatv)0.0f, m2 = (floatv)0.0f;
        for (int p = 1; p < POSITIONS; p++)
            sum += in[p * GROUP] - first;
        const floatv mean = first + settled(sum * (1.0f / POSITIONS));
        for (int p = 0; p < POSITIONS; p++) {
            const floatv d = in[p * GROUP] - mean;
            rest += d;
            m2 = multiply_add(d, d, m2);
        }
        const floatv off = settled(rest * (1.0f / POSITIONS));
        m2 = multiply_add(-off, rest, m2);
        lane_barrier(); /* the channel before has been read */
        lane_put_moments(0, POSITIONS, mean + off, m2, block, count);
        lane_barrier();
        LANE_TOTALS(k, LANE_PARTS) {
            partials[c * PARTIAL_BLOCKS + block * LANE_PARTS + k] = part_moments(0, k, POSITIONS, block, count);
        }
    }
}

/* Combines partials into `normal`, and moves the running statistics. Groups: (channels, copies). Every copy of `normal`
 * is the same: in a chain each group has its own. No early return: after one, PoCL 3.1 lets every work-item of a group
 * of 32 move them. */
GROUP_OF(GROUP)
__kernel void batchnorm_statistics(__global const float4 *restrict partials, const int splits,
                                   __global const float *restrict parameters, const int gamma_offset,
                                   const int beta_offset, __global float4 *restrict normal,
                                   __global float *restrict running, const int mean_offset, const int variance_offset,
                                   __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int c = group_id(0);
    const int count = norm_count(state);
    const float4 moments =
        moments_of_partials(partials + c * NORM_PARTIALS * splits, parts_of(count) * splits, group_scratch);
    if (count > 0 && group_rank() == 0) {
        normal[group_id(1) * CHANNELS + c] =
            batchnorm_normal(moments.y, scalar_divided(scalar_settled(moments.z), moments.x),
                             parameters[gamma_offset + c], parameters[beta_offset + c]);
        if (!state->frozen && group_id(1) == 0)
            batchnorm_move(running + mean_offset + c, running + variance_offset + c, moments);
    }
}

/* Combines the sums of (dy, dy x̂) into dgamma, dbeta and the coefficients of dz. Groups: (channels, copies), as in
 * batchnorm_statistics. */
GROUP_OF(GROUP)
__kernel void batchnorm_backward_statistics(__global const float2 *restrict sums,
                                            __global const float4 *restrict normal,
                                            __global float4 *restrict dz_coefficients,
                                            __global float *restrict gradients, const int gamma_base,
                                            const int beta_base,
                                            __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int c = group_id(0), count = norm_count(state);
    float2 total = (float2)0.0f;
    for (int i = SHARE_FIRST; i < parts_of(count); i += SHARE_STEP)
        total += sums[c * NORM_PARTIALS + i];
    total = group_total(total, group_scratch);
    if (count > 0 && group_rank() == 0)
        dz_coefficients[group_id(1) * CHANNELS + c] =
            batchnorm_dz_coefficients(total, normal[c], (float)count * POSITIONS);
    if ((LOCAL_NORM || count > 0) && group_rank() == 0 && group_id(1) == 0) {
        gradients[beta_base + c] = total.x;
        gradients[gamma_base + c] = total.y;
    }
}

/* Without batch norm: combines the sums of dz into the bias's gradient. Groups: (channels). */
GROUP_OF(GROUP)
__kernel void bias_gradient(__global const float2 *restrict sums, __global float *restrict gradients, const int base,
                            __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int c = group_id(0), parts = parts_of(state->whole);
    float2 total = (float2)0.0f;
    for (int i = SHARE_FIRST; i < parts; i += SHARE_STEP)
        total += sums[c * WHOLE_PARTS + i];
    total = group_total(total, group_scratch);
    if (group_rank() == 0)
        gradients[base + c] = total.x;
}
