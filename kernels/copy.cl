/* y = x, for a stage without an affine layer. */
#include "lanes.clh"

#ifndef FEATURES
#define FEATURES 4
#define FEATURES_PER_ITEM 4
#endif

/* Groups: (features / FEATURES_PER_ITEM, blocks). */
GROUP_OF(GROUP)
__kernel void copy(__global const floatv *restrict x, __global floatv *restrict y,
                   __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1);
    if (block >= blocks_of(state->count))
        return;
    const int first = group_id(0) * FEATURES_PER_ITEM;
    for (int f = first; f < min(first + FEATURES_PER_ITEM, FEATURES); f++) {
        const size_t at = ((size_t)block * FEATURES + f) * GROUP + lane_group();
        y[at] = x[at];
    }
}
