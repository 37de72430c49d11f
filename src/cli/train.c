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
#include "src/cli/details.h"
#include "src/cli/files.h"
#include "src/cli/journal.h"
#include "src/cli/lr_find.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/outcome.h"
#include "src/cli/page.h"
#include "src/cli/progress.h"
#include "src/cli/rank_notices.h"
#include "src/cli/report.h"
#include "src/cli/signals.h"
#include "src/cli/train_options.h"
#include "src/cli/train_ranks.h"
#include "src/cli/train_run.h"
#include "src/data/split.h"
#include "src/live/live.h"

/* Prints progress within a long epoch, for users without a live line. */
static void tell_progress(struct cln_train_run *run, const struct cln_progress *progress) {
    const double now = cln_clock_seconds();
    if (now - run->told < cln_progress_interval())
        return;
    run->told = now;
    if (cln_report_columns() == 0)
        cln_progress_tell(progress, run->images);
    if (cln_journal_progress(run->journal, progress) != CLN_OK)
        cln_train_lose_log(run);
}

static bool on_progress(void *user, const struct cln_progress *progress) {
    struct cln_train_run *run = user;
    const size_t steps_left = (size_t)(run->epochs - progress->epoch) * run->steps_per_epoch;
    cln_progress_show(progress, steps_left);
    cln_progress_tell_live(run->live, progress, steps_left, run->images, run->epochs);
    tell_progress(run, progress);
    return cln_signals_stop() == 0;
}

