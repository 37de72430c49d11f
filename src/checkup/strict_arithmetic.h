/* The arithmetic of kernels/arithmetic.clh and sums.clh for one number on the host: the same bits, or those of a given
 * mistake. For src/checkup/strict*.c alone. */
#ifndef SRC_CHECKUP_STRICT_ARITHMETIC_H
#define SRC_CHECKUP_STRICT_ARITHMETIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "src/checkup/strict.h"

static inline uint32_t cln_bits_of(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline float cln_float_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* a*b + c with one rounding. */
static inline float cln_fused(enum cln_strict_way way, float a, float b, float c) {
    if (way != CLN_STRICT_ROUNDED)
        return fmaf(a, b, c);
    const float product = a * b;
    return product + c;
}

/* a*b + c with two roundings. */
static inline float cln_apart(enum cln_strict_way way, float a, float b, float c) {
    if (way == CLN_STRICT_CONTRACTED)
        return fmaf(a, b, c);
    const float product = a * b;
    return product + c;
}

static inline float cln_settled(enum cln_strict_way way, float v) {
    return way != CLN_STRICT_UNSETTLED && fabsf(v) < 0x1p-40f ? 0.0f : v;
}

static inline float cln_settled_squares(enum cln_strict_way way, float v) {
    return way != CLN_STRICT_UNSETTLED && v < 0x1p-100f ? 0.0f : v;
}

static inline float cln_divided(enum cln_strict_way way, float a, float b) {
    if (way == CLN_STRICT_NATIVE)
        return a / b;
    const float size = fabsf(b);
    float reciprocal = cln_float_of(0x7EF311C7u - cln_bits_of(size));
    for (int step = 0; step < 4; step++)
        reciprocal = cln_fused(way, reciprocal, cln_fused(way, -size, reciprocal, 1.0f), reciprocal);
    reciprocal = copysignf(reciprocal, b);
    const float quotient = a * reciprocal;
    if (way == CLN_STRICT_QUOTIENTS)
        return quotient;
    return cln_fused(way, cln_fused(way, -b, quotient, a), reciprocal, quotient);
}

static inline float cln_square_root(enum cln_strict_way way, float v) {
    if (way == CLN_STRICT_NATIVE)
        return sqrtf(v);
    const float half_v = v * 0.5f;
    float inverse = cln_float_of(0x5F3759DFu - (cln_bits_of(v) >> 1));
    for (int step = 0; step < 3; step++)
        inverse *= cln_fused(way, -half_v * inverse, inverse, 1.5f);
    const float root = v * inverse;
    if (way == CLN_STRICT_ROOTS)
        return root;
    return cln_fused(way, cln_fused(way, -root, root, v), inverse * 0.5f, root);
}

/* e^x = (q + 1) 2^n: returns q, and 2^n in *power. */
static inline float cln_exp_parts(enum cln_strict_way way, float x, float *power) {
    static const float terms[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                                  5.0000001201e-1f};
    const float shifter = 12582912.0f;
    x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
    const float shifted = cln_fused(way, x, 1.44269504f, shifter), n = shifted - shifter;
    const float r = cln_fused(way, n, 2.12194440e-4f, cln_fused(way, n, -0.693359375f, x));
    float p = 1.9875691500e-4f;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        p = cln_fused(way, p, r, terms[i]);
    *power = cln_float_of((cln_bits_of(shifted) << 23) + 0x3f800000u);
    return cln_fused(way, p, r * r, r);
}

static inline float cln_exp_within_87(enum cln_strict_way way, float x) {
    float power;
    const float q = cln_exp_parts(way, x, &power);
    return (q + 1.0f) * power;
}

static inline float cln_expm1_within_87(enum cln_strict_way way, float x) {
    float power;
    const float q = cln_exp_parts(way, x, &power);
    return cln_fused(way, q, power, power - 1.0f);
}

static inline float cln_natural_exp(enum cln_strict_way way, float x) {
    if (way == CLN_STRICT_NATIVE)
        return cln_settled(way, expf(x));
    return cln_settled(way, x < -87.0f ? 0.0f : cln_exp_within_87(way, x));
}

static inline float cln_natural_log(enum cln_strict_way way, float x) {
    static const float terms[] = {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                                  -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    if (way == CLN_STRICT_NATIVE)
        return logf(x);
    const int32_t exponent = (int32_t)(cln_bits_of(x) - 0x3F3504F3u) >> 23;
    const float e = (float)exponent, f = cln_float_of(cln_bits_of(x) - ((uint32_t)exponent << 23)) - 1.0f;
    const float square = f * f;
    float p = 7.0376836292e-2f;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        p = cln_fused(way, p, f, terms[i]);
    const float rest = cln_fused(way, e, -2.12194440e-4f, f * square * p);
    return cln_fused(way, e, 0.693359375f, f + cln_fused(way, -0.5f, square, rest));
}

/* The sum of an octet by halves. */
static inline float cln_octet_sum(enum cln_strict_way way, const float *v) {
    if (way == CLN_STRICT_REVERSED) {
        float sum = 0.0f;
        for (int l = 0; l < 8; l++)
            sum += v[l];
        return sum;
    }
    const float a = v[0] + v[4], b = v[1] + v[5], c = v[2] + v[6], d = v[3] + v[7];
    return (a + c) + (b + d);
}

/* The sum of `lanes` numbers, 8 or 16. */
static inline float cln_lanes_sum(enum cln_strict_way way, const float *v, int lanes) {
    const float first = cln_octet_sum(way, v);
    return lanes == 8 ? first : first + cln_octet_sum(way, v + 8);
}

#endif
