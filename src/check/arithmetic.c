/* Cases of kernels/arithmetic.clh: the errors of its functions, and their bits, which are the same on every device. */
#include "src/check/arithmetic.h"

#include <math.h>
#include <string.h>

#include "src/check/rig.h"
#include "src/engine/arithmetic.h"

struct arithmetic_case {
    struct cln_case base;
    struct cln_arithmetic_range range;
};

#define CASE(label)                                                                                                    \
    { label, 1, .quick = true }

/* Beyond -40 log 2, natural_exp is 0. Arguments below 2^-40 in magnitude are not settled. */
static const struct arithmetic_case cases[] = {
    {CASE("quotients"), {"divided", 0x1p-100f, 0x1p125f, 1, NULL, 1, 199073430}},
    {CASE("negative quotients of small numbers"), {"divided", -0x1p-100f, -0x1p25f, 0x1p-100f, NULL, 1, 477813582}},
    {CASE("square root"), {"square_root", 0x1p-100f, 0x1p125f, 0, sqrt, 1, 465075350}},
    {CASE("e^x up to 87"), {"exp_within_87", 0x1p-40f, 87, 0, exp, 1.1, 301594257}},
    {CASE("e^x down to -87"), {"exp_within_87", -0x1p-40f, -87, 0, exp, 1.1, 458500619}},
    {CASE("settled e^x"), {"natural_exp", -0x1p-40f, -0x1.bb9d3ap4f, 0, exp, 1.1, 225902801}},
    {CASE("e^x - 1"), {"expm1_of_negative", -0x1p-40f, -87, 0, expm1, 1, 15269533}},
    {CASE("logarithm"), {"natural_log", 0x1p-126f, 0x1.fffffep127f, 0, log, 1, 52255918}},
    {CASE("logarithm near 1"), {"natural_log", 0x1.fp-1f, 0x1.1p0f, 0, log, 1, 429747302}},
};

const struct cln_arithmetic_range *cln_arithmetic_range(size_t number, const char **name) {
    if (number >= sizeof cases / sizeof *cases)
        return NULL;
    *name = cases[number].base.name;
    return &cases[number].range;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint32_t cln_arithmetic_floats(const struct cln_arithmetic_range *range) {
    return bits_of(range->to) - bits_of(range->from) + 1;
}

float cln_arithmetic_float(const struct cln_arithmetic_range *range, uint32_t i) {
    return float_of(bits_of(range->from) + i);
}

float cln_arithmetic_numerator(const struct cln_arithmetic_range *range, uint32_t i) {
    const uint32_t mixed = i * UINT32_C(0x9E3779B9);
    uint32_t mantissa = (mixed ^ mixed >> 15) * UINT32_C(0x85EBCA6B) >> 9; /* 23 bits */
    if (i % 4 == 0)
        mantissa &= 7;
    else if (i % 4 == 1)
        mantissa |= UINT32_C(0x7FFFF8);
    return range->exact ? 0 : float_of(bits_of(range->numerators) | mantissa);
}

double cln_arithmetic_exact(const struct cln_arithmetic_range *range, double x, double numerator) {
    return range->exact ? range->exact(x) : numerator / x;
}

double cln_arithmetic_ulp(double exact) {
    return exact == 0 ? 0x1p-149 : ldexp(1, ilogb(exact) - 23);
}

uint32_t cln_digest_of(const void *floats, size_t count) {
    uint32_t digest = UINT32_C(2166136261), word;
    for (size_t i = 0; i < count; i++) {
        memcpy(&word, (const char *)floats + i * sizeof word, sizeof word);
        for (unsigned byte = 0; byte < 4; byte++)
            digest = (digest ^ (word >> 8 * byte & 0xFF)) * UINT32_C(16777619);
    }
    return digest >> 3;
}

static enum cln_status run(struct cln_rig *b, const void *entry) {
    enum { COUNT = CLN_ARITHMETIC_INPUTS };
    const struct cln_arithmetic_range *range = &((const struct arithmetic_case *)entry)->range;
    const double last = cln_arithmetic_floats(range) - 1;
    struct cln_probe *x = cln_rig_cells(b, "x", COUNT), *numerators = cln_rig_cells(b, "numerators", COUNT),
                     *out = cln_rig_cells(b, "results", COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        const uint32_t at = (uint32_t)(last * (double)i / (COUNT - 1));
        const double argument = cln_arithmetic_float(range, at), numerator = cln_arithmetic_numerator(range, at);
        const double exact = cln_arithmetic_exact(range, argument, numerator);
        cln_probe_put(x, i, &argument, 1);
        cln_probe_put(numerators, i, &numerator, 1);
        cln_probe_expect(out, i, exact, range->ulps * cln_arithmetic_ulp(exact));
    }
    enum cln_status status = b->status;
    if (status == CLN_OK)
        status = cln_arithmetic_apply(&b->plan, &(struct cln_arithmetic){
                                                    .function = range->function,
                                                    .count = COUNT,
                                                    .x = x->buffer,
                                                    .numerators = range->exact ? NULL : numerators->buffer,
                                                    .out = out->buffer,
                                                });
    if (status == CLN_OK)
        status = cln_rig_run(b);
    if (status != CLN_OK)
        return status;
    cln_rig_compare(b);
    cln_rig_compare_value(b, "digest", cln_digest_of(out->after, COUNT), range->digest, 0);
    return CLN_OK;
}

const struct cln_operation cln_device_arithmetic = CLN_OPERATION("arithmetic", cases, run);
