/* The strict reference of one place of a plane: the activations, a pool's window, the gradient there (pool.clh). */
#include "src/checkup/strict_private.h"

bool cln_strict_activation_known(int kind) {
    return kind >= CLN_IDENTITY && kind <= CLN_ELU;
}

static float tanh_of(enum cln_strict_way way, float y) {
    static const float terms[] = {2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
    const float square = y * y, size = fabsf(y);
    float p = -5.70498872745e-3f;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        p = cln_fused(way, p, square, terms[i]);
    if (size < 0.625f)
        return cln_fused(way, p * square, y, y);
    return copysignf(1.0f - cln_divided(way, 2.0f, cln_exp_within_87(way, 2.0f * size) + 1.0f), y);
}

static float activation(enum cln_strict_way way, int kind, float parameter, float y) {
    switch (kind) {
    case CLN_SIGMOID:
        return cln_divided(way, 1.0f, 1.0f + cln_exp_within_87(way, -y));
    case CLN_RELU:
        return y < 0.0f ? 0.0f : y;
    case CLN_TANH:
        return way == CLN_STRICT_NATIVE ? tanhf(y) : tanh_of(way, y);
    case CLN_LEAKY_RELU:
        return y < 0.0f ? y * parameter : y;
    case CLN_ELU:
        return y < 0.0f ? cln_expm1_within_87(way, y) * parameter : y;
    default:
        return y;
    }
}

static float derivative(enum cln_strict_way way, int kind, float parameter, float a) {
    switch (kind) {
    case CLN_SIGMOID:
        return a * (1.0f - a);
    case CLN_RELU:
        return a > 0.0f ? 1.0f : 0.0f;
    case CLN_TANH:
        return cln_apart(way, -a, a, 1.0f);
    case CLN_LEAKY_RELU:
        return a > 0.0f ? 1.0f : parameter;
    case CLN_ELU:
        return a > 0.0f ? 1.0f : a + parameter;
    default:
        return 1.0f;
    }
}

float cln_strict_activated(enum cln_strict_way way, int kind, float parameter, float y) {
    return cln_settled(way, activation(way, kind, parameter, y));
}

float cln_strict_derivative(enum cln_strict_way way, int kind, float parameter, float a) {
    return cln_settled(way, derivative(way, kind, parameter, a));
}

struct cln_strict_pool cln_strict_pool_of(const struct cln_strict_launch *l) {
    return (struct cln_strict_pool){
        .z_h = cln_strict_int(l, "Z_H", 1),
        .z_w = cln_strict_int(l, "Z_W", 1),
        .a_h = cln_strict_int(l, "A_H", 1),
        .a_w = cln_strict_int(l, "A_W", 1),
        .kind = cln_strict_int(l, "POOL", CLN_POOL_NONE),
        .h = cln_strict_int(l, "POOL_H", 1),
        .w = cln_strict_int(l, "POOL_W", 1),
        .stride_h = cln_strict_int(l, "POOL_STRIDE_H", 1),
        .stride_w = cln_strict_int(l, "POOL_STRIDE_W", 1),
        .padding_h = cln_strict_int(l, "POOL_PADDING_H", 0),
        .padding_w = cln_strict_int(l, "POOL_PADDING_W", 0),
        .activation = cln_strict_int(l, "ACTIVATION", CLN_IDENTITY),
        .parameter = cln_strict_real(l, "ACTIVATION_PARAMETER", 0.0f),
        .normalise = cln_strict_int(l, "NORMALISE", 0) != 0,
    };
}

float cln_strict_normalised(enum cln_strict_way way, const struct cln_strict_pool *p, float z, const float *normal) {
    return p->normalise ? cln_settled(way, cln_fused(way, z - normal[0], normal[2], normal[3])) : z;
}

float cln_strict_maximum(const struct cln_strict_pool *p, const float *plane, int lanes, int r, int c, float scale,
                         int *place) {
    const float direction = !p->normalise ? 1.0f : scale > 0.0f ? 1.0f : scale < 0.0f ? -1.0f : 0.0f;
    float first = 0.0f, best = -INFINITY;
    bool any = false;
    *place = 0;
    for (int k = 0; k < p->h * p->w; k++) {
        const int row = r * p->stride_h - p->padding_h + k / p->w, column = c * p->stride_w - p->padding_w + k % p->w;
        if (row < 0 || row >= p->z_h || column < 0 || column >= p->z_w)
            continue;
        const float z = plane[(row * p->z_w + column) * lanes], value = z * direction;
        if (any && !(value > best))
            continue;
        first = any ? first : z;
        best = value;
        *place = k;
        any = true;
    }
    return direction == 0.0f ? first : best * direction;
}

float cln_strict_gradient_at(enum cln_strict_way way, const struct cln_strict_pool *p, int r, int c, float z,
                             const float *normal, const float *da, const uint16_t *max_index, int lanes) {
    if (p->kind == CLN_POOL_NONE)
        return da[(r * p->a_w + c) * lanes];
    const int last_row = (r + p->padding_h) / p->stride_h, last_column = (c + p->padding_w) / p->stride_w;
    float dy = 0.0f;
    for (int i = 0; i < cln_ceil_div(p->h, p->stride_h); i++)
        for (int j = 0; j < cln_ceil_div(p->w, p->stride_w); j++) {
            const int row = last_row - i, column = last_column - j;
            const int u = r + p->padding_h - row * p->stride_h, v = c + p->padding_w - column * p->stride_w;
            if (row < 0 || row >= p->a_h || column < 0 || column >= p->a_w || u >= p->h || v >= p->w)
                continue;
            const int at = (row * p->a_w + column) * lanes;
            if (p->kind == CLN_POOL_AVERAGE || max_index[at] == u * p->w + v)
                dy += da[at];
        }
    if (p->kind != CLN_POOL_AVERAGE)
        return dy;
    const float a = cln_strict_activated(way, p->activation, p->parameter, cln_strict_normalised(way, p, z, normal));
    const float share = (1.0f / (float)(p->h * p->w)) * cln_strict_derivative(way, p->activation, p->parameter, a);
    return cln_settled(way, dy * cln_settled(way, share));
}

float cln_strict_spread(enum cln_strict_way way, const struct cln_strict_pool *p, int r, int c, float z,
                        const float *normal, const float *coefficients, const float *da, const uint16_t *max_index,
                        int lanes) {
    const float dy = cln_strict_gradient_at(way, p, r, c, z, normal, da, max_index, lanes);
    if (!p->normalise)
        return dy;
    const float scaled = coefficients[3] * (dy - coefficients[2]);
    return cln_settled(way, cln_fused(way, z - coefficients[0], coefficients[1], scaled));
}
