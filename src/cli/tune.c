/* clenet tune: searches for tuning values that train faster on this device, and writes them as a profile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clenet/text.h"
#include "host/profile.h"
#include "host/select.h"
#include "src/base/duration.h"
#include "src/base/file.h"
#include "src/base/replace.h"
#include "src/cli/command.h"
#include "src/cli/files.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"
#include "src/cli/signals.h"
#include "src/tune/tune.h"

struct tune_options {
    struct cln_session_options session;
    const char *network, *output;
    int batch_size;
    double seconds, candidate_seconds;
};

static bool is_stopped(void *user) {
    (void)user;
    return cln_signals_stop() != 0;
}

static void on_progress(void *user, const struct cln_tune_progress *p) {
    const struct tune_options *o = user;
    char text[320], done[CLN_DURATION_BYTES], all[CLN_DURATION_BYTES];
    snprintf(text, sizeof text, "%s of %s, %zu candidates, best so far %.2f times as fast: %s",
             cln_duration(done, p->seconds, 0, "s"), cln_duration(all, o->seconds, 0, "s"), p->tried, p->gain,
             p->candidate ? p->candidate : "confirming it");
    cln_report_live(text);
}

enum { PATH_BYTES = 4096 };

/* The path of the profile: --output, else "FOLDER/pthread-amd-epyc-portable-computing-language.json". A device has one
 * file as long as its name stays the same. */
static enum cln_status find_path(char out[PATH_BYTES], const struct tune_options *o, const struct ocl_device *device) {
    if (o->output) {
        const int length = snprintf(out, PATH_BYTES, "%s", o->output);
        return length < PATH_BYTES ? CLN_OK : cln_fail(CLN_INVALID, "%s: the path is too long", o->output);
    }
    if (!ocl_profile_user_folder(out, PATH_BYTES))
        return cln_fail(CLN_NOT_FOUND, "there is no home folder for the profile: name a file with --output");
    char name[300];
    snprintf(name, sizeof name, "%s-%s", device->name, device->platform);
    size_t used = strlen(out);
    if (used + strlen(name) + 8 > PATH_BYTES)
        return cln_fail(CLN_INVALID, "%s: the path is too long", out);
    out[used++] = '/';
    for (const char *c = name; *c; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9');
        const char lower = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : plain ? *c : '-';
        if (lower != '-' || out[used - 1] != '-')
            out[used++] = lower;
    }
    memcpy(out + used, ".json", sizeof ".json");
    return cln_files_check_new(out);
}

/* Writes the profile. `own`: in the user's folder, which is made if missing. */
static enum cln_status write_profile(const char *path, const char *text, bool own) {
    struct cln_replacement file = {0};
    char folder[PATH_BYTES];
    enum cln_status status = CLN_OK;
    if (own && ocl_profile_user_folder(folder, sizeof folder))
        status = cln_folder_make(folder, CLN_FOLDER_PRIVATE);
    if (status == CLN_OK)
        status = cln_replace_begin(&file, path);
    if (status == CLN_OK) {
        cln_text_print(file.stream, "%-s\n", text);
        status = cln_replace_commit(&file);
    }
    cln_replace_end(&file);
    return status;
}

static enum cln_status keep(const struct tune_options *o, const struct ocl_device *device,
                            const struct cln_network *network, const struct cln_tuned *tuned, const char *path) {
    char measured[768], date[16] = "";
    char *text = NULL;
    const time_t now = time(NULL);
    struct tm day;
    if (localtime_r(&now, &day))
        strftime(date, sizeof date, "%Y-%m-%d", &day);
    snprintf(measured, sizeof measured,
             "clenet tune, %s, driver %s, %s: %s at batch size %d, %.3f ms a step, %.2f times as fast as without this "
             "(%.3f ms)",
             device->platform_version, device->driver_version, date, network->name, o->batch_size, 1e3 * tuned->best,
             tuned->start / tuned->best, 1e3 * tuned->start);
    enum cln_status status = cln_tuned_profile(&text, device, o->session.params.profile_file, tuned->values, measured);
    /* Print the result of minutes of work before writing it, which may fail. */
    if (status == CLN_OK) {
        cln_report_result("%.2f times as fast, %.3f ms a step instead of %.3f: %s", tuned->start / tuned->best,
                          1e3 * tuned->best, 1e3 * tuned->start, tuned->values);
        status = write_profile(path, text, !o->output);
    }
    free(text);
    if (status == CLN_OK)
        cln_report_result("written to %s", path);
    return status;
}

