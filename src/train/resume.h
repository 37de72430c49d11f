/* Going on with a training that was left (cln_trainer_params.resume). */
#ifndef SRC_TRAIN_RESUME_H
#define SRC_TRAIN_RESUME_H

#include "src/train/trainer_private.h"

/* Whether the params agree with the checkpoint that they resume, as far as `override` does not allow otherwise; waits
 * for the data, whose digest is taken. CLN_INVALID lists all that does not. */
enum cln_status cln_resume_check(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* Puts a trainer that has its engine and images where the training was left. */
enum cln_status cln_resume(struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
