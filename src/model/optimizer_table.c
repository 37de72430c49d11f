/* The tables of optimizers and of their hyperparameters. */
#include "src/model/optimizer_table.h"

#include <math.h>
#include <string.h>

#include "src/base/table.h"

enum {
    ALL = (1u << CLN_OPTIMIZER_COUNT) - 1,
    SGD = 1u << CLN_SGD,
    RMSPROP = 1u << CLN_RMSPROP,
    ADAMS = 1u << CLN_ADAM | 1u << CLN_ADAMW
};

enum {
    ANY = (1u << CLN_SCHEDULE_COUNT) - 1,
    STEP = 1u << CLN_STEP,
    ENDS = 1u << CLN_COSINE | 1u << CLN_ONE_CYCLE,
    FLOOR = 1u << CLN_COSINE | 1u << CLN_PLATEAU,
    ONE_CYCLE = 1u << CLN_ONE_CYCLE,
    PLATEAU = 1u << CLN_PLATEAU,
    GAMMA = STEP | 1u << CLN_MULTISTEP | 1u << CLN_EXPONENTIAL | PLATEAU
};

static const char *const names[] = {CLN_OPTIMIZER_NAMES};

const struct cln_optimizer_row cln_optimizers[] = {
    [CLN_ADAM] = {"Adam", {{"exp_avg"}, {"exp_avg_sq", .is_square = true}}},
    [CLN_SGD] = {"SGD", {{"momentum_buffer", .of_momentum = true}}},
    [CLN_ADAMW] = {"AdamW", {{"exp_avg"}, {"exp_avg_sq", .is_square = true}}},
    [CLN_RMSPROP] = {"RMSprop",
                     {{"square_avg", .is_square = true}, {"momentum_buffer", .of_momentum = true, .is_ratio = true}}},
};

#define ROW(member, title, preset, limit, optimizers, schedules, ...)                                                  \
    { #member, title, offsetof(struct cln_optimizer_params, member), preset, limit, optimizers, schedules, __VA_ARGS__ }
#define OPTION(argument, help, least, most) argument, help, least, most
#define FLAG(help) NULL, help, 0, 1
enum { OLD = false, LATER = true };

const struct cln_hyperparameter cln_hyperparameters[] = {
    ROW(lr, "learning rate", 0.001, INFINITY, ALL, ANY, OLD, OPTION("RATE", "learning rate", 1e-10, 1000)),
    ROW(beta1, "beta1", 0.9, 1, ADAMS, ANY, OLD, OPTION("B", "adam's decay of the mean gradient", 1e-9, 0.999999999)),
    ROW(beta2, "beta2", 0.999, 1, ADAMS, ANY, OLD, OPTION("B", "adam's decay of the mean square", 1e-9, 0.999999999)),
    ROW(alpha, "alpha", 0.99, 1, RMSPROP, ANY, LATER,
        OPTION("A", "rmsprop's decay of the mean square", 1e-9, 0.999999999)),
    ROW(eps, "eps", 1e-8, INFINITY, ADAMS | RMSPROP, ANY, OLD,
        OPTION("E", "added to the root of the mean square", 1e-30, 1000)),
    ROW(momentum, "momentum", 0, 1000, SGD | RMSPROP, ANY, OLD, OPTION("M", "momentum of sgd and rmsprop", 0, 1)),
    ROW(nesterov, "nesterov", 0, 1.5, SGD, ANY, LATER, FLAG("Nesterov's momentum, for sgd")),
    ROW(weight_decay, "weight decay", 0, INFINITY, ALL, ANY, OLD,
        OPTION("W", "L2 penalty; of adamw decoupled, and 0.01", 0, 1000)),
    ROW(decay_weights_only, "decay of weights only", 0, 1.5, ALL, ANY, LATER, FLAG("biases and norms do not decay")),
    ROW(warmup_epochs, "warm-up epochs", 0, INFINITY, ALL, ANY, LATER,
        OPTION("E", "epochs in which the rate rises first", 0, 1e6)),
    ROW(warmup_start, "start of the warm-up", 0.01, 1, ALL, ANY, LATER,
        OPTION("X", "share of the rate that this begins with", 1e-9, 0.999)),
    ROW(schedule_epochs, "epochs of the schedule", 0, INFINITY, ALL, ENDS, LATER,
        OPTION("N", "end of cosine, one-cycle; 0: --epochs", 0, 1e6)),
    ROW(step_size, "step size", 0, INFINITY, ALL, STEP, LATER, OPTION("N", "epochs between two steps of step", 1, 1e6)),
    ROW(gamma, "gamma", 0.1, INFINITY, ALL, GAMMA, LATER,
        OPTION("G", "factor of the rate where it falls in steps", 1e-9, 1000)),
    ROW(eta_min, "eta_min", 0, INFINITY, ALL, FLOOR, LATER,
        OPTION("RATE", "lowest rate of cosine and plateau", 0, 1000)),
    ROW(pct_start, "pct_start", 0.3, 1, ALL, ONE_CYCLE, LATER,
        OPTION("X", "share of one-cycle's steps that rise", 1e-9, 0.999)),
    ROW(div_factor, "div_factor", 25, INFINITY, ALL, ONE_CYCLE, LATER,
        OPTION("F", "one-cycle begins with the rate / F", 1e-9, 1e9)),
    ROW(final_div_factor, "final_div_factor", 1e4, INFINITY, ALL, ONE_CYCLE, LATER,
        OPTION("F", "one-cycle ends at its first rate / F", 1e-9, 1e12)),
    ROW(plateau_patience, "patience of plateau", 10, INFINITY, ALL, PLATEAU, LATER,
        OPTION("N", "epochs that plateau bears without a lower loss", 1, 1e6)),
    ROW(label_smoothing, "label smoothing", 0, 1, ALL, ANY, LATER,
        OPTION("X", "part of a label that all classes share", 0, 0.999)),
    ROW(clip_norm, "norm to clip to", 0, INFINITY, ALL, ANY, LATER,
        OPTION("X", "most norm of all gradients; 0: any", 0, 1e9)),
    ROW(ema, "decay of the average of weights", 0, 1, ALL, ANY, LATER,
        OPTION("DECAY", "evaluate and keep an average of the weights", 0, 0.999999999)),
    ROW(accumulate, "batches per update", 1, 1001, ALL, ANY, LATER,
        OPTION("N", "batches per update, of averaged gradients", 1, 1000), .is_whole = true),
};

CLN_EVERY(names, CLN_OPTIMIZER_COUNT);
CLN_EVERY(cln_optimizers, CLN_OPTIMIZER_COUNT);
CLN_EVERY(cln_hyperparameters, CLN_HYPERPARAMETER_COUNT);

double *cln_hyperparameter_value(struct cln_optimizer_params *params, const struct cln_hyperparameter *row) {
    return (double *)((char *)params + row->offset);
}

double cln_hyperparameter_get(const struct cln_optimizer_params *params, const struct cln_hyperparameter *row) {
    return *(const double *)((const char *)params + row->offset);
}

bool cln_hyperparameter_is_taken(const struct cln_hyperparameter *row, const struct cln_optimizer_params *params) {
    return (row->optimizers >> params->kind & 1) && (row->schedules >> params->schedule & 1);
}

/* Defaults that are not as their row says. PyTorch's ExponentialLR has no default of gamma: 0 is refused. */
#define OTHER(member, value, ...)                                                                                      \
    { offsetof(struct cln_optimizer_params, member), value, __VA_ARGS__ }
static const struct {
    size_t offset;
    double preset;
    unsigned optimizers, schedules;
} others[] = {
    OTHER(lr, 0.01, RMSPROP, ANY),
    OTHER(weight_decay, 0.01, 1u << CLN_ADAMW, ANY),
    OTHER(gamma, 0, ALL, 1u << CLN_EXPONENTIAL),
};

double cln_hyperparameter_preset(const struct cln_hyperparameter *row, const struct cln_optimizer_params *params) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].offset == row->offset && (others[i].optimizers >> params->kind & 1) &&
            (others[i].schedules >> params->schedule & 1))
            return others[i].preset;
    return row->preset;
}

