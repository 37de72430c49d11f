/* Helpers: several processes of this program that share one job and end. Processes and not threads, because a driver's
 * compiler never returns its memory and has one lock per process. */
#ifndef SRC_BASE_HELPERS_H
#define SRC_BASE_HELPERS_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

struct cln_helpers;

/* Starts `count` processes of the command line `argv` (the program's path first, NULL last) with `variable`
 * (NAME=value) added to the environment. Their output is discarded. Their standard input is one shared pipe that hands
 * out numbers (cln_helper_take); it hangs up when this process ends, however it ends. CLN_IO if none started. */
enum cln_status cln_helpers_start(struct cln_helpers **out, const char *const *argv, const char *variable,
                                  size_t count) CLN_MUST_CHECK;
/* Waits until all helpers have ended, at most `seconds`, then kills the rest. Returns how many ended with exit status
 * 0. */
size_t cln_helpers_wait(struct cln_helpers *helpers, double seconds);
/* Kills the helpers that still run and frees the handle. */
void cln_helpers_destroy(struct cln_helpers **helpers);

/* The number of processors that this process may use: at least 1. */
size_t cln_count_processors(void);
/* The memory of the machine, or of the container that this process is in. */
double cln_memory_bytes(void);
/* The number of helpers that this machine has room for: one per processor available to this process and as many as fit
 * into a quarter of the memory at `bytes` each; at most `most`, at least 1. */
size_t cln_helpers_fitting(size_t most, size_t bytes);

/* In a helper: whether piece `number` of the job is this process's. Call it with ascending numbers. Each piece goes to
 * exactly one helper, the first that asks for a next piece. *taken is the piece that this helper took last; -1 before
 * the first call. */
bool cln_helper_take(long *taken, size_t number);
/* In a helper: returns when the process that started the helpers has ended. */
void cln_helper_wait_for_end(void);

#endif
