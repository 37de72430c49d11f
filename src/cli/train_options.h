/* The options of `clenet train`. */
#ifndef SRC_CLI_TRAIN_OPTIONS_H
#define SRC_CLI_TRAIN_OPTIONS_H

#include "clenet/trainer.h"
#include "src/cli/augmentation_options.h"
#include "src/cli/data_options.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/session_options.h"
#include "src/model/optimizer_table.h"

struct cln_train_options {
    struct cln_session_options session;
    struct cln_data_options data;
    const char *recipe, *network, *resume, *save, *save_every, *log, *trace, *milestones, *init, *freeze,
        *class_weights, *tensorboard, *report, *devices;
    int epochs, batch_size, resize, variance, keep, patience;
    int batchnorm; /* whole or local */
    int restarts;
    int live;           /* port of the live page; 0, if the option was given: any */
    int kind, schedule; /* of the optimizer, as the options have them */
    uint64_t seed, max_steps;
    double require_accuracy, validation, lr_find_from, lr_find_to;
    struct cln_optimizer_params optimizer; /* before parsing: the defaults of Adam */
    struct cln_augmentation_options augmentation;
    bool standardize, stream, quiet, override, save_best, by_order, partial, lr_find;

    struct cln_option rows[CLN_MOST_OPTIONS]; /* ended by a row without a name */
    size_t row_count;
    /* The words of --optimizer and --schedule, and these as a sentence. */
    const char *kinds[CLN_OPTIMIZER_COUNT + 1], *schedules[CLN_SCHEDULE_COUNT + 1];
    char kinds_help[64], schedules_help[80];
    char hyperparameters[CLN_HYPERPARAMETER_COUNT][24]; /* names of the options of hyperparameters */
    char data_name[CLN_DATA_NAME_BYTES];                /* of a resumed training, if --data is not given */
    char milestones_text[8 * CLN_MOST_MILESTONES];      /* those of a checkpoint */
    bool flags[CLN_HYPERPARAMETER_COUNT];               /* the variables of those that are flags */
    struct {
        char name[28], help[28];
    } offs[CLN_HYPERPARAMETER_COUNT]; /* the options that switch these off */
};

/* Sets the defaults and makes the rows for cln_options_parse. The rows point into *options, which must not move. */
void cln_train_options_begin(struct cln_train_options *options);
/* Adds rows to the table; and those of the hyperparameters. */
void cln_train_options_add(struct cln_train_options *options, const struct cln_option *rows, size_t count);
void cln_train_options_add_hyperparameters(struct cln_train_options *options);
/* Checks conditions between several options, and fills *save. False: an error has been printed. */
bool cln_train_options_agree(struct cln_train_options *options, struct cln_save_params *save);

/* Settles kinds and hyperparameters: those of options that were not given are taken from a checkpoint's `there`, or if
 * that is NULL their defaults. CLN_INVALID: an option belongs to another optimizer or schedule than the chosen one, or
 * the training goes on behind the end of its schedule. */
enum cln_status cln_train_options_settle(struct cln_train_options *options,
                                         const struct cln_optimizer_params *there) CLN_MUST_CHECK;

/* Takes the options that were not given from the checkpoint that --resume names. `options` then points into it.
 * CLN_INVALID: as above, or the file is a model only, or --running-variance differs from it. */
enum cln_status cln_train_options_resume(struct cln_train_options *options,
                                         const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;

#endif
