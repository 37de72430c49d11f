/* Cases of kernels/softmax_cross_entropy.cl: loss and hits, the gradient or the predicted classes, and the state. */
#include <math.h>
#include <string.h>

#include "src/check/lanes.h"
#include "src/check/rig.h"
#include "src/engine/batch.h"
#include "src/engine/softmax_cross_entropy.h"
#include "src/reference/reference.h"

struct loss_case {
    struct cln_case base;
    int classes;
    double scale; /* size of the logits */
    bool training;
    bool bad; /* one logit is NaN: the state must freeze */
    double smoothing;
    enum { NONE, SPREAD, SOME_ZERO, ZERO } weights; /* of the classes; some 0, or all 0 that are labels here */
    bool mixed;                                     /* every sample with the next: */
    double own;                                     /* share of the own label */
    int accumulate;                                 /* batches per update */
};

static const struct loss_case cases[] = {
    {{"every batch", 257, EVERY_BATCH, .quick = true}, 10, 2, true},
    {{"every batch, prediction", 257, EVERY_BATCH, .quick = true}, 10, 2, false},
    {{"one class", 3, {3}, .quick = true}, 1, 1, true},
    {{"far apart", 17, {17}, .quick = true}, 3, 1000, true},
    {{"all equal", 17, {17}}, 7, 0, true},
    {{"all equal, prediction", 17, {17}, .quick = true}, 7, 0, false},
    {{"255 classes", 5, {5}}, 255, 5, true},
    {{"not a number", 17, {17}, .quick = true}, 4, 1, true, true},
    {{"not a number, prediction", 5, {5}}, 4, 1, false, true},
    {{"more batches of an update to come", 17, {17, 3}, .quick = true}, 3, 1, true, .accumulate = 2},
    {{"last batch of an update", 17, {17}}, 3, 1, true, .accumulate = 3},
    {{"label smoothing", 257, EVERY_BATCH, .quick = true}, 10, 3, true, .smoothing = 0.1},
    {{"label smoothing, far apart", 17, {17}}, 3, 1000, true, .smoothing = 0.9},
    {{"label smoothing, prediction", 17, {17}}, 10, 2, false, .smoothing = 0.1}, /* without */
    {{"class weights", 257, EVERY_BATCH, .quick = true}, 10, 3, true, .weights = SPREAD},
    {{"class weights, label smoothing", 257, {257, 31, 1}}, 10, 3, true, .smoothing = 0.3, .weights = SPREAD},
    {{"class weights, far apart", 17, {17}}, 3, 1000, true, .weights = SPREAD},
    {{"class weights, some 0", 257, {257, 17}}, 10, 3, true, .weights = SOME_ZERO},
    {{"class weights, none counts", 17, {17}, .quick = true}, 10, 3, true, .smoothing = 0.1, .weights = ZERO},
    {{"class weights, not a number", 17, {17}}, 4, 1, true, true, .weights = SPREAD},
    {{"mixed", 257, EVERY_BATCH, .quick = true}, 10, 3, true, .mixed = true, .own = 0.75},
    {{"mixed, the other has more", 17, {1, 17}, .quick = true}, 3, 2, true, .mixed = true, .own = 0.25},
    {{"mixed, equal parts", 17, {17}}, 3, 2, true, .mixed = true, .own = 0.5},
    {{"mixed, all of the other", 17, {17}}, 10, 2, true, .mixed = true, .own = 0},
    {{"mixed, label smoothing", 257, {257, 31}}, 10, 3, true, .smoothing = 0.3, .mixed = true, .own = 0.375},
    {{"mixed, far apart", 17, {17}}, 3, 1000, true, .mixed = true, .own = 0.5},
    {{"mixed, not a number", 17, {17}}, 4, 1, true, true, .mixed = true, .own = 0.5},
};

enum { POSITION = 3, BATCHES = 3 }; /* samples of the epoch before this batch; batches, with this one */

static struct cln_probe *put_labels(struct cln_rig *b, const int32_t *labels) {
    struct cln_probe *p = cln_rig_cells(b, "labels", (size_t)b->plan.blocks * (size_t)b->plan.tuning.lanes);
    p->integer = true;
    for (size_t n = 0; n < cln_rig_blocks(b) * (size_t)b->plan.tuning.lanes; n++)
        cln_probe_put(p, n, &(double){n < (size_t)b->count ? labels[n] : -1}, 1);
    return p;
}

#define SMALLEST 0.25 /* weight above 0, and the largest */
#define LARGEST 4.0

static double *draw_weights(struct cln_rig *b, const struct loss_case *c, const int32_t *labels) {
    double *weights = cln_rig_random(b, (size_t)c->classes, (SMALLEST + LARGEST) / 2, (LARGEST - SMALLEST) / 2);
    for (int k = 0; k < c->classes && c->weights == SOME_ZERO; k += 2)
        weights[k] = 0;
    for (int n = 0; n < b->count && c->weights == ZERO; n++)
        weights[labels[n]] = 0;
    return weights;
}

