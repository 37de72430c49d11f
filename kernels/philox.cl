/* Fills two tensors with random numbers, the way a kernel that needs some would draw them. `clenet check` compares
 * them; no training launches it. */
#include "philox.clh"

/* Groups: (quads of elements, blocks). */
GROUP_OF(GROUP)
__kernel void philox_fill(__global uintv *restrict bits, __global floatv *restrict uniforms, const int elements,
                          const int seed_low, const int seed_high, const int step, const int stage,
                          const int first_sample, const int first_quad,
                          __global const struct cln_state *restrict state PLACE) {
    const int block = group_id(1), quad = group_id(0);
    if (block >= blocks_of(state->count))
        return;
    uintv numbers[4];
    random_bits(numbers, (uint2)((uint)seed_low, (uint)seed_high), (uint)step, (uint)stage,
                lane_samples(block) + (uint)first_sample, (uint)quad + (uint)first_quad);
    for (int i = 0; i < min(4, elements - 4 * quad); i++) {
        const size_t at = ((size_t)block * elements + 4 * quad + i) * GROUP + lane_group();
        bits[at] = numbers[i];
        uniforms[at] = random_uniform(numbers[i]);
    }
}
