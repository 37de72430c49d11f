/* The tables of optimizers and of hyperparameters. The program's options, metadata, resuming, device buffers and checks
 * follow from their rows. */
#ifndef SRC_MODEL_OPTIMIZER_TABLE_H
#define SRC_MODEL_OPTIMIZER_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/optimizer.h"
#include "clenet/status.h"

/* A hyperparameter: one of the members of struct cln_optimizer_params from lr on. */
struct cln_hyperparameter {
    const char *name;               /* name of the member, also in metadata */
    const char *title;              /* in messages */
    size_t offset;                  /* of the member */
    double preset;                  /* the default of most; 0 stands for it */
    double limit;                   /* valid values are at least 0 and below this */
    unsigned optimizers, schedules; /* the kinds that use it: bits 1 << kind */
    bool is_later;                  /* files of earlier versions do not have it */
    /* As an option of the program: its placeholder, NULL for a flag that sets 1. */
    const char *argument, *help;
    double least, most; /* inclusive */
    bool is_whole;      /* only whole numbers are valid */
};

enum {
    CLN_HYPERPARAMETER_COUNT =
        (sizeof(struct cln_optimizer_params) - offsetof(struct cln_optimizer_params, lr)) / sizeof(double),
    CLN_MOMENT_COUNT = 2
};

/* One value that an optimizer keeps per parameter, in a buffer of the engine's moments. */
struct cln_moment {
    const char *name; /* name in torch.optim's state: "exp_avg"; NULL: not used */
    bool is_square;   /* never negative */
    bool of_momentum; /* in checkpoints only if momentum is above 0 */
    bool is_ratio;    /* of gradients divided by their size: without digits where both are about eps */
};

struct cln_optimizer_row {
    const char *title; /* in messages: "Adam" */
    struct cln_moment moments[CLN_MOMENT_COUNT];
};

extern const struct cln_optimizer_row cln_optimizers[];       /* by kind */
extern const struct cln_hyperparameter cln_hyperparameters[]; /* CLN_HYPERPARAMETER_COUNT of them */

/* The address and the value of a hyperparameter in `params`; whether optimizer and schedule of `params` both use it;
 * its default for them, which the program takes where no option says another. */
double *cln_hyperparameter_value(struct cln_optimizer_params *params, const struct cln_hyperparameter *row);
double cln_hyperparameter_get(const struct cln_optimizer_params *params, const struct cln_hyperparameter *row);
bool cln_hyperparameter_is_taken(const struct cln_hyperparameter *row, const struct cln_optimizer_params *params);
double cln_hyperparameter_preset(const struct cln_hyperparameter *row, const struct cln_optimizer_params *params);

/* Returns `params` with every 0 replaced by its default, where that is another value. */
struct cln_optimizer_params cln_optimizer_resolve(struct cln_optimizer_params params);
/* Checks the kinds and the range of every hyperparameter. CLN_INVALID names the one that is wrong. */
enum cln_status cln_optimizer_check(const struct cln_optimizer_params *params) CLN_MUST_CHECK;
/* Checks that the schedule has all it needs: a part of cln_optimizer_check. `params` must come from
 * cln_optimizer_resolve. */
enum cln_status cln_schedule_check(const struct cln_optimizer_params *params) CLN_MUST_CHECK;
/* The learning rate of a step, `step` counted from 1 over all epochs: the schedule's formula (optimizer.h). The device
 * and the references take it from here. `params` must come from cln_optimizer_resolve. */
double cln_learning_rate(const struct cln_optimizer_params *params, int step);
/* Lets CLN_PLATEAU see the validation loss of an epoch. `params` must come from cln_optimizer_resolve. */
void cln_plateau_note(struct cln_plateau *plateau, const struct cln_optimizer_params *params, double loss);
/* Whether a schedule ends, so that it needs schedule_epochs. */
bool cln_schedule_ends(enum cln_schedule_kind kind);
/* The name of a schedule, and the schedule of a name; CLN_SCHEDULE_COUNT: unknown. */
const char *cln_schedule_name(enum cln_schedule_kind kind);
enum cln_schedule_kind cln_schedule_find(const char *name);
/* The name of a kind: "adam". */
const char *cln_optimizer_name(enum cln_optimizer_kind kind);
/* The kind of this name; CLN_OPTIMIZER_COUNT: unknown. */
enum cln_optimizer_kind cln_optimizer_find(const char *name);
/* The moment that a checkpoint of a training with `params` has in place `which`; NULL: none. */
const struct cln_moment *cln_optimizer_moment(const struct cln_optimizer_params *params, int which);

#endif