/* The sum of the weights of `count` labels. */
static double weight_of(const double *weights, const int32_t *labels, size_t count) {
    double sum = 0;
    for (size_t n = 0; n < count; n++)
        sum += weights ? weights[labels[n]] : 1;
    return sum;
}

/* The labels that those of a batch are mixed with. */
static int32_t *others_of(struct cln_rig *b, const int32_t *labels) {
    int32_t *others = (void *)cln_rig_alloc(b, (size_t)b->count);
    for (size_t i = 0; i < (size_t)b->count; i++)
        others[i] = labels[(i + 1) % (size_t)b->count];
    return others;
}

/* Expects the loss and hits of every block; returns their totals. */
static void expect_sums(struct cln_rig *b, const struct loss_case *c, struct cln_probe *sums, const double *logits,
                        const int32_t *labels, const double *weights, double *loss, size_t *hits, double *tolerance) {
    const int classes = c->classes;
    const double smoothing = c->training ? c->smoothing : 0;
    const int32_t *others = others_of(b, labels);
    const size_t most = (size_t)cln_plan_samples_per_part(&b->plan);
    *loss = *tolerance = 0;
    *hits = 0;
    const double all = weight_of(weights, labels, (size_t)b->count);
    for (size_t part = 0; part < cln_rig_parts(b); part++) {
        const size_t first = part * most, left = first < (size_t)b->count ? (size_t)b->count - first : 0;
        const size_t samples = left < most ? left : most;
        const double *own = logits + first * (size_t)classes;
        size_t part_hits = 0;
        /* The part of the batch's weighted mean, times its samples: without weights the samples of the part. */
        const double share = all > 0 ? weight_of(weights, labels + first, samples) / all * b->count : 0;
        double part_loss = share * cln_reference_softmax_cross_entropy(samples, classes, own, labels + first, smoothing,
                                                                       weights, &part_hits, NULL);
        if (c->mixed)
            part_loss = (double)samples * cln_reference_mixed_cross_entropy(samples, classes, own, labels + first,
                                                                            others + first, c->own, smoothing,
                                                                            &part_hits, NULL);
        double size = 1; /* roundings of the exponentials: a few of 1 per sample */
        for (size_t i = 0; i < samples * (size_t)classes; i++)
            size = fmax(size, 1 + 2 * fabs(own[i]));
        /* Weights are summed over a block and then over blocks; with smoothing all classes' losses are. */
        const double summed = weights ? (double)(most + cln_rig_parts(b)) / 8 + 2 : 1;
        size *= summed * (double)samples * (weights ? LARGEST / SMALLEST : 1);
        cln_probe_expect(sums, 2 * part, part_loss, 8 * CLN_EPS32 * size);
        cln_probe_expect(sums, 2 * part + 1, (double)part_hits, 0);
        *loss += part_loss;
        *hits += part_hits;
        *tolerance += 8 * CLN_EPS32 * size;
    }
}

