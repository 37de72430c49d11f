/* What clenet train is told. */
#ifndef SRC_CLI_TRAIN_OPTIONS_H
#define SRC_CLI_TRAIN_OPTIONS_H

#include "clenet/trainer.h"
#include "src/cli/options.h"
#include "src/model/optimizer_table.h"

struct cln_train_options {
    const char *network, *data, *device, *resume, *save, *save_every, *log, *trace, *profile_file, *kernels;
    int epochs, batch_size, resize, kind, variance, keep; /* kind: of the optimizer, as the option has it */
    uint64_t seed, max_steps;
    double require_accuracy;
    struct cln_optimizer_params optimizer; /* 0 where there is no option, which is the default */
    bool standardize, timings, quiet, offline, no_guard, no_cache, no_command_buffer, override, save_best;

    struct cln_option rows[48]; /* up to one without a name */
    size_t row_count;
    const char *kinds[CLN_OPTIMIZER_COUNT + 1]; /* words of --optimizer */
    char kinds_help[64];
    char hyperparameters[CLN_HYPERPARAMETER_COUNT][24]; /* names of their options */
};

/* Defaults, and the rows that cln_options_parse fills. The rows point into *options, which must stay where it is. */
void cln_train_options_begin(struct cln_train_options *options);
/* What single rows cannot say; fills *save. False after an error, which has been printed. */
bool cln_train_options_agree(struct cln_train_options *options, struct cln_save_params *save);

/* The optimizer's numbers as they are in a checkpoint, where the user did not say others. */
void cln_train_options_take_optimizer(struct cln_train_options *options, const struct cln_optimizer_params *there);
/* The option of the first number that this optimizer does not take and that is not as by default, and in *taker an
 * optimizer that takes it; NULL: none. */
const char *cln_train_options_stray(const char **taker, const struct cln_train_options *options);

#endif
