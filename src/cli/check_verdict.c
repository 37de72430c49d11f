/* Judges checks: see check_verdict.h. */
#include "src/cli/check_verdict.h"

#include <string.h>

#include "clenet/text.h"
#include "src/base/table.h"
#include "src/cli/command.h"

static const struct {
    const char *word, *element;
    int exit_status; /* unless the failure is known */
} verdicts[] = {
    [CLN_VERDICT_OK] = {"ok", NULL, CLN_EXIT_OK},
    [CLN_VERDICT_SKIPPED] = {"skipped", "skipped", CLN_EXIT_OK},
    [CLN_VERDICT_FLAKY] = {"FLAKY", "failure", CLN_EXIT_FAILURE},
    [CLN_VERDICT_WRONG] = {"WRONG", "failure", CLN_EXIT_FAILURE},
    [CLN_VERDICT_ERROR] = {"ERROR", "error", CLN_EXIT_DOES_NOT_RUN},
    [CLN_VERDICT_CRASHES] = {"crashes the driver", "error", CLN_EXIT_DOES_NOT_RUN},
    [CLN_VERDICT_HANGS] = {"hangs the driver", "error", CLN_EXIT_DOES_NOT_RUN},
};
CLN_EVERY(verdicts, CLN_VERDICT_COUNT);

/* Where nothing could be checked. */
static const int exit_statuses[] = {
    [CLN_OK] = CLN_EXIT_OK,
    [CLN_INVALID] = CLN_EXIT_USAGE,
    [CLN_NOT_FOUND] = CLN_EXIT_USAGE,
    [CLN_IO] = CLN_EXIT_FAILURE,
    [CLN_OUT_OF_MEMORY] = CLN_EXIT_FAILURE,
    [CLN_NO_DEVICE] = CLN_EXIT_NO_DEVICE,
    [CLN_DEVICE] = CLN_EXIT_DOES_NOT_RUN,
    [CLN_BUILD] = CLN_EXIT_DOES_NOT_RUN,
    [CLN_NUMERIC] = CLN_EXIT_FAILURE,
    [CLN_INTERRUPTED] = CLN_EXIT_FAILURE,
};
CLN_EVERY(exit_statuses, CLN_STATUS_COUNT);

/* A wrong result is the gravest: nothing else tells a user of it. */
static const int by_gravity[] = {CLN_EXIT_OK,        CLN_EXIT_SKIPPED,      CLN_EXIT_USAGE,
                                 CLN_EXIT_NO_DEVICE, CLN_EXIT_DOES_NOT_RUN, CLN_EXIT_FAILURE};

enum cln_verdict cln_verdict_of(const struct cln_checkup_row *row) {
    static const enum cln_verdict ends[] = {[CLN_CHECKUP_ENDED] = CLN_VERDICT_ERROR,
                                            [CLN_CHECKUP_CRASHED] = CLN_VERDICT_CRASHES,
                                            [CLN_CHECKUP_HUNG] = CLN_VERDICT_HANGS};
    CLN_EVERY(ends, CLN_CHECKUP_END_COUNT);
    if (row->passed)
        return row->result.cases > 0 ? CLN_VERDICT_OK : CLN_VERDICT_SKIPPED;
    if (row->failures < row->runs)
        return CLN_VERDICT_FLAKY;
    return row->error[0] ? ends[row->end] : CLN_VERDICT_WRONG;
}

const char *cln_verdict_word(enum cln_verdict verdict) {
    return verdicts[verdict].word;
}

const char *cln_verdict_element(enum cln_verdict verdict) {
    return verdicts[verdict].element;
}

bool cln_verdict_fails(enum cln_verdict verdict) {
    return verdicts[verdict].exit_status != CLN_EXIT_OK;
}

bool cln_check_is_known(const struct cln_checked *checked, const struct cln_checkup_row *row) {
    return cln_baseline_has(checked->baseline, row);
}

const char *cln_check_reason(const struct cln_checkup_row *row) {
    if (cln_verdict_of(row) == CLN_VERDICT_SKIPPED)
        return "no training uses it with this tuning, or --quick leaves it out";
    return row->error[0] ? row->error : row->result.failure;
}

