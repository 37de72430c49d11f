/* The sum of every gradient's slices, where something comes between the sum and the optimizer: an exchange between
 * processes, or the norm of all gradients. Otherwise the optimizer sums the slices itself, in the same order. */
#include "optimizer.clh"

__kernel void sum_gradients(__global float *restrict gradients, __global const float *restrict partials,
                            __global const int4 *restrict slice_table, const int floats,
                            __global const struct cln_state *restrict state PLACE) {
    const int at = item_id() * VECTOR;
    if (at >= floats || state->count == 0)
        return;
    store_floatv(gradient_sum(partials, slice_table[at / TENSOR_ALIGN], at), gradients + at);
}
