/* One training step launch by launch. For bisect.c alone. */
#ifndef SRC_CHECKUP_BISECT_STEP_H
#define SRC_CHECKUP_BISECT_STEP_H

#include "src/check/cases.h"
#include "src/checkup/bisect_digests.h"
#include "src/engine/engine.h"

/* The launches of a step. */
struct cln_bisect;

/* Creates one for an engine, which is then created with cln_bisect_observe as its `observe` and *out as its `observer`.
 * What is found goes to `result`. All that is given must outlive *out. */
enum cln_status cln_bisect_create(struct cln_bisect **out, const struct cln_bisect_digests *digests,
                                  const struct cln_check_params *params,
                                  struct cln_check_result *result) CLN_MUST_CHECK;
void cln_bisect_destroy(struct cln_bisect **bisect);

void cln_bisect_observe(void *bisect, const struct ocl_launch *launch);

/* Runs a training step, number `step` from 0, of an epoch that has begun, in an engine without joined launches. Returns
 * only errors of the device; after a finding nothing is compared any more. */
enum cln_status cln_bisect_step(struct cln_bisect *bisect, struct cln_engine *engine, size_t step) CLN_MUST_CHECK;

/* After that step was right, and another engine has run it in its own way: compares what both have in their buffers,
 * but for tensors that a later launch of the step wrote over. */
enum cln_status cln_bisect_compare(struct cln_bisect *right, struct cln_bisect *other, size_t step) CLN_MUST_CHECK;

#endif
