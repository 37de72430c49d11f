/* Bisecting strict arithmetic: training steps run launch by launch, and a digest of what each launch has written is
 * compared with that of every other device. At the first one that differs, the strict reference (strict.h) works out
 * the exact bits, and so finds the element. */
#ifndef SRC_CHECKUP_BISECT_H
#define SRC_CHECKUP_BISECT_H

#include "src/check/cases.h"
#include "src/engine/engine.h"

/* The digests that every device has: `count` tensors in each of `steps` steps. A device whose kernels take over others'
 * work does not write all of them. */
struct cln_bisect_digests {
    const char *const *tensors; /* "stage 1 z" */
    const uint32_t *digests;    /* [step][tensor] */
    size_t count, steps;
};

/* Written by tests/checkup/test_bisect.c. */
extern const struct cln_bisect_digests cln_bisect_bn_lenet, cln_bisect_mixed;

struct cln_bisect;

/* Creates one for an engine, which is then created with cln_bisect_observe as its `observe` and *out as its `observer`,
 * and with a tuning from cln_bisect_tuning. What it finds goes to `result`. All three must outlive *out. */
enum cln_status cln_bisect_create(struct cln_bisect **out, const struct cln_bisect_digests *digests,
                                  const struct cln_check_params *params,
                                  struct cln_check_result *result) CLN_MUST_CHECK;
void cln_bisect_destroy(struct cln_bisect **bisect);

/* The same tuning with every launch by itself. */
struct cln_tuning cln_bisect_tuning(const struct cln_tuning *tuning);
void cln_bisect_observe(void *bisect, const struct ocl_launch *launch);

/* Runs a training step, number `step` from 0, of an epoch that has begun. Returns only errors of the device; after a
 * finding, see result->failed, nothing is compared any more. */
enum cln_status cln_bisect_step(struct cln_bisect *bisect, struct cln_engine *engine, size_t step) CLN_MUST_CHECK;

#endif
