/* What a measurement needs of a trainer beyond its public header. */
#ifndef SRC_TRAIN_TRAINER_PRIVATE_H
#define SRC_TRAIN_TRAINER_PRIVATE_H

#include "host/context.h"
#include "src/train/trainer.h"

/* Where it runs; for its timeline. */
struct ocl_context *cln_trainer_context(const struct cln_trainer *trainer);
/* Launches of one training step. */
size_t cln_trainer_launches(const struct cln_trainer *trainer);
/* Whether training steps are enqueued as one command buffer; known after the first. */
bool cln_trainer_replays(const struct cln_trainer *trainer);

#endif
