/* The options of clenet train that are hyperparameters: rows of src/model/optimizer_table.c, and what they need of each
 * other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/train_options.h"

void cln_train_options_add(struct cln_train_options *o, const struct cln_option *rows, size_t count) {
    memcpy(o->rows + o->row_count, rows, count * sizeof *rows);
    o->row_count += count;
}

/* The option that switches a flag off which a recipe or a checkpoint has on: --no-nesterov. */
static void add_off(struct cln_train_options *o, size_t i) {
    snprintf(o->offs[i].name, sizeof o->offs[i].name, "no-%s", o->hyperparameters[i]);
    snprintf(o->offs[i].help, sizeof o->offs[i].help, "not --%s", o->hyperparameters[i]);
    const struct cln_option option = {
        .name = o->offs[i].name, .help = o->offs[i].help, .kind = CLN_OPTION_OFF, .flag = &o->flags[i], .of_run = true};
    cln_train_options_add(o, &option, 1);
}

/* The option of weight_decay is --weight-decay. */
void cln_train_options_add_hyperparameters(struct cln_train_options *o) {
    for (size_t i = 0; i < CLN_HYPERPARAMETER_COUNT; i++) {
        const struct cln_hyperparameter *row = &cln_hyperparameters[i];
        char *name = o->hyperparameters[i];
        snprintf(name, sizeof o->hyperparameters[i], "%s", row->name);
        for (char *at = name; (at = strchr(at, '_')) != NULL;)
            *at = '-';
        *cln_hyperparameter_value(&o->optimizer, row) = row->preset;
        struct cln_option option = {.name = name, .argument = row->argument, .help = row->help};
        option.min = row->least;
        option.max = row->most;
        option.kind = row->argument != NULL ? CLN_OPTION_REAL : CLN_OPTION_FLAG;
        if (row->argument != NULL)
            option.real = cln_hyperparameter_value(&o->optimizer, row);
        else
            option.flag = &o->flags[i];
        cln_train_options_add(o, &option, 1);
        if (row->argument == NULL)
            add_off(o, i);
    }
}

/* What takes a hyperparameter that the chosen kinds do not, as "--optimizer sgd". */
static void write_taker(char *text, size_t bytes, const struct cln_hyperparameter *row,
                        const struct cln_optimizer_params *chosen) {
    const bool of_optimizer = !(row->optimizers >> chosen->kind & 1);
    const unsigned set = of_optimizer ? row->optimizers : row->schedules;
    int kind = 0;
    while (!(set >> kind & 1))
        kind++;
    snprintf(text, bytes, of_optimizer ? "--optimizer %s" : "--schedule %s",
             of_optimizer ? cln_optimizer_name((enum cln_optimizer_kind)kind)
                          : cln_schedule_name((enum cln_schedule_kind)kind));
}

/* Parses "30,60" into o->optimizer. */
static enum cln_status parse_milestones(struct cln_train_options *o) {
    const char *at = o->milestones;
    char *end = NULL;
    for (int i = 0; i < CLN_MOST_MILESTONES; i++) {
        o->optimizer.milestones[i] = strtod(at, &end);
        if (end == at || !(o->optimizer.milestones[i] > 0) || (*end != ',' && *end != '\0'))
            return cln_fail(CLN_INVALID, "--milestones '%s': epochs with commas between them, such as 30,60,80",
                            o->milestones);
        if (*end == '\0')
            return CLN_OK;
        at = end + 1;
    }
    return cln_fail(CLN_INVALID, "--milestones '%s': more than %d, clenet's limit", o->milestones, CLN_MOST_MILESTONES);
}

/* Takes those of a checkpoint, also as a text for the log. */
static void take_milestones(struct cln_train_options *o, const struct cln_optimizer_params *there) {
    size_t used = 0;
    memcpy(o->optimizer.milestones, there->milestones, sizeof o->optimizer.milestones);
    for (int i = 0; i < CLN_MOST_MILESTONES && there->milestones[i] > 0; i++)
        used += (size_t)snprintf(o->milestones_text + used, sizeof o->milestones_text - used, "%s%.0f",
                                 i > 0 ? "," : "", there->milestones[i]);
    o->milestones = used > 0 ? o->milestones_text : NULL;
}

static enum cln_status settle_value(struct cln_train_options *o, size_t i, const struct cln_optimizer_params *there) {
    const struct cln_hyperparameter *row = &cln_hyperparameters[i];
    double *value = cln_hyperparameter_value(&o->optimizer, row);
    const double preset = cln_hyperparameter_preset(row, &o->optimizer);
    const bool is_taken = cln_hyperparameter_is_taken(row, &o->optimizer);
    const bool is_given =
        cln_options_given(o->rows, o->hyperparameters[i]) || cln_options_given(o->rows, o->offs[i].name);
    const bool is_there = there != NULL && is_taken && cln_hyperparameter_is_taken(row, there);
    if (is_given && row->argument == NULL)
        *value = o->flags[i];
    else if (!is_given)
        *value = is_there ? cln_hyperparameter_get(there, row) : preset;
    o->flags[i] = row->argument == NULL && *value > 0; /* for the log */
    if (is_given && row->is_whole && *value != floor(*value))
        return cln_fail(CLN_INVALID, "--%s %g: it must be a whole number", o->hyperparameters[i], *value);
    if (is_given && !is_taken && *value != preset) {
        char taker[64];
        write_taker(taker, sizeof taker, row, &o->optimizer);
        return cln_fail(CLN_INVALID, "--%s is an option of %s", o->hyperparameters[i], taker);
    }
    return CLN_OK;
}

enum cln_status cln_train_options_settle(struct cln_train_options *o, const struct cln_optimizer_params *there) {
    struct cln_optimizer_params *params = &o->optimizer;
    enum cln_status status = CLN_OK;
    if (there != NULL && !cln_options_given(o->rows, "schedule"))
        o->schedule = (int)there->schedule;
    const bool same_schedule = there != NULL && o->schedule == (int)there->schedule;
    params->kind = (enum cln_optimizer_kind)o->kind;
    params->schedule = (enum cln_schedule_kind)o->schedule;
    if (o->milestones != NULL)
        status = parse_milestones(o);
    else if (same_schedule)
        take_milestones(o, there);
    for (size_t i = 0; i < CLN_HYPERPARAMETER_COUNT && status == CLN_OK; i++)
        status = settle_value(o, i, there);
    if (status != CLN_OK || !cln_schedule_ends(params->schedule))
        return status;
    if (!(params->schedule_epochs > 0))
        params->schedule_epochs = o->epochs;
    if (there != NULL && !cln_options_given(o->rows, "epochs"))
        o->epochs = (int)ceil(params->schedule_epochs);
    if (o->epochs > params->schedule_epochs && !(params->schedule == CLN_COSINE && params->eta_min > 0))
        return cln_fail(CLN_INVALID,
                        "--epochs %d: the schedule %s ends after epoch %g, and nothing would be learnt behind its end: "
                        "choose another end%s",
                        o->epochs, cln_schedule_name(params->schedule), params->schedule_epochs,
                        there != NULL ? " (--schedule-epochs with --override)" : " (--schedule-epochs)");
    return CLN_OK;
}
