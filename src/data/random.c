/* PCG32 and what is drawn from it. */
#include "src/data/random.h"

#include <math.h>

/* S. Vigna's splitmix64: spreads seeds that differ by little over all of 64 bits. */
static uint64_t splitmix64(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The stream enters the state as well as the increment: sequences that differ in their increment alone
 * are correlated. */
void cln_random_seed(struct cln_random *random, uint64_t seed, uint64_t stream) {
    uint64_t mixed = splitmix64(&seed) ^ stream;
    uint64_t start = splitmix64(&mixed);
    random->increment = splitmix64(&mixed) | 1u;
    random->state = start + random->increment;
    (void)cln_random_u32(random);
}

uint32_t cln_random_u32(struct cln_random *random) {
    uint64_t old = random->state;
    random->state = old * 6364136223846793005u + random->increment;
    uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27);
    uint32_t rotation = (uint32_t)(old >> 59);
    return (shifted >> rotation) | (shifted << (-rotation & 31));
}

/* Numbers below 2³² mod bound are drawn again: what is left is a multiple of bound. */
uint32_t cln_random_below(struct cln_random *random, uint32_t bound) {
    uint32_t least = -bound % bound;
    uint32_t number;
    do {
        number = cln_random_u32(random);
    } while (number < least);
    return number % bound;
}

double cln_random_uniform(struct cln_random *random) {
    return (cln_random_u32(random) >> 8) * 0x1p-24;
}

double cln_random_normal(struct cln_random *random) {
    const double two_pi = 6.283185307179586;
    double radius = sqrt(-2 * log(cln_random_uniform(random) + 0x1p-25)); /* never log 0 */
    return radius * cos(two_pi * cln_random_uniform(random));
}

void cln_random_permutation(struct cln_random *random, uint32_t *indices, size_t count) {
    for (size_t i = 0; i < count; i++)
        indices[i] = (uint32_t)i;
    for (size_t i = count; i > 1; i--) {
        size_t j = cln_random_below(random, (uint32_t)i);
        uint32_t kept = indices[i - 1];
        indices[i - 1] = indices[j];
        indices[j] = kept;
    }
}
