/* clenet check: checks every operation on a device against float64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "host/select.h"
#include "src/checkup/checkup.h"
#include "src/cli/check_report.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"

enum form { FORM_TEXT, FORM_JSON, FORM_MARKDOWN, FORM_TAP };

struct check_options {
    struct cln_session_options session;
    const char *device, *only, *junit, *baseline;
    int repeat;
    bool quick, bisect, json, markdown, tap;
};

static void on_progress(void *user, const char *doing) {
    (void)user;
    cln_report_live(doing);
}

/* Finds the devices of --device: one, or for "all" every usable one. *out is the caller's: free(). */
static enum cln_status find_devices(struct ocl_device **out, size_t *count, const char *asked) {
    if (!asked || strcmp(asked, "all") != 0) {
        *count = 1;
        *out = calloc(1, sizeof **out);
        return *out ? ocl_device_find(*out, asked) : cln_fail(CLN_OUT_OF_MEMORY, "host memory for a device");
    }
    size_t found = 0;
    const enum cln_status status = ocl_devices_list(out, &found);
    *count = 0;
    for (size_t i = 0; status == CLN_OK && i < found; i++)
        if ((*out)[i].available)
            (*out)[(*count)++] = (*out)[i];
    return status == CLN_OK && *count == 0 ? cln_fail(CLN_NO_DEVICE, "no device can be used") : status;
}

static struct cln_checkup_params params_of(const struct check_options *o) {
    return (struct cln_checkup_params){.session = cln_session_options_params(&o->session),
                                       .quick = o->quick,
                                       .only = o->only,
                                       .bisect = o->bisect,
                                       .repeat = o->repeat,
                                       .progress = on_progress};
}

/* The message of this thread's last failure, as that of the device. */
static void note_failure(struct cln_checked *checked, enum cln_status status) {
    checked->status = status;
    cln_text_format(checked->error, sizeof checked->error, "%-s", cln_error_message());
}

/* Checks a device and prints what of it can be printed before the others are checked. */
static void check_device(struct cln_checked *checked, const struct check_options *o, enum form form, bool is_first) {
    const struct ocl_device *d = checked->device;
    snprintf(checked->selector, sizeof checked->selector, "%u:%u", d->platform_index, d->device_index);
    checked->params = params_of(o);
    checked->params.session.device = checked->selector;
    const enum cln_status status = cln_checkup_run(&checked->checkup, &checked->params);
    cln_report_live("");
    if (status != CLN_OK) {
        note_failure(checked, status);
        cln_report_error("%s (%s): %-s", d->name, d->platform, checked->error);
    } else if (form == FORM_TEXT && o->session.params.strict) {
        cln_check_print_strict(checked);
    } else if (form == FORM_TEXT) {
        cln_report_text("%s", is_first ? "" : "\n");
        cln_check_print(checked);
    } else if (form == FORM_MARKDOWN) {
        cln_check_print_markdown(checked);
    }
    fflush(stdout);
}

static enum cln_status print_json(const struct cln_checked *list, size_t count) {
    json_t *reports = json_array();
    int failed = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i].checkup)
            failed |= json_array_append_new(reports, cln_check_json(&list[i]));
    const enum cln_status status =
        failed ? cln_fail(CLN_OUT_OF_MEMORY, "host memory for a report") : cln_report_json(reports, JSON_INDENT(2));
    json_decref(reports);
    return status;
}

/* Writes what is written of all devices together. */
static enum cln_status write_all(const struct check_options *o, enum form form, const struct cln_checked *list,
                                 size_t count) {
    enum cln_status status = form == FORM_JSON  ? print_json(list, count)
                             : form == FORM_TAP ? cln_check_print_tap(list, count)
                                                : CLN_OK;
    if (status == CLN_OK && o->junit)
        status = cln_check_write_junit(o->junit, list, count);
    return status;
}

/* Whether anyone is left to read the results. */
static bool has_reader(const struct check_options *o) {
    return o->junit || !ferror(stdout);
}

