/* clenet check: checks every operation on a device against float64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/select.h"
#include "src/checkup/checkup.h"
#include "src/cli/check_report.h"
#include "src/cli/command.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"

enum form { FORM_TEXT, FORM_JSON, FORM_MARKDOWN };

struct check_options {
    struct cln_session_options session;
    const char *device, *only;
    bool quick, json, markdown;
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

/* Prints a checkup. False: it could not be printed. */
static bool print(const struct cln_checkup *checkup, enum form form, json_t *reports) {
    cln_report_live("");
    if (form == FORM_TEXT)
        cln_check_print(checkup);
    else if (form == FORM_MARKDOWN)
        cln_check_print_markdown(checkup);
    else if (json_array_append_new(reports, cln_check_json(checkup)) != 0)
        return false;
    fflush(stdout);
    return true;
}

/* Checks all devices. A device that cannot be checked is reported, and the others follow. */
static int check_all(const struct check_options *o, const struct ocl_device *devices, size_t count) {
    const enum form form = o->json ? FORM_JSON : o->markdown ? FORM_MARKDOWN : FORM_TEXT;
    json_t *reports = json_array();
    int exit_status = CLN_EXIT_OK;
    for (size_t i = 0; i < count && !ferror(stdout); i++) {
        struct cln_checkup *checkup = NULL;
        struct cln_session_params session = cln_session_options_params(&o->session);
        char number[32];
        snprintf(number, sizeof number, "%u:%u", devices[i].platform_index, devices[i].device_index);
        session.device = number;
        const struct cln_checkup_params params = {
            .session = session,
            .quick = o->quick,
            .only = o->only,
            .progress = on_progress,
        };
        const enum cln_status status = cln_checkup_run(&checkup, &params);
        if (status == CLN_OK) {
            if (i > 0 && form == FORM_TEXT)
                cln_report_text("\n");
            if (!print(checkup, form, reports))
                exit_status = cln_report_failure(cln_fail(CLN_OUT_OF_MEMORY, "host memory for a report"));
        } else {
            cln_report_error("%s (%s): %-s", devices[i].name, devices[i].platform, cln_error_message());
        }
        if (status != CLN_OK || !checkup->passed)
            exit_status = CLN_EXIT_FAILURE;
        cln_checkup_destroy(&checkup);
    }
    if (form == FORM_JSON && cln_report_json(reports, JSON_INDENT(2)) != CLN_OK)
        exit_status = cln_report_failure(CLN_OUT_OF_MEMORY);
    json_decref(reports);
    return exit_status;
}

/* In a process that was started to check, so that a crash does not end the one that started it. */
static enum cln_status answer(const struct check_options *o) {
    struct cln_session_params session = o->session.params;
    session.device = cln_checkup_device();
    return cln_checkup_answer(&(struct cln_checkup_params){.session = session, .quick = o->quick, .only = o->only});
}

int cln_command_check(const struct cln_command *command, int argc, const char **argv) {
    struct check_options o = {0};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"device",
         "DEVICE",
         "as for 'clenet train', or 'all': one after the other",
         CLN_OPTION_TEXT,
         {.text = &o.device}},
        {"quick", NULL, "check every operation, but with fewer cases", CLN_OPTION_FLAG, {.flag = &o.quick}},
        {"only",
         "TEXT",
         "check only names that contain TEXT, such as \"conv2d, padding\"",
         CLN_OPTION_TEXT,
         {.text = &o.only}},
        {"json", NULL, "print a JSON array with an object per device", CLN_OPTION_FLAG, {.flag = &o.json}},
        {"markdown", NULL, "print a report to paste into an issue", CLN_OPTION_FLAG, {.flag = &o.markdown}},
        {0},
    };
    cln_session_options_add(options, &o.session, CLN_ROW_PROFILE | CLN_ROW_KERNELS | CLN_ROW_CACHE);
    if (cln_options_parse(options, command, argc, argv, &exit_status)) {
        struct ocl_device *devices = NULL;
        size_t count = 0;
        exit_status =
            o.json && o.markdown ? CLN_EXIT_USAGE : cln_report_failure(find_devices(&devices, &count, o.device));
        if (exit_status == CLN_EXIT_USAGE)
            cln_report_error("--json and --markdown: choose one");
        if (exit_status == CLN_EXIT_OK)
            exit_status = cln_checkup_asked() ? cln_report_failure(answer(&o)) : check_all(&o, devices, count);
        free(devices);
    }
    cln_options_release(options);
    return exit_status;
}
