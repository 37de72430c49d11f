/* Resuming a training from a checkpoint (cln_trainer_params.resume). */
#ifndef SRC_TRAIN_RESUME_H
#define SRC_TRAIN_RESUME_H

#include "src/train/trainer_private.h"

/* Checks that the params agree with the checkpoint in params->resume, except for differences that `override` allows.
 * Waits for the data and computes its digest. CLN_INVALID lists all differences. */
enum cln_status cln_resume_check(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* The same of the arithmetic, which a profile may make strict. */
enum cln_status cln_resume_check_arithmetic(const struct cln_trainer_params *params,
                                            const struct cln_session *session) CLN_MUST_CHECK;

/* Restores the checkpoint's state in a trainer that has its engine and images. */
enum cln_status cln_resume(struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
