/* A process that was started for an errand of a session: a builder of kernels, or a trial of the guard. */
#ifndef SRC_TRAIN_BUILD_H
#define SRC_TRAIN_BUILD_H

#include "src/session/session.h"

/* Does the errand for the session that started this process. `workload` is that session's workload; its image and
 * `wait` are set here. CLN_INVALID: this process was started for no errand. */
enum cln_status cln_build(const struct cln_session_params *params, struct cln_workload *workload) CLN_MUST_CHECK;

#endif
