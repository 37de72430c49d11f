/* clenet train: reads the options, lets the trainer run epoch by epoch, and says how it goes. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/cli/command.h"
#include "src/cli/journal.h"
#include "src/cli/options.h"
#include "src/cli/progress.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/data/dataset.h"
#include "src/model/network.h"
#include "src/train/trainer.h"

static const char *const optimizers[] = {[CLN_ADAM] = "adam", [CLN_SGD] = "sgd", NULL};
enum { UNBIASED, BIASED };
static const char *const variances[] = {[UNBIASED] = "unbiased", [BIASED] = "biased", NULL};

struct train_options {
    const char *network, *data, *device, *save, *log, *trace, *profile_file, *kernels;
    int epochs, batch_size, resize, optimizer, variance;
    uint64_t seed, max_steps;
    double lr, momentum, weight_decay, require_accuracy;
    bool standardize, timings, quiet, offline, no_guard, no_cache, no_command_buffer;
};

/* What a run needs while it lasts. */
struct run {
    const struct train_options *options;
    const struct cln_option *table;
    struct cln_network *network;
    struct cln_dataset *data;
    struct cln_journal *journal;
    struct cln_trace *trace;
    struct cln_trainer *trainer;
    size_t steps_per_epoch;
    int epochs;       /* to be trained in all */
    bool model_saved; /* at least once */
    char missed[96];  /* what --require-accuracy has to say; "": nothing */
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number) {
    stop_signal = number;
}

