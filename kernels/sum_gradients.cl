/* The sum of every gradient's slices, where something comes between the sum and the optimizer: other processes with a
 * part of the batch, the norm of all gradients, or further batches of the update. Otherwise the optimizer sums the
 * slices itself, in the same order. Of parameters that never change the sum is 0: no norm and no exchange counts them.
 * With ACCUMULATE a batch's gradients are multiplied by its share of the update's samples, and those of all batches of
 * the update are added up: the gradient of the mean loss over the samples of all of them. */
#include "optimizer.clh"

#ifndef ACCUMULATE
#define ACCUMULATE 0
#endif
#ifndef NODES
#define NODES 0
#endif

/* Where several processes share a batch, with STRICT: the sum of this process's slices, in the order of the tree over
 * the slices of all, as far as they go. That leaves up to NODES nodes of the tree, in the order of the samples
 * (cln_exchange_nodes). The slices of a shard of samples are consecutive; there is room for SHARDS of these. Node n of
 * a float is at gradients[n*floats]. */
#if NODES
static inline void put_nodes(__global float *gradients, int floats, __global const float *partials, const int4 slices,
                             int at, int first_shard, int shards, int is_zero) {
    enum { LEVELS = 24 };
    __global const float *slice = partials + slices.x + at % TENSOR_ALIGN;
    const int of_shard = max(slices.y / SHARDS, 1), first = first_shard * of_shard;
    floatv waiting[LEVELS];
    int waits = 0, node = 0; /* bit l of `waits`: waiting[l] is the sum of 2^l slices */
    for (int s = 0; s < (is_zero ? 0 : min(shards * of_shard, slices.y)); s++) {
        floatv sum = load_floatv(slice + s * slices.z);
        int level = 0;
        for (; (first + s) >> level & waits >> level & 1; level++) {
            sum = waiting[level] + sum;
            waits ^= 1 << level;
        }
        if ((first + s) >> level & 1) /* the right one of two, and the left one is elsewhere */
            store_floatv(sum, gradients + at + node++ * floats);
        else
            waiting[level] = sum, waits |= 1 << level;
    }
    for (int level = LEVELS - 1; level >= 0; level--)
        if (waits >> level & 1)
            store_floatv(waiting[level], gradients + at + node++ * floats);
    for (; node < NODES; node++)
        store_floatv((floatv)0.0f, gradients + at + node * floats);
}
#endif

__kernel void sum_gradients(__global float *restrict gradients, __global const float *restrict partials,
                            __global const int4 *restrict slice_table, const int floats,
                            __global const struct cln_state *restrict state PLACE) {
    const int at = item_id() * VECTOR;
    if (at >= floats || state->whole == 0)
        return;
    const int4 slices = slice_table[at / TENSOR_ALIGN];
    /* What is the same in all processes, the first one brings. */
    const int is_zero = slices.w & 2 || (slices.w & 4 && state->share > 0);
#if NODES
    put_nodes(gradients, floats, partials, slices, at, state->share / SHARD_SAMPLES,
              (state->most + SHARD_SAMPLES - 1) / SHARD_SAMPLES, is_zero);
#else
    floatv sum = is_zero ? (floatv)0.0f : gradient_sum(partials, slices, at);
#if ACCUMULATE
    if (state->frozen)
        return;
    const int samples = min(state->samples - state->first, state->accumulate * state->batch_size);
    const floatv share = (floatv)scalar_divided((float)state->whole, (float)samples);
    sum =
        settled(state->position == state->first ? sum * share : multiply_add(sum, share, load_floatv(gradients + at)));
#endif
    store_floatv(sum, gradients + at);
#endif
}
