/* Random numbers that are the same on every machine and device: initial weights, shuffling, synthetic data.
 * PCG32 (M. O'Neill, 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for
 * Random Number Generation", XSH-RR 64/32), seeded through splitmix64. */
#ifndef SRC_DATA_RANDOM_H
#define SRC_DATA_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct cln_random {
    uint64_t state, increment;
};

/* Different `stream`s of one seed are independent: one per purpose. */
enum cln_random_stream {
    CLN_STREAM_INIT = 1,
    CLN_STREAM_SHUFFLE,
    CLN_STREAM_SYNTHETIC,
    CLN_STREAM_CHECK,
    CLN_STREAM_VALIDATION,
    CLN_STREAM_MIX, /* and steps times 256 */
    CLN_STREAM_TEST,
    CLN_STREAM_SHEET
};

void cln_random_seed(struct cln_random *random, uint64_t seed, uint64_t stream);
uint32_t cln_random_u32(struct cln_random *random);
/* Uniform in [0, bound), without bias. bound ≥ 1. */
uint32_t cln_random_below(struct cln_random *random, uint32_t bound);
/* Uniform in [0, 1) with 24 bits, exact in float32. */
double cln_random_uniform(struct cln_random *random);
/* Standard normal (Box–Muller). */
double cln_random_normal(struct cln_random *random);
/* Fisher–Yates: fills `indices` with a permutation of 0 … count − 1. */
void cln_random_permutation(struct cln_random *random, uint32_t *indices, size_t count);

#endif
