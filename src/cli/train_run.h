/* One run of clenet train, and what it tells about itself. For train.c and train_tell.c. */
#ifndef SRC_CLI_TRAIN_RUN_H
#define SRC_CLI_TRAIN_RUN_H

#include "src/cli/journal.h"
#include "src/cli/train_options.h"
#include "src/report/run.h"

struct cln_train_run {
    struct cln_train_options *options;
    struct cln_checkpoint *resumed; /* NULL: training starts anew */
    struct cln_save_params save;
    struct cln_network *network;
    struct cln_dataset *data;
    double *class_weights; /* of the option; NULL: it was not given */
    struct cln_journal *journal;
    struct cln_runs events; /* of this run, for the report */
    struct cln_live *live;  /* NULL: there is no live page */
    struct cln_trace *trace;
    struct cln_trainer *trainer;
    struct cln_ranks *ranks; /* NULL: this process trains alone */
    size_t images, apart;    /* training images that an epoch trains on, and those set aside for validation */
    size_t steps_per_epoch;
    int epochs;      /* epochs to train in all, limited by max_steps; for the time left */
    double told;     /* time of the last report of progress, or of the epoch's start */
    bool log_lost;   /* a sink of the journal could not be written completely */
    bool unsaved;    /* the last resume point could not be written */
    bool saved;      /* a model was saved, and is not behind */
    bool tests_best; /* the test was of the best epoch's weights, not of the last ones */
    char missed[96]; /* how --require-accuracy was missed; "": it was not */
};

/* After a failure of the journal: says so. A log that cannot be written any more does not stop training. */
void cln_train_lose_log(struct cln_train_run *run);
/* Compares the test accuracy with the weights of an epoch with --require-accuracy. */
void cln_train_judge(struct cln_train_run *run, const struct cln_metrics *test, int epoch);
/* The test images' only evaluation where the epochs had none. `within`: images of an unfinished epoch. */
enum cln_status cln_train_test_once(struct cln_train_run *run, size_t within) CLN_MUST_CHECK;
/* Hand details to the journal, if a sink takes them: histograms of the parameters, and the confusion of the test
 * images. */
enum cln_status cln_train_tell_histograms(struct cln_train_run *run) CLN_MUST_CHECK;
enum cln_status cln_train_tell_confusion(struct cln_train_run *run) CLN_MUST_CHECK;
/* Tells that patience has ended the training, if it has. */
void cln_train_tell_patience(struct cln_train_run *run);

#endif
