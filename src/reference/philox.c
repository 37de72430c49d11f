/* See philox.h. */
#include "src/reference/philox.h"

#include <string.h>

const struct cln_philox_vector cln_philox_vectors[CLN_PHILOX_VECTORS] = {
    {"zeros", {0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {"ones",
     {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {"digits of pi",
     {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

void cln_reference_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]) {
    uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = UINT64_C(0xD2511F53) * c[0], product1 = UINT64_C(0xCD9E8D57) * c[2];
        const uint32_t next[4] = {(uint32_t)(product1 >> 32) ^ c[1] ^ k[0], (uint32_t)product1,
                                  (uint32_t)(product0 >> 32) ^ c[3] ^ k[1], (uint32_t)product0};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

void cln_reference_random_bits(uint32_t out[4], uint64_t seed, uint32_t step, uint32_t stage, uint32_t sample,
                               uint32_t quad) {
    cln_reference_philox(out, (uint32_t[]){quad, stage, step, sample},
                         (uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)});
}

float cln_reference_random_uniform(uint32_t bits) {
    return (float)(bits >> 8) * 0x1p-24f;
}