/* Loads the network. A resumed model has its network; the trainer compares it with one that the user names. */
static enum cln_status load_network(struct cln_train_run *run) {
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

static enum cln_status load_resume_point(struct cln_train_run *run) {
    if (run->options->resume == NULL)
        return CLN_OK;
    const enum cln_status status = cln_checkpoint_read(&run->resumed, run->options->resume, NULL);
    return status == CLN_OK ? cln_train_options_resume(run->options, run->resumed) : status;
}

static enum cln_status make_class_weights(struct cln_train_run *run) {
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

static struct cln_trainer_params trainer_params(struct cln_train_run *run) {
    const struct cln_train_options *o = run->options;
    struct cln_session_params session = cln_session_options_params(&o->session);
    session.trace = run->trace;
    struct cln_trainer_params params = {
        .session = session,
        .network = run->network,
        .data = run->data,
        .release_pixels = o->report == NULL,
        .stream = o->stream,
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
        .ranks = run->ranks,
        .local_batchnorm = run->ranks && o->batchnorm == 1,
        .progress = on_progress,
        .user = run,
    };
    cln_augmentation_options_apply(&run->options->augmentation, o->rows, run->resumed, &params);
    return params;
}

/* A data set without test images can judge no epoch. */
static enum cln_status check_judges(const struct cln_train_run *run) {
    const struct cln_train_options *o = run->options;
    if (run->data->test.count > 0)
        return CLN_OK;
    if (o->require_accuracy > 0)
        return cln_fail(CLN_INVALID,
                        "--require-accuracy: %s has no test images: --test X sets some of its images aside",
                        run->data->name);
    if (o->save_best && !(o->validation > 0))
        return cln_fail(CLN_INVALID,
                        "--save-best: %s has no test images: --test X or --validation X sets some of its images aside",
                        run->data->name);
    return CLN_OK;
}

static enum cln_status prepare(struct cln_train_run *run) {
    const struct cln_train_options *o = run->options;
    const struct cln_live_params live = {.port = o->live, .stop = cln_signals_ask};
    struct cln_dataset_params data;
    enum cln_status status = CLN_OK;
    if (cln_options_given(o->rows, "live") && cln_ranks_here(run->ranks).rank == 0)
        status = cln_live_create(&run->live, &live);
    if (status == CLN_OK)
        status = load_resume_point(run);
    if (status == CLN_OK)
        status = load_network(run);
    if (status == CLN_OK)
        status = cln_data_options_params(&data, &o->data, o->seed, o->resize > 0 ? NULL : &run->network->input);
    if (status == CLN_OK)
        status = cln_dataset_open(&run->data, &data);
    if (status == CLN_OK)
        status = check_judges(run);
    if (status == CLN_OK)
        status = make_class_weights(run);
    if (status == CLN_OK && o->trace != NULL)
        status = cln_trace_create(&run->trace, o->trace);
    status = cln_ranks_agree(run->ranks, status);
    if (status != CLN_OK)
        return status;
    run->apart = cln_split_count(o->validation, run->data->train.count);
    run->images = run->data->train.count - run->apart;
    const struct cln_trainer_params trainer = trainer_params(run);
    cln_report_live("building kernels");
    status = cln_trainer_create(&run->trainer, &trainer);
    if (status == CLN_OK)
        status = cln_train_ranks_compare(run);
    if (status == CLN_OK)
        status = cln_augmentation_options_show(&o->augmentation, run->trainer, run->network->input);
    if (status != CLN_OK)
        return status;
    /* The log comes last, so that an earlier error does not empty that of an earlier run. */
    const struct cln_sink sinks[] = {{&cln_sink_tensorboard, .path = o->tensorboard},
                                     {&cln_sink_runs, .memory = o->report != NULL ? &run->events : NULL},
                                     {cln_sink_of_log(o->log), .path = o->log},
                                     {&cln_sink_live, .memory = run->live}};
    status = cln_journal_create(&run->journal, sinks, sizeof sinks / sizeof *sinks, run->resumed != NULL);
    status = cln_ranks_agree(run->ranks, status);
    if (status == CLN_OK)
        status = cln_rank_notices_share(run->ranks);
    cln_signals_keep();
    return status;
}

/* Runs as a builder. */
static enum cln_status build(struct cln_train_run *run) {
    enum cln_status status = load_resume_point(run);
    if (status == CLN_OK)
        status = load_network(run);
    if (status == CLN_OK)
        status = make_class_weights(run);
    const struct cln_trainer_params trainer = trainer_params(run);
    return status == CLN_OK ? cln_trainer_build(&trainer) : status;
}

static void introduce(struct cln_train_run *run) {
    const size_t batches = (size_t)cln_optimizer_resolve(run->options->optimizer).accumulate;
    const size_t per_step = (size_t)run->options->batch_size * batches, max_steps = (size_t)run->options->max_steps;
    run->steps_per_epoch = (run->images + per_step - 1) / per_step;
    run->epochs = run->options->epochs;
    if (max_steps > 0 && max_steps < (size_t)run->epochs * run->steps_per_epoch)
        run->epochs = (int)((max_steps + run->steps_per_epoch - 1) / run->steps_per_epoch);
    cln_outcome_tell_start(run->trainer, run->network, run->data, run->apart);
    if (run->resumed != NULL)
        cln_outcome_tell_resumed(run->options->resume, run->resumed->training);
}

/* The images of the unfinished epoch of the training that is resumed. */
static size_t position_of(const struct cln_train_run *run) {
    return run->resumed != NULL ? run->resumed->training->position : 0;
}

/* All epochs are already trained. */
static enum cln_status train_nothing(const struct cln_train_run *run) {
    cln_report_note("nothing to do: %d epochs and %llu steps are already trained", cln_trainer_epochs(run->trainer),
                    (unsigned long long)(run->resumed != NULL ? run->resumed->training->steps : 0));
    const struct cln_train_options *o = run->options;
    if (o->save == NULL || (o->resume != NULL && cln_files_same(o->resume, o->save)))
        return CLN_OK;
    return cln_trainer_save(run->trainer, o->save);
}

static enum cln_status train_epochs(struct cln_train_run *run) {
    struct cln_epoch epoch = {0};
    bool trained = false, stop = false;
    enum cln_status status = cln_train_ranks_stop(run, &stop);
    while (status == CLN_OK && cln_trainer_epochs(run->trainer) < run->options->epochs && !epoch.stopped &&
           !cln_trainer_best(run->trainer).is_final && !stop) {
        run->told = cln_clock_seconds();
        status = cln_trainer_epoch(run->trainer, &epoch);
        if (status == CLN_OK)
            status = cln_train_ranks_stop(run, &stop);
        if (status != CLN_OK || (epoch.stopped && epoch.train.samples == epoch.before))
            continue;
        trained = true;
        cln_outcome_tell_epoch(&epoch, run->images, run->apart > 0);
        if (cln_journal_epoch(run->journal, &epoch, run->apart > 0) != CLN_OK)
            cln_train_lose_log(run);
        status = cln_train_tell_histograms(run);
    }
    if (status == CLN_OK && !stop)
        cln_train_tell_patience(run);
    if (status == CLN_OK && !trained && !stop)
        status = train_nothing(run);
    if (status != CLN_OK)
        return status;
    status = cln_trainer_finish(run->trainer);
    run->unsaved = status != CLN_OK;
    if (status != CLN_OK)
        return status;
    if (stop)
        return cln_fail(CLN_INTERRUPTED, "stopped by %s",
                        cln_signals_stop() != 0 ? strsignal(cln_signals_stop()) : "another process");
    if (run->apart == 0 && trained)
        cln_train_judge(run, &epoch.test, epoch.epoch);
    else
        status = cln_train_test_once(run, trained ? epoch.stopped * epoch.train.samples : position_of(run));
    return status == CLN_OK ? cln_train_tell_confusion(run) : status;
}

static enum cln_status find_rate(const struct cln_train_run *run) {
    const struct cln_train_options *o = run->options;
    return cln_lr_find(
        run->trainer, run->journal,
        &(struct cln_lr_find_params){.from = o->lr_find_from, .to = o->lr_find_to, .steps = o->max_steps});
}

static enum cln_status start_journal(struct cln_train_run *run) {
    const struct cln_journal_start start = {.device = cln_trainer_device(run->trainer),
                                            .network = run->network,
                                            .data = run->data,
                                            .validation = run->apart,
                                            .class_weights = cln_class_weights_of(run->class_weights, run->resumed),
                                            .options = run->options->rows,
                                            .steps = run->resumed != NULL ? run->resumed->training->steps : 0};
    return cln_journal_start(run->journal, &start);
}

static enum cln_status train(struct cln_train_run *run) {
    const char *save = run->options->save;
    enum cln_status status = prepare(run);
    if (status != CLN_OK)
        return status;
    introduce(run);
    status = start_journal(run);
    if (status != CLN_OK)
        return status;
    cln_progress_tell_address(run->live);
    status = run->options->lr_find ? find_rate(run) : train_epochs(run);
    const bool saved = cln_trainer_saved(run->trainer), failed = status != CLN_OK && status != CLN_INTERRUPTED;
    enum cln_status logged = cln_journal_end(run->journal, status, run->missed, saved ? save : NULL);
    run->saved = saved && !run->unsaved;
    if (run->saved && !failed)
        cln_report_note("model saved to %s%s", save, status == CLN_INTERRUPTED ? "; --resume continues from it" : "");
    if (run->options->session.params.timings && (status == CLN_OK || status == CLN_INTERRUPTED)) {
        enum cln_status printed = cln_outcome_tell_timings(run->trainer);
        status = status == CLN_OK ? printed : status;
    }
    enum cln_status told = CLN_OK;
    if (run->options->report != NULL)
        told = cln_page_of_training(run->options->report, &run->events, run->trainer, run->data,
                                    !run->options->lr_find && (status == CLN_OK || status == CLN_INTERRUPTED));
    return status != CLN_OK ? status : told != CLN_OK ? told : logged;
}

static bool is_asked_to_stop(void) {
    return cln_signals_stop() != 0;
}

static int run_training(struct cln_train_options *o, const struct cln_save_params *save) {
    struct cln_train_run run = {.options = o, .save = *save};
    if (o->quiet)
        cln_report_quiet();
    enum cln_status status = cln_trainer_builds() ? CLN_OK : cln_ranks_open(&run.ranks, is_asked_to_stop);
    if (status == CLN_OK)
        status = cln_trainer_builds() ? build(&run) : train(&run);
    const struct cln_rank place = cln_ranks_place();
    const bool told = cln_ranks_told(run.ranks) || ((status == CLN_INTERRUPTED || place.is_cut_off) && place.rank > 0);
    /* A failure is told first: MPICH's launcher ends all processes with whatever they print after one has died. */
    int exit_status = status != CLN_OK && told ? CLN_EXIT_FAILURE : cln_report_failure(status);
    if (status != CLN_OK && status != CLN_INTERRUPTED && run.saved)
        cln_report_note("model saved to %s", o->save);
    if (status == CLN_INVALID && o->recipe != NULL && !told)
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
    cln_live_destroy(&run.live);
    cln_runs_release(&run.events);
    cln_dataset_destroy(&run.data);
    cln_network_destroy(&run.network);
    free(run.class_weights);
    cln_checkpoint_destroy(&run.resumed);
    cln_train_ranks_end(&run, status, exit_status);
    return exit_status;
}

int cln_command_train(const struct cln_command *command, int argc, const char **argv) {
    struct cln_train_options o;
    struct cln_save_params save = {.path = NULL};
    int exit_status = CLN_EXIT_OK;
    cln_train_options_begin(&o);
    if (cln_options_parse(o.rows, command, argc, argv, &exit_status)) {
        const bool agree = cln_train_options_agree(&o, &save);
        exit_status = CLN_EXIT_USAGE;
        if (agree && cln_train_ranks_settle(&o, &save, &exit_status))
            exit_status = run_training(&o, &save);
        if (!agree && o.recipe != NULL)
            cln_report_error("the options of %s count as given", o.recipe);
    }
    if (exit_status == CLN_EXIT_USAGE)
        cln_train_ranks_refuse(exit_status);
    cln_options_release(o.rows);
    return exit_status;
}
