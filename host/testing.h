/* Seams for tests: every OpenCL result passes through one function (call.h), which counts live
 * handles and can make the n-th call fail. */
#ifndef HOST_TESTING_H
#define HOST_TESTING_H

#include <stddef.h>

/* OpenCL objects (and CLBlast-owned state) created and not yet released by this library. */
size_t ocl_live_handles(void);

/* Makes the n-th OpenCL call from now (1 = the next) report `error` instead of its own result, once;
 * 0 turns it off. A creating call that is made to fail leaves no object behind. */
void ocl_fault_set(size_t n, int error);
/* OpenCL calls checked since ocl_fault_set was last called. */
size_t ocl_fault_calls(void);

#endif
