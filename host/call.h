/* The macros that call OpenCL. In this folder every OpenCL call goes through one of them, and every result through
 * ocl_check. So all errors read alike, live handles are counted, and a test can make the n-th call fail (testing.h). A
 * call that is made to fail is skipped, so it leaves nothing behind. */
#ifndef HOST_CALL_H
#define HOST_CALL_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_ENABLE_BETA_EXTENSIONS /* where newer headers hide cl_khr_command_buffer */
#include <CL/cl.h>
#include <stdbool.h>

#include "clenet/status.h"

/* Calls a function that returns its error code; gives a status. The message is "clFinish: CL_OUT_OF_RESOURCES (-5)". */
#define OCL_CALL(function, ...) ocl_check(OCL_RESULT(function, __VA_ARGS__), #function)

/* Calls a function that returns its error code; gives that code and sets no message: for calls whose errors are
 * answers. */
#define OCL_RESULT(function, ...)                                                                                      \
    (ocl_call_begins(#function) ? *ocl_error_slot() : ocl_call_ended(function(__VA_ARGS__)))

/* Calls a function that returns a new object and writes its error code to its last argument, which the macro supplies.
 * Stores the object, or NULL on failure, in *out; gives a status. */
#define OCL_CREATE(out, function, ...)                                                                                 \
    ocl_check_created((*(out) = ocl_call_begins(#function) ? NULL : function(__VA_ARGS__, ocl_error_slot())) != NULL,  \
                      #function)

/* Releases an object. It is never made to fail. A driver's error is only logged. */
#define OCL_RELEASE(function, handle) (ocl_release_begins(#function), ocl_check_released(function(handle), #function))

enum cln_status ocl_check(cl_int result, const char *function) CLN_MUST_CHECK;
enum cln_status ocl_check_created(bool created, const char *function) CLN_MUST_CHECK;
void ocl_check_released(cl_int result, const char *function);

/* Counts one more live handle: the event that an enqueueing call has returned. */
void ocl_count_handle(void);

/* Whether a test wants this call to fail; if so, ocl_error_slot holds the error. */
bool ocl_fault_next(void);
/* Like ocl_fault_next; if the call is to be made, records its name as the call under way (calls.h). */
bool ocl_call_begins(const char *function);
void ocl_release_begins(const char *function);
/* Records that the call has returned; gives `result`. ocl_check_created and ocl_check_released do this themselves. */
cl_int ocl_call_ended(cl_int result);
/* Calls the handler of ocl_set_drivers_loaded_handler (calls.h). */
void ocl_drivers_loaded(void);
/* The address of this thread's error code. */
cl_int *ocl_error_slot(void);

/* The name of an error code, "CL_OUT_OF_RESOURCES"; "unknown error" for a code that is in no table. */
const char *ocl_error_name(cl_int error);

#endif
