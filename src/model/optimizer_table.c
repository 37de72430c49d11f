/* The tables of optimizers and of their hyperparameters. */
#include "src/model/optimizer_table.h"

#include <math.h>
#include <string.h>

#include "src/base/table.h"

enum { ALL = (1u << CLN_OPTIMIZER_COUNT) - 1, ADAM = 1u << CLN_ADAM, SGD = 1u << CLN_SGD };

static const char *const names[] = {CLN_OPTIMIZER_NAMES};

const struct cln_optimizer_row cln_optimizers[] = {
    [CLN_ADAM] = {"Adam", {{"exp_avg"}, {"exp_avg_sq", .is_square = true}}},
    [CLN_SGD] = {"SGD", {{"momentum_buffer", .of_momentum = true}}},
};

#define ROW(member, title, ...)                                                                                        \
    { #member, title, offsetof(struct cln_optimizer_params, member), __VA_ARGS__ }

const struct cln_hyperparameter cln_hyperparameters[] = {
    ROW(lr, "learning rate", 0.001, INFINITY, ALL, "RATE", "learning rate", 1e-10, 1000),
    ROW(beta1, "beta1", 0.9, 1, ADAM),
    ROW(beta2, "beta2", 0.999, 1, ADAM),
    ROW(eps, "eps", 1e-8, INFINITY, ADAM),
    ROW(momentum, "momentum", 0, 1000, SGD, "M", "momentum of sgd", 0, 1),
    ROW(weight_decay, "weight decay", 0, INFINITY, ALL, "W", "L2 penalty", 0, 1000),
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

bool cln_hyperparameter_is_taken(const struct cln_hyperparameter *row, enum cln_optimizer_kind kind) {
    return row->of >> kind & 1;
}

struct cln_optimizer_params cln_optimizer_resolve(struct cln_optimizer_params params) {
    for (const struct cln_hyperparameter *row = cln_hyperparameters;
         row < cln_hyperparameters + CLN_HYPERPARAMETER_COUNT; row++) {
        double *value = cln_hyperparameter_value(&params, row);
        *value = *value > 0.0 ? *value : row->preset;
    }
    return params;
}

enum cln_status cln_optimizer_check(const struct cln_optimizer_params *params) {
    if ((unsigned)params->kind >= CLN_OPTIMIZER_COUNT)
        return cln_fail(CLN_INVALID, "optimizer: there is no kind %d", (int)params->kind);
    for (const struct cln_hyperparameter *row = cln_hyperparameters;
         row < cln_hyperparameters + CLN_HYPERPARAMETER_COUNT; row++) {
        const double value = cln_hyperparameter_get(params, row);
        if (!(value >= 0 && value < row->limit))
            return cln_fail(CLN_INVALID, "optimizer: %s is %g: it must be at least 0 and below %g", row->name, value,
                            row->limit);
    }
    return CLN_OK;
}

double cln_learning_rate(const struct cln_optimizer_params *params, int step) {
    (void)step;
    return params->lr;
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
