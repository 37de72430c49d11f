/* The logits of a trainer's test images, and what they mean as probabilities. Private to the library and its programs.
 */
#ifndef SRC_TRAIN_LOGITS_H
#define SRC_TRAIN_LOGITS_H

#include "clenet/trainer.h"

/* Of the first `count` test images, in prediction mode, as [count][classes of the network]; read batch by batch. */
enum cln_status cln_trainer_logits(struct cln_trainer *trainer, size_t count, float *logits) CLN_MUST_CHECK;

/* CLN_NUMERIC names the first image with a logit that is not finite. */
enum cln_status cln_logits_check(const float *logits, size_t count, size_t classes) CLN_MUST_CHECK;

/* p[k] = exp(z[k] − m) / Σ_j exp(z[j] − m), m = max_j z[j], in double. `probabilities` may be `logits`. */
void cln_softmax(float *probabilities, const float *logits, size_t classes);

#endif
