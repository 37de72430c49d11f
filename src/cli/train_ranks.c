/* See train_ranks.h. */
#include "src/cli/train_ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/cli/command.h"
#include "src/cli/launch.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/cli/signals.h"

/* The processes of one machine share its cores. PoCL takes all, unless it is told how many. */
static void share_cores(struct cln_rank here) {
    char threads[24];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN), each = here.together > 0 ? cores / here.together : cores;
    snprintf(threads, sizeof threads, "%ld", each > 0 ? each : 1);
    setenv("POCL_MAX_PTHREAD_COUNT", threads, 0);
}

enum { DEVICE_BYTES = 256 };

static int devices_in(const char *list) {
    int count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* Whether an element of the list is empty, or too long. NULL: there is no list. */
static bool is_no_list(const char *list) {
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strcspn(at, ",") == 0 || strcspn(at, ",") >= DEVICE_BYTES)
            return true;
    return false;
}

/* Takes element `number` of the list, over and over. The device's name is static. */
static void take_device(struct cln_train_options *o, int number) {
    static char device[DEVICE_BYTES];
    const char *at = o->devices;
    for (int i = 0; i < number % devices_in(o->devices); i++)
        at = strchr(at, ',') + 1;
    snprintf(device, sizeof device, "%.*s", (int)strcspn(at, ","), at);
    o->session.params.device = device;
}

bool cln_train_ranks_settle(struct cln_train_options *o, struct cln_save_params *save, int *exit_status) {
    const struct cln_rank here = cln_ranks_place();
    const struct {
        bool is_wrong;
        const char *message;
    } rules[] = {
        {o->devices != NULL && o->session.params.device != NULL, "--devices says which device each process takes: "
                                                                 "leave --device out"},
        {o->restarts > 0 && (o->devices == NULL || o->save == NULL),
         "--restarts N needs --devices with several devices and --save FILE"},
        {o->restarts > 0 && here.count == 1 && !cln_self_helps() && o->devices != NULL && devices_in(o->devices) < 2,
         "--restarts N needs --devices with several devices and --save FILE"},
        {here.count > 1 && o->lr_find, "--lr-find runs in one process"},
        {here.count > 1 && o->report != NULL,
         "--report needs the whole training in one process: --log FILE, and then clenet report FILE MODEL"},
        {here.count > 1 && o->augmentation.sheet != NULL, "--show-augmented runs in one process"},
    };
    *exit_status = CLN_EXIT_USAGE;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].is_wrong) {
            if (here.rank == 0)
                cln_report_error("%s", rules[i].message);
            return false;
        }
    if (is_no_list(o->devices)) { /* for all processes alike: one that ends alone leaves the others waiting for it */
        if (here.rank == 0)
            cln_report_error("--devices '%s': names of devices with commas between them, as in gpu,cpu", o->devices);
        return false;
    }
    if (o->devices != NULL && here.count == 1 && devices_in(o->devices) > 1 && !cln_self_helps()) {
        *exit_status = cln_launch(&(struct cln_launch){devices_in(o->devices), o->restarts, o->save});
        return false;
    }
    if (o->devices != NULL)
        take_device(o, here.local);
    if (here.count > 1)
        share_cores(here);
    if (here.rank == 0)
        return true;
    o->save = o->log = o->tensorboard = o->trace = save->path = NULL;
    o->quiet = true;
    o->session.params.timings = false;
    o->require_accuracy = 0; /* the first one judges */
    return true;
}

enum cln_status cln_train_ranks_compare(const struct cln_train_run *run) {
    char epochs[16];
    snprintf(epochs, sizeof epochs, "%d", run->options->epochs);
    return cln_ranks_compare(run->ranks, "number of epochs", epochs);
}

enum cln_status cln_train_ranks_stop(struct cln_train_run *run, bool *stop) {
    const enum cln_status status = cln_ranks_any(run->ranks, cln_signals_stop() != 0, stop);
    if (status == CLN_OK && *stop)
        cln_signals_ask();
    return status;
}

void cln_train_ranks_end(struct cln_train_run *run, enum cln_status status, int exit_status) {
    if (status != CLN_OK && status != CLN_INTERRUPTED && !cln_ranks_knows(run->ranks))
        cln_ranks_end_all(run->ranks, exit_status);
    else
        cln_ranks_close(&run->ranks);
}

void cln_train_ranks_refuse(int exit_status) {
    struct cln_train_run run = {.ranks = NULL};
    if (cln_trainer_builds() || cln_ranks_open(&run.ranks, NULL) != CLN_OK)
        return;
    const enum cln_status status =
        cln_ranks_agree(run.ranks, cln_fail(CLN_INVALID, "its options are refused, as it says"));
    cln_train_ranks_end(&run, status, exit_status);
}
