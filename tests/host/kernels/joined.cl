/* Kernels to be joined with those of other.cl, which has the same names with other meanings. */
#include "place.clh"

#ifndef FACTOR
#define FACTOR 1
#endif
#define OFFSET (1000 * FACTOR)

struct pair {
    int first, second;
};

__constant int table[2] = {OFFSET, 7};

typedef int number;

static inline number value_of(int at) {
    const struct pair pair = {at, table[0]};
    return pair.first + pair.second;
}

/* out[place] = OFFSET + place, over three dimensions in row-major order; every place is counted. */
__kernel void fill(__global int *out, __global int *visits PLACE) {
    const int at = (group_id(2) * group_count(1) + group_id(1)) * group_count(0) + group_id(0);
    out[at] = value_of(at);
    visits[at]++;
}

__kernel void scale(__global int *out, const int factor, const float offset PLACE) {
    out[item_id()] = (int)((float)(factor * out[item_id()]) + offset);
}