/* Checks all devices. One that cannot be checked is reported, and the others follow; so is a lack of devices. */
static int check_all(const struct check_options *o, const struct cln_baseline *baseline) {
    const enum form form = o->json ? FORM_JSON : o->markdown ? FORM_MARKDOWN : o->tap ? FORM_TAP : FORM_TEXT;
    struct ocl_device *devices = NULL;
    size_t count = 0;
    const enum cln_status found = find_devices(&devices, &count, o->device);
    count = found == CLN_OK ? count : 1; /* in its place, the failure */
    struct cln_checked *list = calloc(count, sizeof *list);
    enum cln_status status =
        list ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for the results of %zu devices", count);
    int exit_status = CLN_EXIT_OK;
    if (status == CLN_OK && found != CLN_OK) {
        note_failure(list, found);
        cln_report_error("%-s", list->error);
    }
    for (size_t i = 0; i < count && status == CLN_OK && has_reader(o); i++) {
        list[i].baseline = baseline;
        list[i].device = found == CLN_OK ? &devices[i] : NULL;
        if (list[i].device)
            check_device(&list[i], o, form, i == 0);
        exit_status = cln_check_graver(exit_status, cln_check_exit_status(&list[i]));
    }
    if (status == CLN_OK && has_reader(o))
        status = write_all(o, form, list, count);
    for (size_t i = 0; list && i < count; i++)
        cln_checkup_destroy(&list[i].checkup);
    free(list);
    free(devices);
    return cln_check_graver(exit_status, cln_report_failure(status));
}

static int check_beside_baseline(const struct check_options *o) {
    struct cln_baseline baseline = {0};
    const enum cln_status status = o->baseline ? cln_baseline_read(&baseline, o->baseline) : CLN_OK;
    const int exit_status = cln_report_failure(status) == CLN_EXIT_OK ? check_all(o, &baseline) : CLN_EXIT_USAGE;
    cln_baseline_release(&baseline);
    return exit_status;
}

/* In a process that was started to check, so that a crash does not end the one that started it. */
static enum cln_status answer(const struct check_options *o) {
    struct cln_checkup_params params = params_of(o);
    params.session = o->session.params;
    params.session.device = cln_checkup_device();
    return cln_checkup_answer(&params);
}

/* The forms of the report exclude each other; a bisection is of strict arithmetic. */
static bool agree(const struct check_options *o) {
    const bool has_one_form = o->json + o->markdown + o->tap < 2, can_bisect = !o->bisect || o->session.params.strict;
    if (!has_one_form)
        cln_report_error("--json, --markdown and --tap: choose one");
    else if (!can_bisect)
        cln_report_error("--bisect: only with --strict");
    return has_one_form && can_bisect;
}

int cln_command_check(const struct cln_command *command, int argc, const char **argv) {
    struct check_options o = {.repeat = 1};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"device",
         "DEVICE",
         "as for 'clenet train', or 'all': one after the other",
         CLN_OPTION_TEXT,
         {.text = &o.device}},
        {"quick", NULL, "check every operation, but with fewer cases", CLN_OPTION_FLAG, {.flag = &o.quick}},
        {"bisect",
         NULL,
         "with --strict: also launch by launch, and name the first number that is off",
         CLN_OPTION_FLAG,
         {.flag = &o.bisect}},
        {"only",
         "TEXT",
         "check only names that contain TEXT, such as \"conv2d, padding\"",
         CLN_OPTION_TEXT,
         {.text = &o.only}},
        {"repeat",
         "N",
         "check everything N times: what is right in some runs only is flaky (1)",
         CLN_OPTION_INT,
         {.integer = &o.repeat},
         1,
         1000},
        {"baseline",
         "FILE",
         "known failures, one \"operation, setting\" per line",
         CLN_OPTION_TEXT,
         {.text = &o.baseline},
         .file = CLN_FILE_INPUT},
        {"json", NULL, "print a JSON array with an object per device", CLN_OPTION_FLAG, {.flag = &o.json}},
        {"markdown", NULL, "print a report to paste into an issue", CLN_OPTION_FLAG, {.flag = &o.markdown}},
        {"tap", NULL, "print the Test Anything Protocol", CLN_OPTION_FLAG, {.flag = &o.tap}},
        {"junit",
         "FILE",
         "write JUnit's XML, too",
         CLN_OPTION_TEXT,
         {.text = &o.junit},
         .file = CLN_FILE_OUTPUT,
         .endings = ".xml"},
        {0},
    };
    cln_session_options_add(options, &o.session,
                            CLN_ROW_PROFILE | CLN_ROW_STRICT | CLN_ROW_KERNELS | CLN_ROW_CACHE | CLN_ROW_PLAIN);
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        if (!agree(&o))
            exit_status = CLN_EXIT_USAGE;
        else
            exit_status = cln_checkup_asked() ? cln_report_failure(answer(&o)) : check_beside_baseline(&o);
    }
    cln_options_release(options);
    return exit_status;
}
