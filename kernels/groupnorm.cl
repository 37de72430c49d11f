/* Group normalisation (Wu and He, 2018) and layer normalisation (Ba and others, 2016), by which each sample normalises
 * itself:
 *   z = gamma x̂ + beta, x̂ = (x - mean)/sqrt(variance + eps)
 * with the mean and the biased variance of the sample's ELEMENTS numbers of a group. A sample is a lane: no sum goes
 * across lanes, but for the gradient of gamma. A group may be divided in SLICES, each of a work-item of its own: then a
 * launch writes what each slice adds to the sums, and the next one adds these up. */
#include "lanes.clh"

#ifndef NORM_GROUPS /* a small geometry, so that this file compiles alone */
#define NORM_GROUPS 2
#define ELEMENTS 6  /* of a group */
#define POSITIONS 3 /* elements that share a weight */
#define SLICES 2
#define EPS 1e-5f
#define WEIGHTS_PER_ITEM 1
#endif

#define WEIGHTS_PER_GROUP (ELEMENTS / POSITIONS)
#define WEIGHT_COUNT (NORM_GROUPS * WEIGHTS_PER_GROUP)
#define FIRST_ELEMENT(slice) ((int)((long)ELEMENTS * (slice) / SLICES))

/* The start of a group of a block in tensors of x's shape. */
#define ELEMENT_PLACE(block, g) (((size_t)(block)*NORM_GROUPS + (g)) * ELEMENTS * GROUP + lane_group())

/* The vectors of `statistics` of a group of a block: mean and 1/sqrt(variance + eps); then of each slice mean, sum of
 * squared deviations, and the two sums of the backward pass. */
#define MEAN 0
#define INVERSE GROUP
#define OF_SLICE(slice) ((2 + 4 * (slice)) * GROUP)
#define STATISTICS_PLACE(block, g) (((size_t)(block)*NORM_GROUPS + (g)) * (2 + 4 * SLICES) * GROUP + lane_group())

/* Mean and sum of squared deviations of a slice: first the mean, as a distance from the first value, then the
 * deviations around it, which also correct it. Equal values have exactly that value as their mean. */
static inline floatv slice_moments(__global const floatv *in, int first, int end, floatv *m2) {
    const float share = scalar_divided(1.0f, (float)(end - first));
    const floatv pivot = in[first * GROUP];
    floatv sum = (floatv)0.0f, rest = (floatv)0.0f, squares = (floatv)0.0f;
    OVERLAP_LOADS
    for (int e = first + 1; e < end; e++)
        sum += in[e * GROUP] - pivot;
    const floatv mean = settled(multiply_add(sum, (floatv)share, pivot));
    OVERLAP_LOADS
    for (int e = first; e < end; e++) {
        const floatv d = in[e * GROUP] - mean;
        rest += d;
        squares = multiply_add(d, d, squares);
    }
    const floatv off = settled(rest * share);
    *m2 = multiply_add(-off, rest, squares);
    return mean + off;
}

/* Combines the moments of all slices: see welford.clh. Returns the mean. */
static inline floatv group_moments(__global const floatv *statistics, floatv *m2) {
    const floatv first = statistics[OF_SLICE(0)];
    floatv sum = (floatv)0.0f, squares = (floatv)0.0f, rest = (floatv)0.0f;
    for (int s = 0; s < SLICES; s++)
        sum = multiply_add(statistics[OF_SLICE(s)] - first, (floatv)(float)(FIRST_ELEMENT(s + 1) - FIRST_ELEMENT(s)),
                           sum);
    const floatv mean = first + settled(sum * (1.0f / ELEMENTS));
    for (int s = 0; s < SLICES; s++) {
        const floatv d = statistics[OF_SLICE(s)] - mean;
        const floatv weighted = d * (float)(FIRST_ELEMENT(s + 1) - FIRST_ELEMENT(s));
        rest += weighted;
        squares += multiply_add(weighted, d, statistics[OF_SLICE(s) + GROUP]);
    }
    const floatv off = settled(rest * (1.0f / ELEMENTS));
    *m2 = multiply_add(-off, rest, squares);
    return mean + off;
}

