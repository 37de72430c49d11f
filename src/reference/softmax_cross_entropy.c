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

double cln_reference_softmax_cross_entropy(size_t batch, int classes, const double *logits, const uint8_t *labels,
                                           double smoothing, size_t *hits, double *dlogits) {
    size_t count = (size_t)classes, hit_count = 0;
    double loss = 0;
    for (size_t n = 0; n < batch; n++) {
        const double *z = logits + n * count;
        size_t best = first_largest(z, count), label = labels[n];
        double sum = 0;
        for (size_t k = 0; k < count; k++)
            sum += exp(z[k] - z[best]);
        double log_sum = z[best] + log(sum);
        loss += log_sum - (1 - smoothing) * z[label];
        for (size_t k = 0; k < count; k++)
            loss -= smoothing / (double)count * z[k];
        hit_count += best == label;
        for (size_t k = 0; dlogits && k < count; k++)
            dlogits[n * count + k] =
                (exp(z[k] - log_sum) - (1 - smoothing) * (k == label) - smoothing / (double)count) / (double)batch;
    }
    if (hits)
        *hits = hit_count;
    return loss / (double)batch;
}
