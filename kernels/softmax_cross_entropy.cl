/* Softmax cross-entropy by log-sum-exp: loss_n = log sum_k exp(y[n,k]) - sum_k t[n,k] y[n,k]; its gradient
 * (softmax - t) / batch; and the sums that batch_end adds to the epoch's loss and accuracy. The target t is 1 for the
 * label and 0 for the other classes. In training, label smoothing s makes it 1 - s + s / CLASSES and s / CLASSES.
 * With CLASS_WEIGHTS w, each class k of the target counts w[k] times, and the sums are divided by sum_n w[label n] in
 * the place of the batch: as in PyTorch, but 0 where that is 0. */
#include "lanes.clh"

#ifndef CLASSES
#define CLASSES 10
#endif

#ifndef CLASS_WEIGHTS
#define CLASS_WEIGHTS 0
#endif
#if CLASS_WEIGHTS
#define CLASS_WEIGHTS_ARGUMENT , __global const float *restrict class_weights

/* The sum of the weights of `count` samples' labels, block by block, always in the same order. */
static inline float sum_of_weights(__global const float *weights, __global const int *labels, int count) {
    float sum = 0.0f;
    for (int first = 0; first < count; first += LANES) {
        float of_block = 0.0f;
        for (int n = first; n < min(first + LANES, count); n++)
            of_block += weights[labels[n]];
        sum += of_block;
    }
    return sum;
}

#else
#define CLASS_WEIGHTS_ARGUMENT
#endif

/* Groups: (1, blocks). In training writes `gradient`; in prediction writes `predicted`, the class of the first largest
 * logit, by place in the epoch's order. sums[block] = (loss, hits) over the block's samples. */
GROUP_OF(GROUP)
__kernel void softmax_cross_entropy(__global const floatv *restrict logits, __global const intv *restrict labels,
                                    __global floatv *restrict gradient, __global int *restrict predicted,
                                    const int training, __global float2 *restrict sums,
                                    __global const struct cln_state *restrict state CLASS_WEIGHTS_ARGUMENT PLACE) {
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
#if CLASS_WEIGHTS
    const float all = sum_of_weights(class_weights, (__global const int *)labels, count);
    const float part = all > 0.0f ? 1.0f / all : 0.0f;
    floatv weight = (floatv)0.0f, others = (floatv)0.0f; /* of the label; the sum of all classes' weighted losses */
    float whole = 0.0f;                                  /* the sum of all weights */
    for (int k = 0; k < CLASSES; k++) {
        weight = select(weight, (floatv)class_weights[k], label == (intv)k);
        others = multiply_add(loss + (own - logits[base + k * GROUP]), (floatv)class_weights[k], others);
        whole += class_weights[k];
    }
    weight *= 1.0f - smoothing;
    loss *= weight;
    if (smoothing > 0.0f)
        loss = multiply_add(others, (floatv)share, loss);
    loss *= part * (float)count; /* batch_end takes the mean over samples */
#else
    if (smoothing > 0.0f) {
        floatv others = (floatv)0.0f; /* by how much all logits together are below the label's */
        for (int k = 0; k < CLASSES; k++)
            others += own - logits[base + k * GROUP];
        loss = multiply_add(others, (floatv)share, loss);
    }
#endif
    const floatv hit = select((floatv)0.0f, (floatv)1.0f, label == best);

    if (training) {
#if CLASS_WEIGHTS
        const floatv scale = live((floatv)part, mask), targets = weight + share * whole; /* of all classes */
        for (int k = 0; k < CLASSES; k++) {
            const floatv y = logits[base + k * GROUP], rest = (floatv)(share * class_weights[k]);
            const floatv target = select(rest, rest + weight, label == (intv)k);
            gradient[base + k * GROUP] = live((exp(y - largest) / total * targets - target) * scale, mask);
        }
#else
        const floatv scale = live((floatv)(1.0f / (float)count), mask);
        for (int k = 0; k < CLASSES; k++) {
            const floatv y = logits[base + k * GROUP];
            const floatv target = select((floatv)share, (floatv)(1.0f - smoothing + share), label == (intv)k);
            gradient[base + k * GROUP] = live((exp(y - largest) / total - target) * scale, mask);
        }
#endif
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