struct cln_optimizer_params cln_optimizer_resolve(struct cln_optimizer_params params) {
    for (const struct cln_hyperparameter *row = cln_hyperparameters;
         row < cln_hyperparameters + CLN_HYPERPARAMETER_COUNT; row++) {
        double *value = cln_hyperparameter_value(&params, row);
        if (!(*value > 0.0) && row->preset > 0.0)
            *value = cln_hyperparameter_preset(row, &params);
    }
    return params;
}

enum cln_status cln_optimizer_check(const struct cln_optimizer_params *params) {
    if ((unsigned)params->kind >= CLN_OPTIMIZER_COUNT)
        return cln_fail(CLN_INVALID, "optimizer: there is no kind %d", (int)params->kind);
    if ((unsigned)params->schedule >= CLN_SCHEDULE_COUNT)
        return cln_fail(CLN_INVALID, "schedule: there is no kind %d", (int)params->schedule);
    for (const struct cln_hyperparameter *row = cln_hyperparameters;
         row < cln_hyperparameters + CLN_HYPERPARAMETER_COUNT; row++) {
        const double value = cln_hyperparameter_get(params, row);
        if (!(value >= 0 && value < row->limit))
            return cln_fail(CLN_INVALID, "optimizer: %s is %g: it must be at least 0 and below %g", row->name, value,
                            row->limit);
        if (row->is_whole && value != floor(value))
            return cln_fail(CLN_INVALID, "optimizer: %s is %g: it must be a whole number", row->name, value);
    }
    if (params->nesterov > 0 && !(params->momentum > 0))
        return cln_fail(CLN_INVALID, "optimizer: Nesterov's momentum needs a momentum above 0");
    const struct cln_optimizer_params resolved = cln_optimizer_resolve(*params);
    return cln_schedule_check(&resolved);
}

const char *cln_optimizer_name(enum cln_optimizer_kind kind) {
    return names[kind];
}

enum cln_optimizer_kind cln_optimizer_find(const char *name) {
    int kind = 0;
    while (kind < CLN_OPTIMIZER_COUNT && strcmp(name, names[kind]) != 0)
        kind++;
    return (enum cln_optimizer_kind)kind;
}

const struct cln_moment *cln_optimizer_moment(const struct cln_optimizer_params *params, int which) {
    const struct cln_moment *moment = &cln_optimizers[params->kind].moments[which];
    return moment->name && (!moment->of_momentum || params->momentum > 0) ? moment : NULL;
}