void cln_check_verdict(char out[CLN_VERDICT_BYTES], const struct cln_checked *checked,
                       const struct cln_checkup_row *row) {
    const enum cln_verdict verdict = cln_verdict_of(row);
    const bool is_known = cln_check_is_known(checked, row);
    size_t used = cln_text_format(out, CLN_VERDICT_BYTES, "%s", verdicts[verdict].word);
    if (verdict == CLN_VERDICT_FLAKY)
        used +=
            cln_text_format(out + used, CLN_VERDICT_BYTES - used, ", fails in %d of %d runs", row->failures, row->runs);
    if (is_known && verdict != CLN_VERDICT_SKIPPED)
        cln_text_format(out + used, CLN_VERDICT_BYTES - used, ", %s",
                        cln_verdict_fails(verdict) ? "known" : "no longer fails");
}

void cln_check_rerun(char out[CLN_RERUN_BYTES], const struct cln_checkup *c, const struct cln_checkup_row *row) {
    const struct cln_session_params *p = &c->params->session;
    size_t used =
        cln_text_format(out, CLN_RERUN_BYTES, "clenet check --device %u:%u --only \"%s\"", c->device.platform_index,
                        c->device.device_index, row->result.failed_case[0] ? row->result.failed_case : row->what);
    if (row->apart)
        used += cln_text_format(out + used, CLN_RERUN_BYTES - used, " --strict --bisect");
    if (row->runs > 1)
        used += cln_text_format(out + used, CLN_RERUN_BYTES - used, " --repeat %d", row->runs);
    if (p->profile_file)
        used += cln_text_format(out + used, CLN_RERUN_BYTES - used, " --profile-file %s", p->profile_file);
    if (p->kernel_folder)
        cln_text_format(out + used, CLN_RERUN_BYTES - used, " --kernels %s", p->kernel_folder);
}

/* "1, 64, 8×4": dimensions of one work-item at the end are left out. */
static void list_groups(char *out, size_t bytes, const struct ocl_usage *u) {
    size_t used = cln_text_format(out, bytes, "%s", u->group_count ? "" : "none");
    for (size_t i = 0; i < u->group_count; i++) {
        const uint32_t *g = u->groups[i];
        used += cln_text_format(out + used, bytes - used, "%s%u", i ? ", " : "", g[0]);
        if (g[1] > 1 || g[2] > 1)
            used += cln_text_format(out + used, bytes - used, "×%u", g[1]);
        if (g[2] > 1)
            used += cln_text_format(out + used, bytes - used, "×%u", g[2]);
    }
    cln_text_format(out + used, bytes - used, "%s", u->has_more ? ", and others" : "");
}

void cln_check_exercises(struct cln_exercise out[CLN_EXERCISES], const struct cln_checkup *c) {
    const struct ocl_usage *u = &c->usage;
    memset(out, 0, CLN_EXERCISES * sizeof *out);
    out[0].name = "work-groups";
    list_groups(out[0].value, sizeof out[0].value, u);
    out[1].name = "local memory";
    cln_text_format(out[1].value, sizeof out[1].value, u->local_bytes ? "up to %llu bytes" : "none reported",
                    (unsigned long long)u->local_bytes);
    out[2].name = "multiply-add";
    cln_text_format(out[2].value, sizeof out[2].value, "%s", c->tuning.fma ? "fma()" : "mad()");
    out[3].name = "extensions";
    cln_text_format(out[3].value, sizeof out[3].value, "%s", u->command_buffer ? "cl_khr_command_buffer" : "none");
    out[4].name = "libraries";
    cln_text_format(out[4].value, sizeof out[4].value, "%s", u->gemm ? "CLBlast" : "none");
}

int cln_check_graver(int a, int b) {
    int gravest = CLN_EXIT_OK;
    for (size_t i = 0; i < sizeof by_gravity / sizeof *by_gravity; i++)
        if (by_gravity[i] == a || by_gravity[i] == b)
            gravest = by_gravity[i];
    return gravest;
}

int cln_check_exit_status(const struct cln_checked *checked) {
    const struct cln_checkup *c = checked->checkup;
    bool is_skipped = true;
    int exit_status = CLN_EXIT_OK;
    if (!c)
        return exit_statuses[checked->status];
    for (size_t i = 0; i < c->row_count; i++) {
        const enum cln_verdict verdict = cln_verdict_of(&c->rows[i]);
        is_skipped &= verdict == CLN_VERDICT_SKIPPED;
        if (!cln_check_is_known(checked, &c->rows[i]))
            exit_status = cln_check_graver(exit_status, verdicts[verdict].exit_status);
    }
    return is_skipped ? CLN_EXIT_SKIPPED : exit_status;
}
