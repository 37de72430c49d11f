/* Trials: a workload's step, or single operations, compared with float64 for the guard. With params.builder a trial
 * runs in another process, so that a crash or hang of the driver does not end this one. */
#ifndef SRC_SESSION_TRIAL_H
#define SRC_SESSION_TRIAL_H

#include "src/session/session.h"

enum cln_trial_end {
    CLN_TRIAL_RIGHT,
    CLN_TRIAL_WRONG,
    CLN_TRIAL_REFUSED, /* the driver returned an error, and did so again in a new context */
    CLN_TRIAL_CRASHED, /* the driver crashed the other process: twice, or once in cln_trial_alone; only with `apart` */
    CLN_TRIAL_HUNG,    /* an OpenCL call did not return; only with `apart` */
    CLN_TRIAL_END_COUNT
};

struct cln_trial {
    enum cln_trial_end end;
    char why[8192]; /* the wrong value, the driver's error (with a compiler's log), or how the process ended */
};

struct cln_trials {
    struct cln_session *session; /* has its workload; its context may be NULL if `apart` */
    bool apart;                  /* trials run in other processes; becomes false if that turns out not to work */
    bool kept_crash;             /* set when a step crashed with kept kernels and was right without them */
};

/* Tries a training step with this tuning; if the workload only predicts, a prediction. Fails only if the trial could
 * not be made, which is no fault of the kernels. In another process the trial calls builders if programs are missing,
 * and session->has_built then becomes true. `first`: this is the first trial of the start.
 * - In another process: the images are waited for while it starts, and the trial fails if they cannot be read.
 * - In this process: the trial runs in the session's context, so that training finds its kernels built. It does not if
 *   launches are timed or traced. */
enum cln_status cln_trial_step(struct cln_trial *out, struct cln_trials *trials, const struct cln_tuning *tuning,
                               bool first) CLN_MUST_CHECK;

/* Tries the quick cases of every operation that the session's tuning does not run in its safe variant; calls `told`
 * with each result. After a failure some operations were not tried. */
typedef void cln_trial_teller(void *user, size_t operation, const struct cln_trial *trial);
enum cln_status cln_trial_operations(struct cln_trials *trials, cln_trial_teller *told, void *user) CLN_MUST_CHECK;

/* Tries the quick cases of one operation while all others run in their safe variants: its cases may launch kernels of
 * other operations. */
enum cln_status cln_trial_alone(struct cln_trial *out, struct cln_trials *trials, size_t operation) CLN_MUST_CHECK;

/* In a process that was started for a trial: makes the trial and reports its result to the parent. */
enum cln_status cln_trial_answer(struct cln_trials *trials, const struct cln_errand *errand) CLN_MUST_CHECK;

#endif
