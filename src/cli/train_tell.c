/* What a training tells about itself, and how it is judged: see train_run.h. */
#include <stdio.h>

#include "src/cli/details.h"
#include "src/cli/outcome.h"
#include "src/cli/report.h"
#include "src/cli/train_run.h"

void cln_train_lose_log(struct cln_train_run *run) {
    cln_report_error("%-s: training continues without the log", cln_error_message());
    run->log_lost = true;
}

void cln_train_judge(struct cln_train_run *run, const struct cln_metrics *test, int epoch) {
    const double required = run->options->require_accuracy;
    if (!(test->accuracy >= required))
        snprintf(run->missed, sizeof run->missed, "test accuracy %.6g after epoch %d is below %.6g", test->accuracy,
                 epoch, required);
}

enum cln_status cln_train_test_once(struct cln_train_run *run, size_t within) {
    const struct cln_train_options *o = run->options;
    const bool best = run->apart > 0 && (o->save_best || o->patience > 0);
    struct cln_outcome outcome;
    if (run->data->test.count == 0 && !(o->require_accuracy > 0))
        return CLN_OK;
    enum cln_status status = cln_outcome_test(&outcome, run->trainer, best, within);
    if (status != CLN_OK)
        return status;
    if (cln_journal_test(run->journal, &outcome) != CLN_OK)
        cln_train_lose_log(run);
    run->tests_best = outcome.is_best;
    cln_train_judge(run, &outcome.test, outcome.epoch);
    return CLN_OK;
}

/* Hands details on; NULL: there are none. Returns `status`, of making them. */
static enum cln_status tell_details(struct cln_train_run *run, enum cln_status status, json_t *record) {
    if (record != NULL && cln_journal_details(run->journal, record) != CLN_OK)
        cln_train_lose_log(run);
    return status;
}

enum cln_status cln_train_tell_histograms(struct cln_train_run *run) {
    json_t *record = NULL;
    if (!cln_journal_takes_details(run->journal))
        return CLN_OK;
    const int epoch = cln_trainer_epochs(run->trainer);
    const enum cln_status status = cln_details_histograms(&record, run->trainer, run->network, epoch);
    return tell_details(run, status, record);
}

enum cln_status cln_train_tell_confusion(struct cln_train_run *run) {
    json_t *record = NULL;
    bool wanted = false;
    enum cln_status status = cln_ranks_any(run->ranks, cln_journal_takes_details(run->journal), &wanted);
    if (status != CLN_OK || !wanted || run->data->test.count == 0)
        return status;
    status = cln_details_confusion(&record, run->trainer, run->data, run->tests_best);
    return tell_details(run, status, record);
}

void cln_train_tell_patience(struct cln_train_run *run) {
    const struct cln_best best = cln_trainer_best(run->trainer);
    if (!best.is_final)
        return;
    cln_outcome_tell_patience(run->trainer);
    if (cln_journal_patience(run->journal, cln_trainer_epochs(run->trainer), &best) != CLN_OK)
        cln_train_lose_log(run);
}
