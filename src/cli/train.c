/* clenet train: reads the options, runs the trainer epoch by epoch, and reports the results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "clenet/network.h"
#include "clenet/trainer.h"
#include "src/base/clock.h"
#include "src/cli/class_weights.h"
#include "src/cli/command.h"
#include "src/cli/files.h"
#include "src/cli/journal.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/outcome.h"
#include "src/cli/progress.h"
#include "src/cli/report.h"
#include "src/cli/signals.h"
#include "src/cli/train_options.h"
#include "src/data/split.h"

/* The state of one run of the command. */
struct run {
    struct cln_train_options *options;
    struct cln_checkpoint *resumed; /* NULL: training starts anew */
    struct cln_save_params save;
    struct cln_network *network;
    struct cln_dataset *data;
    double *class_weights; /* of the option; NULL: it was not given */
    struct cln_journal *journal;
    struct cln_trace *trace;
    struct cln_trainer *trainer;
    size_t images, apart; /* training images that an epoch trains on, and those set aside for validation */
    size_t steps_per_epoch;
    int epochs;                          /* epochs to train in all, limited by max_steps; for the time left */
    double told;                         /* time of the last report of progress, or of the epoch's start */
    bool log_lost;                       /* the log could not be written completely */
    bool unsaved;                        /* the last resume point could not be written */
    char data_name[CLN_DATA_NAME_BYTES]; /* name of a resumed training's data, if --data is not given */
    char missed[96];                     /* how --require-accuracy was missed; "": it was not */
};

/* A log that cannot be written any more does not stop training. */
static void lose_log(struct run *run) {
    cln_report_error("%-s: training continues without the log", cln_error_message());
    cln_journal_destroy(&run->journal);
    run->log_lost = true;
}

/* Prints progress within a long epoch, for users without a live line. */
static void tell_progress(struct run *run, const struct cln_progress *progress) {
    const double now = cln_clock_seconds();
    if (now - run->told < cln_progress_interval())
        return;
    run->told = now;
    if (cln_report_columns() == 0)
        cln_progress_tell(progress, run->images);
    if (cln_journal_progress(run->journal, progress) != CLN_OK)
        lose_log(run);
}

static bool on_progress(void *user, const struct cln_progress *progress) {
    struct run *run = user;
    cln_progress_show(progress, (size_t)(run->epochs - progress->epoch) * run->steps_per_epoch);
    tell_progress(run, progress);
    return cln_signals_stop() == 0;
}

/* Loads the network. A resumed model has its network; the trainer compares it with one that the user names. */
static enum cln_status load_network(struct run *run) {
    const struct cln_train_options *o = run->options;
    const struct cln_network_params params = cln_model_network_params(run->options->rows, o->resize, o->variance);
    if (run->resumed == NULL || cln_options_given(run->options->rows, "network"))
        return cln_network_load(&run->network, o->network, &params);
    char *text = NULL;
    enum cln_status status = cln_network_text(&text, run->resumed->network);
    if (status == CLN_OK)
        status = cln_network_parse(&run->network, text, strlen(text), o->resume, &params);
    free(text);
    return status;
}

/* The kind of running variance is fixed when training starts: --running-variance cannot change it. */
static enum cln_status check_variance(const struct run *run) {
    const struct cln_network *there = run->resumed->network;
    const bool biased = run->options->variance == CLN_BIASED;
    if (!cln_options_given(run->options->rows, "running-variance") || cln_options_given(run->options->rows, "network"))
        return CLN_OK;
    for (size_t i = 0; i < there->layer_count; i++)
        if (there->layers[i].kind == CLN_LAYER_BATCHNORM &&
            there->layers[i].batchnorm.biased_running_variance != biased)
            return cln_fail(CLN_INVALID, "%s: the running variance of layer %zu is %s there, and cannot be made %s",
                            run->options->resume, i, cln_variances[biased ? CLN_UNBIASED : CLN_BIASED],
                            cln_variances[run->options->variance]);
    return CLN_OK;
}

