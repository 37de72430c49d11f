/* Softmax cross-entropy by log-sum-exp: loss_n = log sum_k exp(y[n,k]) - sum_k t[n,k] y[n,k]; its gradient
 * (softmax - t) / batch; and the sums that batch_end adds to the epoch's loss and accuracy. The target t is 1 for the
 * label and 0 for the other classes. In training, label smoothing s makes it 1 - s + s / CLASSES and s / CLASSES.
 * With CLASS_WEIGHTS w, each class k of the target counts w[k] times, and the sums are divided by sum_n w[label n] in
 * the place of the batch: as in PyTorch, but 0 where that is 0. With MIX the picture of a sample is mixed with
 * another's: the target is p for the label, 1 - p for the other's label, and a prediction is right if it is the label
 * with more. */
#include "lanes.clh"

#ifndef CLASSES
#define CLASSES 10
#endif

#ifndef CLASS_WEIGHTS
#define CLASS_WEIGHTS 0
#endif
#ifndef MIX /* not with CLASS_WEIGHTS */
#define MIX 0
#endif

#if CLASS_WEIGHTS
#define MORE_ARGUMENTS , __global const float *restrict class_weights

/* The sum of the weights of `count` samples' labels, block by block, always in the same order. */
static inline float sum_of_weights(__global const float *weights, __global const int *labels, int count) {
    enum { AT_ONCE = STRICT ? OCTET : LANES };
    float sum = 0.0f;
    for (int first = 0; first < count; first += AT_ONCE) {
        float of_block = 0.0f;
        for (int n = first; n < min(first + AT_ONCE, count); n++)
            of_block += scalar_settled(weights[labels[n]]);
        sum += of_block;
    }
    return sum;
}

#elif MIX
#define MORE_ARGUMENTS , __global const struct cln_mix *restrict mixes

/* The labels of the samples that those of this work-item are mixed with: batch.cl. */
static inline intv other_labels(__global const int *labels, int first, int whole) {
    int label[VECTOR];
#pragma unroll
    for (int lane = 0; lane < VECTOR; lane++)
        label[lane] = labels[(first + lane + 1) % whole];
#if VECTOR == 1
    return label[0];
#else
    return PASTE(vload, VECTOR)(0, label);
#endif
}
#else
#define MORE_ARGUMENTS
#endif

/* Groups: (1, blocks). In training writes `gradient`; in prediction writes `predicted`, the class of the first largest
 * logit, by place in the epoch's order. sums[part] = (loss, hits) over the samples of a block, or of its LANE_PARTS. */
GROUP_OF(GROUP)
__kernel void softmax_cross_entropy(__global const floatv *restrict logits, __global const intv *restrict labels,
                                    __global floatv *restrict gradient, __global int *restrict predicted,
                                    const int training, __global float2 *restrict sums,
                                    __global const struct cln_state *restrict state MORE_ARGUMENTS PLACE) {
    PART_SUMS(2)
    const int block = group_id(1);
    const int count = state->count, whole = state->whole;
    if (block >= blocks_of(count))
        return;
    const int first = state->share + block * LANES + lane_group() * VECTOR; /* place in the batch */
    const size_t base = (size_t)block * CLASSES * GROUP + lane_group();
    const intv label = labels[first / VECTOR];
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
        total += natural_exp(y - largest);
        own = select(own, y, label == (intv)k);
    }
#if MIX
    const float part = mixes[state->ended].own;
    const intv other = other_labels((__global const int *)labels, first, whole), leading = part < 0.5f ? other : label;
    floatv second = (floatv)0.0f;
    for (int k = 0; k < CLASSES; k++)
        second = select(second, logits[base + k * GROUP], other == (intv)k);
    own = settled(multiply_add(own - second, (floatv)part, second));
#else
    const intv leading = label;
#endif
    floatv loss = natural_log(total) + (largest - own);
    const float smoothing = training ? state->label_smoothing : 0.0f,
                share = scalar_settled(scalar_divided(smoothing, (float)CLASSES));
#if CLASS_WEIGHTS
    const float all = sum_of_weights(class_weights, (__global const int *)labels, whole);
    const float part = all > 0.0f ? scalar_settled(scalar_divided(1.0f, all)) : 0.0f;
    floatv weight = (floatv)0.0f, others = (floatv)0.0f; /* of the label; the sum of all classes' weighted losses */
    float every = 0.0f;                                  /* the sum of all weights */
    for (int k = 0; k < CLASSES; k++) {
        weight = select(weight, (floatv)class_weights[k], label == (intv)k);
        others =
            multiply_add(loss + (own - logits[base + k * GROUP]), (floatv)scalar_settled(class_weights[k]), others);
        every += class_weights[k];
    }
    weight = settled(weight * (1.0f - smoothing));
    loss = settled(loss * weight);
    if (smoothing > 0.0f)
        loss = multiply_add(settled(others), (floatv)share, loss);
    loss = settled(loss) * scalar_settled(part * (float)whole); /* batch_end takes the mean over samples */
#else
    if (smoothing > 0.0f) {
        floatv others = (floatv)0.0f; /* by how much all logits together are below the label's */
        for (int k = 0; k < CLASSES; k++)
            others += own - logits[base + k * GROUP];
        loss = multiply_add(others, (floatv)share, loss);
    }
#endif
    const floatv hit = select((floatv)0.0f, (floatv)1.0f, leading == best);

    if (training) {
#if CLASS_WEIGHTS
        const floatv scale = live((floatv)part, mask),
                     targets = weight + scalar_settled(share * every); /* of all classes */
        for (int k = 0; k < CLASSES; k++) {
            const floatv y = logits[base + k * GROUP], rest = (floatv)scalar_settled(share * class_weights[k]);
            const floatv target = select(rest, rest + weight, label == (intv)k);
            const floatv share_of_all = settled(divided(natural_exp(y - largest), total) * targets);
            gradient[base + k * GROUP] = settled(live((share_of_all - target) * scale, mask));
        }
#else
        const floatv scale = live((floatv)scalar_divided(1.0f, (float)whole), mask);
        for (int k = 0; k < CLASSES; k++) {
            const floatv y = logits[base + k * GROUP];
#if MIX
            const floatv target = share + select((floatv)0.0f, (floatv)(part * (1.0f - smoothing)), label == (intv)k) +
                                  select((floatv)0.0f, (floatv)((1.0f - part) * (1.0f - smoothing)), other == (intv)k);
#else
            const floatv target = select((floatv)share, (floatv)(1.0f - smoothing + share), label == (intv)k);
#endif
            const floatv probability = settled(divided(natural_exp(y - largest), total));
            gradient[base + k * GROUP] = settled(live((probability - target) * scale, mask));
        }
#endif
    } else {
        int classes[VECTOR];
#if VECTOR == 1
        classes[0] = best;
#else
        PASTE(vstore, VECTOR)(best, 0, classes);
#endif
        for (int lane = 0; lane < VECTOR && first + lane < state->share + count; lane++)
            predicted[state->position + first + lane] = classes[lane];
    }

    const floatv of_lanes[] = {live(loss, mask), live(hit, mask)};
    part_put_sums(of_lanes, 2);
    lane_barrier();
    LANE_TOTALS(k, LANE_PARTS) { sums[block * LANE_PARTS + k] = (float2)(part_sum(0, k), part_sum(1, k)); }
}
