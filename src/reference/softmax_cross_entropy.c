/* Softmax cross-entropy; the largest logit is subtracted before exponentials are taken. */
#include <math.h>

#include "src/reference/reference.h"

static size_t first_largest(const double *values, size_t count) {
    size_t best = 0;
    for (size_t k = 1; k < count; k++) {
        if (values[k] > values[best])
            best = k;
    }
    return best;
}

/* What class k counts in the target of a label: its weight times its part of the target. */
static double target(size_t k, size_t label, size_t count, double smoothing, const double *weights) {
    return (weights ? weights[k] : 1) * ((1 - smoothing) * (k == label) + smoothing / (double)count);
}

double cln_reference_softmax_cross_entropy(size_t batch, int classes, const double *logits, const int32_t *labels,
                                           double smoothing, const double *weights, size_t *hits, double *dlogits) {
    size_t count = (size_t)classes, hit_count = 0;
    double loss = 0, all = 0; /* all: the weights of all labels */
    for (size_t n = 0; n < batch; n++)
        all += weights ? weights[labels[n]] : 1;
    const double part = all > 0 ? 1 / all : 0;
    for (size_t n = 0; n < batch; n++) {
        const double *z = logits + n * count;
        size_t best = first_largest(z, count), label = (size_t)labels[n];
        double sum = 0, whole = 0;
        for (size_t k = 0; k < count; k++) {
            sum += exp(z[k] - z[best]);
            whole += target(k, label, count, smoothing, weights);
        }
        double log_sum = z[best] + log(sum);
        for (size_t k = 0; k < count; k++)
            loss += target(k, label, count, smoothing, weights) * (log_sum - z[k]);
        hit_count += best == label;
        for (size_t k = 0; dlogits && k < count; k++)
            dlogits[n * count + k] = (exp(z[k] - log_sum) * whole - target(k, label, count, smoothing, weights)) * part;
    }
    if (hits)
        *hits = hit_count;
    return loss * part;
}

double cln_reference_mixed_cross_entropy(size_t batch, int classes, const double *logits, const int32_t *labels,
                                         const int32_t *others, double own, double smoothing, size_t *hits,
                                         double *dlogits) {
    const double loss =
        cln_reference_softmax_cross_entropy(batch, classes, logits, labels, smoothing, NULL, hits, dlogits);
    size_t other_hits;
    const double other =
        cln_reference_softmax_cross_entropy(batch, classes, logits, others, smoothing, NULL, &other_hits, NULL);
    if (hits && own < 0.5)
        *hits = other_hits;
    /* The gradients differ in the labels alone. */
    for (size_t n = 0; dlogits && n < batch; n++) {
        const double moved = (1 - own) * (1 - smoothing) / (double)batch;
        dlogits[n * (size_t)classes + labels[n]] += moved;
        dlogits[n * (size_t)classes + others[n]] -= moved;
    }
    return own * loss + (1 - own) * other;
}