/* Reads the checkpoint to resume from, and takes from it the options that the user did not give. */
static enum cln_status load_resume_point(struct run *run) {
    struct cln_train_options *o = run->options;
    if (o->resume == NULL)
        return CLN_OK;
    enum cln_status status = cln_checkpoint_read(&run->resumed, o->resume, NULL);
    if (status != CLN_OK)
        return status;
    const struct cln_checkpoint *c = run->resumed;
    const struct cln_training_point *t = c->training;
    if (t == NULL)
        return cln_fail(CLN_INVALID, "%s is a model only: it has no state of training to resume from", o->resume);
    const struct {
        const char *name;
        int *integer, integer_there;
    } rows[] = {{"batch-size", .integer = &o->batch_size, .integer_there = t->batch_size},
                {"resize", .integer = &o->resize, .integer_there = c->resize},
                {"optimizer", .integer = &o->kind, .integer_there = (int)t->optimizer.kind}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!cln_options_given(run->options->rows, rows[i].name))
            *rows[i].integer = rows[i].integer_there;
    }
    status = cln_train_options_settle(o, &t->optimizer);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", o->resume);
    status = cln_model_data(&o->data, &o->seed, run->data_name, c, run->options->rows);
    if (status == CLN_OK)
        status = check_variance(run);
    if (status != CLN_OK)
        return status;
    if (!cln_options_given(run->options->rows, "standardize"))
        o->standardize = c->mean != NULL;
    if (!cln_options_given(run->options->rows, "network"))
        o->network = c->network->name;
    if (!cln_options_given(run->options->rows, "validation"))
        o->validation = t->validation;
    if (!cln_options_given(run->options->rows, "freeze"))
        o->freeze = t->freeze;
    return CLN_OK;
}

static enum cln_status make_class_weights(struct run *run) {
    const struct cln_train_options *o = run->options;
    if (o->class_weights == NULL)
        return CLN_OK;
    const struct cln_class_weights_params params = {.text = o->class_weights,
                                                    .classes = run->network->classes,
                                                    .data = run->data,
                                                    .validation = o->validation,
                                                    .seed = o->seed};
    return cln_class_weights_create(&run->class_weights, &params);
}

static struct cln_trainer_params trainer_params(struct run *run) {
    const struct cln_train_options *o = run->options;
    struct cln_session_params session = cln_session_options_params(&o->session);
    session.trace = run->trace;
    return (struct cln_trainer_params){
        .session = session,
        .network = run->network,
        .data = run->data,
        .release_pixels = true,
        .batch_size = o->batch_size,
        .resize = o->resize,
        .standardize = o->standardize,
        .seed = o->seed,
        .validation = o->validation,
        .patience = o->patience,
        .optimizer = o->optimizer,
        .init = {.path = o->init, .by_order = o->by_order, .partial = o->partial},
        .freeze = o->freeze,
        .class_weights = cln_class_weights_of(run->class_weights, run->resumed),
        .save = run->save,
        .resume = run->resumed,
        .override = o->override,
        .max_steps = (size_t)o->max_steps,
        .progress = on_progress,
        .user = run,
    };
}

static enum cln_status prepare(struct run *run) {
    const struct cln_train_options *o = run->options;
    enum cln_status status = load_resume_point(run);
    if (status == CLN_OK)
        status = load_network(run);
    if (status != CLN_OK)
        return status;
    const struct cln_dataset_params data = {.name = o->data, .offline = o->offline, .seed = o->seed};
    status = cln_dataset_open(&run->data, &data);
    if (status == CLN_OK)
        status = make_class_weights(run);
    if (status != CLN_OK)
        return status;
    if (o->trace != NULL) {
        status = cln_trace_create(&run->trace, o->trace);
        if (status != CLN_OK)
            return status;
    }
    run->apart = cln_split_count(o->validation, run->data->train.count);
    run->images = run->data->train.count - run->apart;
    const struct cln_trainer_params trainer = trainer_params(run);
    cln_report_live("building kernels");
    status = cln_trainer_create(&run->trainer, &trainer);
    if (status != CLN_OK)
        return status;
    /* Last, so that an earlier error does not empty the log of an earlier run. */
    status = cln_journal_create(&run->journal, o->log, run->resumed != NULL);
    cln_signals_keep();
    return status;
}

/* Runs as a builder. */
static enum cln_status build(struct run *run) {
    enum cln_status status = load_resume_point(run);
    if (status == CLN_OK)
        status = load_network(run);
    if (status == CLN_OK)
        status = make_class_weights(run);
    const struct cln_trainer_params trainer = trainer_params(run);
    return status == CLN_OK ? cln_trainer_build(&trainer) : status;
}

