/* The options of clenet train, and conditions between several of them. */
#include "src/cli/train_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/cli/model.h"
#include "src/cli/report.h"

/* ---- The rows ---- */

static void add(struct cln_train_options *o, const struct cln_option *rows, size_t count) {
    memcpy(o->rows + o->row_count, rows, count * sizeof *rows);
    o->row_count += count;
}

/* Writes words as "adam, sgd or adamw". */
static void write_words(char *help, size_t bytes, const char *const *words) {
    size_t used = 0;
    for (int i = 0; words[i] != NULL; i++) {
        const char *between = i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ";
        used += cln_text_format(help + used, bytes - used, "%s%s", between, words[i]);
    }
}

static void list_words(struct cln_train_options *o) {
    for (int kind = 0; kind < CLN_OPTIMIZER_COUNT; kind++)
        o->kinds[kind] = cln_optimizer_name((enum cln_optimizer_kind)kind);
    for (int kind = 0; kind < CLN_SCHEDULE_COUNT; kind++)
        o->schedules[kind] = cln_schedule_name((enum cln_schedule_kind)kind);
    write_words(o->kinds_help, sizeof o->kinds_help, o->kinds);
    write_words(o->schedules_help, sizeof o->schedules_help, o->schedules);
}

/* The option of weight_decay is --weight-decay. */
static void add_hyperparameters(struct cln_train_options *o) {
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
        add(o, &option, 1);
    }
}

void cln_train_options_begin(struct cln_train_options *o) {
    const double max_seed = 9007199254740992.0; /* 2^53: exact in the log's numbers */
    *o = (struct cln_train_options){
        .network = "bn-lenet", .data = "fashion-mnist", .epochs = 5, .batch_size = 256, .keep = 1};
    list_words(o);
    const struct cln_option before[] = {
        {"recipe",
         "FILE",
         "options from a JSON file or a log; those given here win",
         CLN_OPTION_RECIPE,
         {.text = &o->recipe},
         .file = CLN_FILE_INPUT,
         .of_run = true},
        {"network",
         "NETWORK",
         "bn-lenet, lenet, or a JSON file",
         CLN_OPTION_TEXT,
         {.text = &o->network},
         .file = CLN_FILE_NETWORK},
        {"data",
         "NAME",
         "fashion-mnist, mnist, synthetic[:COUNT], or a folder of IDX files",
         CLN_OPTION_TEXT,
         {.text = &o->data},
         .file = CLN_FILE_DATA},
        {"epochs", "N", "passes through the training images", CLN_OPTION_INT, {.integer = &o->epochs}, 1, 1000000},
        {"batch-size", "N", "images per step", CLN_OPTION_INT, {.integer = &o->batch_size}, 1, 65536},
        {"optimizer", "NAME", o->kinds_help, CLN_OPTION_CHOICE, {.integer = &o->kind}, .choices = o->kinds},
        {"schedule", "NAME", o->schedules_help, CLN_OPTION_CHOICE, {.integer = &o->schedule}, .choices = o->schedules},
        {"milestones",
         "N,N,...",
         "epochs after which multistep lowers the rate",
         CLN_OPTION_TEXT,
         {.text = &o->milestones}},
    };
    const struct cln_option behind[] = {
        {"class-weights",
         "W,W,...",
         "weights of the classes in the training loss, or balanced",
         CLN_OPTION_TEXT,
         {.text = &o->class_weights}},
        {"init",
         "FILE",
         "begin with the weights of a safetensors file",
         CLN_OPTION_TEXT,
         {.text = &o->init},
         .file = CLN_FILE_INPUT},
        {"by-order",
         NULL,
         "with --init: by the order of layers instead of names",
         CLN_OPTION_FLAG,
         {.flag = &o->by_order}},
        {"partial",
         NULL,
         "with --init: take what fits by name and shape, leave the rest",
         CLN_OPTION_FLAG,
         {.flag = &o->partial}},
        {"freeze",
         "PATTERN,...",
         "do not change parameters of such names, as in 0.*,*.bias",
         CLN_OPTION_TEXT,
         {.text = &o->freeze}},
        {"seed",
         "N",
         "seed of weights, shuffling, dropouts, split, synthetic data",
         CLN_OPTION_NATURAL,
         {.natural = &o->seed},
         0,
         max_seed},
        {"standardize", NULL, "scale every pixel to mean 0, deviation 1", CLN_OPTION_FLAG, {.flag = &o->standardize}},
        {"resize", "N", "resize images to N x N, bilinear", CLN_OPTION_INT, {.integer = &o->resize}, 1, 4096},
        {"running-variance",
         "KIND",
         "unbiased or biased",
         CLN_OPTION_CHOICE,
         {.integer = &o->variance},
         .choices = cln_variances},
        {"save",
         "FILE",
         "save the model and the state of training to FILE",
         CLN_OPTION_TEXT,
         {.text = &o->save},
         .file = CLN_FILE_MODEL,
         .of_run = true},
        {"save-every",
         "WHEN",
         "save every N epochs, Ns (seconds) or Nm (minutes); default: 1",
         CLN_OPTION_TEXT,
         {.text = &o->save_every},
         .of_run = true},
        {"keep",
         "K",
         "number of files to keep: FILE, and older ones as .1, .2, ...",
         CLN_OPTION_INT,
         {.integer = &o->keep},
         1,
         1000,
         .file = CLN_FILE_KEPT,
         .of_run = true},
        {"save-best",
         NULL,
         "also save the model of the highest test or validation accuracy as .best",
         CLN_OPTION_FLAG,
         {.flag = &o->save_best},
         .file = CLN_FILE_BEST,
         .of_run = true},
        {"validation",
         "X",
         "evaluate epochs on this share of the training images, set aside",
         CLN_OPTION_REAL,
         {.real = &o->validation},
         0,
         1},
        {"patience",
         "N",
         "end after N epochs without a better validation accuracy; keeps .best",
         CLN_OPTION_INT,
         {.integer = &o->patience},
         1,
         1000000,
         .file = CLN_FILE_BEST},
        {"resume",
         "FILE",
         "resume the training that saved FILE",
         CLN_OPTION_TEXT,
         {.text = &o->resume},
         .file = CLN_FILE_RESUME,
         .of_run = true},
        {"override",
         NULL,
         "with --resume: let options given now differ from FILE",
         CLN_OPTION_FLAG,
         {.flag = &o->override},
         .of_run = true},
        {"require-accuracy",
         "X",
         "exit with status 1 if the last test accuracy is below X",
         CLN_OPTION_REAL,
         {.real = &o->require_accuracy},
         0,
         1,
         .of_run = true},
        {"log",
         "FILE",
         "write a log to FILE, one JSON object per line",
         CLN_OPTION_TEXT,
         {.text = &o->log},
         .file = CLN_FILE_LOG,
         .of_run = true},
        {"timings",
         NULL,
         "print device time per kernel at the end",
         CLN_OPTION_FLAG,
         {.flag = &o->session.params.timings},
         .of_run = true},
        {"trace",
         "FILE",
         "write a timeline of all kernels, for ui.perfetto.dev",
         CLN_OPTION_TEXT,
         {.text = &o->trace},
         .file = CLN_FILE_TRACE,
         .of_run = true},
        {"max-steps",
         "N",
         "stop after N steps in all",
         CLN_OPTION_NATURAL,
         {.natural = &o->max_steps},
         1,
         1e15,
         .of_run = true},
        {"quiet",
         NULL,
         "print only warnings, errors and the table of --timings",
         CLN_OPTION_FLAG,
         {.flag = &o->quiet},
         .of_run = true},
        {"offline", NULL, "never download data", CLN_OPTION_FLAG, {.flag = &o->offline}, .of_run = true},
        {0},
    };
    _Static_assert(sizeof before / sizeof *before + CLN_HYPERPARAMETER_COUNT + sizeof behind / sizeof *behind +
                           CLN_SESSION_ROW_COUNT <=
                       sizeof o->rows / sizeof *o->rows,
                   "no room for all options");
    add(o, before, sizeof before / sizeof *before);
    add_hyperparameters(o);
    add(o, behind, sizeof behind / sizeof *behind);
    cln_session_options_add(o->rows, &o->session, ~0u);
}