/* With several slices, before groupnorm_forward. Groups: (groups x SLICES, blocks). */
GROUP_OF(GROUP)
__kernel void groupnorm_moments(__global const floatv *restrict x, __global floatv *restrict statistics,
                                __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), g = group_id(0) / SLICES, slice = group_id(0) % SLICES;
    if (block >= blocks_of(state->count))
        return;
    __global floatv *out = statistics + STATISTICS_PLACE(block, g) + OF_SLICE(slice);
    floatv m2;
    out[0] = slice_moments(x + ELEMENT_PLACE(block, g), FIRST_ELEMENT(slice), FIRST_ELEMENT(slice + 1), &m2);
    out[GROUP] = m2;
}

/* z, and the mean and 1/sqrt(variance + eps) of each group. weight_offset -1: gamma is 1 and beta 0. Groups: (groups x
 * SLICES, blocks). */
GROUP_OF(GROUP)
__kernel void groupnorm_forward(__global const floatv *restrict x, __global const float *restrict parameters,
                                const int weight_offset, const int bias_offset, __global floatv *restrict z,
                                __global floatv *restrict statistics,
                                __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), g = group_id(0) / SLICES, slice = group_id(0) % SLICES;
    if (block >= blocks_of(state->count))
        return;
    __global const floatv *in = x + ELEMENT_PLACE(block, g);
    __global floatv *out = z + ELEMENT_PLACE(block, g);
    __global floatv *of_group = statistics + STATISTICS_PLACE(block, g);
    floatv m2;
    const floatv mean = SLICES == 1 ? slice_moments(in, 0, ELEMENTS, &m2) : group_moments(of_group, &m2);
    const floatv variance = multiply_add(settled(m2), (floatv)(1.0f / ELEMENTS), (floatv)EPS);
    const floatv inverse = settled(divided((floatv)1.0f, square_root(variance)));
    if (slice == 0) {
        of_group[MEAN] = mean;
        of_group[INVERSE] = inverse;
    }
    const int end = FIRST_ELEMENT(slice + 1);
    for (int e = FIRST_ELEMENT(slice); e < end;) {
        const int w = g * WEIGHTS_PER_GROUP + e / POSITIONS, stop = min(end, (e / POSITIONS + 1) * POSITIONS);
        const float gamma = weight_offset < 0 ? 1.0f : parameters[weight_offset + w];
        const float beta = bias_offset < 0 ? 0.0f : parameters[bias_offset + w];
        const floatv scale = settled(inverse * gamma);
        OVERLAP_LOADS
        for (; e < stop; e++)
            out[e * GROUP] = settled(multiply_add(in[e * GROUP] - mean, scale, (floatv)beta));
    }
}

/* The sums of gamma dz and of gamma dz x̂ over a slice. */
static inline void slice_sums(__global const floatv *in, __global const floatv *dz, __global const float *parameters,
                              int weight_offset, int g, int first, int end, floatv mean, floatv inverse, floatv *sum,
                              floatv *product) {
    *sum = *product = (floatv)0.0f;
    for (int e = first; e < end;) {
        const int w = g * WEIGHTS_PER_GROUP + e / POSITIONS, stop = min(end, (e / POSITIONS + 1) * POSITIONS);
        const float gamma = weight_offset < 0 ? 1.0f : parameters[weight_offset + w];
        floatv part = (floatv)0.0f, products = (floatv)0.0f;
        OVERLAP_LOADS
        for (; e < stop; e++) {
            const floatv d = dz[e * GROUP];
            part += d;
            products = multiply_add(d, in[e * GROUP] - mean, products);
        }
        *sum = multiply_add(part, (floatv)gamma, *sum);
        *product = multiply_add(settled(products), (floatv)gamma, *product);
    }
    *product = settled(settled(*product) * inverse);
}

/* With several slices, before groupnorm_backward_data. Groups: (groups x SLICES, blocks). */
GROUP_OF(GROUP)
__kernel void groupnorm_sums(__global const floatv *restrict x, __global const floatv *restrict dz,
                             __global const float *restrict parameters, const int weight_offset,
                             __global floatv *restrict statistics,
                             __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), g = group_id(0) / SLICES, slice = group_id(0) % SLICES;
    if (block >= blocks_of(state->count))
        return;
    __global floatv *of_group = statistics + STATISTICS_PLACE(block, g), *out = of_group + OF_SLICE(slice);
    floatv sum, product;
    slice_sums(x + ELEMENT_PLACE(block, g), dz + ELEMENT_PLACE(block, g), parameters, weight_offset, g,
               FIRST_ELEMENT(slice), FIRST_ELEMENT(slice + 1), of_group[MEAN], of_group[INVERSE], &sum, &product);
    out[2 * GROUP] = sum;
    out[3 * GROUP] = product;
}