static void introduce(struct run *run) {
    const struct cln_dataset *data = run->data;
    size_t batch_size = (size_t)run->options->batch_size, max_steps = (size_t)run->options->max_steps;
    run->steps_per_epoch = (run->images + batch_size - 1) / batch_size;
    run->epochs = run->options->epochs;
    if (max_steps > 0 && max_steps < (size_t)run->epochs * run->steps_per_epoch)
        run->epochs = (int)((max_steps + run->steps_per_epoch - 1) / run->steps_per_epoch);
    cln_report_note("%s", cln_trainer_device(run->trainer));
    char apart[48] = "";
    if (run->apart > 0)
        snprintf(apart, sizeof apart, ", %zu validation", run->apart);
    cln_report_note("%s, %zu parameters; %s, %zu training%s and %zu test images", run->network->name,
                    run->network->parameter_count, data->name, run->images, apart, data->test.count);
    const struct cln_training_point *there = run->resumed != NULL ? run->resumed->training : NULL;
    if (there != NULL && there->position == 0 && there->epochs > 0)
        cln_report_note("resuming %s after epoch %d", run->options->resume, there->epochs);
    else if (there != NULL)
        cln_report_note("resuming %s after %zu of %zu images of epoch %d", run->options->resume, there->position,
                        there->samples - cln_split_count(there->validation, there->samples), there->epochs + 1);
}

/* Compares the test accuracy with the weights of an epoch with --require-accuracy. */
static void judge(struct run *run, const struct cln_metrics *test, int epoch) {
    const double required = run->options->require_accuracy;
    if (!(test->accuracy >= required))
        snprintf(run->missed, sizeof run->missed, "test accuracy %.6g after epoch %d is below %.6g", test->accuracy,
                 epoch, required);
}

/* After a training with validation images: the only look at the test images. */
static enum cln_status test_once(struct run *run) {
    const struct cln_train_options *o = run->options;
    struct cln_outcome outcome;
    enum cln_status status = cln_outcome_test(&outcome, run->trainer, o->save_best || o->patience > 0);
    if (status != CLN_OK)
        return status;
    if (cln_journal_test(run->journal, &outcome) != CLN_OK)
        lose_log(run);
    judge(run, &outcome.test, outcome.epoch);
    return CLN_OK;
}

/* Tells that patience has ended the training. */
static void tell_patience(struct run *run) {
    const struct cln_best best = cln_trainer_best(run->trainer);
    if (!best.is_final)
        return;
    cln_outcome_tell_patience(run->trainer);
    if (cln_journal_patience(run->journal, cln_trainer_epochs(run->trainer), &best) != CLN_OK)
        lose_log(run);
}

/* All epochs are already trained: --require-accuracy applies to the model as it is. */
static enum cln_status train_nothing(struct run *run, struct cln_epoch *epoch) {
    epoch->epoch = cln_trainer_epochs(run->trainer);
    cln_report_note("nothing to do: %d epochs and %llu steps are already trained", epoch->epoch,
                    (unsigned long long)(run->resumed != NULL ? run->resumed->training->steps : 0));
    const struct cln_train_options *o = run->options;
    enum cln_status status = CLN_OK;
    if (o->require_accuracy > 0 && run->apart == 0)
        status = cln_trainer_evaluate(run->trainer, &epoch->test, NULL);
    if (status == CLN_OK && o->save != NULL && !(o->resume != NULL && cln_files_same(o->resume, o->save)))
        status = cln_trainer_save(run->trainer, o->save);
    return status;
}

