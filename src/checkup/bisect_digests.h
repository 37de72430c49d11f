/* The digests of what each launch writes in strict arithmetic, on every device. */
#ifndef SRC_CHECKUP_BISECT_DIGESTS_H
#define SRC_CHECKUP_BISECT_DIGESTS_H

#include <stddef.h>
#include <stdint.h>

/* `count` tensors in each of `steps` steps. A device whose kernels take over others' work does not write all of them.
 */
struct cln_bisect_digests {
    const char *const *tensors; /* "stage 1 z" */
    const uint32_t *digests;    /* [step][tensor] */
    size_t count, steps;
};

/* Written by tests/engine/test_bisect.c. */
extern const struct cln_bisect_digests cln_bisect_bn_lenet, cln_bisect_mixed;

#endif
