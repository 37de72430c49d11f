/* Builders: helper processes that build and launch a workload's kernels once, so that this process need not compile
 * them. */
#ifndef SRC_SESSION_BUILDERS_H
#define SRC_SESSION_BUILDERS_H

#include "src/session/session.h"

/* Starts as many builders (params->builder) as the machine has room for, and waits for all of them. `safe` is the set
 * of operations to build in their safe variants. This process builds all that the builders leave undone, so their
 * failure is no error. Images that workload->wait cannot get are an error, and end the builders at once. */
enum cln_status cln_builders_run(const struct cln_session_params *params, const struct cln_workload *workload,
                                 unsigned safe) CLN_MUST_CHECK;

#endif
