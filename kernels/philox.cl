/* Fills a buffer with random numbers, as kernels that draw their own would: for the checks of philox.clh. */
#include "philox.clh"

__kernel void philox_fill(__global uint *restrict bits, __global float *restrict uniform, const int count,
                          const int seed_low, const int seed_high, const int step, const int stage,
                          const int first_quad) {
    const int quad = (int)get_global_id(0);
    if (4 * quad >= count)
        return;
    const uint4 four =
        random_bits((uint2)((uint)seed_low, (uint)seed_high), (uint)step, (uint)stage, (uint)first_quad + (uint)quad);
    const float4 numbers = random_uniform(four);
    const uint b[4] = {four.x, four.y, four.z, four.w};
    const float u[4] = {numbers.x, numbers.y, numbers.z, numbers.w};
    for (int i = 0; i < 4 && 4 * quad + i < count; i++) {
        bits[4 * quad + i] = b[i];
        uniform[4 * quad + i] = u[i];
    }
}
