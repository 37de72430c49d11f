/* A snapshot: a copy of a trainer's state in host memory, as a checkpoint that can be written while training goes
 * on. */
#ifndef SRC_TRAIN_SNAPSHOT_H
#define SRC_TRAIN_SNAPSHOT_H

#include "clenet/checkpoint.h"
#include "src/train/trainer_private.h"

struct cln_snapshot {
    struct cln_checkpoint checkpoint; /* its network belongs to the trainer */
    struct cln_training_point training;
    float *values; /* memory of all numbers in both */
    const char *
        *names; /* of the checkpoint's classes: the data set's, then "" for outputs without one; NULL: unknown */
};

/* Allocates a snapshot for this trainer, which must outlive it. Destroy it even after a failure. */
enum cln_status cln_snapshot_create(struct cln_snapshot **out, const struct cln_trainer *trainer) CLN_MUST_CHECK;
void cln_snapshot_destroy(struct cln_snapshot **snapshot);

/* Waits for all queued steps and reads the state from the device. */
enum cln_status cln_snapshot_take(struct cln_snapshot *snapshot, struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
