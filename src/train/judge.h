/* What a trainer is judged on: evaluations of the test and the validation images, and the best epoch so far. */
#ifndef SRC_TRAIN_JUDGE_H
#define SRC_TRAIN_JUDGE_H

#include "src/train/trainer_private.h"

/* Evaluates the validation images in prediction mode. */
enum cln_status cln_judge_validation(struct cln_trainer *trainer, struct cln_metrics *metrics) CLN_MUST_CHECK;
/* Call after an epoch with its validation metrics: if the accuracy is the highest so far, notes it with the weights. A
 * schedule that goes by the loss sets the rate of the next epoch. */
enum cln_status cln_judge_note(struct cln_trainer *trainer, const struct cln_metrics *validation) CLN_MUST_CHECK;
/* Takes the best epoch from params.resume. Its weights are those of this checkpoint if it
 * was made right after that epoch; else those of the file of the best model, beside params.save.path or beside the
 * checkpoint's file, if that is the same epoch of the same training. Without either they are unknown. */
enum cln_status cln_judge_resume(struct cln_trainer *trainer) CLN_MUST_CHECK;

/* Gives all processes of params.ranks the best epoch's weights that the first one has found, since it alone has files.
 */
enum cln_status cln_judge_share(struct cln_trainer *t) CLN_MUST_CHECK;

#endif