/* The first Ctrl-C stops after the step; SA_RESETHAND lets the second one end the program at once. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool on_progress(void *user, const struct cln_progress *progress) {
    const struct run *run = user;
    cln_progress_show(progress, (size_t)(run->epochs - progress->epoch) * run->steps_per_epoch);
    return stop_signal == 0;
}

/* That saving can work is found out before training, not after it. */
static enum cln_status check_writable(const char *path) {
    struct stat info;
    if (path == NULL)
        return CLN_OK;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return cln_fail(CLN_INVALID, "--save '%s': this is not a regular file", path);
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (folder == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the path '%s'", path);
    enum cln_status status = CLN_OK;
    if (access(folder, W_OK | X_OK) != 0)
        status = cln_fail(CLN_IO, "--save '%s': cannot write to the folder '%s': %s", path, folder, strerror(errno));
    free(folder);
    return status;
}

static enum cln_status load_network(struct run *run) {
    const struct train_options *o = run->options;
    const struct cln_network_params network = {
        .height = o->resize, .width = o->resize, .biased_running_variance = o->variance == BIASED};
    return cln_network_load(&run->network, o->network, &network);
}

static struct cln_trainer_params trainer_params(struct run *run) {
    const struct train_options *o = run->options;
    return (struct cln_trainer_params){
        .network = run->network,
        .data = run->data,
        .release_pixels = true,
        .device = o->device,
        .profile_file = o->profile_file,
        .kernel_folder = o->kernels,
        .no_guard = o->no_guard,
        .no_cache = o->no_cache,
        .replay = o->no_command_buffer ? CLN_REPLAY_OFF : CLN_REPLAY_PROFILE,
        .builder = cln_self_command(),
        .batch_size = o->batch_size,
        .resize = o->resize,
        .standardize = o->standardize,
        .seed = o->seed,
        .optimizer = {.kind = (enum cln_optimizer_kind)o->optimizer,
                      .lr = o->lr,
                      .momentum = o->momentum,
                      .weight_decay = o->weight_decay},
        .timings = o->timings,
        .trace = run->trace,
        .max_steps = (size_t)o->max_steps,
        .progress = on_progress,
        .user = run,
    };
}

static enum cln_status prepare(struct run *run) {
    const struct train_options *o = run->options;
    enum cln_status status = load_network(run);
    if (status != CLN_OK)
        return status;
    status = check_writable(o->save);
    if (status != CLN_OK)
        return status;
    const struct cln_dataset_params data = {.name = o->data, .offline = o->offline, .seed = o->seed};
    status = cln_dataset_open(&run->data, &data);
    if (status != CLN_OK)
        return status;
    if (o->trace != NULL) {
        status = cln_trace_create(&run->trace, o->trace);
        if (status != CLN_OK)
            return status;
    }
    const struct cln_trainer_params trainer = trainer_params(run);
    cln_report_live("building kernels");
    status = cln_trainer_create(&run->trainer, &trainer);
    if (status != CLN_OK)
        return status;
    /* Last, so that a mistake above does not empty the log of an earlier run. */
    return cln_journal_create(&run->journal, o->log);
}

/* As a builder. */
static enum cln_status build(struct run *run) {
    enum cln_status status = load_network(run);
    const struct cln_trainer_params trainer = trainer_params(run);
    return status == CLN_OK ? cln_trainer_build(&trainer) : status;
}

static void introduce(struct run *run) {
    const struct cln_dataset *data = run->data;
    size_t batch_size = (size_t)run->options->batch_size, max_steps = (size_t)run->options->max_steps;
    run->steps_per_epoch = (data->train.count + batch_size - 1) / batch_size;
    run->epochs = run->options->epochs;
    if (max_steps > 0 && max_steps < (size_t)run->epochs * run->steps_per_epoch)
        run->epochs = (int)((max_steps + run->steps_per_epoch - 1) / run->steps_per_epoch);
    cln_report_note("%s", cln_trainer_device(run->trainer));
    cln_report_note("%s, %zu parameters; %s, %zu training and %zu test images", run->network->name,
                    run->network->parameter_count, data->name, data->train.count, data->test.count);
}

static void report_epoch(const struct run *run, const struct cln_epoch *e) {
    if (!e->stopped)
        cln_report_result("epoch %d, loss %.4f, train acc %.3f, test acc %.3f, time %.1f sec", e->epoch, e->train.loss,
                          e->train.accuracy, e->test.accuracy, e->train_seconds);
    else if (e->train.samples > 0)
        cln_report_result("epoch %d stopped after %zu of %zu images, loss %.4f, train acc %.3f, time %.1f sec",
                          e->epoch, e->train.samples, run->data->train.count, e->train.loss, e->train.accuracy,
                          e->train_seconds);
}

/* The last epoch's accuracy against the one that is required. */
static void judge(struct run *run, const struct cln_epoch *last) {
    const double required = run->options->require_accuracy;
    if (!(last->test.accuracy >= required))
        snprintf(run->missed, sizeof run->missed, "test accuracy %.6g after epoch %d is below %.6g",
                 last->test.accuracy, last->epoch, required);
}

/* Saves after every epoch, so that whatever ends a long run, the last whole epoch is kept. */
static enum cln_status train_epochs(struct run *run) {
    struct cln_epoch epoch = {0};
    enum cln_status status = CLN_OK;
    for (int i = 0; i < run->epochs && !epoch.stopped && stop_signal == 0; i++) {
        status = cln_trainer_epoch(run->trainer, &epoch);
        if (status != CLN_OK)
            return status;
        report_epoch(run, &epoch);
        status = cln_journal_epoch(run->journal, &epoch);
        if (status == CLN_OK && run->options->save != NULL) {
            status = cln_trainer_save(run->trainer, run->options->save);
            run->model_saved = run->model_saved || status == CLN_OK;
        }
        if (status != CLN_OK)
            return status;
    }
    if (stop_signal != 0)
        return cln_fail(CLN_INTERRUPTED, "stopped by %s", strsignal(stop_signal));
    judge(run, &epoch);
    return CLN_OK;
}

static enum cln_status print_timings(const struct run *run) {
    char *table = NULL;
    enum cln_status status = cln_trainer_timings(run->trainer, &table);
    if (status == CLN_OK)
        fputs(table, stdout);
    free(table);
    return status;
}

static enum cln_status train(struct run *run) {
    const char *save = run->options->save;
    enum cln_status status = prepare(run);
    if (status != CLN_OK)
        return status;
    introduce(run);
    status = cln_journal_start(run->journal, cln_trainer_device(run->trainer), run->network, run->data, run->table);
    if (status != CLN_OK)
        return status;
    catch_signals();
    status = train_epochs(run);
    enum cln_status logged = cln_journal_end(run->journal, status, run->missed, run->model_saved ? save : NULL);
    if (run->model_saved)
        cln_report_note("model kept in %s", save);
    if (run->options->timings && (status == CLN_OK || status == CLN_INTERRUPTED)) {
        enum cln_status printed = print_timings(run);
        status = status == CLN_OK ? printed : status;
    }
    return status == CLN_OK ? logged : status;
}

/* What single rows of the table cannot say. */
static bool options_agree(const struct train_options *o) {
    if (o->momentum > 0 && o->optimizer != CLN_SGD) {
        cln_report_error("--momentum is an option of --optimizer sgd");
        return false;
    }
    if (o->require_accuracy > 0 && o->max_steps > 0) {
        cln_report_error("--require-accuracy is asked after the last epoch, and --max-steps may end within one: choose "
                         "one of them");
        return false;
    }
    return true;
}

static int run_training(const struct train_options *o, const struct cln_option *table) {
    struct run run = {.options = o, .table = table};
    if (o->quiet)
        cln_report_quiet();
    enum cln_status status = cln_trainer_builds() ? build(&run) : train(&run);
    int exit_status = cln_report_failure(status);
    if (status == CLN_INTERRUPTED)
        exit_status = 128 + stop_signal;
    if (status == CLN_OK && run.missed[0] != '\0') {
        cln_report_error("%s", run.missed);
        exit_status = CLN_EXIT_FAILURE;
    }
    cln_trainer_destroy(&run.trainer); /* which ends what it traces */
    if (cln_report_failure(cln_trace_close(&run.trace)) != CLN_EXIT_OK && exit_status == CLN_EXIT_OK)
        exit_status = CLN_EXIT_FAILURE;
    cln_journal_destroy(&run.journal);
    cln_dataset_destroy(&run.data);
    cln_network_destroy(&run.network);
    return exit_status;
}

int cln_command_train(const struct cln_command *command, int argc, const char **argv) {
    const double max_seed = 9007199254740992.0; /* 2^53: exact in the log's numbers */
    struct train_options o = {
        .network = "bn-lenet", .data = "fashion-mnist", .epochs = 5, .batch_size = 256, .lr = 0.001};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[] = {
        {"network", "NETWORK", "bn-lenet, lenet, or a JSON file", CLN_OPTION_TEXT, {.text = &o.network}},
        {"data", "NAME", "fashion-mnist, mnist, synthetic[:COUNT], or a folder", CLN_OPTION_TEXT, {.text = &o.data}},
        {"device", "DEVICE", "gpu, cpu, accelerator, P:D, or part of a name", CLN_OPTION_TEXT, {.text = &o.device}},
        {"epochs", "N", "times through the data", CLN_OPTION_INT, {.integer = &o.epochs}, 1, 1000000},
        {"batch-size", "N", "images per step", CLN_OPTION_INT, {.integer = &o.batch_size}, 1, 65536},
        {"optimizer", "NAME", "adam or sgd", CLN_OPTION_CHOICE, {.integer = &o.optimizer}, .choices = optimizers},
        {"lr", "RATE", "learning rate", CLN_OPTION_REAL, {.real = &o.lr}, 1e-10, 1000},
        {"momentum", "M", "of sgd", CLN_OPTION_REAL, {.real = &o.momentum}, 0, 1},
        {"weight-decay", "W", "L2 penalty", CLN_OPTION_REAL, {.real = &o.weight_decay}, 0, 1000},
        {"seed",
         "N",
         "of initial weights, shuffling and synthetic data",
         CLN_OPTION_NATURAL,
         {.natural = &o.seed},
         0,
         max_seed},
        {"standardize", NULL, "every pixel to mean 0, deviation 1", CLN_OPTION_FLAG, {.flag = &o.standardize}},
        {"resize", "N", "images to N x N, bilinear", CLN_OPTION_INT, {.integer = &o.resize}, 1, 4096},
        {"running-variance",
         "KIND",
         "unbiased or biased",
         CLN_OPTION_CHOICE,
         {.integer = &o.variance},
         .choices = variances},
        {"save", "FILE", "keep the model here, after every epoch", CLN_OPTION_TEXT, {.text = &o.save}},
        {"require-accuracy",
         "X",
         "exit status 1 where the last test accuracy is below X",
         CLN_OPTION_REAL,
         {.real = &o.require_accuracy},
         0,
         1},
        {"log", "FILE", "write one JSON object per line and epoch", CLN_OPTION_TEXT, {.text = &o.log}},
        {"timings", NULL, "print device time per kernel at the end", CLN_OPTION_FLAG, {.flag = &o.timings}},
        {"trace", "FILE", "write when each kernel ran, for ui.perfetto.dev", CLN_OPTION_TEXT, {.text = &o.trace}},
        {"max-steps", "N", "stop after N steps in all", CLN_OPTION_NATURAL, {.natural = &o.max_steps}, 1, 1e15},
        {"quiet", NULL, "print nothing but errors, and what --timings asks for", CLN_OPTION_FLAG, {.flag = &o.quiet}},
        {"offline", NULL, "never download data", CLN_OPTION_FLAG, {.flag = &o.offline}},
        {"profile-file", "FILE", "tuning values that win over all others", CLN_OPTION_TEXT, {.text = &o.profile_file}},
        {"safe",
         NULL,
         "keep to what every driver gets right: short for --profile-file safe",
         CLN_OPTION_PRESET,
         {.text = &o.profile_file},
         .preset = "safe"},
        {"kernels", "FOLDER", "read kernels from here, not the built-in ones", CLN_OPTION_TEXT, {.text = &o.kernels}},
        {"no-guard", NULL, "train without checking the device first", CLN_OPTION_FLAG, {.flag = &o.no_guard}},
        {"no-cache", NULL, "build all kernels, keep none on disk", CLN_OPTION_FLAG, {.flag = &o.no_cache}},
        {"no-command-buffer", NULL, "launch one by one", CLN_OPTION_FLAG, {.flag = &o.no_command_buffer}},
        {0},
    };
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = options_agree(&o) ? run_training(&o, options) : CLN_EXIT_USAGE;
    cln_options_release(options);
    return exit_status;
}
