/* Builders: helpers that build and launch once the kernels of a trainer, so that this process need not compile. */
#ifndef SRC_TRAIN_BUILDERS_H
#define SRC_TRAIN_BUILDERS_H

#include "clenet/trainer.h"

/* Starts params->builder as often as there is room and waits for all of them; a set of operations is built in its safe
 * variants. What they leave undone, this process builds itself, so nothing about them is a failure; but pixels that
 * cannot be read are, and end them at once. */
enum cln_status cln_builders_run(const struct cln_trainer_params *params, unsigned safe) CLN_MUST_CHECK;

/* What a process is there for that a trainer has started anew: params->builder, and $CLENET_BUILDER says the rest. */
enum cln_errand_kind {
    CLN_ERRAND_BUILD,      /* it is a builder */
    CLN_ERRAND_STEP,       /* it checks a step for the guard: see trial.h */
    CLN_ERRAND_OPERATIONS, /* it checks operations one by one */
    CLN_ERRAND_OPERATION,  /* it checks one operation */
    CLN_ERRAND_COUNT
};

struct cln_errand {
    enum cln_errand_kind kind;
    struct cln_shape image; /* of the data: all of it that the arguments do not say */
    unsigned safe;          /* the set of operations that run in their safe variants */
    size_t first; /* the first operation that is checked, or the only one; of a step: 1 where no kept kernels are to be
                     used */
};

enum { CLN_ERRAND_BYTES = 160 };

/* As an environment variable, and back. CLN_INVALID where this process was not started for an errand. */
void cln_errand_write(char out[CLN_ERRAND_BYTES], const struct cln_errand *errand);
enum cln_status cln_errand_read(struct cln_errand *out) CLN_MUST_CHECK;

#endif
