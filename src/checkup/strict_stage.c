/* The strict reference of what stands behind an affine part: batch norm's reductions, activation and pool, and their
 * gradients. */
#include <stdio.h>

#include "src/checkup/strict_private.h"

static const char *const normal_words[] = {"mean", "1 / deviation", "scale", "beta"};
static const char *const coefficient_words[] = {"mean", "q", "mean of dy", "k"};

/* ---- Reductions of batch norm ---- */

/* The moments of a channel from its partials, as moments_of_partials of welford.clh. */
static void combine(enum cln_strict_way way, const float *partials, int n, float out[3]) {
    const float first = partials[1];
    float count = 0.0f, sum = 0.0f, squares = 0.0f, rest = 0.0f;
    for (int i = 0; i < n; i++) {
        count += partials[4 * i];
        sum = cln_apart(way, partials[4 * i], partials[4 * i + 1] - first, sum);
    }
    const float mean = first + cln_settled(way, cln_divided(way, sum, count));
    for (int i = 0; i < n; i++) {
        const float delta = partials[4 * i + 1] - mean, weighted = partials[4 * i] * delta;
        squares += cln_fused(way, weighted, delta, partials[4 * i + 2]);
        rest += weighted;
    }
    const float off = cln_settled(way, cln_divided(way, rest, count));
    out[0] = count;
    out[1] = mean + off;
    out[2] = cln_fused(way, -off, rest, squares);
}

static float moved(enum cln_strict_way way, float momentum, float average, float value) {
    return cln_settled(way, momentum <= 0.5f ? cln_fused(way, momentum, value - average, average)
                                             : cln_fused(way, 1.0f - momentum, average - value, value));
}

static size_t statistics_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const int channels = (int)l->groups[0];
    out[0] = cln_strict_in_row("statistics", 5, 0, "channel", channels, normal_words, 4);
    out[0].copies = (int)l->groups[1];
    out[0].copy_cells = 4 * (size_t)channels;
    out[1] = cln_strict_in_row("running mean", 6, (size_t)cln_strict_value(l, 7), "channel", channels, NULL, 1);
    out[2] = cln_strict_in_row("running variance", 6, (size_t)cln_strict_value(l, 8), "channel", channels, NULL, 1);
    snprintf(out[0].operation, sizeof out[0].operation, "moments of %d parts combined, then a root and a quotient",
             cln_strict_batch_of(l).parts * cln_strict_value(l, 1));
    snprintf(out[1].operation, sizeof out[1].operation, "a moving average of the mean");
    snprintf(out[2].operation, sizeof out[2].operation, "a moving average of the variance, which is a quotient");
    return 3;
}

static void statistics(const struct cln_strict_launch *l) {
    const enum cln_strict_way way = l->way;
    const struct cln_strict_batch b = cln_strict_batch_of(l);
    const int splits = cln_strict_value(l, 1), pitch = cln_strict_int(l, "PARTIAL_BLOCKS", 1) * splits;
    const float momentum = cln_strict_real(l, "MOMENTUM", 0.1f), eps = cln_strict_real(l, "EPS", 1e-5f);
    const float *parameters = cln_strict_in(l, 2);
    float *running = cln_strict_out(l, 6);
    for (int c = 0; c < (int)l->groups[0]; c++) {
        float moments[3];
        combine(way, cln_strict_in(l, 0) + 4 * c * pitch, b.parts * splits, moments);
        const float squares = cln_settled(way, moments[2]);
        const float variance = cln_settled(way, cln_divided(way, squares, moments[0]));
        const float inverse = cln_settled(way, cln_divided(way, 1.0f, cln_square_root(way, variance + eps)));
        const float gamma = parameters[cln_strict_value(l, 3) + c];
        float scale = cln_settled(way, gamma * inverse);
        if (scale == 0.0f && gamma != 0.0f)
            scale = copysignf(0x1p-100f, gamma);
        for (size_t copy = 0; copy < (l->groups[1] ? l->groups[1] : 1); copy++) {
            float *normal = cln_strict_out(l, 5) + 4 * (copy * l->groups[0] + (size_t)c);
            normal[0] = moments[1];
            normal[1] = inverse;
            normal[2] = scale;
            normal[3] = parameters[cln_strict_value(l, 4) + c];
        }
        if (cln_strict_state(l)->frozen)
            continue;
        const float less = moments[0] - 1.0f > 1.0f ? moments[0] - 1.0f : 1.0f;
        const float divisor = cln_strict_int(l, "BIASED_RUNNING_VARIANCE", 0) ? moments[0] : less;
        float *mean = &running[cln_strict_value(l, 7) + c], *of_variance = &running[cln_strict_value(l, 8) + c];
        *mean = moved(way, momentum, *mean, moments[1]);
        *of_variance = moved(way, momentum, *of_variance, cln_settled(way, cln_divided(way, squares, divisor)));
    }
}

