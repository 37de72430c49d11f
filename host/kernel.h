/* One launch of one kernel, checked when it is made. */
#ifndef HOST_KERNEL_H
#define HOST_KERNEL_H

#include "host/internal.h"

/* Builds, checks and sets what `launch` says; see ocl_sequence_add for the errors. The action owns the
 * kernel. One without functions where another process builds the program. */
enum cln_status ocl_kernel_action(struct ocl_action *out, struct ocl_context *context,
                                  const struct ocl_launch *launch) CLN_MUST_CHECK;

#endif