static void tell_of_losses(const struct cln_tuned *tuned) {
    cln_report_note("%zu candidates: %zu wrong, %zu refused, crashed or hung", tuned->tried, tuned->wrong,
                    tuned->broken);
    if (tuned->last_wrong[0])
        cln_report_note("wrong, such as %s", tuned->last_wrong);
    if (tuned->last_broken[0])
        cln_report_note("not usable, such as %s", tuned->last_broken);
}

/* In a process that was started to run one candidate. */
static int run_candidate(const struct tune_options *o, const struct cln_network *network) {
    cln_tune_race(
        &(struct cln_race_params){.network = network, .session = o->session.params, .batch_size = o->batch_size});
    return CLN_EXIT_OK;
}

static enum cln_status search(const struct tune_options *o, const struct cln_network *network,
                              const struct ocl_device *device) {
    struct cln_tuned tuned;
    char path[PATH_BYTES];
    enum cln_status status = find_path(path, o, device);
    if (status != CLN_OK)
        return status;
    cln_report_note("%s (%s)", device->name, device->platform);
    cln_signals_keep();
    status = cln_tune(&tuned, &(struct cln_tune_params){.network = network,
                                                        .session = cln_session_options_params(&o->session),
                                                        .batch_size = o->batch_size,
                                                        .seconds = o->seconds,
                                                        .candidate_seconds = o->candidate_seconds,
                                                        .progress = on_progress,
                                                        .stop = is_stopped,
                                                        .user = (void *)o});
    cln_report_live("");
    if (status != CLN_OK)
        return status;
    tell_of_losses(&tuned);
    if (tuned.values[0])
        return keep(o, device, network, &tuned, path);
    cln_report_result("nothing was found that is faster than the profile as it is (%.3f ms a step)", 1e3 * tuned.start);
    return CLN_OK;
}

int cln_command_tune(const struct cln_command *command, int argc, const char **argv) {
    struct tune_options o = {.network = "bn-lenet", .batch_size = 256, .seconds = 120, .candidate_seconds = 60};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"network",
         "NETWORK",
         "network to tune for, as for 'clenet train'",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"batch-size", "N", "images per step", CLN_OPTION_INT, {.integer = &o.batch_size}, 2, 65536},
        {"time", "S", "seconds for the search", CLN_OPTION_REAL, {.real = &o.seconds}, 1, 86400},
        {"candidate-time",
         "S",
         "seconds after which a candidate counts as hanging",
         CLN_OPTION_REAL,
         {.real = &o.candidate_seconds},
         1,
         3600},
        {"output",
         "FILE",
         "where to write the profile (default: the user's folder)",
         CLN_OPTION_TEXT,
         {.text = &o.output},
         .file = CLN_FILE_TUNED,
         .endings = ".json"},
        {0},
    };
    cln_session_options_add(options, &o.session, CLN_ROW_DEVICE | CLN_ROW_PROFILE | CLN_ROW_KERNELS | CLN_ROW_PLAIN);
    cln_options_describe(options, "profile-file", "profile to start from (default: what matches the device)");
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        struct ocl_device device;
        struct cln_network *network = NULL;
        enum cln_status status = cln_network_load(&network, o.network, NULL);
        if (status == CLN_OK)
            status = ocl_device_find(&device, o.session.params.device);
        if (status == CLN_OK && cln_tune_races())
            exit_status = run_candidate(&o, network);
        else if (status == CLN_OK)
            status = search(&o, network, &device);
        if (status != CLN_OK)
            exit_status = cln_report_failure(status);
        if (cln_signals_stop() != 0)
            exit_status = cln_signals_exit_status(cln_signals_stop());
        cln_network_destroy(&network);
    }
    cln_options_release(options);
    return exit_status;
}
