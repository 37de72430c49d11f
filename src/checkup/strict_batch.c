/* The strict reference of a batch's beginning, its loss, and its end. */
#include <stdio.h>

#include "src/checkup/strict_private.h"

static const char *const loss_words[] = {"loss", "hits"};

/* ---- The beginning ---- */

static void own_begin(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at, int group[3],
                      int *item) {
    const int rows = t->dimensions[2].size, columns = t->dimensions[3].size;
    cln_strict_own_lanes(l, t, at, group, item);
    group[0] = ((at[1] * rows + at[2]) * columns + at[3]) / cln_strict_int(l, "FEATURES_PER_ITEM", 1);
    group[2] = 0;
}

/* The members of the state, each of 4 bytes. */
#define INT_OF(member)                                                                                                 \
    { #member, offsetof(struct cln_state, member), false }
#define FLOAT_OF(member)                                                                                               \
    { #member, offsetof(struct cln_state, member), true }
static const struct {
    const char *name;
    size_t offset;
    bool is_float;
} members[] = {
    INT_OF(batch_size),
    INT_OF(samples),
    INT_OF(next),
    INT_OF(position),
    INT_OF(whole),
    INT_OF(count),
    INT_OF(share),
    INT_OF(most),
    INT_OF(batches),
    INT_OF(epoch),
    INT_OF(resumed),
    INT_OF(accumulate),
    INT_OF(first),
    INT_OF(update),
    INT_OF(before),
    INT_OF(ended),
    INT_OF(seen),
    INT_OF(hits),
    FLOAT_OF(loss_sum),
    FLOAT_OF(loss_carry),
    INT_OF(frozen),
    INT_OF(step),
    FLOAT_OF(lr),
    FLOAT_OF(beta1),
    FLOAT_OF(beta2),
    FLOAT_OF(one_minus_beta1),
    FLOAT_OF(one_minus_beta2),
    FLOAT_OF(log_beta1),
    FLOAT_OF(log_beta2),
    FLOAT_OF(alpha),
    FLOAT_OF(one_minus_alpha),
    FLOAT_OF(eps),
    FLOAT_OF(momentum),
    INT_OF(nesterov),
    FLOAT_OF(weight_decay),
    FLOAT_OF(label_smoothing),
    FLOAT_OF(clip_norm),
    FLOAT_OF(one_minus_ema),
    FLOAT_OF(rate),
    FLOAT_OF(correction),
};
enum { MEMBERS = sizeof members / sizeof *members };
_Static_assert(MEMBERS * sizeof(int) == sizeof(struct cln_state), "every member has a row");

static struct cln_strict_tensor state_tensor(const struct cln_strict_launch *l, const char *name) {
    static const char *words[MEMBERS];
    struct cln_strict_tensor t = cln_strict_in_row(name, (int)l->arg_count - 1, 0, "member", MEMBERS, NULL, 1);
    for (size_t i = 0; i < MEMBERS; i++) {
        words[members[i].offset / sizeof(int)] = members[i].name;
        t.floats |= (uint64_t)members[i].is_float << members[i].offset / sizeof(int);
    }
    t.dimensions[0].words = words;
    t.cells = CLN_STRICT_INT;
    return t;
}

static void own_first(const struct cln_strict_launch *l, const struct cln_strict_tensor *t, const int *at, int group[3],
                      int *item) {
    (void)l;
    (void)t;
    (void)at;
    group[0] = group[1] = group[2] = *item = 0;
}

/* Of bytes of the network's own size, as they are. */
static size_t begin_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    static const char *const unknown[] = {"AUGMENT", "STANDARDIZE", "CHUNKED", "RING"};
    const int rows = cln_strict_int(l, "OUT_H", 1), columns = cln_strict_int(l, "OUT_W", 1);
    bool known = cln_strict_int(l, "PIXEL_BITS", 8) == 8 && cln_strict_int(l, "IN_H", 1) == rows &&
                 cln_strict_int(l, "IN_W", 1) == columns && rows * columns > 1;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        known = known && cln_strict_int(l, unknown[i], 0) == 0;
    if (!known)
        return 0;
    out[0] = cln_strict_in_lanes(l, "images", 6, cln_strict_int(l, "CHANNELS", 1), rows, columns);
    out[0].owner = own_begin;
    out[1] = cln_strict_in_lanes(l, "labels", 7, 1, 1, 1);
    out[1].cells = CLN_STRICT_INT;
    out[2] = state_tensor(l, "state at the beginning");
    out[2].owner = own_first;
    snprintf(out[0].operation, sizeof out[0].operation, "a byte divided by 255, with a fused remainder");
    snprintf(out[1].operation, sizeof out[1].operation, "a copy");
    snprintf(out[2].operation, sizeof out[2].operation, "the next batch's place");
    return 3;
}

static float to_unit(enum cln_strict_way way, float v) {
    const float reciprocal = 1.0f / 255.0f, product = v * reciprocal;
    return cln_settled(way, cln_fused(way, cln_fused(way, product, -255.0f, v), reciprocal, product));
}

static void begin(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const size_t features = (size_t)cln_strict_int(l, "CHANNELS", 1) * (size_t)cln_strict_int(l, "OUT_H", 1) *
                            (size_t)cln_strict_int(l, "OUT_W", 1);
    const uint8_t *pixels = l->before[0];
    const int32_t *labels = l->before[3], *order = l->before[4];
    struct cln_state *state = l->expected[l->arg_count - 1];
    int32_t *lane_labels = l->expected[7];
    for (int n = 0; n < b.count; n++) {
        const int32_t image = order[state->next + n];
        lane_labels[n] = labels[image];
        for (size_t f = 0; f < features; f++)
            cln_strict_out(l, 6)[cln_strict_cell(&b, features, n, f)] =
                to_unit(l->way, (float)pixels[(size_t)image * features + f]);
    }
    if (state->frozen)
        return;
    state->position = state->next;
    state->whole = state->count = b.count;
    if (b.count == 0)
        return;
    if (state->accumulate <= 1 || (state->batches - state->resumed) % state->accumulate == 0) {
        state->step++;
        state->first = state->position;
    }
    state->batches++;
}

/* ---- The loss ---- */

/* Of a training without classes' weights and mixes. */
static size_t loss_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    if (!cln_strict_value(l, 4) || cln_strict_int(l, "CLASS_WEIGHTS", 0) || cln_strict_int(l, "MIX", 0))
        return 0;
    out[0] = cln_strict_in_lanes(l, "gradient of the logits", 2, cln_strict_int(l, "CLASSES", 10), 1, 1);
    out[0].tile[0] = out[0].each; /* one work-item has all classes */
    out[1] = cln_strict_in_parts(l, "sums of the loss", 5, 1, (int)l->groups[1] * b.lane_parts, 1, loss_words, 2);
    snprintf(out[0].operation, sizeof out[0].operation,
             "an exponential divided by the sum of %d, less the target, over the samples", out[0].each);
    snprintf(out[1].operation, sizeof out[1].operation, "logarithms, summed over an octet of samples by halves");
    return 2;
}

