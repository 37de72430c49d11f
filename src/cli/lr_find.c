/* Prints a test of learning rates: see lr_find.h. */
#include "src/cli/lr_find.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/report.h"
#include "src/cli/signals.h"
#include "src/train/range_test.h"

enum { ROWS = 25, BAR = 40 };

/* A test that goes on. */
struct test {
    struct cln_journal *journal;
    struct cln_range_step *steps;
    size_t step_count, told; /* to test, and in the journal */
    enum cln_status status;  /* of the journal */
};

/* Tells the journal of the steps that it does not have yet. */
static void tell_steps(struct test *test, size_t done) {
    for (; test->told < done && test->status == CLN_OK; test->told++)
        test->status = cln_journal_rate(test->journal, test->told + 1, &test->steps[test->told]);
}

static bool on_step(void *user, size_t done) {
    struct test *test = user;
    char line[64];
    snprintf(line, sizeof line, "testing learning rates: step %zu of %zu", done, test->step_count);
    cln_report_live(line);
    tell_steps(test, done);
    return cln_signals_stop() == 0;
}

/* At most ROWS of the steps, the last one among them. Bars begin at 0; one longer than BAR ends in an arrow. */
static void print_table(const struct cln_range_step *steps, size_t count) {
    const size_t each = (count + ROWS - 1) / ROWS;
    const double scale = count > 0 ? 0.8 * BAR / steps[0].smoothed : 0;
    cln_report_result("%13s %10s %10s", "learning rate", "loss", "smoothed");
    for (size_t i = (count + each - 1) % (each > 0 ? each : 1); i < count; i += each) {
        char bar[BAR + 2] = "";
        const double length = scale * steps[i].smoothed;
        memset(bar, '#', length >= BAR ? BAR : (size_t)fmax(length + 0.5, 0));
        if (length > BAR)
            bar[BAR] = '>';
        cln_report_result("%13.3g %10.4g %10.4g  %s", steps[i].rate, steps[i].loss, steps[i].smoothed, bar);
    }
}

static void print_suggestion(const struct cln_range_result *result, const struct cln_range_params *params) {
    if (result->diverged)
        cln_report_result("the loss grew too large after %zu of %zu steps", result->count, params->steps);
    if (!(result->suggestion > 0)) {
        cln_report_result(
            "no suggestion: no rate from %g on lowered the loss; try others (--lr-find-from, --lr-find-to) "
            "or more steps (--max-steps)",
            params->from);
        return;
    }
    cln_report_result("the loss falls fastest at the rate %.2g, and is lowest at %.2g", result->steepest,
                      result->lowest);
    cln_report_result("suggestion: --lr %.2g", result->suggestion);
}

enum cln_status cln_lr_find(struct cln_trainer *trainer, struct cln_journal *journal,
                            const struct cln_lr_find_params *p) {
    struct cln_range_params params = {
        .from = p->from, .to = p->to, .steps = p->steps > 0 ? (size_t)p->steps : CLN_RANGE_USUAL, .progress = on_step};
    struct cln_range_step *steps = calloc(params.steps, sizeof *steps);
    struct cln_range_result result;
    if (steps == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu steps", params.steps);
    struct test test = {.journal = journal, .steps = steps, .step_count = params.steps};
    params.user = &test;
    enum cln_status status = cln_range_test(&result, steps, trainer, &params);
    tell_steps(&test, result.count);
    if (status == CLN_OK && cln_signals_stop() != 0)
        status = cln_fail(CLN_INTERRUPTED, "stopped by %s", strsignal(cln_signals_stop()));
    if (status == CLN_OK) {
        print_table(steps, result.count);
        print_suggestion(&result, &params);
        status = test.status == CLN_OK ? cln_journal_suggestion(journal, &result) : test.status;
    }
    free(steps);
    return status;
}
