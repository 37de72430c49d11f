/* Batch normalisation: the per-channel reductions and what comes of them (Ioffe and Szegedy, 2015).
 *   mean = sum x / N,  variance = sum (x - mean)^2 / N,  y = gamma (x - mean) / sqrt(variance + eps) + beta
 * over the N = samples * positions values of a channel. What the other kernels need of a channel is one float4:
 *   normal[c]   = (mean, 1/sqrt(variance + eps), gamma/sqrt(variance + eps), beta)
 *   gradient[c] = (mean, q, p, k) with dz = k dy + q (z - mean) + p
 * Partials are combined by one work-item per channel, always in the same order. */
#include "welford.clh"

#ifndef CHANNELS /* a small geometry, so that this file compiles alone */
#define CHANNELS 4
#define POSITIONS 9
#define PARTIAL_BLOCKS 2
#define CHANNELS_PER_ITEM 1
#endif
#ifndef EPS /* not given where only moments or sums are wanted */
#define MOMENTUM 0.1f
#define EPS 1e-5f
#define BIASED_RUNNING_VARIANCE 0
#endif

/* Moments of every channel and block of x where the producer did not leave them.
 * Groups: (channels / CHANNELS_PER_ITEM, blocks). */
__kernel void batchnorm_partials(__global const floatv *restrict x, __global float4 *restrict partials,
                                 __global const struct cln_state *restrict state) {
    LANE_SCRATCH(float4, 1)
    const int block = (int)get_group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const int c0 = (int)get_group_id(0) * CHANNELS_PER_ITEM;
    for (int c = c0; c < min(c0 + CHANNELS_PER_ITEM, CHANNELS); c++) {
        __global const floatv *in = x + ((size_t)block * CHANNELS + c) * POSITIONS * GROUP + lane_group();
        floatv sum = (floatv)0.0f, m2 = (floatv)0.0f;
        for (int p = 0; p < POSITIONS; p++)
            sum += in[p * GROUP];
        const floatv mean = sum * (1.0f / POSITIONS);
        for (int p = 0; p < POSITIONS; p++) {
            const floatv d = in[p * GROUP] - mean;
            m2 = multiply_add(d, d, m2);
        }
        lane_barrier(); /* the channel before has been read */
        lane_put(0, moments_of_vector(POSITIONS, mean, m2, live_lanes(block, count), own_live_count(block, count)));
        lane_barrier();
        LANE_TOTALS(k, 1) {
            float4 total = lane_share(k, 0);
            lane_moments(total, k);
            partials[c * PARTIAL_BLOCKS + block] = total;
        }
    }
}

/* Partials -> normal, and the running averages move. One work-item per channel. */
__kernel void batchnorm_statistics(__global const float4 *restrict partials, const int splits, __global const float *restrict parameters,
                                   const int gamma_offset, const int beta_offset, __global float4 *restrict normal,
                                   __global float *restrict running, const int mean_offset, const int variance_offset,
                                   __global const struct cln_state *restrict state) {
    const int c = (int)get_global_id(0);
    const int count = state->count;
    if (c >= CHANNELS || count == 0)
        return;
    float4 total = (float4)0.0f;
    for (int i = 0; i < blocks_of(count) * splits; i++)
        total = moments_combine(total, partials[c * PARTIAL_BLOCKS * splits + i]);
    const float variance = total.z / total.x;
    const float inverse = 1.0f / sqrt(variance + EPS);
    normal[c] = (float4)(total.y, inverse, parameters[gamma_offset + c] * inverse, parameters[beta_offset + c]);

    if (!state->frozen) {
        /* Of a single value the unbiased variance does not exist: then the biased one, which is zero. */
        const float divisor = BIASED_RUNNING_VARIANCE ? total.x : fmax(total.x - 1.0f, 1.0f);
        __global float *mean = running + mean_offset + c, *running_variance = running + variance_offset + c;
        *mean += MOMENTUM * (total.y - *mean);
        *running_variance += MOMENTUM * (total.z / divisor - *running_variance);
    }
}

/* Prediction: running averages -> normal. One work-item per channel. */
__kernel void batchnorm_predict(__global const float *restrict parameters, const int gamma_offset,
                                const int beta_offset, __global float4 *restrict normal,
                                __global const float *restrict running, const int mean_offset,
                                const int variance_offset) {
    const int c = (int)get_global_id(0);
    if (c >= CHANNELS)
        return;
    const float inverse = 1.0f / sqrt(running[variance_offset + c] + EPS);
    normal[c] = (float4)(running[mean_offset + c], inverse, parameters[gamma_offset + c] * inverse,
                         parameters[beta_offset + c]);
}

/* Sums of (dy, dy x̂) -> dgamma, dbeta and the coefficients of dz. One work-item per channel.
 *   dbeta = sum dy,  dgamma = sum dy x̂,
 *   dz = gamma/sqrt(variance + eps) (dy - dbeta/N - x̂ dgamma/N) */
__kernel void batchnorm_backward_statistics(__global const float2 *restrict sums, __global const float4 *restrict normal,
                                            __global float4 *restrict gradient, __global float *restrict gradients,
                                            const int gamma_base, const int beta_base,
                                            __global const struct cln_state *restrict state) {
    const int c = (int)get_global_id(0);
    const int count = state->count;
    if (c >= CHANNELS || count == 0)
        return;
    float2 total = (float2)0.0f;
    for (int i = 0; i < blocks_of(count); i++)
        total += sums[c * PARTIAL_BLOCKS + i];
    gradients[beta_base + c] = total.x;
    gradients[gamma_base + c] = total.y;

    const float n = (float)count * POSITIONS;
    const float4 s = normal[c];
    gradient[c] = (float4)(s.x, -s.z * s.y * (total.y / n), -s.z * (total.x / n), s.z);
}

/* Without batch norm: sums of dz -> gradient of the bias. One work-item per channel. */
__kernel void bias_gradient(__global const float2 *restrict sums, __global float *restrict gradients, const int base,
                            __global const struct cln_state *restrict state) {
    const int c = (int)get_global_id(0);
    if (c >= CHANNELS)
        return;
    float total = 0.0f;
    for (int i = 0; i < blocks_of(state->count); i++)
        total += sums[c * PARTIAL_BLOCKS + i].x;
    gradients[base + c] = total;
}
