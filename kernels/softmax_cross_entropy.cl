/* Softmax cross-entropy by log-sum-exp: loss_n = log sum_k exp(y[n,k]) - sum_k t[n,k] y[n,k]; its gradient
 * (softmax - t) / batch; and the sums that batch_end adds to the epoch's loss and accuracy. The target t is 1 for the
 * label and 0 for the other classes. In training, label smoothing s makes it 1 - s + s / CLASSES and s / CLASSES. */
#include "lanes.clh"

#ifndef CLASSES
#define CLASSES 10
#endif

/* Groups: (1, blocks). In training writes `gradient`; in prediction writes `predicted`, the class of the first largest
 * logit, by place in the epoch's order. sums[block] = (loss, hits) over the block's samples. */
GROUP_OF(GROUP)
__kernel void softmax_cross_entropy(__global const floatv *restrict logits, __global const intv *restrict labels,
                                    __global floatv *restrict gradient, __global int *restrict predicted,
                                    const int training, __global float2 *restrict sums,
                                    __global const struct cln_state *restrict state PLACE) {
    LANE_SCRATCH(float2, 1)
    const int block = group_id(1);
    const int count = state->count;
    if (block >= blocks_of(count))
        return;
    const size_t base = (size_t)block * CLASSES * GROUP + lane_group();
    const intv label = labels[block * GROUP + lane_group()];
    const intv mask = live_lanes(block, count);

    floatv largest = logits[base];
    intv best = (intv)0;
    for (int k = 1; k < CLASSES; k++) {
        const floatv y = logits[base + k * GROUP];
        const intv better = (y > largest) | (y != y);
        best = select(best, (intv)k, better);
        largest = select(largest, y, better);
    }
    floatv total = (floatv)0.0f, own = (floatv)0.0f;
    for (int k = 0; k < CLASSES; k++) {
        const floatv y = logits[base + k * GROUP];
        total += exp(y - largest);
        own = select(own, y, label == (intv)k);
    }
    floatv loss = log(total) + (largest - own);
    const float smoothing = training ? state->label_smoothing : 0.0f, share = smoothing / CLASSES;
    if (smoothing > 0.0f) {
        floatv others = (floatv)0.0f; /* by how much all logits together are below the label's */
        for (int k = 0; k < CLASSES; k++)
            others += own - logits[base + k * GROUP];
        loss = multiply_add(others, (floatv)share, loss);
    }
    const floatv hit = select((floatv)0.0f, (floatv)1.0f, label == best);

    if (training) {
        const floatv scale = live((floatv)(1.0f / (float)count), mask);
        for (int k = 0; k < CLASSES; k++) {
            const floatv y = logits[base + k * GROUP];
            const floatv target = select((floatv)share, (floatv)(1.0f - smoothing + share), label == (intv)k);
            gradient[base + k * GROUP] = live((exp(y - largest) / total - target) * scale, mask);
        }
    } else {
        int classes[VECTOR];
#if VECTOR == 1
        classes[0] = best;
#else
        PASTE(vstore, VECTOR)(best, 0, classes);
#endif
        const int sample = block * LANES + lane_group() * VECTOR;
        for (int lane = 0; lane < VECTOR && sample + lane < count; lane++)
            predicted[state->position + sample + lane] = classes[lane];
    }

    lane_put(0, (float2)(vector_sum(live(loss, mask)), vector_sum(live(hit, mask))));
    lane_barrier();
    LANE_TOTALS(k, 1) {
        float2 total = lane_share(k, 0);
        lane_total(total, k);
        sums[block] = total;
    }
}
