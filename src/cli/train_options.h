/* The options of `clenet train`. */
#ifndef SRC_CLI_TRAIN_OPTIONS_H
#define SRC_CLI_TRAIN_OPTIONS_H

#include "clenet/trainer.h"
#include "src/cli/options.h"
#include "src/cli/session_options.h"
#include "src/model/optimizer_table.h"

struct cln_train_options {
    struct cln_session_options session;
    const char *network, *data, *resume, *save, *save_every, *log, *trace;
    int epochs, batch_size, resize, kind, variance, keep, patience; /* kind: of the optimizer, as the option has it */
    uint64_t seed, max_steps;
    double require_accuracy, validation;
    struct cln_optimizer_params optimizer; /* members without an option stay 0, their default */
    bool standardize, quiet, offline, override, save_best;

    struct cln_option rows[CLN_MOST_OPTIONS]; /* ended by a row without a name */
    size_t row_count;
    const char *kinds[CLN_OPTIMIZER_COUNT + 1]; /* the words of --optimizer */
    char kinds_help[64];
    char hyperparameters[CLN_HYPERPARAMETER_COUNT][24]; /* names of the options of hyperparameters */
};

/* Sets the defaults and makes the rows for cln_options_parse. The rows point into *options, which must not move. */
void cln_train_options_begin(struct cln_train_options *options);
/* Checks conditions between several options, and fills *save. False: an error has been printed. */
bool cln_train_options_agree(struct cln_train_options *options, struct cln_save_params *save);

/* Takes hyperparameters from a checkpoint's `there` unless the user gave them. */
void cln_train_options_take_optimizer(struct cln_train_options *options, const struct cln_optimizer_params *there);
/* The option of the first hyperparameter that is not at its default and that the chosen optimizer does not use; NULL:
 * none. *taker is an optimizer that uses it. */
const char *cln_train_options_stray(const char **taker, const struct cln_train_options *options);

#endif
