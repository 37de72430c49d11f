/* Strict arithmetic by itself: kernels include kernels/arithmetic.clh, and this launch applies one of its functions to
 * many numbers, for `clenet check`. */
#ifndef SRC_ENGINE_ARITHMETIC_H
#define SRC_ENGINE_ARITHMETIC_H

#include "src/engine/plan.h"

/* The buffers hold `count` floats each, one after the other. `count` is a multiple of STRANDS. */
struct cln_arithmetic {
    const char *function; /* its name in kernels/arithmetic.clh */
    size_t count;
    struct ocl_buffer *x;          /* arguments; of a quotient the denominators */
    struct ocl_buffer *numerators; /* of a quotient; else NULL */
    struct ocl_buffer *out;
};

/* Whatever the tuning says, the arithmetic is strict. */
enum cln_status cln_arithmetic_apply(struct cln_plan *plan, const struct cln_arithmetic *g) CLN_MUST_CHECK;

#endif
