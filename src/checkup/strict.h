/* Strict arithmetic on the host: what a launch of the engine must leave in its buffers, bit by bit, worked out from
 * what they held before it, in plain C with fmaf. The orders of sums and the functions are those of docs/strict.md. */
#ifndef SRC_CHECKUP_STRICT_H
#define SRC_CHECKUP_STRICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/sequence.h"

/* How the reference calculates: rightly, or with a mistake that explains a device's wrong bits. */
enum cln_strict_way {
    CLN_STRICT_RIGHT,
    CLN_STRICT_ROUNDED,      /* products are rounded before they are added */
    CLN_STRICT_CONTRACTED,   /* products that are to be rounded are fused with the sum behind them */
    CLN_STRICT_REVERSED,     /* sums of products go backwards, and octets are summed one after the other */
    CLN_STRICT_QUOTIENTS,    /* quotients lack their last correction */
    CLN_STRICT_ROOTS,        /* roots do */
    CLN_STRICT_NATIVE,       /* quotients, roots, exponentials and logarithms are the C library's */
    CLN_STRICT_UNSETTLED,    /* small numbers are not set to 0 */
    CLN_STRICT_TOWARDS_ZERO, /* everything is rounded towards 0 */
    CLN_STRICT_WAY_COUNT
};

/* In words: "products are rounded before they are added (no fma)". */
const char *cln_strict_way_text(enum cln_strict_way way);

/* A launch, and what its buffers hold. */
struct cln_strict_launch {
    char label[96], kernel[64];
    char *constants; /* " -D NAME=value" … */
    struct ocl_arg args[OCL_MAX_ARGS];
    size_t arg_count;
    size_t groups[3], local[3];
    /* By argument: before the launch, after it, and as it is to be after it, which begins as a copy of `before`. NULL:
     * no buffer. */
    void *before[OCL_MAX_ARGS], *after[OCL_MAX_ARGS], *expected[OCL_MAX_ARGS];
    enum cln_strict_way way;
    int mistaken; /* the argument whose tensor has the mistakes of `way`, others are right; -1: all have */
};

enum { CLN_STRICT_TENSORS = 6, CLN_STRICT_DIMENSIONS = 5 };

/* One dimension of a tensor. Element i along it is i·stride cells from element 0; samples are in lanes. */
struct cln_strict_dimension {
    const char *name;         /* "channel" */
    const char *const *words; /* names of the elements; NULL: their numbers */
    int size;
    size_t stride;
};

/* What a launch writes, and every device gives the same bits of: its elements in an order that does not depend on the
 * device's lanes, vectors and tiles. Dead lanes are left out. */
struct cln_strict_tensor {
    const char *name; /* "z"; with the stage it is unique in a step */
    int argument;     /* the buffer */
    enum { CLN_STRICT_FLOAT, CLN_STRICT_INT, CLN_STRICT_SHORT } cells;
    size_t base;     /* cell of the first element */
    uint64_t floats; /* of CLN_STRICT_INT: the elements that are floats, a bit for each */
    struct cln_strict_dimension dimensions[CLN_STRICT_DIMENSIONS];
    int dimension_count;
    int lanes;           /* of a block, where the first dimension is samples; 0: it is not */
    size_t block_cells;  /* cells of a block of lanes */
    size_t pair;         /* an element is the sum of two cells so far apart; 0: one cell */
    int copies;          /* the elements are so often in the buffer, one after the other; 0: once */
    size_t copy_cells;   /* cells of a copy */
    char operation[160]; /* what gives an element: "the bias and a sum of 25 products, …" */
    /* Which work-group and work-item write the element with these indices. *item -1: several do, or any. */
    void (*owner)(const struct cln_strict_launch *launch, const struct cln_strict_tensor *tensor, const int *at,
                  int group[3], int *item);
    int tile[3]; /* channels, blocks and rows of a work-group, for `owner` */
    int each;    /* channels of a convolution's group, for `owner` */
};

/* What a launch writes. Of `before` it needs the state, the last argument. 0: the kernel is not known. */
size_t cln_strict_tensors(struct cln_strict_tensor out[CLN_STRICT_TENSORS], const struct cln_strict_launch *launch);

/* The number of elements, one copy; and the bits of element i of a buffer, of copy number `copy`. */
size_t cln_strict_count(const struct cln_strict_tensor *tensor);
uint32_t cln_strict_element(const struct cln_strict_tensor *tensor, const void *buffer, size_t i, int copy);
/* The indices of element i along each dimension. */
void cln_strict_place(const struct cln_strict_tensor *tensor, size_t i, int at[CLN_STRICT_DIMENSIONS]);
/* A digest of one copy. */
uint32_t cln_strict_digest(const struct cln_strict_tensor *tensor, const void *buffer);

/* Works out what the launch leaves in launch->expected, in launch->way. False: there is no reference for it. */
bool cln_strict_work_out(const struct cln_strict_launch *launch);

#endif
