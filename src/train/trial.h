/* Trials: a step or single operations of a trainer checked against float64, for the guard; in a process that may crash
 * or hang in this one's place, where there is a command that starts one. */
#ifndef SRC_TRAIN_TRIAL_H
#define SRC_TRAIN_TRIAL_H

#include "src/train/builders.h"
#include "src/train/trainer_private.h"

enum cln_trial_end {
    CLN_TRIAL_RIGHT,
    CLN_TRIAL_WRONG,
    CLN_TRIAL_REFUSED, /* by the driver, with an error */
    CLN_TRIAL_CRASHED, /* the driver ended the process, twice; only apart, as the next */
    CLN_TRIAL_HUNG,    /* an OpenCL call did not come back */
    CLN_TRIAL_END_COUNT
};

struct cln_trial {
    enum cln_trial_end end;
    char why[8192]; /* what was wrong, what the driver refused (with a compiler's log), how the process ended */
};

struct cln_trials {
    struct cln_trainer *t; /* with its params and tuning; its context may be NULL where trials are apart */
    const struct ocl_device *device;
    const char *folder; /* of kept kernels; NULL: none */
    bool replay;        /* steps are enqueued as command buffers */
    bool apart;         /* in processes of their own; false from when that turns out not to work */
    bool kept_crash;    /* set where a step crashed with kept kernels, and did not without them */
};

/* A training step, or where the trainer only evaluates a prediction, with this tuning. `first`: it is the first one of
 * this start, which other processes may build kernels for; where the pixels of the data cannot be read, it is ended.
 * Fails where the trial could not be made, which is not the kernels' fault. */
enum cln_status cln_trial_step(struct cln_trial *out, struct cln_trials *trials, const struct cln_tuning *tuning,
                               bool first) CLN_MUST_CHECK;

/* The quick cases of every operation that the trainer's tuning does not run in its safe variant; `told` gets each
 * result. Where it fails not all have been checked. */
typedef void cln_trial_teller(void *user, size_t operation, const struct cln_trial *trial);
enum cln_status cln_trial_operations(struct cln_trials *trials, cln_trial_teller *told, void *user) CLN_MUST_CHECK;

/* The quick cases of one operation, where all others run in their safe variants: those of one may launch kernels of
 * another. */
enum cln_status cln_trial_alone(struct cln_trial *out, struct cln_trials *trials, size_t operation) CLN_MUST_CHECK;

/* In a process that was started for a trial: makes it, and says what came of it. */
enum cln_status cln_trial_answer(struct cln_trials *trials, const struct cln_errand *errand) CLN_MUST_CHECK;

#endif