static enum cln_status train_epochs(struct run *run) {
    struct cln_epoch epoch = {0};
    enum cln_status status = CLN_OK;
    bool trained = false;
    while (status == CLN_OK && cln_trainer_epochs(run->trainer) < run->options->epochs && !epoch.stopped &&
           !cln_trainer_best(run->trainer).is_final && cln_signals_stop() == 0) {
        run->told = cln_clock_seconds();
        status = cln_trainer_epoch(run->trainer, &epoch);
        if (status != CLN_OK || (epoch.stopped && epoch.train.samples == epoch.before))
            continue;
        trained = true;
        cln_outcome_tell_epoch(&epoch, run->images, run->apart > 0);
        if (cln_journal_epoch(run->journal, &epoch, run->apart > 0) != CLN_OK)
            lose_log(run);
    }
    if (status == CLN_OK && cln_signals_stop() == 0)
        tell_patience(run);
    if (status == CLN_OK && !trained && cln_signals_stop() == 0)
        status = train_nothing(run, &epoch);
    if (status != CLN_OK)
        return status;
    status = cln_trainer_finish(run->trainer);
    run->unsaved = status != CLN_OK;
    if (status != CLN_OK)
        return status;
    if (cln_signals_stop() != 0)
        return cln_fail(CLN_INTERRUPTED, "stopped by %s", strsignal(cln_signals_stop()));
    if (run->apart == 0)
        judge(run, &epoch.test, epoch.epoch);
    /* An epoch that --max-steps has stopped goes on after --resume: the test images wait for its end. */
    const bool is_unfinished = epoch.stopped && epoch.train.samples > 0;
    if (run->apart == 0 || is_unfinished || !(trained || run->options->require_accuracy > 0))
        return CLN_OK;
    return test_once(run);
}

static enum cln_status print_timings(const struct run *run) {
    char *table = NULL;
    enum cln_status status = cln_trainer_timings(run->trainer, &table);
    if (status == CLN_OK)
        cln_report_text("%-s", table);
    free(table);
    return status;
}

static enum cln_status train(struct run *run) {
    const char *save = run->options->save;
    enum cln_status status = prepare(run);
    if (status != CLN_OK)
        return status;
    introduce(run);
    status = cln_journal_start(run->journal, cln_trainer_device(run->trainer), run->network, run->data, run->apart,
                               cln_class_weights_of(run->class_weights, run->resumed), run->options->rows);
    if (status != CLN_OK)
        return status;
    status = train_epochs(run);
    const bool saved = cln_trainer_saved(run->trainer);
    enum cln_status logged = cln_journal_end(run->journal, status, run->missed, saved ? save : NULL);
    if (saved && !run->unsaved)
        cln_report_note("model saved to %s%s", save, status == CLN_INTERRUPTED ? "; --resume continues from it" : "");
    if (run->options->session.params.timings && (status == CLN_OK || status == CLN_INTERRUPTED)) {
        enum cln_status printed = print_timings(run);
        status = status == CLN_OK ? printed : status;
    }
    return status == CLN_OK ? logged : status;
}

static int run_training(struct cln_train_options *o, const struct cln_save_params *save) {
    struct run run = {.options = o, .save = *save};
    if (o->quiet)
        cln_report_quiet();
    enum cln_status status = cln_trainer_builds() ? build(&run) : train(&run);
    int exit_status = cln_report_failure(status);
    if (status == CLN_INVALID && o->recipe != NULL)
        cln_report_error("the options of %s count as given", o->recipe);
    if (status == CLN_INTERRUPTED)
        exit_status = cln_signals_exit_status(cln_signals_stop());
    if (run.log_lost && exit_status == CLN_EXIT_OK)
        exit_status = CLN_EXIT_FAILURE;
    if (status == CLN_OK && run.missed[0] != '\0') {
        cln_report_error("%s", run.missed);
        exit_status = CLN_EXIT_FAILURE;
    }
    cln_trainer_destroy(&run.trainer); /* ends the trainer's traces, too */
    if (cln_report_failure(cln_trace_close(&run.trace)) != CLN_EXIT_OK && exit_status == CLN_EXIT_OK)
        exit_status = CLN_EXIT_FAILURE;
    cln_journal_destroy(&run.journal);
    cln_dataset_destroy(&run.data);
    cln_network_destroy(&run.network);
    free(run.class_weights);
    cln_checkpoint_destroy(&run.resumed);
    return exit_status;
}

int cln_command_train(const struct cln_command *command, int argc, const char **argv) {
    struct cln_train_options o;
    struct cln_save_params save = {.path = NULL};
    int exit_status = CLN_EXIT_OK;
    cln_train_options_begin(&o);
    if (cln_options_parse(o.rows, command, argc, argv, &exit_status)) {
        const bool agree = cln_train_options_agree(&o, &save);
        exit_status = agree ? run_training(&o, &save) : CLN_EXIT_USAGE;
        if (!agree && o.recipe != NULL)
            cln_report_error("the options of %s count as given", o.recipe);
    }
    cln_options_release(o.rows);
    return exit_status;
}
