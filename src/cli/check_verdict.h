/* What checks came to. The table, TAP, JUnit, JSON and the exit status all go by the verdicts here. */
#ifndef SRC_CLI_CHECK_VERDICT_H
#define SRC_CLI_CHECK_VERDICT_H

#include "src/cli/check_baseline.h"

/* The checks of one device. */
struct cln_checked {
    struct cln_checkup_params params; /* of the checkup */
    char selector[32];                /* params.session.device */
    const struct ocl_device *device;  /* NULL: none was found */
    struct cln_checkup *checkup;      /* NULL: it could not be checked */
    enum cln_status status;           /* why not */
    char error[4096];                 /* its message */
    const struct cln_baseline *baseline;
};

enum cln_verdict {
    CLN_VERDICT_OK,
    CLN_VERDICT_SKIPPED, /* nothing was run */
    CLN_VERDICT_FLAKY,   /* some of several runs fail */
    CLN_VERDICT_WRONG,
    CLN_VERDICT_ERROR, /* the driver refuses, or its compiler does */
    CLN_VERDICT_CRASHES,
    CLN_VERDICT_HANGS,
    CLN_VERDICT_COUNT
};

enum cln_verdict cln_verdict_of(const struct cln_checkup_row *row);
/* Its word in reports: "WRONG". */
const char *cln_verdict_word(enum cln_verdict verdict);
/* Its element in JUnit's XML, "failure", "error" or "skipped"; NULL: none. */
const char *cln_verdict_element(enum cln_verdict verdict);
bool cln_verdict_fails(enum cln_verdict verdict);
/* Whether the baseline has the row, so that its failure is expected. */
bool cln_check_is_known(const struct cln_checked *checked, const struct cln_checkup_row *row);

/* The reason for a failure, the wrong value or the driver's error; and why a row was skipped. */
const char *cln_check_reason(const struct cln_checkup_row *row);
/* The verdict with what --repeat and --baseline add to it: "FLAKY: fails in 2 of 5 runs, known". */
enum { CLN_VERDICT_BYTES = 80 };
void cln_check_verdict(char out[CLN_VERDICT_BYTES], const struct cln_checked *checked,
                       const struct cln_checkup_row *row);
/* The command that repeats this check alone. */
enum { CLN_RERUN_BYTES = 8192 };
void cln_check_rerun(char out[CLN_RERUN_BYTES], const struct cln_checkup *checkup, const struct cln_checkup_row *row);

/* What the checks have exercised of a driver, in words. */
struct cln_exercise {
    const char *name; /* "work-groups" */
    char value[1024]; /* "1, 8, 4×4" */
};
enum { CLN_EXERCISES = 5 };
void cln_check_exercises(struct cln_exercise out[CLN_EXERCISES], const struct cln_checkup *checkup);

/* The exit status for one device; see docs/clenet.1. */
int cln_check_exit_status(const struct cln_checked *checked);
/* The graver of two exit statuses. */
int cln_check_graver(int a, int b);

#endif
