/* The strict reference of the sums of gradients, their norm, Adam and SGD. */
#include <stdio.h>

#include "src/checkup/strict_private.h"

enum { LEVELS = 24 };

/* A row of the table of slices: optimizer.clh. */
struct slices {
    int first, count, stride, flags;
};

static struct slices slices_of(const struct cln_strict_launch *l, size_t table, int at) {
    return ((const struct slices *)l->before[table])[at / cln_strict_int(l, "TENSOR_ALIGN", 64)];
}

static float sum_of_8(const float *slice, int s, struct slices of) {
    float sum[8];
    for (int k = 0; k < 8; k++)
        sum[k] = s + k < of.count ? slice[(s + k) * of.stride] : 0.0f;
    for (int apart = 1; apart < 8; apart *= 2)
        for (int k = 0; k < 8; k += 2 * apart)
            sum[k] += sum[k + apart];
    return sum[0];
}

/* The sum of a gradient's slices: a binary tree, neighbours first. */
static float gradient_sum(const struct cln_strict_launch *l, const float *partials, struct slices of, int at) {
    const float *slice = partials + of.first + at % cln_strict_int(l, "TENSOR_ALIGN", 64);
    const int eights = cln_ceil_div(of.count, 8);
    float waiting[LEVELS], sum = sum_of_8(slice, 0, of);
    if (of.count > 8) {
        for (int s = 0; s < eights; s++) {
            int level = 0;
            sum = sum_of_8(slice, 8 * s, of);
            for (; s >> level & 1; level++)
                sum = waiting[level] + sum;
            waiting[level] = sum;
        }
        sum = 0.0f;
        for (int level = 0; eights >> level; level++)
            if (eights >> level & 1)
                sum = waiting[level] + sum;
    }
    return cln_settled(l->way, sum);
}

static struct cln_strict_tensor in_vectors(const char *name, int argument, int floats, const char *operation) {
    struct cln_strict_tensor t = cln_strict_in_row(name, argument, 0, "parameter", floats, NULL, 1);
    t.owner = cln_strict_own_vectors;
    snprintf(t.operation, sizeof t.operation, "%s", operation);
    return t;
}

static const char tree[] = "the sum of the slices, as a binary tree";

/* ---- Sums and their norm ---- */

static size_t sum_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    if (cln_strict_int(l, "ACCUMULATE", 0))
        return 0;
    out[0] = in_vectors("sums of the gradients", 0, cln_strict_value(l, 3), tree);
    return 1;
}

static void sum(const struct cln_strict_launch *l) {
    for (int at = 0; at < cln_strict_value(l, 3); at++) {
        const struct slices of = slices_of(l, 2, at);
        cln_strict_out(l, 0)[at] = of.flags & 2 ? 0.0f : gradient_sum(l, cln_strict_in(l, 1), of, at);
    }
}

static const char *const norm_words[] = {"squares", "squares of large gradients"};

static size_t norm_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    out[0] = cln_strict_in_row("norm of the gradients", 0, (size_t)cln_strict_value(l, 1), "part", (int)l->groups[0],
                               norm_words, 2);
    snprintf(out[0].operation, sizeof out[0].operation, "sums of squares in 16 strands, then over strands by halves");
    return 1;
}

static void norm(const struct cln_strict_launch *l) {
    const int floats = cln_strict_value(l, 1), align = cln_strict_int(l, "TENSOR_ALIGN", 64);
    const int each = cln_ceil_div(floats / align, (int)l->groups[0]) * align;
    const float *gradients = cln_strict_in(l, 0);
    for (int part = 0; part < (int)l->groups[0]; part++) {
        float usual[STRANDS] = {0}, large[STRANDS] = {0};
        for (int i = part * each; i < (part + 1) * each && i < floats; i++) {
            const float g = gradients[i], small = g * 0x1p-80f;
            if (fabsf(g) < 0x1p48f)
                usual[i % STRANDS] = cln_apart(l->way, g, g, usual[i % STRANDS]);
            else
                large[i % STRANDS] = cln_apart(l->way, small, small, large[i % STRANDS]);
        }
        cln_strict_out(l, 0)[floats + 2 * part] = cln_lanes_sum(l->way, usual, STRANDS);
        cln_strict_out(l, 0)[floats + 2 * part + 1] = cln_lanes_sum(l->way, large, STRANDS);
    }
}

/* ---- Updates ---- */

/* What the gradients are multiplied by for clipping: `unit` first, then `factor`. */
struct clip {
    bool clips;
    float unit, factor;
};

