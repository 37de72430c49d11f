/* Starts processes, by posix_spawn: drivers have threads, which do not survive a fork. */
#ifndef SRC_BASE_PROCESS_H
#define SRC_BASE_PROCESS_H

#include <sys/types.h>

#include "clenet/status.h"

/* Starts a process. `argv` begins with the program's path and ends with NULL. The environment is this process's, with
 * `variable` (NAME=value) added. `input` and `output` are the descriptors of its standard input and output; -1:
 * /dev/null. Its standard error is discarded. The process leads a group of its own, so that it can be killed together
 * with the linkers it starts. No signal is blocked, ignored or handled in it. CLN_IO if it did not start. */
enum cln_status cln_spawn(pid_t *out, const char *const *argv, const char *variable, int input,
                          int output) CLN_MUST_CHECK;

/* For signal handlers: kills the processes that were started last and not yet waited for, with their process groups. */
void cln_spawned_kill(void);

#endif