/* ---- Conditions between options ---- */

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
    const bool is_given = cln_options_given(o->rows, o->hyperparameters[i]);
    const bool is_there = there != NULL && is_taken && cln_hyperparameter_is_taken(row, there);
    if (is_given && row->argument == NULL)
        *value = o->flags[i];
    else if (!is_given)
        *value = is_there ? cln_hyperparameter_get(there, row) : preset;
    o->flags[i] = row->argument == NULL && *value > 0; /* for the log */
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

/* Parses "3" as epochs, "90s" as seconds, "0.5m" as minutes. */
static bool parse_save_every(struct cln_save_params *save, const char *text) {
    char *end = NULL;
    const double value = strtod(text, &end);
    const bool is_time = end != text && (strcmp(end, "s") == 0 || strcmp(end, "m") == 0);
    if (is_time && value >= 0.001 && value <= 1e6)
        save->every_seconds = *end == 'm' ? 60.0 * value : value;
    else if (end != text && *end == '\0' && value >= 1.0 && value <= 1e6 && value == (double)(int)value)
        save->every_epochs = (int)value;
    else
        return false;
    return true;
}

bool cln_train_options_agree(struct cln_train_options *o, struct cln_save_params *save) {
    if (o->save == NULL && (o->save_every != NULL || o->keep > 1 || o->save_best)) {
        cln_report_error("--save-every, --keep and --save-best need --save FILE");
        return false;
    }
    if (o->override && o->resume == NULL) {
        cln_report_error("--override is an option of --resume");
        return false;
    }
    if (o->init == NULL && (o->by_order || o->partial)) {
        cln_report_error("--by-order and --partial are options of --init");
        return false;
    }
    if (o->by_order && o->partial) {
        cln_report_error("--partial goes by names, --by-order does not: choose one of them");
        return false;
    }
    if (o->init != NULL && o->resume != NULL) {
        cln_report_error("--init begins a training, --resume goes on with one: choose one of them");
        return false;
    }
    if (o->save_every != NULL && !parse_save_every(save, o->save_every)) {
        cln_report_error("--save-every '%s': a number of epochs (2), seconds (30s) or minutes (5m)", o->save_every);
        return false;
    }
    const bool has_share = o->validation > 0 || o->resume != NULL; /* 0 with --override: no longer */
    if (cln_options_given(o->rows, "validation") && !(has_share && o->validation < 1)) {
        cln_report_error("--validation %g is out of range: a share above 0 and below 1", o->validation);
        return false;
    }
    if (o->patience > 0 && o->resume == NULL && !(o->validation > 0)) {
        cln_report_error("--patience counts epochs without a better validation accuracy: it needs --validation X");
        return false;
    }
    save->path = o->save;
    save->keep = o->keep;
    save->best = o->save != NULL && (o->save_best || o->patience > 0);
    if (o->resume == NULL && cln_train_options_settle(o, NULL) != CLN_OK) {
        cln_report_error("%-s", cln_error_message());
        return false;
    }
    if (o->require_accuracy > 0 && o->max_steps > 0) {
        cln_report_error("--require-accuracy needs a last epoch, and --max-steps may stop before its end: choose "
                         "one of them");
        return false;
    }
    return true;
}