static struct clip clip_of(const struct cln_strict_launch *l, const float *partials, int floats) {
    const int parts = cln_strict_int(l, "NORM_PARTS", 0);
    float total[2];
    if (parts == 0)
        return (struct clip){0};
    for (int k = 0; k < 2; k++) {
        total[k] = partials[floats + k];
        for (int i = 1; i < parts; i++)
            total[k] += partials[floats + 2 * i + k];
    }
    const float unit = total[1] > 0.0f ? 0x1p-80f : 1.0f;
    const float length = cln_square_root(l->way, cln_apart(l->way, total[0] * unit, unit, total[1]));
    const float factor = cln_divided(l->way, cln_strict_state(l)->clip_norm, cln_apart(l->way, 1e-6f, unit, length));
    return (struct clip){.clips = !(factor * unit >= 1.0f), .unit = unit, .factor = factor};
}

static float clipped(enum cln_strict_way way, struct clip clip, float g) {
    return clip.clips ? cln_settled(way, g * clip.unit * clip.factor) : g;
}

/* Writes the gradient of a parameter, and sets *g to what it is updated by: clipped, with weight decay. False: the
 * parameter stays as it is. */
static bool take_gradient(float *g, const struct cln_strict_launch *l, struct clip clip, int at) {
    const struct cln_state *state = cln_strict_state(l);
    const struct slices of = slices_of(l, 3, at);
    const float sum = gradient_sum(l, cln_strict_in(l, 2), of, at);
    const float decay = of.flags & 3 ? 0.0f : state->weight_decay;
    cln_strict_out(l, 1)[at] = sum;
    *g = cln_settled(l->way, cln_fused(l->way, cln_strict_in(l, 0)[at], decay, clipped(l->way, clip, sum)));
    return !(state->frozen || of.flags & 2);
}

static size_t adam_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const int floats = cln_strict_value(l, 6);
    out[0] = in_vectors("gradients", 1, floats, tree);
    out[1] = in_vectors("first moments", 4, floats, "a moving average of the gradient");
    out[2] = in_vectors("second moments", 5, floats, "a moving average of the gradient's square");
    out[3] = in_vectors("parameters", 0, floats, "a step along the first moment divided by the root of the second");
    return 4;
}

static void adam(const struct cln_strict_launch *l) {
    const enum cln_strict_way way = l->way;
    const int floats = cln_strict_value(l, 6);
    const struct cln_state *state = cln_strict_state(l);
    const struct clip clip = clip_of(l, cln_strict_in(l, 2), floats);
    for (int at = 0; at < floats; at++) {
        float g;
        if (!take_gradient(&g, l, clip, at))
            continue;
        const float p = cln_strict_in(l, 0)[at];
        const float m =
            cln_settled(way, cln_fused(way, g, state->one_minus_beta1, cln_strict_in(l, 4)[at] * state->beta1));
        const float v = cln_settled_squares(
            way, cln_fused(way, g * g, state->one_minus_beta2, cln_strict_in(l, 5)[at] * state->beta2));
        const float root = cln_apart(way, cln_square_root(way, v), state->correction, state->eps);
        cln_strict_out(l, 4)[at] = m;
        cln_strict_out(l, 5)[at] = v;
        cln_strict_out(l, 0)[at] = cln_settled(way, cln_apart(way, -state->rate, cln_divided(way, m, root), p));
    }
}

static size_t sgd_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const int floats = cln_strict_value(l, 5);
    out[0] = in_vectors("gradients", 1, floats, tree);
    out[1] = in_vectors("momentum", 4, floats, "the gradient, clipped, added to the momentum");
    out[2] = in_vectors("parameters", 0, floats, "a step along the momentum");
    return 3;
}

static void sgd(const struct cln_strict_launch *l) {
    const enum cln_strict_way way = l->way;
    const int floats = cln_strict_value(l, 5);
    const struct cln_state *state = cln_strict_state(l);
    const struct clip clip = clip_of(l, cln_strict_in(l, 2), floats);
    for (int at = 0; at < floats; at++) {
        float g;
        if (!take_gradient(&g, l, clip, at))
            continue;
        const float p = cln_strict_in(l, 0)[at];
        const float buffer = cln_settled(way, cln_fused(way, cln_strict_in(l, 4)[at], state->momentum, g));
        const float step = state->nesterov ? cln_settled(way, cln_fused(way, buffer, state->momentum, g)) : buffer;
        cln_strict_out(l, 4)[at] = buffer;
        cln_strict_out(l, 0)[at] = cln_settled(way, cln_apart(way, -state->lr, step, p));
    }
}

const struct cln_strict_kernel cln_strict_optimizer[] = {{"sum_gradients", sum_tensors, sum},
                                                         {"gradient_norm", norm_tensors, norm},
                                                         {"adam", adam_tensors, adam},
                                                         {"sgd", sgd_tensors, sgd},
                                                         {0}};