/* The loss of one sample; its gradient goes to `gradient`. Classes are `lanes` apart. */
static float loss_of(const struct cln_strict_launch *l, const float *logits, int label, int lanes, float *gradient,
                     float *hit) {
    const enum cln_strict_way way = l->way;
    const struct cln_state *state = cln_strict_state(l);
    const int classes = cln_strict_int(l, "CLASSES", 10);
    int best = 0;
    for (int k = 1; k < classes; k++)
        if (logits[k * lanes] > logits[best * lanes] || isnan(logits[k * lanes]))
            best = k;
    const float largest = logits[best * lanes], own = logits[label * lanes], smoothing = state->label_smoothing;
    float total = 0.0f, others = 0.0f;
    for (int k = 0; k < classes; k++) {
        total += cln_natural_exp(way, logits[k * lanes] - largest);
        others += own - logits[k * lanes];
    }
    const float share = cln_settled(way, cln_divided(way, smoothing, (float)classes));
    const float scale = cln_divided(way, 1.0f, (float)state->count);
    for (int k = 0; k < classes; k++) {
        const float target = k == label ? 1.0f - smoothing + share : share;
        const float probability =
            cln_settled(way, cln_divided(way, cln_natural_exp(way, logits[k * lanes] - largest), total));
        gradient[k * lanes] = cln_settled(way, (probability - target) * scale);
    }
    const float loss = cln_natural_log(way, total) + (largest - own);
    *hit = label == best ? 1.0f : 0.0f;
    return smoothing > 0.0f ? cln_fused(way, others, share, loss) : loss;
}