/* dx = (gamma dz - mean of gamma dz - x̂ mean of gamma dz x̂)/sqrt(variance + eps); exactly 0 if a group has one number,
 * whose rounding errors 1/sqrt(eps) would multiply. Groups: (groups x SLICES, blocks). */
GROUP_OF(GROUP)
__kernel void groupnorm_backward_data(__global const floatv *restrict x, __global const floatv *restrict dz,
                                      __global const float *restrict parameters, const int weight_offset,
                                      __global const floatv *restrict statistics, __global floatv *restrict dx,
                                      __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), g = group_id(0) / SLICES, slice = group_id(0) % SLICES;
    if (block >= blocks_of(state->count))
        return;
    __global const floatv *in = x + ELEMENT_PLACE(block, g), *d = dz + ELEMENT_PLACE(block, g);
    __global floatv *out = dx + ELEMENT_PLACE(block, g);
    __global const floatv *of_group = statistics + STATISTICS_PLACE(block, g);
    const floatv mean = of_group[MEAN], inverse = of_group[INVERSE];
    floatv sum = (floatv)0.0f, product = (floatv)0.0f;
    if (SLICES == 1)
        slice_sums(in, d, parameters, weight_offset, g, 0, ELEMENTS, mean, inverse, &sum, &product);
    else
        for (int s = 0; s < SLICES; s++) {
            sum += of_group[OF_SLICE(s) + 2 * GROUP];
            product += of_group[OF_SLICE(s) + 3 * GROUP];
        }
    const floatv of_all = settled(settled(sum) * (1.0f / ELEMENTS));
    const floatv slope = settled(settled(product * inverse) * (1.0f / ELEMENTS));
    const int end = FIRST_ELEMENT(slice + 1);
    for (int e = FIRST_ELEMENT(slice); e < end;) {
        const int w = g * WEIGHTS_PER_GROUP + e / POSITIONS, stop = min(end, (e / POSITIONS + 1) * POSITIONS);
        const float gamma = weight_offset < 0 ? 1.0f : parameters[weight_offset + w];
        OVERLAP_LOADS
        for (; e < stop; e++) {
            const floatv straight = ELEMENTS == 1 ? (floatv)0.0f : multiply_add(d[e * GROUP], (floatv)gamma, -of_all);
            out[e * GROUP] = settled(inverse * settled(multiply_add(in[e * GROUP] - mean, -slope, straight)));
        }
    }
}

/* Partial dgamma: the sums of dz x̂ over a slice of the blocks, in out[base + slice*stride + weight]. The last block of
 * a slice comes first, so that its dead lanes can be cleared from the sums. Groups: (weights / WEIGHTS_PER_ITEM,
 * slices). */
GROUP_OF(GROUP)
__kernel void groupnorm_backward_weights(__global const floatv *restrict x, __global const floatv *restrict dz,
                                         __global const floatv *restrict statistics, __global float *restrict out,
                                         const int base, const int stride,
                                         __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    const int count = state->count, blocks = blocks_of(count), slice = group_id(1), slices = group_count(1);
    const int first_block = slice_first(slice, slices, blocks), last_block = slice_last(slice, slices, blocks);
    const int first = group_id(0) * WEIGHTS_PER_ITEM;
    for (int w = first; w < min(first + WEIGHTS_PER_ITEM, WEIGHT_COUNT); w++) {
        floatv sum = (floatv)0.0f;
        for (int block = last_block; block >= first_block; block -= HALVES) {
            const size_t place = ((size_t)block * WEIGHT_COUNT + w) * POSITIONS * GROUP + lane_group();
            __global const floatv *of_group = statistics + STATISTICS_PLACE(block, w / WEIGHTS_PER_GROUP);
            const floatv mean = of_group[MEAN];
            floatv part = (floatv)0.0f;
            OVERLAP_LOADS
            for (int p = 0; p < POSITIONS; p++)
                part = multiply_add(dz[place + p * GROUP], x[place + p * GROUP] - mean, part);
            sum = multiply_add(settled(part), of_group[INVERSE], sum);
            if (live_count(block, count) < LANES)
                sum = live(sum, live_lanes(block, count));
        }
        const float2 total = group_sums(sum, (floatv)0.0f, group_scratch);
        if (group_rank() == 0)
            out[base + slice * stride + w] = total.x;
    }
}
