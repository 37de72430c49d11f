/* The numbers of a tensor as float32, whatever type the file has them in. */
#include <string.h>

#include "src/base/safetensors.h"

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: one bit of sign, five of exponent (bias 15), ten of fraction. */
static float float_of_half(uint16_t half) {
    const uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31u, fraction = half & 0x3ffu;
    if (exponent == 0) /* subnormal: a multiple of 2^-24 */
        return sign ? -(float)fraction * 0x1p-24f : (float)fraction * 0x1p-24f;
    if (exponent == 31)
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

bool cln_safetensor_has_floats(const struct cln_safetensor *tensor) {
    return tensor->dtype == CLN_F32 || tensor->dtype == CLN_F64 || tensor->dtype == CLN_F16 ||
           tensor->dtype == CLN_BF16;
}

static float float_at(const struct cln_safetensor *tensor, size_t i) {
    switch (tensor->dtype) {
    case CLN_F32:
        return ((const float *)tensor->data)[i];
    case CLN_F64:
        return (float)((const double *)tensor->data)[i];
    case CLN_F16:
        return float_of_half(((const uint16_t *)tensor->data)[i]);
    case CLN_BF16: /* the upper half of a float32 */
        return float_of_bits((uint32_t)((const uint16_t *)tensor->data)[i] << 16);
    default:
        return 0;
    }
}

void cln_safetensor_floats(float *out, const struct cln_safetensor *tensor) {
    for (size_t i = 0; i < tensor->count; i++)
        out[i] = float_at(tensor, i);
}
