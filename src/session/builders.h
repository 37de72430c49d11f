/* Builders: helper processes that build and launch a workload's kernels once, so that this process need not compile
 * them. */
#ifndef SRC_SESSION_BUILDERS_H
#define SRC_SESSION_BUILDERS_H

#include "src/session/session.h"

/* Starts up to four builders, as many as the machine has processors and memory for (cln_helpers_fitting).
 * params->builder is their command line. `safe` is the set of operations to build in their safe variants. Waits until
 * all have ended; those that still run after params->builder_seconds (0: 60) are ended. This process builds all that
 * they leave undone, so their failure is no error. Images that workload->wait cannot get are an error, and end the
 * builders at once. */
enum cln_status cln_builders_run(const struct cln_session_params *params, const struct cln_workload *workload,
                                 unsigned safe) CLN_MUST_CHECK;

#endif
