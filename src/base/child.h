/* A process that may hang or crash in our place: this program started anew, what it says, and how it ended. */
#ifndef SRC_BASE_CHILD_H
#define SRC_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

struct cln_child;

/* Starts a process as cln_spawn does. Its standard input is a socket, over which it says messages (cln_child_say), and
 * which hangs up when this process ends, however it does; what it prints goes nowhere. CLN_IO where it did not start.
 */
enum cln_status cln_child_start(struct cln_child **out, const char *const *argv, const char *variable) CLN_MUST_CHECK;

enum cln_child_news {
    CLN_CHILD_SAID,  /* a message has come */
    CLN_CHILD_ENDED, /* it has ended, and there are no messages of it left */
    CLN_CHILD_SILENT /* it runs, and for so many seconds it neither said anything nor showed a sign of life */
};

/* Waits for its next message, of `size` bytes. A message of another size, as from another program, ends it. */
enum cln_child_news cln_child_listen(struct cln_child *child, void *message, size_t size, double seconds);

enum cln_child_end {
    CLN_CHILD_EXITED,  /* by itself; `code` is its exit status */
    CLN_CHILD_CRASHED, /* by a signal, `code`, that a fault in it raises, such as SIGSEGV or SIGABRT */
    CLN_CHILD_KILLED,  /* by another signal: from outside, or because memory ran out */
    CLN_CHILD_STOPPED  /* it was still running when it was stopped, or hung: see cln_child_attend */
};

struct cln_child_result {
    enum cln_child_end end;
    int code;
};

/* Gives it so many seconds to end by itself; then ends it. What is left of its process group ends with it, however it
 * ended, and already when cln_child_listen sees that it has. Says how it ended in *out, which may be NULL. */
void cln_child_stop(struct cln_child **child, double seconds, struct cln_child_result *out);

/* "crashed (Segmentation fault)", "was killed (Killed)", "ended with exit status 3", "did not answer for 60 s", where
 * `seconds` is how long it was listened for. */
void cln_child_describe(char *out, size_t bytes, const struct cln_child_result *result, double seconds);

/* How long a process that checks a driver may be silent: $CLENET_GUARD_SECONDS, else `usual`. CLN_INVALID where that
 * variable is no number of seconds. */
enum cln_status cln_child_patience(double *seconds, double usual) CLN_MUST_CHECK;

/* Names the foreign call that this process is in; NULL: none. *number is how many such calls were made so far. Called
 * from another thread. */
typedef const char *cln_child_call(size_t *number);
/* In such a process: from now on it shows signs of life, and ends as soon as the process that started it has ended. It
 * shows none while the call that `under_way` names does not come back and this process does nothing. It ends as
 * CLN_CHILD_STOPPED where one call has taken `seconds` both of time and of processor time, or ten times as long: so a
 * compiler on a busy machine is not taken for a driver that hangs. Where no thread can be had for this, the process
 * ends by SIGKILL. */
void cln_child_attend(double seconds, cln_child_call *under_way);
/* In such a process: says a message, whole. */
void cln_child_say(const void *message, size_t size);

#endif
