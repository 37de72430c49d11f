/* Builders: helper processes that build and launch a trainer's kernels once, so that this process need not compile
 * them. */
#ifndef SRC_TRAIN_BUILDERS_H
#define SRC_TRAIN_BUILDERS_H

#include "clenet/trainer.h"

/* Starts as many builders (params->builder) as the machine has room for, and waits for all of them. `safe` is the set
 * of operations to build in their safe variants. This process builds all that the builders leave undone, so their
 * failure is no error. Unreadable pixels of params->data are an error, and end the builders at once. */
enum cln_status cln_builders_run(const struct cln_trainer_params *params, unsigned safe) CLN_MUST_CHECK;

/* The task of a process that a trainer has started again (params->builder). $CLENET_BUILDER carries it. */
enum cln_errand_kind {
    CLN_ERRAND_BUILD,      /* build kernels */
    CLN_ERRAND_STEP,       /* check a training step for the guard: see trial.h */
    CLN_ERRAND_OPERATIONS, /* check several operations, one by one */
    CLN_ERRAND_OPERATION,  /* check one operation */
    CLN_ERRAND_COUNT
};

struct cln_errand {
    enum cln_errand_kind kind;
    struct cln_shape image; /* shape of the data's images; all else is in the arguments */
    unsigned safe;          /* set of operations that run in their safe variants */
    size_t first;           /* OPERATIONS, OPERATION: the first or only operation. STEP: 1: use no kept kernels */
};

enum { CLN_ERRAND_BYTES = 160 };

/* Write an errand as NAME=value of the environment, and read it back. CLN_INVALID: this process was started for no
 * errand. */
void cln_errand_write(char out[CLN_ERRAND_BYTES], const struct cln_errand *errand);
enum cln_status cln_errand_read(struct cln_errand *out) CLN_MUST_CHECK;

#endif
