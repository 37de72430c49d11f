/* Dropout: in training every unit of a sample is 0 with probability p, and else multiplied by SCALE = 1 / (1 - p). A
 * unit is one element (RUN 1), or a whole channel of RUN elements. Which units are 0 follows from their random bits
 * (philox.clh), so the backward pass finds them again. */
#include "philox.clh"

#ifndef UNITS
#define UNITS 9
#define RUN 1
#define QUADS_PER_ITEM 2
#define P 0.5f
#define SCALE 2.0f
#endif

/* Groups of both kernels: (quads of units / QUADS_PER_ITEM, blocks). */
#define FOR_UNITS(unit, factor, seed_low, seed_high, layer)                                                            \
    const int block = group_id(1);                                                                                     \
    if (block >= blocks_of(state->count))                                                                              \
        return;                                                                                                        \
    const int first = group_id(0) * QUADS_PER_ITEM;                                                                    \
    for (int quad = first; quad < min(first + QUADS_PER_ITEM, (UNITS + 3) / 4); quad++) {                              \
        uintv bits[4];                                                                                                 \
        random_bits(bits, (uint2)((uint)seed_low, (uint)seed_high), (uint)state->step, (uint)layer,                    \
                    lane_samples(block) + (uint)(state->share + state->position - state->first), (uint)quad);          \
        for (int unit = 4 * quad; unit < min(4 * quad + 4, UNITS); unit++) {                                           \
            const floatv factor =                                                                                      \
                select((floatv)SCALE, (floatv)0.0f, random_uniform(bits[unit - 4 * quad]) < (floatv)P);
#define END_UNITS                                                                                                      \
    }                                                                                                                  \
    }

/* y = x with units dropped. */
GROUP_OF(GROUP)
__kernel void dropout_forward(__global const floatv *restrict x, __global floatv *restrict y, const int seed_low,
                              const int seed_high, const int layer,
                              __global const struct cln_state *restrict state PLACE) {
    FOR_UNITS(unit, factor, seed_low, seed_high, layer)
    for (int r = 0; r < RUN; r++) {
        const size_t at = (((size_t)block * UNITS + unit) * RUN + r) * GROUP + lane_group();
        y[at] = x[at] * factor;
    }
    END_UNITS
}

/* The gradient of y becomes that of x. */
GROUP_OF(GROUP)
__kernel void dropout_backward(__global floatv *restrict d, const int seed_low, const int seed_high, const int layer,
                               __global const struct cln_state *restrict state PLACE) {
    FOR_UNITS(unit, factor, seed_low, seed_high, layer)
    for (int r = 0; r < RUN; r++) {
        const size_t at = (((size_t)block * UNITS + unit) * RUN + r) * GROUP + lane_group();
        d[at] *= factor;
    }
    END_UNITS
}
