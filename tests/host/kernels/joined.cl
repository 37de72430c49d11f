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

/* sums[block] = the sum of the block's values of fill, for the blocks of a span. Groups: (1, spans). */
__kernel void add_up(__global const int *out, __global int *sums, const int span, const int blocks,
                     const int values PLACE) {
    for (int block = group_id(1) * span; block < min((group_id(1) + 1) * span, blocks); block++) {
        int sum = 0;
        for (int z = 0; z < 2; z++)
            for (int x = 0; x < values; x++)
                sum += out[(z * blocks + block) * values + x];
        sums[block] = sum;
    }
}

/* sums[block] += 1, in each of the groups along dimension 0. */
__kernel void count(__global int *sums PLACE) {
    sums[group_id(1)]++;
}
