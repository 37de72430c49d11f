/* Schedules of the learning rate, as in torch.optim.lr_scheduler. */
#include <math.h>
#include <string.h>

#include "src/base/table.h"
#include "src/model/optimizer_table.h"

/* A place in the schedule, behind the warm-up. */
struct place {
    double t, steps; /* steps that are done, and steps until the end; 0: it has no end */
    double epoch;    /* whole epochs that are done */
};

static double constant(const struct cln_optimizer_params *p, const struct place *at) {
    (void)at;
    return p->lr;
}

static double step(const struct cln_optimizer_params *p, const struct place *at) {
    return p->lr * pow(p->gamma, floor(at->epoch / p->step_size));
}

static double multistep(const struct cln_optimizer_params *p, const struct place *at) {
    int passed = 0;
    while (passed < CLN_MOST_MILESTONES && p->milestones[passed] > 0 && p->milestones[passed] <= at->epoch)
        passed++;
    return p->lr * pow(p->gamma, passed);
}

static double exponential(const struct cln_optimizer_params *p, const struct place *at) {
    return p->lr * pow(p->gamma, at->epoch);
}

/* From `from` to `to` along half a cosine, x from 0 to 1. */
static double anneal(double from, double to, double x) {
    return to + (from - to) * (1 + cos(3.14159265358979323846 * x)) / 2;
}

static double cosine(const struct cln_optimizer_params *p, const struct place *at) {
    return at->t < at->steps ? anneal(p->lr, p->eta_min, at->t / at->steps) : p->eta_min;
}

static double one_cycle(const struct cln_optimizer_params *p, const struct place *at) {
    const double first = p->lr / p->div_factor, last = first / p->final_div_factor;
    const double peak = p->pct_start * at->steps - 1, end = at->steps - 1;
    if (at->t < peak)
        return anneal(first, p->lr, at->t / peak);
    return at->t < end ? anneal(p->lr, last, (at->t - peak) / (end - peak)) : last;
}

static double plateau(const struct cln_optimizer_params *p, const struct place *at) {
    (void)at;
    return p->plateau.rate > 0 ? p->plateau.rate : p->lr;
}

static const char *const names[] = {CLN_SCHEDULE_NAMES};

static const struct {
    double (*rate)(const struct cln_optimizer_params *params, const struct place *at);
    bool ends; /* it needs schedule_epochs */
} schedules[] = {
    [CLN_CONSTANT] = {constant},       [CLN_STEP] = {step},           [CLN_MULTISTEP] = {multistep},
    [CLN_EXPONENTIAL] = {exponential}, [CLN_COSINE] = {cosine, true}, [CLN_ONE_CYCLE] = {one_cycle, true},
    [CLN_PLATEAU] = {plateau},
};

CLN_EVERY(names, CLN_SCHEDULE_COUNT);
CLN_EVERY(schedules, CLN_SCHEDULE_COUNT);

double cln_learning_rate(const struct cln_optimizer_params *params, int step) {
    const double per_epoch = params->steps_per_epoch > 0 ? params->steps_per_epoch : 1;
    const double warmup = round(params->warmup_epochs * per_epoch);
    const double t = fmax((double)step - 1 + params->step_shift, 0);
    if (t < warmup)
        return params->lr * (params->warmup_start + (1 - params->warmup_start) * t / warmup);
    const struct place at = {
        .t = t - warmup,
        .steps = round(params->schedule_epochs * per_epoch) - warmup,
        .epoch = floor((t - warmup) / per_epoch),
    };
    return schedules[params->schedule].rate(params, &at);
}

void cln_plateau_note(struct cln_plateau *p, const struct cln_optimizer_params *params, double loss) {
    const double threshold = 1e-4, least_fall = 1e-8; /* PyTorch's */
    const double rate = p->rate > 0 ? p->rate : params->lr;
    const bool is_better = !(p->best > 0) || loss < p->best * (1 - threshold);
    if (is_better)
        p->best = loss;
    p->bad = is_better ? 0 : p->bad + 1;
    if (p->bad <= params->plateau_patience)
        return;
    p->bad = 0;
    const double fallen = fmax(rate * params->gamma, params->eta_min);
    if (rate - fallen > least_fall)
        p->rate = fallen;
}

/* The number of milestones; -1: they do not rise, or are no whole numbers. */
static int count_milestones(const double milestones[CLN_MOST_MILESTONES]) {
    int count = 0;
    double before = 0;
    for (int i = 0; i < CLN_MOST_MILESTONES && milestones[i] != 0; i++, count++) {
        if (!(milestones[i] > before && milestones[i] <= 1e6 && milestones[i] == floor(milestones[i])))
            return -1;
        before = milestones[i];
    }
    return count;
}

enum cln_status cln_schedule_check(const struct cln_optimizer_params *p) {
    const char *name = names[p->schedule];
    const int milestones = count_milestones(p->milestones);
    if (milestones < 0)
        return cln_fail(CLN_INVALID,
                        "schedule: the milestones must be whole numbers of epochs, each above the one before");
    if (p->schedule == CLN_MULTISTEP && milestones == 0)
        return cln_fail(CLN_INVALID, "schedule multistep needs milestones: the epochs after which the rate changes");
    if (p->schedule != CLN_MULTISTEP && milestones > 0)
        return cln_fail(CLN_INVALID, "schedule %s has no milestones: they belong to multistep", name);
    if (p->schedule == CLN_STEP && !(p->step_size >= 1 && p->step_size == floor(p->step_size)))
        return cln_fail(CLN_INVALID, "schedule step needs a step size: a whole number of epochs, not %g", p->step_size);
    if (p->schedule == CLN_PLATEAU && !(p->gamma < 1))
        return cln_fail(CLN_INVALID, "schedule plateau multiplies the rate by gamma, %g: it must be below 1", p->gamma);
    if (p->schedule == CLN_EXPONENTIAL && !(p->gamma > 0))
        return cln_fail(CLN_INVALID, "schedule exponential needs gamma: the factor of every epoch");
    if (schedules[p->schedule].ends && !(p->schedule_epochs > p->warmup_epochs))
        return cln_fail(
            CLN_INVALID,
            "schedule %s has no end: it lasts %g epochs, of which the warm-up takes %g: give it more epochs", name,
            p->schedule_epochs, p->warmup_epochs);
    if ((p->schedule == CLN_COSINE || p->schedule == CLN_PLATEAU) && p->eta_min > p->lr && p->lr > 0)
        return cln_fail(CLN_INVALID, "schedule %s ends at the rate %g, above the learning rate %g", name, p->eta_min,
                        p->lr);
    return CLN_OK;
}

bool cln_schedule_ends(enum cln_schedule_kind kind) {
    return schedules[kind].ends;
}

const char *cln_schedule_name(enum cln_schedule_kind kind) {
    return names[kind];
}

enum cln_schedule_kind cln_schedule_find(const char *name) {
    int kind = 0;
    while (kind < CLN_SCHEDULE_COUNT && strcmp(name, names[kind]) != 0)
        kind++;
    return (enum cln_schedule_kind)kind;
}
