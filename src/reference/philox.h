/* The counter-based generator in plain C: Philox4x32-10 (J. Salmon, M. Moraes, R. Dror, D. Shaw, 2011, "Parallel random
 * numbers: as easy as 1, 2, 3"). kernels/philox.clh computes the same. */
#ifndef SRC_REFERENCE_PHILOX_H
#define SRC_REFERENCE_PHILOX_H

#include <stdint.h>

/* 4 × 32 random bits for a counter and a key. */
void cln_reference_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* The published known answers (Random123, kat_vectors, philox4x32 with 10 rounds). */
enum { CLN_PHILOX_VECTORS = 3 };
struct cln_philox_vector {
    const char *name;
    uint32_t counter[4], key[2], expected[4];
};
extern const struct cln_philox_vector cln_philox_vectors[CLN_PHILOX_VECTORS];

/* out[i]: 32 random bits for element 4 quad + i of a sample, in a stage and a step of the training. */
void cln_reference_random_bits(uint32_t out[4], uint64_t seed, uint32_t step, uint32_t stage, uint32_t sample,
                               uint32_t quad);

/* Uniform in [0, 1): the upper 24 bits times 2⁻²⁴, which is exact in float32. */
float cln_reference_random_uniform(uint32_t bits);

#endif
