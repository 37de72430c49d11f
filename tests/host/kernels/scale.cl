/* y = FACTOR · factor · x, and kernels whose declarations the tests try to violate. */
#include "scale.clh"

__kernel void scale(__global float *y, __global const float *x, float factor, int count) {
    size_t i = get_global_id(0);
    if (i < (size_t)count)
        y[i] = scaled(x[i], factor);
}

/* y[i] = 1000·group + item, over three dimensions in row-major order. */
__kernel void index(__global int *y) {
    size_t group = (get_group_id(2) * get_num_groups(1) + get_group_id(1)) * get_num_groups(0) + get_group_id(0);
    size_t item = (get_local_id(2) * get_local_size(1) + get_local_id(1)) * get_local_size(0) + get_local_id(0);
    y[group * get_local_size(0) * get_local_size(1) * get_local_size(2) + item] = (int)(1000 * group + item);
}

__kernel __attribute__((reqd_work_group_size(2, 1, 1))) void pairs(__global float *y) {
    y[get_global_id(0)] = 1.0f;
}

__kernel void with_local(__global float *y, __local float *scratch) {
    scratch[0] = 1.0f;
    y[0] = scratch[0];
}

__kernel void with_constant(__global float *y, __constant float *table) {
    y[get_global_id(0)] = table[0];
}

/* Long enough to take time on any clock. */
__kernel void busy(__global float *y, int rounds) {
    float sum = y[get_global_id(0)];
    for (int i = 0; i < rounds; i++)
        sum = sum * 0.999f + 1.0f;
    y[get_global_id(0)] = sum;
}

/* y[i] = x[i], but at least 10.5: the maximum of floats, not of integers. */
__kernel void at_least(__global float *y, __global const float *x, float other, int count) {
    size_t i = get_global_id(0);
    if (i < (size_t)count)
        y[i] = max(x[i], 10.5f);
}