/* The sums of dy and dy x̂ of a channel, over the parts of blocks. */
static void add_parts(const struct cln_strict_launch *l, int channel, float total[2]) {
    const float *sums = cln_strict_in(l, 0) + 2 * channel * cln_strict_int(l, "PARTIAL_BLOCKS", 1);
    total[0] = total[1] = 0.0f;
    for (int i = 0; i < cln_strict_batch_of(l).parts; i++)
        for (int k = 0; k < 2; k++)
            total[k] += sums[2 * i + k];
}

static size_t backward_statistics_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const int channels = (int)l->groups[0], parts = cln_strict_batch_of(l).parts;
    out[0] = cln_strict_in_row("coefficients of dz", 2, 0, "channel", channels, coefficient_words, 4);
    out[0].copies = (int)l->groups[1];
    out[0].copy_cells = 4 * (size_t)channels;
    out[1] = cln_strict_in_row("gradient of gamma", 3, (size_t)cln_strict_value(l, 4), "channel", channels, NULL, 1);
    out[2] = cln_strict_in_row("gradient of beta", 3, (size_t)cln_strict_value(l, 5), "channel", channels, NULL, 1);
    for (int i = 0; i < 3; i++)
        snprintf(out[i].operation, sizeof out[i].operation, "a sum over %d octets%s", parts,
                 i == 0 ? ", then quotients and products" : "");
    return 3;
}

static void backward_statistics(const struct cln_strict_launch *l) {
    const enum cln_strict_way way = l->way;
    const float n = (float)cln_strict_batch_of(l).count * (float)cln_strict_int(l, "POSITIONS", 1);
    for (int c = 0; c < (int)l->groups[0]; c++) {
        const float *normal = cln_strict_in(l, 1) + 4 * c;
        float total[2];
        add_parts(l, c, total);
        const float mean_dy = cln_settled(way, cln_divided(way, cln_settled(way, total[0]), n));
        const float mean_product = cln_settled(way, cln_divided(way, cln_settled(way, total[1]), n));
        const float q = cln_settled(way, cln_settled(way, -normal[2] * normal[1]) * mean_product);
        for (size_t copy = 0; copy < (l->groups[1] ? l->groups[1] : 1); copy++) {
            float *out = cln_strict_out(l, 2) + 4 * (copy * l->groups[0] + (size_t)c);
            out[0] = normal[0];
            out[1] = q;
            out[2] = mean_dy;
            out[3] = normal[2];
        }
        cln_strict_out(l, 3)[cln_strict_value(l, 4) + c] = total[1];
        cln_strict_out(l, 3)[cln_strict_value(l, 5) + c] = total[0];
    }
}

static size_t bias_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    *out = cln_strict_in_row("gradient of the bias", 1, (size_t)cln_strict_value(l, 2), "channel", (int)l->groups[0],
                             NULL, 1);
    snprintf(out->operation, sizeof out->operation, "a sum over %d octets", cln_strict_batch_of(l).parts);
    return 1;
}

static void bias(const struct cln_strict_launch *l) {
    for (int c = 0; c < (int)l->groups[0]; c++) {
        float total[2];
        add_parts(l, c, total);
        cln_strict_out(l, 1)[cln_strict_value(l, 2) + c] = total[0];
    }
}

/* ---- Activation and pool ---- */

/* Where a launch of activate.cl has the numbers of a plane. */
struct plane {
    struct cln_strict_pool p;
    struct cln_strict_batch b;
    int channels;
};

static struct plane plane_of(const struct cln_strict_launch *l) {
    return (struct plane){
        .p = cln_strict_pool_of(l), .b = cln_strict_batch_of(l), .channels = cln_strict_value(l, l->arg_count - 2)};
}

static size_t z_place(const struct plane *g, int n, int channel) {
    return cln_strict_cell(&g->b, (size_t)(g->channels * g->p.z_h * g->p.z_w), n,
                           (size_t)(channel * g->p.z_h * g->p.z_w));
}

static size_t a_place(const struct plane *g, int n, int channel) {
    return cln_strict_cell(&g->b, (size_t)(g->channels * g->p.a_h * g->p.a_w), n,
                           (size_t)(channel * g->p.a_h * g->p.a_w));
}

static bool is_known(const struct cln_strict_launch *l) {
    return cln_strict_activation_known(cln_strict_int(l, "ACTIVATION", 0)) && !cln_strict_int(l, "ADDS", 0);
}

/* The channels of a work-group. */
static int per_group(const struct cln_strict_launch *l, const struct plane *g) {
    return cln_ceil_div(g->channels, (int)l->groups[0]);
}

