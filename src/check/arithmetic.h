/* The functions of strict arithmetic (kernels/arithmetic.clh): where they are used, and their largest errors. */
#ifndef SRC_CHECK_ARITHMETIC_H
#define SRC_CHECK_ARITHMETIC_H

#include <stddef.h>
#include <stdint.h>

struct cln_arithmetic_range {
    const char *function;    /* its name in kernels/arithmetic.clh */
    float from, to;          /* the arguments are all floats between, both of one sign, |from| < |to| */
    float numerators;        /* of a quotient: its numerators are of this to twice this; else 0 */
    double (*exact)(double); /* NULL: a quotient */
    double ulps;             /* most error of a result, in units of its last place */
    uint32_t digest;         /* of the results for CLN_ARITHMETIC_INPUTS arguments: the same on every device */
};

/* The number of arguments that `clenet check` takes from a range. */
enum { CLN_ARITHMETIC_INPUTS = 8192 };

/* Range number `number`; NULL after the last. Its name goes to *name. */
const struct cln_arithmetic_range *cln_arithmetic_range(size_t number, const char **name);

/* The number of floats in a range, and number `i` of them, counted from `from`. */
uint32_t cln_arithmetic_floats(const struct cln_arithmetic_range *range);
float cln_arithmetic_float(const struct cln_arithmetic_range *range, uint32_t i);
/* The numerator that goes with it: some mantissa, or one next to a power of 2. Without quotients 0. */
float cln_arithmetic_numerator(const struct cln_arithmetic_range *range, uint32_t i);

/* FNV-1a over the bytes of `count` floats, the low byte of each first, cut to 29 bits: a message shows nine digits. */
uint32_t cln_digest_of(const void *floats, size_t count);

/* The exact result for x, and the unit in the last place of a float32 there (of 0: the least float32). */
double cln_arithmetic_exact(const struct cln_arithmetic_range *range, double x, double numerator);
double cln_arithmetic_ulp(double exact);

#endif
