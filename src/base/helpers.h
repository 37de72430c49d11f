/* Helpers: this program started anew, several times over, to share out work and to end. A driver's compiler takes
 * memory that it never gives back, and has one lock per process. */
#ifndef SRC_BASE_HELPERS_H
#define SRC_BASE_HELPERS_H

#include <stdbool.h>
#include <stddef.h>

#include "clenet/status.h"

struct cln_helpers;

/* Starts `count` processes of `argv` (its first word is the path of the program, NULL ends it), each with the
 * environment and `variable` (NAME=value) on top. What they print goes nowhere. Their standard input hands out the
 * numbers of cln_helper_take, and hangs up when this process ends, however it does. CLN_IO where not one started. */
enum cln_status cln_helpers_start(struct cln_helpers **out, const char *const *argv, const char *variable,
                                  size_t count) CLN_MUST_CHECK;
/* Waits for all of them, but no longer than `seconds`; then ends those that are left. Returns how many ended as they
 * should, with exit status 0. */
size_t cln_helpers_wait(struct cln_helpers *helpers, double seconds);
/* Ends those that are left. */
void cln_helpers_destroy(struct cln_helpers **helpers);

/* How many helpers this machine has room for: one per processor that this process may use, at most `most`, and at least
 * 1; no more than fit into a quarter of the memory at `bytes` each. */
size_t cln_helpers_fitting(size_t most, size_t bytes);

/* In a helper, asked with ascending numbers: whether piece `number` of the work falls to this process. Each piece falls
 * to one of them, the next one to whoever asks first. *taken is what this one took last; it begins as -1. */
bool cln_helper_take(long *taken, size_t number);
/* In a helper: returns when the process that started it has ended. */
void cln_helper_wait_for_end(void);

#endif
