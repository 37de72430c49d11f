/* What is wrong with a launch: the first element, how many, and which mistake has these bits. For bisect_step.c alone.
 */
#ifndef SRC_CHECKUP_BISECT_FINDING_H
#define SRC_CHECKUP_BISECT_FINDING_H

#include "src/check/cases.h"
#include "src/checkup/strict.h"

/* Whether all copies in a buffer have the same bits. */
bool cln_bisect_copies_agree(const struct cln_strict_tensor *tensor, const void *buffer);

/* The first of a launch's tensors that the reference does not agree with; `count`: none. Needs before, after and
 * expected, into which it writes. */
size_t cln_bisect_differs(struct cln_strict_launch *launch, const struct cln_strict_tensor *tensors, size_t count);

/* Describes what is wrong with a tensor, but for the place of the launch. With out->is_joined the launch's `expected`
 * is what another engine has, and nothing is worked out. */
void cln_bisect_find(struct cln_check_finding *out, struct cln_strict_launch *launch,
                     const struct cln_strict_tensor *tensor);

/* Describes how a launch has changed a buffer, argument number `argument` from 0, that it only reads. Needs before and
 * after. out->off 0: it has not. */
void cln_bisect_find_change(struct cln_check_finding *out, const struct cln_strict_launch *launch, size_t argument);

/* Writes a finding as a sentence. */
void cln_bisect_tell(char *out, size_t bytes, const struct cln_check_finding *finding);

#endif
