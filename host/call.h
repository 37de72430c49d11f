/* How this folder calls OpenCL. Every call goes through one of these macros and every result through
 * ocl_check, so that errors read alike, live handles are counted, and a test can make the n-th call fail
 * (testing.h). A call that is made to fail is not made at all, so it leaves nothing behind. */
#ifndef HOST_CALL_H
#define HOST_CALL_H

#define CL_TARGET_OPENCL_VERSION 120
#define CL_ENABLE_BETA_EXTENSIONS /* where newer headers hide cl_khr_command_buffer */
#include <CL/cl.h>
#include <stdbool.h>

#include "clenet/status.h"

/* Status of a call that returns its error code; the message is "clFinish: CL_OUT_OF_RESOURCES (-5)". */
#define OCL_CALL(function, ...) ocl_check(OCL_RESULT(function, __VA_ARGS__), #function)

/* The bare error code, where an error is part of the answer; no message is set. */
#define OCL_RESULT(function, ...)                                                                                      \
    (ocl_call_begins(#function) ? *ocl_error_slot() : ocl_call_ended(function(__VA_ARGS__)))

/* Status of a call that returns a new object and writes its error code to its last argument, which is
 * not given here. Stores the object, NULL on failure, in *out. */
#define OCL_CREATE(out, function, ...)                                                                                 \
    ocl_check_created((*(out) = ocl_call_begins(#function) ? NULL : function(__VA_ARGS__, ocl_error_slot())) != NULL,  \
                      #function)

/* Releases an object. Never made to fail; a driver's complaint is logged, as nothing else can be done. */
#define OCL_RELEASE(function, handle) (ocl_release_begins(#function), ocl_check_released(function(handle), #function))

enum cln_status ocl_check(cl_int result, const char *function) CLN_MUST_CHECK;
enum cln_status ocl_check_created(bool created, const char *function) CLN_MUST_CHECK;
void ocl_check_released(cl_int result, const char *function);

/* Counts a handle that came out of an enqueueing call: an event. */
void ocl_count_handle(void);

/* True where this call is to fail; the error is then in the slot. */
bool ocl_fault_next(void);
/* The same, and where the call is made, notes that it is under way: for whoever has to tell a driver that hangs from a
 * program that computes (child.h), and for the last words of one that crashes. */
bool ocl_call_begins(const char *function);
void ocl_release_begins(const char *function);
/* The call has come back, with `result`. ocl_check_created and ocl_check_released note that themselves. */
cl_int ocl_call_ended(cl_int result);
/* The drivers have been loaded: see calls.h. */
void ocl_drivers_loaded(void);
/* This thread's place for an error code. */
cl_int *ocl_error_slot(void);

/* "CL_OUT_OF_RESOURCES"; "unknown error" for a code that is in no table. */
const char *ocl_error_name(cl_int error);

#endif
