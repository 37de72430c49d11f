/* The norm of all gradients, for clipping: sums of their squares, in so many parts as there are work-groups. The
 * optimizer adds the parts up (`clipped` of optimizer.clh). The square of a large gradient would be infinite in
 * float32, so large ones are squared in another unit, and summed apart. */
#include "optimizer.clh"

/* `gradients` has `floats` gradients, and behind them a float2 for each part. Each part is of consecutive gradients,
 * and is summed in a fixed order. Groups: (parts, 1). */
GROUP_OF(TEAM_ITEMS)
__kernel void gradient_norm(__global float *restrict gradients, const int floats,
                            __global const struct cln_state *restrict state PLACE) {
    GROUP_SCRATCH
    if (state->whole == 0 || state->frozen)
        return;
    const int runs = floats / TENSOR_ALIGN, runs_each = (runs + group_count(0) - 1) / group_count(0);
    const int each = runs_each * (TENSOR_ALIGN / VECTOR);
    const int first = group_id(0) * each, end = min(first + each, floats / VECTOR);
    float2 total = (float2)0.0f;
    for (int part = 0; part < HALVES; part++) {
        floatv usual = (floatv)0.0f, large = (floatv)0.0f;
        for (int i = first + part * GROUP + group_rank(); i < end; i += HALVES * group_size()) {
            const floatv g = load_floatv(gradients + i * VECTOR), small = g * NORM_UNIT;
            const intv is_usual = fabs(g) < (floatv)NORM_LARGE; /* not if it is not a number */
            usual += select((floatv)0.0f, g * g, is_usual);
            large += select(small * small, (floatv)0.0f, is_usual);
        }
        total += group_sums(usual, large, group_scratch);
    }
    if (group_rank() == 0)
        ((__global float2 *)(gradients + floats))[group_id(0)] = total;
}