static void loss(const struct cln_strict_launch *l) {
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const size_t classes = (size_t)cln_strict_int(l, "CLASSES", 10);
    const int32_t *labels = l->before[1];
    for (int part = 0; part < b.parts; part++) {
        float losses[OCTET] = {0}, hits[OCTET] = {0};
        for (int k = 0; k < OCTET && part * OCTET + k < b.count; k++) {
            const int n = part * OCTET + k;
            const size_t at = cln_strict_cell(&b, classes, n, 0);
            losses[k] = loss_of(l, cln_strict_in(l, 0) + at, labels[n], b.lanes, cln_strict_out(l, 2) + at, &hits[k]);
        }
        cln_strict_out(l, 5)[2 * part] = cln_octet_sum(l->way, losses);
        cln_strict_out(l, 5)[2 * part + 1] = cln_octet_sum(l->way, hits);
    }
}

/* ---- The end ---- */

static size_t end_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    out[0] = state_tensor(l, "state at the end");
    out[0].owner = own_first;
    snprintf(out[0].operation, sizeof out[0].operation,
             "the sum of the losses of %d octets, and the optimizer's factors", cln_strict_batch_of(l).parts);
    return 1;
}

static void end(const struct cln_strict_launch *l) {
    const enum cln_strict_way way = l->way;
    struct cln_state *state = l->expected[l->arg_count - 1];
    const float *sums = cln_strict_in(l, 0), *rates = cln_strict_in(l, 1);
    float total = 0.0f, hits = 0.0f;
    if (state->frozen || state->count == 0)
        return;
    for (int part = 0; part < cln_strict_batch_of(l).parts; part++) {
        total += sums[2 * part];
        hits += sums[2 * part + 1];
    }
    if (!isfinite(total)) {
        state->frozen = 1;
        return;
    }
    const float term = total - state->loss_carry, sum = state->loss_sum + term;
    state->loss_carry = (sum - state->loss_sum) - term;
    state->loss_sum = sum;
    state->hits += (int)hits;
    state->seen += state->count;
    state->next = state->position + state->count;
    state->ended = state->batches - state->resumed;
    const bool begins = state->accumulate <= 1 || state->ended % state->accumulate == 0;
    state->update = begins ? state->step + 1 : state->step;
    state->before = begins ? 0 : state->next - state->first;
    state->lr = rates[state->batches - 1 - state->resumed];
    const float t = (float)state->step;
    state->rate = cln_divided(way, state->lr, -cln_expm1_within_87(way, t * state->log_beta1));
    state->correction = cln_divided(way, 1.0f, cln_square_root(way, -cln_expm1_within_87(way, t * state->log_beta2)));
}

const struct cln_strict_kernel cln_strict_batch[] = {{"batch_begin", begin_tensors, begin},
                                                     {"softmax_cross_entropy", loss_tensors, loss},
                                                     {"batch_end", end_tensors, end},
                                                     {0}};
