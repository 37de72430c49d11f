/* Makes a sequence's entry from a launch of a kernel. */
#ifndef HOST_KERNEL_H
#define HOST_KERNEL_H

#include "host/internal.h"

/* Builds the kernel of `launch`, checks the launch and sets the arguments; errors as for ocl_sequence_add. The action
 * owns the kernel. It has no functions if another process builds the program. */
enum cln_status ocl_kernel_action(struct ocl_action *out, struct ocl_context *context,
                                  const struct ocl_launch *launch) CLN_MUST_CHECK;

#endif
