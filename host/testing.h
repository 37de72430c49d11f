/* Hooks for tests: counts of live OpenCL handles, and calls that are made to fail. Every OpenCL call passes through
 * call.h, where both are done. */
#ifndef HOST_TESTING_H
#define HOST_TESTING_H

#include <stddef.h>

/* The number of OpenCL objects, and of CLBlast's states, that were created and not yet released. */
size_t ocl_live_handles(void);

/* Makes the n-th OpenCL call from now (1: the next) fail with `error`, once; n 0: none. The call is skipped. */
void ocl_fault_set(size_t n, int error);
/* The number of OpenCL calls since ocl_fault_set. */
size_t ocl_fault_calls(void);

#endif