static void expect_outputs(struct cln_rig *b, const struct loss_case *c, const double *logits, const int32_t *labels,
                           const double *weights, struct cln_probe *gradient, struct cln_probe *predicted) {
    const size_t n = (size_t)b->count, classes = (size_t)c->classes, lanes = (size_t)b->plan.tuning.lanes;
    if (!c->training) {
        for (size_t i = 0; i < n; i++) {
            size_t best = 0;
            for (size_t k = 1; k < classes; k++)
                best = logits[i * classes + k] > logits[i * classes + best] ? k : best;
            cln_probe_expect(predicted, POSITION + i, (double)best, 0);
        }
        return;
    }
    double *expected = cln_rig_alloc(b, n * classes), *size = cln_rig_alloc(b, n * classes);
    if (c->mixed)
        cln_reference_mixed_cross_entropy(n, c->classes, logits, labels, others_of(b, labels), c->own, c->smoothing,
                                          NULL, expected);
    else
        cln_reference_softmax_cross_entropy(n, c->classes, logits, labels, c->smoothing, weights, NULL, expected);
    /* exp(x) of a difference that was rounded: relative to the probability, the roundings of the logits; and the
     * subtraction from one. */
    for (size_t i = 0; i < n * classes; i++)
        size[i] = (1 + 2 * c->scale * fabs(expected[i]) * (double)n) / (double)n;
    /* The weights' sum has a rounding per addition, and a sample may weigh more than the mean. */
    const double all = weight_of(weights, labels, n), additions = (double)(lanes + cln_rig_blocks(b)) / 8;
    for (size_t i = 0; weights && i < n * classes; i++)
        size[i] = size[i] * (all > 0 ? LARGEST * (double)n / all : 0) + additions * fabs(expected[i]);
    cln_rig_expect_tensor(b, gradient, (struct cln_shape){c->classes, 1, 1}, expected, size, 8);
    for (size_t i = n; i < cln_rig_blocks(b) * lanes; i++)
        for (size_t k = 0; k < classes; k++)
            cln_probe_expect(gradient, cln_lanes_index(lanes, classes, i, k), 0, 0);
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    const struct loss_case *c = entry;
    const struct cln_shape shape = {c->classes, 1, 1};
    const size_t n = (size_t)b->count, count = n * (size_t)c->classes;
    const struct cln_state before = {.batch_size = b->plan.batch_size,
                                     .samples = 10000,
                                     .position = POSITION,
                                     .whole = b->count,
                                     .count = b->count,
                                     .batches = BATCHES + 4,
                                     .resumed = 4,
                                     .seen = POSITION,
                                     .step = 6,
                                     .ended = 1,
                                     .accumulate = c->accumulate,
                                     .first = POSITION - 3,
                                     .hits = 2,
                                     .loss_sum = 7.5F,
                                     .label_smoothing = (float)c->smoothing};
    b->state = before;
    double *logits = cln_rig_random(b, count, 0, c->scale);
    int32_t *labels = (void *)cln_rig_alloc(b, n);
    for (size_t i = 0; i < n; i++)
        labels[i] = (int32_t)cln_random_below(&b->random, (uint32_t)c->classes);
    if (c->bad)
        logits[count / 2] = NAN;
    double *weights = c->weights == NONE ? NULL : draw_weights(b, c, labels);
    struct cln_probe *class_weights = weights ? cln_rig_cells(b, "weights", (size_t)c->classes) : NULL;
    if (weights)
        cln_probe_put(class_weights, 0, weights, (size_t)c->classes);

    const struct cln_mix mixes[2] = {{0}, {.own = (float)c->own}}; /* this batch's is the second */
    struct cln_probe *pmixes = c->mixed ? cln_rig_cells(b, "mixes", sizeof mixes / (sizeof(int))) : NULL;
    if (c->mixed)
        memcpy(pmixes->before, mixes, sizeof mixes);

    struct cln_probe *plogits = cln_rig_tensor(b, "logits", shape, logits), *plabels = put_labels(b, labels);
    struct cln_probe *gradient = cln_rig_tensor(b, "gradient", shape, NULL);
    struct cln_probe *predicted = cln_rig_cells(b, "predicted", POSITION + (size_t)b->plan.batch_size);
    struct cln_probe *sums = cln_rig_partials(b, "sums", 1, 1, 2), *rates = cln_rig_cells(b, "rates", BATCHES);
    predicted->integer = true;
    cln_probe_put(rates, 0, (double[BATCHES]){1, 2, 3}, BATCHES);
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_softmax_cross_entropy(
            &b->plan, &(struct cln_softmax_cross_entropy){.classes = c->classes,
                                                          .logits = plogits->buffer,
                                                          .labels = plabels->buffer,
                                                          .gradient = c->training ? gradient->buffer : NULL,
                                                          .predicted = c->training ? NULL : predicted->buffer,
                                                          .sums = sums->buffer,
                                                          .mixes = c->mixed ? pmixes->buffer : NULL,
                                                          .class_weights = weights ? class_weights->buffer : NULL});
    if (status == CLN_OK)
        status = cln_batch_end(&b->plan, &(struct cln_batch){.in = {1, 1, 1}, .out = {1, 1, 1}, .rates = rates->buffer},
                               sums->buffer);
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;

    double loss = 0, tolerance = 0;
    size_t hits = 0;
    if (c->bad) {
        cln_probe_free(gradient, 0, cln_rig_blocks(b) * (size_t)b->plan.tuning.lanes * (size_t)c->classes);
        cln_probe_free(predicted, POSITION, n);
    } else {
        expect_sums(b, c, sums, logits, labels, weights, &loss, &hits, &tolerance);
        expect_outputs(b, c, logits, labels, weights, gradient, predicted);
    }
    cln_rig_compare(b);
    cln_rig_compare_value(b, "state.frozen", b->state.frozen, c->bad, 0);
    cln_rig_compare_value(b, "state.seen", b->state.seen, before.seen + (c->bad ? 0 : b->count), 0);
    cln_rig_compare_value(b, "state.lr", (double)b->state.lr, c->bad ? 0 : BATCHES, 0);
    const bool begins = c->accumulate != 2; /* the next batch an update; this is the third */
    cln_rig_compare_value(b, "state.ended", b->state.ended, c->bad ? 1 : BATCHES, 0);
    cln_rig_compare_value(b, "state.update", b->state.update, c->bad ? 0 : before.step + begins, 0);
    cln_rig_compare_value(b, "state.before", b->state.before, c->bad || begins ? 0 : 3 + b->count, 0);
    cln_rig_compare_value(b, "state.next", b->state.next, c->bad ? 0 : POSITION + b->count, 0);
    cln_rig_compare_value(b, "state.hits", b->state.hits, before.hits + (double)hits, 0);
    cln_rig_compare_value(b, "state.loss_sum", b->state.loss_sum - (double)b->state.loss_carry,
                          (double)before.loss_sum + loss, tolerance + 2 * CLN_EPS32 * fabs(loss));
    return CLN_OK;
}

const struct cln_operation cln_device_softmax_cross_entropy = CLN_OPERATION("softmax_cross_entropy", cases, run);