/* The copy of a channel's float4 that a block reads. */
static const float *normal_of(const struct cln_strict_launch *l, const struct plane *g, int argument, int span, int n,
                              int channel) {
    static const float none[4];
    if (!g->p.normalise)
        return none;
    return cln_strict_in(l, (size_t)argument) + 4 * (n / g->b.lanes / span * g->channels + channel);
}

static size_t forward_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    const struct cln_strict_pool *p = &g.p;
    const bool selects = p->kind == CLN_POOL_MAX && !cln_strict_int(l, "FUSES_MAX", 0);
    const size_t count = selects ? 3 : 1;
    if (!is_known(l))
        return 0;
    out[0] = cln_strict_in_lanes(l, "a", 4, g.channels, p->a_h, p->a_w);
    snprintf(out[0].operation, sizeof out[0].operation, "%s%s",
             p->normalise ? "normalised, then activated" : "activated",
             p->kind == CLN_POOL_AVERAGE ? ", then a mean"
             : p->kind == CLN_POOL_MAX   ? ", of a maximum"
                                         : "");
    out[1] = cln_strict_in_lanes(l, "maxima", 5, g.channels, p->a_h, p->a_w);
    out[2] = cln_strict_in_lanes(l, "places of maxima", 6, g.channels, p->a_h, p->a_w);
    out[2].cells = CLN_STRICT_SHORT;
    for (int i = 1; i < 3; i++)
        snprintf(out[i].operation, sizeof out[i].operation, "the maximum of a window of %d by %d", p->h, p->w);
    for (size_t i = 0; i < count; i++)
        out[i].tile[0] = per_group(l, &g);
    return count;
}

static float mean_at(enum cln_strict_way way, const struct cln_strict_pool *p, const float *z, int lanes, int r, int c,
                     const float *normal) {
    float sum = 0.0f;
    for (int k = 0; k < p->h * p->w; k++) {
        const int row = r * p->stride_h - p->padding_h + k / p->w, column = c * p->stride_w - p->padding_w + k % p->w;
        if (row >= 0 && row < p->z_h && column >= 0 && column < p->z_w)
            sum += cln_strict_activated(way, p->activation, p->parameter,
                                        cln_strict_normalised(way, p, z[(row * p->z_w + column) * lanes], normal));
    }
    return cln_settled(way, cln_divided(way, sum, (float)(p->h * p->w)));
}

static void forward(const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    const struct cln_strict_pool *p = &g.p;
    const bool fused = cln_strict_int(l, "FUSES_MAX", 0) != 0;
    for (int n = 0; n < g.b.count; n++)
        for (int channel = 0; channel < g.channels; channel++) {
            const float *normal = normal_of(l, &g, 1, cln_strict_value(l, 2), n, channel);
            const float *z = cln_strict_in(l, 0) + z_place(&g, n, channel);
            for (int at = 0; at < p->a_h * p->a_w; at++) {
                const size_t to = a_place(&g, n, channel) + (size_t)(at * g.b.lanes);
                float *a = cln_strict_out(l, 4) + to;
                if (p->kind == CLN_POOL_AVERAGE) {
                    *a = mean_at(l->way, p, z, g.b.lanes, at / p->a_w, at % p->a_w, normal);
                    continue;
                }
                int place = 0;
                float value = p->kind == CLN_POOL_NONE ? z[at * g.b.lanes] : 0.0f;
                if (p->kind == CLN_POOL_MAX && fused)
                    value = cln_strict_in(l, 5)[to];
                else if (p->kind == CLN_POOL_MAX)
                    value = cln_strict_maximum(p, z, g.b.lanes, at / p->a_w, at % p->a_w, normal[2], &place);
                *a = cln_strict_activated(l->way, p->activation, p->parameter,
                                          cln_strict_normalised(l->way, p, value, normal));
                if (p->kind == CLN_POOL_MAX && !fused) {
                    cln_strict_out(l, 5)[to] = value;
                    ((uint16_t *)l->expected[6])[to] = (uint16_t)place;
                }
            }
        }
}

static size_t backward_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    const struct cln_strict_pool *p = &g.p;
    size_t count = 0;
    if (!is_known(l))
        return 0;
    if (p->kind != CLN_POOL_AVERAGE && (p->activation != CLN_IDENTITY || cln_strict_int(l, "SUMS_GRADIENTS", 0))) {
        out[0] = cln_strict_in_lanes(l, "dy", 0, g.channels, p->a_h, p->a_w);
        snprintf(out[0].operation, sizeof out[0].operation, "the gradient of a times the activation's derivative");
        out[0].tile[0] = per_group(l, &g);
        count++;
    }
    out[count] = cln_strict_in_parts(l, "sums of dy", 8, g.channels, (int)l->groups[1] * g.b.lane_parts, 1,
                                     cln_strict_sum_words, 2);
    snprintf(out[count].operation, sizeof out[count].operation,
             "sums over each sample's places, then over an octet of samples by halves");
    out[count].tile[0] = per_group(l, &g);
    if (!p->normalise) /* nothing reads the other sum */
        out[count].dimensions[3].size = 1;
    return count + 1;
}

