/* The options of clenet train, and conditions between several of them. */
#include "src/cli/train_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/cli/model.h"
#include "src/cli/report.h"
#include "src/format/event_file.h"
#include "src/train/range_test.h"

/* ---- The rows ---- */

static const char *const batchnorm_kinds[] = {"whole", "local", NULL};

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

void cln_train_options_begin(struct cln_train_options *o) {
    const double max_seed = 9007199254740992.0; /* 2^53: exact in the log's numbers */
    *o = (struct cln_train_options){.network = "bn-lenet",
                                    .data = {.name = "fashion-mnist"},
                                    .epochs = 5,
                                    .batch_size = 256,
                                    .keep = 1,
                                    .lr_find_from = 1e-7,
                                    .lr_find_to = 10};
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
    };
    const struct cln_option between[] = {
        {"epochs", "N", "passes through the training images", CLN_OPTION_INT, {.integer = &o->epochs}, 1, 1000000},
        {"batch-size", "N", "images per batch", CLN_OPTION_INT, {.integer = &o->batch_size}, 1, 65536},
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
         "seed of weights, shuffling, augmentation, dropouts, split, synthetic data",
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
         .endings = ".safetensors",
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
         "write a log to FILE: one JSON object per line, or a table if it ends with .csv",
         CLN_OPTION_TEXT,
         {.text = &o->log},
         .file = CLN_FILE_LOG,
         .endings = ".jsonl, .json, .txt or .csv",
         .of_run = true},
        {"report",
         "FILE",
         "write a page about the training, as 'clenet report'",
         CLN_OPTION_TEXT,
         {.text = &o->report},
         .file = CLN_FILE_OUTPUT,
         .endings = ".html or .htm",
         .of_run = true},
        {"live",
         "[PORT]",
         "serve a page that follows the training, on 127.0.0.1, at any free port or this one",
         CLN_OPTION_INT,
         {.integer = &o->live},
         1024,
         65535,
         .of_run = true},
        {"tensorboard",
         "FOLDER",
         "write an event file for TensorBoard into FOLDER",
         CLN_OPTION_TEXT,
         {.text = &o->tensorboard},
         .file = CLN_FILE_FOLDER,
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
         .endings = ".json",
         .of_run = true},
        {"max-steps",
         "N",
         "stop after N steps in all",
         CLN_OPTION_NATURAL,
         {.natural = &o->max_steps},
         1,
         1e15,
         .of_run = true},
        {"devices",
         "DEVICE,DEVICE,...",
         "share each batch among a process for every device, started with mpirun",
         CLN_OPTION_TEXT,
         {.text = &o->devices},
         .of_run = true},
        {"restarts",
         "N",
         "with --devices: after a failure go on from --save FILE, at most N times",
         CLN_OPTION_INT,
         {.integer = &o->restarts},
         0,
         1000,
         .of_run = true},
        {"batchnorm",
         "KIND",
         "whole or local: with several processes, of all samples or of each one's",
         CLN_OPTION_CHOICE,
         {.integer = &o->batchnorm},
         .choices = batchnorm_kinds},
        {"lr-find",
         NULL,
         "test rising learning rates and suggest one; trains no model",
         CLN_OPTION_FLAG,
         {.flag = &o->lr_find},
         .of_run = true},
        {"lr-find-from",
         "RATE",
         "first rate of --lr-find",
         CLN_OPTION_REAL,
         {.real = &o->lr_find_from},
         1e-12,
         1000,
         .of_run = true},
        {"lr-find-to",
         "RATE",
         "last rate of --lr-find",
         CLN_OPTION_REAL,
         {.real = &o->lr_find_to},
         1e-12,
         1000,
         .of_run = true},
        {"stream",
         NULL,
         "keep the images on the host, and send each batch to the device",
         CLN_OPTION_FLAG,
         {.flag = &o->stream},
         .of_run = true},
        {"quiet",
         NULL,
         "print only warnings, errors and the table of --timings",
         CLN_OPTION_FLAG,
         {.flag = &o->quiet},
         .of_run = true},
        {0},
    };
    enum { MOST_FLAGS = 4 }; /* hyperparameters that have two options */
    _Static_assert(sizeof before / sizeof *before + CLN_DATA_OPTION_COUNT + sizeof between / sizeof *between +
                           CLN_HYPERPARAMETER_COUNT + CLN_AUGMENTATION_OPTION_COUNT + MOST_FLAGS +
                           sizeof behind / sizeof *behind + CLN_SESSION_ROW_COUNT <=
                       sizeof o->rows / sizeof *o->rows,
                   "no room for all options");
    cln_train_options_add(o, before, sizeof before / sizeof *before);
    cln_data_options_add(o->rows, &o->data);
    o->row_count += CLN_DATA_OPTION_COUNT;
    cln_train_options_add(o, between, sizeof between / sizeof *between);
    cln_train_options_add_hyperparameters(o);
    o->row_count += cln_augmentation_options_add(o->rows + o->row_count, &o->augmentation);
    cln_train_options_add(o, behind, sizeof behind / sizeof *behind);
    cln_session_options_add(o->rows, &o->session, ~0u);
}

