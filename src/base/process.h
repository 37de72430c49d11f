/* Starting a process: by posix_spawn, as drivers have threads that would not survive a fork. */
#ifndef SRC_BASE_PROCESS_H
#define SRC_BASE_PROCESS_H

#include <sys/types.h>

#include "clenet/status.h"

/* `argv` begins with the program's path and ends with NULL; the environment is this process's with `variable`
 * (NAME=value) on top. Standard input and output are the descriptors given, of which -1 means nothing; what it writes
 * to standard error goes nowhere. It leads a process group of its own, so that it can be ended with the linkers and the
 * like that it starts, and has no signal blocked, ignored or handled. CLN_IO where it did not start. */
enum cln_status cln_spawn(pid_t *out, const char *const *argv, const char *variable, int input,
                          int output) CLN_MUST_CHECK;

/* For handlers of signals that end this process, or what it is doing: kills the processes that were started last and
 * have not been waited for, with all that they have started. */
void cln_spawned_kill(void);

#endif
