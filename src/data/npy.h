/* NumPy's format of one array, .npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * Private to src/data. */
#ifndef SRC_DATA_NPY_H
#define SRC_DATA_NPY_H

#include "src/data/elements.h"
#include "src/data/input.h"

enum { CLN_NPY_RANK_LIMIT = 4 };

/* An array whose header was read. */
struct cln_npy {
    struct cln_input *input;
    struct cln_elements elements;
    unsigned rank;
    uint64_t sizes[CLN_NPY_RANK_LIMIT], total; /* total: their product, at most 2^32 */
    size_t at;                                 /* of the first element */
};

/* Takes over `input`, on failure too. Arrays of integers and floats in C order, from one dimension to four, none of
 * them 0. CLN_INVALID names what else it is: pickled objects, Fortran order, any other dtype, a damaged header. */
enum cln_status cln_npy_open(struct cln_npy *out, struct cln_input *input) CLN_MUST_CHECK;
/* All elements, as the file has them. *bytes is the caller's: free(). */
enum cln_status cln_npy_read(struct cln_npy *npy, void **bytes) CLN_MUST_CHECK;
void cln_npy_close(struct cln_npy *npy);

#endif
