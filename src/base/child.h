/* A child process that does what may crash or hang: this program started again. It reports over a socket, and the
 * parent learns how it ended. */
#ifndef SRC_BASE_CHILD_H
#define SRC_BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

struct cln_child;

/* Starts a child as cln_spawn does. Its standard input is a socket that carries its messages (cln_child_say). The
 * socket hangs up when the parent ends, however it ends. The child's output is discarded. CLN_IO if it did not
 * start. */
enum cln_status cln_child_start(struct cln_child **out, const char *const *argv, const char *variable) CLN_MUST_CHECK;

enum cln_child_news {
    CLN_CHILD_SAID,  /* a message has arrived */
    CLN_CHILD_ENDED, /* the child has ended, and all its messages were read */
    CLN_CHILD_SILENT /* the child runs, but gave neither a message nor a sign of life for `seconds` */
};

/* Waits up to `seconds` for the child's next message, of `size` bytes. A message of another size, as from another
 * program, makes the parent end the child. */
enum cln_child_news cln_child_listen(struct cln_child *child, void *message, size_t size, double seconds);

enum cln_child_end {
    CLN_CHILD_EXITED,  /* by itself, with exit status `code` */
    CLN_CHILD_CRASHED, /* by signal `code` that a fault raises, such as SIGSEGV or SIGABRT */
    CLN_CHILD_KILLED,  /* by another signal `code`, from outside or because memory ran out */
    CLN_CHILD_STOPPED  /* by cln_child_stop, or by itself when a call hung: see cln_child_attend */
};

struct cln_child_result {
    enum cln_child_end end;
    int code;
};

/* Gives the child `seconds` to end by itself, then kills it, with its process group; sets *child to NULL. *out, unless
 * NULL, says how the child ended. A child that cln_child_listen found ended has already lost its process group. */
void cln_child_stop(struct cln_child **child, double seconds, struct cln_child_result *out);

/* Writes how a child ended: "crashed (Segmentation fault)", "was killed (Killed)", "ended with exit status 3", "did not
 * answer for 60 s". `seconds` is the time given to cln_child_listen. */
void cln_child_describe(char *out, size_t bytes, const struct cln_child_result *result, double seconds);

/* Sets *seconds to the silence that is allowed to a child that checks a driver: $CLENET_GUARD_SECONDS, else `usual`.
 * CLN_INVALID if the variable is no number of seconds. */
enum cln_status cln_child_patience(double *seconds, double usual) CLN_MUST_CHECK;

/* Returns the name of the foreign call (such as an OpenCL call) that this process is in, NULL for none, and sets
 * *number to the number of such calls so far. Called from another thread. */
typedef const char *cln_child_call(size_t *number);
/* In a child: starts a thread that sends signs of life, and that ends the process as soon as the parent has ended. It
 * sends none while the call that `under_way` names stays the same and the process uses no processor time. It ends the
 * process as CLN_CHILD_STOPPED once one call has taken `seconds` of wall time and as much processor time, or ten times
 * `seconds` of wall time: a compiler on a busy machine is no driver that hangs. If the thread cannot be started, the
 * process ends by SIGKILL. */
void cln_child_attend(double seconds, cln_child_call *under_way);
/* In a child: sends a message of `size` bytes to the parent. */
void cln_child_say(const void *message, size_t size);

#endif
