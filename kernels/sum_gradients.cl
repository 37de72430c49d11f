/* The sum of every gradient's slices, where something comes between the sum and the optimizer: an exchange between
 * processes, the norm of all gradients, or further batches of the update. Otherwise the optimizer sums the slices
 * itself, in the same order. Of parameters that never change the sum is 0: no norm and no exchange counts them. With
 * ACCUMULATE a batch's gradients are multiplied by its share of the update's samples, and those of all batches of the
 * update are added up: the gradient of the mean loss over the samples of all of them. */
#include "optimizer.clh"

#ifndef ACCUMULATE
#define ACCUMULATE 0
#endif

__kernel void sum_gradients(__global float *restrict gradients, __global const float *restrict partials,
                            __global const int4 *restrict slice_table, const int floats,
                            __global const struct cln_state *restrict state PLACE) {
    const int at = item_id() * VECTOR;
    if (at >= floats || state->count == 0)
        return;
    const int4 slices = slice_table[at / TENSOR_ALIGN];
    floatv sum = slices.w & 2 ? (floatv)0.0f : gradient_sum(partials, slices, at);
#if ACCUMULATE
    if (state->frozen)
        return;
    const int samples = min(state->samples - state->first, state->accumulate * state->batch_size);
    const floatv share = (floatv)scalar_divided((float)state->count, (float)samples);
    sum =
        settled(state->position == state->first ? sum * share : multiply_add(sum, share, load_floatv(gradients + at)));
#endif
    store_floatv(sum, gradients + at);
}
