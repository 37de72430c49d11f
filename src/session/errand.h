/* Errands: the tasks of processes that a session starts of its own program. */
#ifndef SRC_SESSION_ERRAND_H
#define SRC_SESSION_ERRAND_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/dataset.h"
#include "clenet/geometry.h"
#include "clenet/status.h"

/* The task of a process that a session has started again (params.builder). $CLENET_BUILDER carries it. */
enum cln_errand_kind {
    CLN_ERRAND_BUILD,      /* build kernels */
    CLN_ERRAND_STEP,       /* check a training step for the guard: see trial.h */
    CLN_ERRAND_OPERATIONS, /* check several operations, one by one */
    CLN_ERRAND_OPERATION,  /* check one operation */
    CLN_ERRAND_COUNT
};

struct cln_errand {
    enum cln_errand_kind kind;
    struct cln_shape image; /* shape of the data's images, how they are stored, and whether they stay on the host; all
                             * else is in the arguments */
    enum cln_pixel_type pixels;
    bool streams;
    unsigned safe; /* set of operations that run in their safe variants */
    size_t first;  /* number of the first, or only, operation. STEP: not 0 if no kept kernels may be used */
};

enum { CLN_ERRAND_BYTES = 160 };

/* Writes an errand as NAME=value of the environment. */
void cln_errand_write(char out[CLN_ERRAND_BYTES], const struct cln_errand *errand);
/* Whether this process was started for an errand. */
bool cln_errand_given(void);
/* Reads this process's errand. CLN_INVALID: $CLENET_BUILDER is not set, or its text is no errand. */
enum cln_status cln_errand_read(struct cln_errand *out) CLN_MUST_CHECK;

#endif
