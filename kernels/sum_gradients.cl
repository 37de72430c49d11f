/* The sum of every gradient's slices, where something comes between the sum and the optimizer: an exchange between
 * processes, or the norm of all gradients. Otherwise the optimizer sums the slices itself, in the same order. Of
 * parameters that never change the sum is 0: no norm and no exchange counts them. */
#include "optimizer.clh"

__kernel void sum_gradients(__global float *restrict gradients, __global const float *restrict partials,
                            __global const int4 *restrict slice_table, const int floats,
                            __global const struct cln_state *restrict state PLACE) {
    const int at = item_id() * VECTOR;
    if (at >= floats || state->count == 0)
        return;
    const int4 slices = slice_table[at / TENSOR_ALIGN];
    store_floatv(slices.w & 2 ? (floatv)0.0f : gradient_sum(partials, slices, at), gradients + at);
}
