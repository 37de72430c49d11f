/* Functions for measurements of a trainer that are not in its public header. */
#ifndef SRC_TRAIN_MEASURE_H
#define SRC_TRAIN_MEASURE_H

#include "clenet/trainer.h"
#include "host/context.h"

struct cln_part_meter;

/* The trainer's context, for its timeline. */
struct ocl_context *cln_trainer_context(const struct cln_trainer *trainer);
/* From here on steps are measured by their parts (src/base/part_meter.h), which takes time: processes meet before every
 * exchange, and wait for their device at the end of each step. NULL: as before. All processes call it at the same
 * place. */
void cln_trainer_meter(struct cln_trainer *trainer, struct cln_part_meter *meter);
/* Waits for all queued steps and reads the parameters that predictions are made with: network->parameter_floats. */
enum cln_status cln_trainer_parameters(struct cln_trainer *trainer, float *values) CLN_MUST_CHECK;
/* Number of launches of one training step, actions of the host included. */
size_t cln_trainer_launches(const struct cln_trainer *trainer);
/* Whether training steps are enqueued as command buffers; known after the first step. */
bool cln_trainer_replays(const struct cln_trainer *trainer);

#endif
