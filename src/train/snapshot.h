/* What a trainer has at one moment, in host memory, as a checkpoint: to be written while training goes on. */
#ifndef SRC_TRAIN_SNAPSHOT_H
#define SRC_TRAIN_SNAPSHOT_H

#include "clenet/checkpoint.h"
#include "src/train/trainer_private.h"

struct cln_snapshot {
    struct cln_checkpoint checkpoint; /* its network is the trainer's */
    struct cln_training_point training;
    float *values; /* all numbers of both */
};

/* Room for a checkpoint of this trainer, which must outlive it. Each is to be destroyed, also after a failure. */
enum cln_status cln_snapshot_create(struct cln_snapshot **out, const struct cln_trainer *trainer) CLN_MUST_CHECK;
void cln_snapshot_destroy(struct cln_snapshot **snapshot);

/* After the steps that are queued; waits for them and reads everything from the device. */
enum cln_status cln_snapshot_take(struct cln_snapshot *snapshot, struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
