/* See train_ranks.h. */
#include "src/cli/train_ranks.h"

#include <stdio.h>

#include "src/cli/command.h"
#include "src/cli/device_list.h"
#include "src/cli/launch.h"
#include "src/cli/launch_record.h"
#include "src/cli/rank_notices.h"
#include "src/cli/report.h"
#include "src/cli/self.h"
#include "src/cli/signals.h"

bool cln_train_ranks_settle(struct cln_train_options *o, struct cln_save_params *save, int *exit_status) {
    const struct cln_rank here = cln_ranks_place();
    if (here.count > 1 && !cln_self_helps())
        cln_launch_say(CLN_LAUNCH_BEGUN, here.rank);
    const struct {
        bool is_wrong;
        const char *message;
    } rules[] = {
        {o->devices != NULL && o->session.params.device != NULL, "--devices says which device each process takes: "
                                                                 "leave --device out"},
        {o->restarts > 0 && (o->devices == NULL || o->save == NULL),
         "--restarts N needs --devices with several devices and --save FILE"},
        {o->restarts > 0 && here.count == 1 && !cln_self_helps() && o->devices != NULL &&
             cln_device_list_count(o->devices) < 2,
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
    if (cln_device_list_is_wrong(
            o->devices)) { /* for all processes alike: one that ends alone leaves the others waiting for it */
        if (here.rank == 0)
            cln_report_error("--devices '%s': names of devices with commas between them, as in gpu,cpu", o->devices);
        return false;
    }
    if (o->devices != NULL && here.count == 1 && cln_device_list_count(o->devices) > 1 && !cln_self_helps()) {
        *exit_status = cln_launch(&(struct cln_launch){cln_device_list_count(o->devices), o->restarts, o->save});
        return false;
    }
    if (o->devices != NULL)
        o->session.params.device = cln_device_list_take(o->devices, here.local);
    if (here.count > 1) {
        cln_signals_in_group();
        cln_share_cores(here.together);
    }
    if (here.count > 1 && !cln_self_helps())
        cln_rank_notices_begin(here);
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
    const int rank = cln_ranks_here(run->ranks).rank;
    if (!run->ranks)
        return;
    if (status == CLN_OK || status == CLN_INTERRUPTED || status == CLN_NUMERIC)
        cln_launch_say(CLN_LAUNCH_ENDED, rank);
    if (status != CLN_OK && status != CLN_INTERRUPTED && !cln_ranks_knows(run->ranks))
        cln_ranks_end_all(run->ranks, exit_status);
    cln_ranks_close(&run->ranks);
    cln_launch_say(CLN_LAUNCH_LEFT, rank);
}

void cln_train_ranks_refuse(int exit_status) {
    struct cln_train_run run = {.ranks = NULL};
    if (cln_trainer_builds() || cln_ranks_open(&run.ranks, NULL) != CLN_OK)
        return;
    const enum cln_status status =
        cln_ranks_agree(run.ranks, cln_fail(CLN_INVALID, "its options are refused, as it says"));
    cln_train_ranks_end(&run, status, exit_status);
}