/* The sums of one sample's plane. */
static void sum_plane(const struct cln_strict_launch *l, const struct plane *g, int n, int channel, float *sum,
                      float *product) {
    const enum cln_strict_way way = l->way;
    const struct cln_strict_pool *p = &g->p;
    const int lanes = g->b.lanes;
    const float *normal = normal_of(l, g, 5, cln_strict_value(l, 6), n, channel);
    const size_t a = a_place(g, n, channel), z = z_place(g, n, channel);
    const bool sums_gradients = cln_strict_int(l, "SUMS_GRADIENTS", 0) != 0;
    if (p->kind == CLN_POOL_AVERAGE) {
        for (int at = 0; at < p->z_h * p->z_w; at++) {
            const float value = cln_strict_in(l, 2)[z + (size_t)(at * lanes)];
            const float dy = cln_strict_gradient_at(way, p, at / p->z_w, at % p->z_w, value, normal,
                                                    cln_strict_in(l, 0) + a, NULL, lanes);
            *sum += dy;
            *product = cln_fused(way, dy, value - normal[0], *product);
        }
        return;
    }
    for (int at = 0; at < p->a_h * p->a_w; at++) {
        const size_t from = a + (size_t)(at * lanes);
        const float value =
            p->kind == CLN_POOL_MAX ? cln_strict_in(l, 3)[from] : cln_strict_in(l, 2)[z + (size_t)(at * lanes)];
        const float d = cln_strict_in(l, 0)[from] + (sums_gradients ? cln_strict_in(l, 7)[from] : 0.0f);
        const float dy =
            cln_settled(way, d * cln_strict_derivative(way, p->activation, p->parameter, cln_strict_in(l, 1)[from]));
        if (p->activation != CLN_IDENTITY || sums_gradients)
            cln_strict_out(l, 0)[from] = dy;
        *sum += dy;
        *product = cln_fused(way, dy, value - normal[0], *product);
    }
}

static void backward(const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    const size_t pitch = l->groups[1] * (size_t)g.b.lane_parts;
    for (int channel = 0; channel < g.channels; channel++)
        for (int part = 0; part < g.b.parts; part++) {
            float sum[OCTET] = {0}, product[OCTET] = {0};
            for (int k = 0; k < OCTET && part * OCTET + k < g.b.count; k++)
                sum_plane(l, &g, part * OCTET + k, channel, &sum[k], &product[k]);
            const float *normal = normal_of(l, &g, 5, cln_strict_value(l, 6), part * OCTET, channel);
            float *out = cln_strict_out(l, 8) + 2 * ((size_t)channel * pitch + (size_t)part);
            out[0] = cln_octet_sum(l->way, sum);
            out[1] = cln_settled(l->way, cln_octet_sum(l->way, product)) * normal[1];
        }
}

static size_t spread_tensors(struct cln_strict_tensor *out, const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    if (!is_known(l))
        return 0;
    *out = cln_strict_in_lanes(l, "dz", 1, g.channels, g.p.z_h, g.p.z_w);
    snprintf(out->operation, sizeof out->operation, "%s",
             g.p.normalise ? "k (dy - mean of dy) + q (z - mean)" : "dy, where z was a maximum or was averaged");
    out->tile[0] = per_group(l, &g);
    return 1;
}

static void spread(const struct cln_strict_launch *l) {
    const struct plane g = plane_of(l);
    const struct cln_strict_pool *p = &g.p;
    for (int n = 0; n < g.b.count; n++)
        for (int channel = 0; channel < g.channels; channel++) {
            const float *normal = normal_of(l, &g, 3, 1 << 20, n, channel);
            const float *coefficients = normal_of(l, &g, 4, cln_strict_value(l, 5), n, channel);
            const size_t z = z_place(&g, n, channel), a = a_place(&g, n, channel);
            for (int at = 0; at < p->z_h * p->z_w; at++) {
                const size_t to = z + (size_t)(at * g.b.lanes);
                cln_strict_out(l, 1)[to] = cln_strict_spread(
                    l->way, p, at / p->z_w, at % p->z_w, cln_strict_in(l, 1)[to], normal, coefficients,
                    cln_strict_in(l, 0) + a, (const uint16_t *)l->before[2] + a, g.b.lanes);
            }
        }
}

const struct cln_strict_kernel cln_strict_stage[] = {
    {"batchnorm_statistics", statistics_tensors, statistics},
    {"batchnorm_backward_statistics", backward_statistics_tensors, backward_statistics},
    {"bias_gradient", bias_tensors, bias},
    {"activate_forward", forward_tensors, forward},
    {"activate_backward", backward_tensors, backward},
    {"activate_spread", spread_tensors, spread},
    {0}};
