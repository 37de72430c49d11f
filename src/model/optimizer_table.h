/* A row per optimizer, and a row per number that optimizers take. Options of the program, metadata, resuming, buffers
 * on the device and checks follow from the rows. */
#ifndef SRC_MODEL_OPTIMIZER_TABLE_H
#define SRC_MODEL_OPTIMIZER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/optimizer.h"
#include "clenet/status.h"

/* A member of struct cln_optimizer_params other than `kind`. */
struct cln_hyperparameter {
    const char *name;  /* of the member, and in metadata */
    const char *title; /* in messages */
    size_t offset;     /* of the member */
    double preset;     /* what zero stands for */
    double limit;      /* values are at least 0 and below this */
    unsigned of;       /* the optimizers that take it, a bit 1 << kind each */
    /* As an option of the program; help NULL: it is none. */
    const char *argument, *help;
    double least, most; /* inclusive */
};

enum { CLN_HYPERPARAMETER_COUNT = 6, CLN_MOMENT_COUNT = 2 };

/* Numbers that an optimizer keeps for every parameter, in the buffers of the engine's moments. */
struct cln_moment {
    const char *name; /* of torch.optim's state: "exp_avg"; NULL: there is none */
    bool is_square;   /* never negative */
    bool of_momentum; /* belongs to a checkpoint only where momentum is above 0 */
};

struct cln_optimizer_row {
    const char *title; /* in messages: "Adam" */
    struct cln_moment moments[CLN_MOMENT_COUNT];
};

extern const struct cln_optimizer_row cln_optimizers[];       /* by kind */
extern const struct cln_hyperparameter cln_hyperparameters[]; /* CLN_HYPERPARAMETER_COUNT of them */

double *cln_hyperparameter_value(struct cln_optimizer_params *params, const struct cln_hyperparameter *row);
double cln_hyperparameter_get(const struct cln_optimizer_params *params, const struct cln_hyperparameter *row);
bool cln_hyperparameter_is_taken(const struct cln_hyperparameter *row, enum cln_optimizer_kind kind);

/* The same with every default spelled out. */
struct cln_optimizer_params cln_optimizer_resolve(struct cln_optimizer_params params);
/* Whether the kind is one and every number within its range; else CLN_INVALID, which names it. */
enum cln_status cln_optimizer_check(const struct cln_optimizer_params *params) CLN_MUST_CHECK;
const char *cln_optimizer_name(enum cln_optimizer_kind kind);
/* CLN_OPTIMIZER_COUNT: no optimizer has this name. */
enum cln_optimizer_kind cln_optimizer_find(const char *name);
/* The moment that a checkpoint of such a training has in place `which`; NULL: none. */
const struct cln_moment *cln_optimizer_moment(const struct cln_optimizer_params *params, int which);

#endif
