/* y = x, for a stage without an affine layer; y += x, for a gradient of a value that several stages read. */
#include "lanes.clh"

#ifndef FEATURES
#define FEATURES 4
#define FEATURES_PER_ITEM 4
#endif

/* Groups of both kernels: (features / FEATURES_PER_ITEM, blocks). */
#define FOR_FEATURES(at)                                                                                               \
    const int block = group_id(1);                                                                                     \
    if (block >= blocks_of(state->count))                                                                              \
        return;                                                                                                        \
    const int first = group_id(0) * FEATURES_PER_ITEM;                                                                 \
    for (int f = first; f < min(first + FEATURES_PER_ITEM, FEATURES); f++) {                                           \
        const size_t at = ((size_t)block * FEATURES + f) * GROUP + lane_group();
#define END_FEATURES }

GROUP_OF(GROUP)
__kernel void copy(__global const floatv *restrict x, __global floatv *restrict y,
                   __global const struct cln_state *restrict state PLACE) {
    FOR_FEATURES(at)
    y[at] = x[at];
    END_FEATURES
}

GROUP_OF(GROUP)
__kernel void accumulate(__global const floatv *restrict x, __global floatv *restrict y,
                         __global const struct cln_state *restrict state PLACE) {
    FOR_FEATURES(at)
    y[at] += x[at];
    END_FEATURES
}