/* ---- Conditions between options ---- */

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

static bool lr_find_agrees(const struct cln_train_options *o) {
    const bool is_given = cln_options_given(o->rows, "lr-find-from") || cln_options_given(o->rows, "lr-find-to");
    if (!o->lr_find && is_given)
        cln_report_error("--lr-find-from and --lr-find-to are options of --lr-find");
    else if (!o->lr_find)
        return true;
    else if (o->save != NULL || o->save_every != NULL || o->keep > 1 || o->save_best || o->resume != NULL ||
             o->require_accuracy > 0)
        cln_report_error("--lr-find trains no model: --save, --save-every, --keep, --save-best, --resume and "
                         "--require-accuracy do not "
                         "go with it");
    else if (!(o->lr_find_from < o->lr_find_to))
        cln_report_error("--lr-find: the rates rise from %g to %g: the first must be below the last", o->lr_find_from,
                         o->lr_find_to);
    else if (o->max_steps > 0 && (o->max_steps < CLN_RANGE_LEAST || o->max_steps > CLN_RANGE_MOST))
        cln_report_error("--lr-find takes %d to %d steps (--max-steps; default: %d)", CLN_RANGE_LEAST, CLN_RANGE_MOST,
                         CLN_RANGE_USUAL);
    else
        return true;
    return false;
}

bool cln_train_options_agree(struct cln_train_options *o, struct cln_save_params *save) {
    if (!lr_find_agrees(o))
        return false;
    const struct {
        bool is_wrong;
        const char *message;
    } rules[] = {
        {o->save == NULL && (o->save_every != NULL || o->keep > 1 || o->save_best),
         "--save-every, --keep and --save-best need --save FILE"},
        {o->override && o->resume == NULL, "--override is an option of --resume"},
        {o->init == NULL && (o->by_order || o->partial), "--by-order and --partial are options of --init"},
        {o->by_order && o->partial, "--partial goes by names, --by-order does not: choose one of them"},
        {o->init != NULL && o->resume != NULL,
         "--init begins a training, --resume goes on with one: choose one of them"},
        {o->augmentation.sheet == NULL && cln_options_given(o->rows, "show-count"),
         "--show-count is an option of --show-augmented"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_wrong) {
            cln_report_error("%s", rules[i].message);
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
    if (o->resume == NULL && cln_augmentation_options_check(&o->augmentation) != CLN_OK) {
        cln_report_error("%-s", cln_error_message());
        return false;
    }
    if (o->tensorboard != NULL && cln_event_file_check() != CLN_OK) {
        cln_report_error("--tensorboard: %-s", cln_error_message());
        return false;
    }
    o->standardize |= o->augmentation.standardize_channels; /* for the log */
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
