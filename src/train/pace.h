/* The pace of the training loop: how many steps the host queues ahead of the device, and how often it reports
 * progress. */
#ifndef SRC_TRAIN_PACE_H
#define SRC_TRAIN_PACE_H

#include "src/train/trainer_private.h"

/* The host queues a read of the device's state every `ahead` steps and first waits for the previous read, so at most
 * 2·ahead steps are in flight. That keeps the device busy, and stopping and reporting take a fraction of a second. If
 * host and device share cores, the host gives them up in short intervals. */
struct cln_pace {
    struct cln_trainer *trainer;
    struct cln_state state; /* target of the read under way; valid after waiting for `ticket` */
    struct ocl_ticket *ticket;
    size_t ahead, since;          /* steps between reads; steps since the last one */
    double start, last, reported; /* times on the host's clock, in seconds */
    size_t steps;                 /* steps of the whole epoch */
    size_t resumed_samples;       /* samples of this epoch that were trained on before resuming */
    int resumed_batches;          /* and in how many batches */
    bool stopped;                 /* by params.progress */
};

struct cln_pace cln_pace_begin(struct cln_trainer *trainer);
/* Call after queueing a step. From time to time this waits for the device and reports progress. CLN_NUMERIC: the loss
 * is not finite. */
enum cln_status cln_pace_step(struct cln_pace *pace) CLN_MUST_CHECK;
/* Waits for all queued steps; pace->state is then the epoch's final state. Call it even after a step failed, with its
 * status: `status`, unless CLN_OK, is returned. */
enum cln_status cln_pace_end(struct cln_pace *pace, enum cln_status status) CLN_MUST_CHECK;

#endif
