/* A process that may hang or crash in our place: one command, its time limit, and what it printed. */
#ifndef HOST_CHILD_H
#define HOST_CHILD_H

#include <stddef.h>

#include "host/status.h"

enum cln_child_end {
    CLN_CHILD_EXITED,   /* by itself; `code` is its exit status */
    CLN_CHILD_CRASHED,  /* by a signal, which is `code` */
    CLN_CHILD_TIMED_OUT /* ended after the time limit, with all that it had started */
};

struct cln_child_result {
    enum cln_child_end end;
    int code;
    char output[4096]; /* the beginning of its standard output */
};

/* Runs a command as cln_spawn does, for at most `seconds`. Its standard input hangs up when this process ends, however
 * it does: a program of ours ends with it (cln_helper_wait_for_end). CLN_IO where it did not start. */
enum cln_status cln_child_run(struct cln_child_result *out, const char *const *argv, const char *variable,
                              double seconds) CLN_MUST_CHECK;

#endif
