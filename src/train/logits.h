/* The logits of a trainer's test images, and softmax. For the library and its programs alone. */
#ifndef SRC_TRAIN_LOGITS_H
#define SRC_TRAIN_LOGITS_H

#include "clenet/trainer.h"
#include "src/engine/engine.h"

/* Computes the logits of the first `count` test images in prediction mode, batch by batch, into `logits`
 * [count][network's classes]. */
enum cln_status cln_trainer_logits(struct cln_trainer *trainer, size_t count, float *logits) CLN_MUST_CHECK;

/* The same of an engine whose batches have `batch_size` images. */
enum cln_status cln_logits_read(float *logits, struct cln_engine *engine, const struct cln_network *network,
                                size_t batch_size, size_t count) CLN_MUST_CHECK;

/* Checks `logits` [count][classes]: CLN_NUMERIC names the first image with a logit that is not finite. */
enum cln_status cln_logits_check(const float *logits, size_t count, size_t classes) CLN_MUST_CHECK;

/* Softmax, in double: p[k] = exp(z[k] − m) / Σ_j exp(z[j] − m), m = max_j z[j]. `probabilities` may be `logits`. */
void cln_softmax(float *probabilities, const float *logits, size_t classes);

#endif
