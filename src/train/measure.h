/* Functions for measurements of a trainer that are not in its public header. */
#ifndef SRC_TRAIN_MEASURE_H
#define SRC_TRAIN_MEASURE_H

#include "clenet/trainer.h"
#include "host/context.h"

/* The trainer's context, for its timeline. */
struct ocl_context *cln_trainer_context(const struct cln_trainer *trainer);
/* Waits for all queued steps and reads the parameters that predictions are made with: network->parameter_floats. */
enum cln_status cln_trainer_parameters(struct cln_trainer *trainer, float *values) CLN_MUST_CHECK;
/* Number of launches of one training step, actions of the host included. */
size_t cln_trainer_launches(const struct cln_trainer *trainer);
/* Whether training steps are enqueued as command buffers; known after the first step. */
bool cln_trainer_replays(const struct cln_trainer *trainer);

#endif
