/* The pace of a training loop: how far the host runs ahead of the device, and how often it reports. */
#ifndef SRC_TRAIN_PACE_H
#define SRC_TRAIN_PACE_H

#include "src/train/trainer_private.h"

/* The host reads the device's state every `ahead` steps and waits for the read before, so that at most twice as many
 * steps are in flight. That is enough to keep the device busy, and few enough to stop and report within a fraction of a
 * second; and a host that shares its cores with the device hands them over in small pieces. */
struct cln_pace {
    struct cln_trainer *trainer;
    struct cln_state state; /* where the read under way goes; valid once it was waited for */
    struct ocl_ticket *ticket;
    size_t ahead, since;          /* steps between reads; steps since the last read */
    double start, last, reported; /* seconds of the host's clock */
    size_t steps;                 /* of the epoch */
    size_t resumed_samples;       /* of this epoch, trained on before the trainer went on with it */
    bool stopped;                 /* by params.progress */
};

struct cln_pace cln_pace_begin(struct cln_trainer *trainer);
/* After each step that was queued. Now and then it waits for the device, reports progress, and fails where the loss is
 * not finite. */
enum cln_status cln_pace_step(struct cln_pace *pace) CLN_MUST_CHECK;
/* Waits for every step that was queued; `state` is then the epoch's. To be called also where a step failed: `status` is
 * that step's, and comes back. */
enum cln_status cln_pace_end(struct cln_pace *pace, enum cln_status status) CLN_MUST_CHECK;

#endif
