/* Converts OpenCL results to statuses, and counts handles and calls. No other file does. */
#include "host/call.h"

#include <CL/cl_ext.h>
#ifdef HAVE_CLBLAST
#include <clblast_c.h>
#endif
#include <stdatomic.h>
#include <stddef.h>

#include "clenet/log.h"
#include "host/calls.h"
#include "host/testing.h"

/* The status of each error code. A code without a row is CLN_DEVICE. */
static const struct {
    int error;
    enum cln_status status;
    const char *name;
} errors[] = {
#define ERROR(code, status)                                                                                            \
    { code, status, #code }
    ERROR(CL_DEVICE_NOT_FOUND, CLN_NO_DEVICE),
    ERROR(CL_DEVICE_NOT_AVAILABLE, CLN_NO_DEVICE),
    ERROR(CL_COMPILER_NOT_AVAILABLE, CLN_NO_DEVICE),
    ERROR(CL_MEM_OBJECT_ALLOCATION_FAILURE, CLN_OUT_OF_MEMORY),
    ERROR(CL_OUT_OF_RESOURCES, CLN_DEVICE),
    ERROR(CL_OUT_OF_HOST_MEMORY, CLN_OUT_OF_MEMORY),
    ERROR(CL_PROFILING_INFO_NOT_AVAILABLE, CLN_DEVICE),
    ERROR(CL_MEM_COPY_OVERLAP, CLN_DEVICE),
    ERROR(CL_BUILD_PROGRAM_FAILURE, CLN_BUILD),
    ERROR(CL_MAP_FAILURE, CLN_DEVICE),
    ERROR(CL_MISALIGNED_SUB_BUFFER_OFFSET, CLN_DEVICE),
    ERROR(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, CLN_DEVICE),
    ERROR(CL_COMPILE_PROGRAM_FAILURE, CLN_BUILD),
    ERROR(CL_LINKER_NOT_AVAILABLE, CLN_DEVICE),
    ERROR(CL_LINK_PROGRAM_FAILURE, CLN_BUILD),
    ERROR(CL_KERNEL_ARG_INFO_NOT_AVAILABLE, CLN_DEVICE),
    ERROR(CL_INVALID_VALUE, CLN_DEVICE),
    ERROR(CL_INVALID_DEVICE_TYPE, CLN_DEVICE),
    ERROR(CL_INVALID_PLATFORM, CLN_DEVICE),
    ERROR(CL_INVALID_DEVICE, CLN_DEVICE),
    ERROR(CL_INVALID_CONTEXT, CLN_DEVICE),
    ERROR(CL_INVALID_QUEUE_PROPERTIES, CLN_DEVICE),
    ERROR(CL_INVALID_COMMAND_QUEUE, CLN_DEVICE),
    ERROR(CL_INVALID_HOST_PTR, CLN_DEVICE),
    ERROR(CL_INVALID_MEM_OBJECT, CLN_DEVICE),
    ERROR(CL_INVALID_BINARY, CLN_DEVICE),
    ERROR(CL_INVALID_BUILD_OPTIONS, CLN_BUILD),
    ERROR(CL_INVALID_PROGRAM, CLN_DEVICE),
    ERROR(CL_INVALID_PROGRAM_EXECUTABLE, CLN_BUILD),
    ERROR(CL_INVALID_KERNEL_NAME, CLN_DEVICE),
    ERROR(CL_INVALID_KERNEL_DEFINITION, CLN_DEVICE),
    ERROR(CL_INVALID_KERNEL, CLN_DEVICE),
    ERROR(CL_INVALID_ARG_INDEX, CLN_DEVICE),
    ERROR(CL_INVALID_ARG_VALUE, CLN_DEVICE),
    ERROR(CL_INVALID_ARG_SIZE, CLN_DEVICE),
    ERROR(CL_INVALID_KERNEL_ARGS, CLN_DEVICE),
    ERROR(CL_INVALID_WORK_DIMENSION, CLN_DEVICE),
    ERROR(CL_INVALID_WORK_GROUP_SIZE, CLN_DEVICE),
    ERROR(CL_INVALID_WORK_ITEM_SIZE, CLN_DEVICE),
    ERROR(CL_INVALID_GLOBAL_OFFSET, CLN_DEVICE),
    ERROR(CL_INVALID_EVENT_WAIT_LIST, CLN_DEVICE),
    ERROR(CL_INVALID_EVENT, CLN_DEVICE),
    ERROR(CL_INVALID_OPERATION, CLN_DEVICE),
    ERROR(CL_INVALID_BUFFER_SIZE, CLN_OUT_OF_MEMORY),
    ERROR(CL_INVALID_GLOBAL_WORK_SIZE, CLN_DEVICE),
    ERROR(CL_INVALID_PROPERTY, CLN_DEVICE),
    ERROR(CL_INVALID_LINKER_OPTIONS, CLN_DEVICE),
    ERROR(CL_PLATFORM_NOT_FOUND_KHR, CLN_NO_DEVICE),
#ifdef cl_khr_command_buffer
    ERROR(CL_INVALID_COMMAND_BUFFER_KHR, CLN_DEVICE),
    ERROR(CL_INVALID_SYNC_POINT_WAIT_LIST_KHR, CLN_DEVICE),
    ERROR(CL_INCOMPATIBLE_COMMAND_QUEUE_KHR, CLN_DEVICE),
#endif
#ifdef HAVE_CLBLAST
    ERROR(CLBlastNotImplemented, CLN_DEVICE),
    ERROR(CLBlastInvalidMatrixA, CLN_DEVICE),
    ERROR(CLBlastInvalidMatrixB, CLN_DEVICE),
    ERROR(CLBlastInvalidMatrixC, CLN_DEVICE),
    ERROR(CLBlastInvalidDimension, CLN_DEVICE),
    ERROR(CLBlastInvalidLeadDimA, CLN_DEVICE),
    ERROR(CLBlastInvalidLeadDimB, CLN_DEVICE),
    ERROR(CLBlastInvalidLeadDimC, CLN_DEVICE),
    ERROR(CLBlastInsufficientMemoryA, CLN_DEVICE),
    ERROR(CLBlastInsufficientMemoryB, CLN_DEVICE),
    ERROR(CLBlastInsufficientMemoryC, CLN_DEVICE),
    ERROR(CLBlastInsufficientMemoryTemp, CLN_OUT_OF_MEMORY),
    ERROR(CLBlastInvalidLocalMemUsage, CLN_DEVICE),
    ERROR(CLBlastDatabaseError, CLN_DEVICE),
    ERROR(CLBlastUnknownError, CLN_DEVICE),
    ERROR(CLBlastUnexpectedError, CLN_DEVICE),
#endif
#undef ERROR
};

static atomic_size_t live_handles;
static atomic_size_t calls;
static atomic_size_t made; /* calls in all: never reset, without calls that were made to fail, with releases */
static atomic_size_t fault_at;
static atomic_int fault_error;
static _Thread_local cl_int error_slot;
static void (*_Atomic on_drivers_loaded)(void);
static _Atomic(const char *) under_way; /* the call made last, if it has not returned; NULL: none */

static size_t find_error(cl_int error) {
    size_t i = 0;
    while (i < sizeof errors / sizeof errors[0] && errors[i].error != error)
        i++;
    return i;
}

const char *ocl_error_name(cl_int error) {
    size_t i = find_error(error);
    return i < sizeof errors / sizeof errors[0] ? errors[i].name : "unknown error";
}

enum cln_status ocl_check(cl_int result, const char *function) {
    if (result == CL_SUCCESS)
        return CLN_OK;
    size_t i = find_error(result);
    enum cln_status status = i < sizeof errors / sizeof errors[0] ? errors[i].status : CLN_DEVICE;
    return cln_fail(status, "%s: %s (%d)", function, ocl_error_name(result), (int)result);
}

enum cln_status ocl_check_created(bool created, const char *function) {
    atomic_store(&under_way, NULL);
    if (created) {
        ocl_count_handle();
        return CLN_OK;
    }
    return ocl_check(error_slot != CL_SUCCESS ? error_slot : CL_OUT_OF_HOST_MEMORY, function);
}

/* Leaves the thread's message alone: releasing is often part of cleaning up after the failure that it describes. */
void ocl_check_released(cl_int result, const char *function) {
    atomic_store(&under_way, NULL);
    atomic_fetch_sub(&live_handles, 1);
    if (result != CL_SUCCESS)
        cln_log(CLN_LOG_WARNING, "%s: %s (%d)", function, ocl_error_name(result), (int)result);
}

void ocl_count_handle(void) {
    atomic_fetch_add(&live_handles, 1);
}

size_t ocl_live_handles(void) {
    return atomic_load(&live_handles);
}

bool ocl_fault_next(void) {
    size_t number = atomic_fetch_add(&calls, 1) + 1;
    bool fails = number == atomic_load(&fault_at);
    error_slot = fails ? atomic_load(&fault_error) : CL_SUCCESS;
    return fails;
}

void ocl_release_begins(const char *function) {
    atomic_fetch_add(&made, 1);
    atomic_store(&under_way, function);
}

bool ocl_call_begins(const char *function) {
    const bool fails = ocl_fault_next();
    if (!fails)
        ocl_release_begins(function);
    return fails;
}

cl_int ocl_call_ended(cl_int result) {
    atomic_store(&under_way, NULL);
    return result;
}

const char *ocl_call_under_way(size_t *number) {
    if (number)
        *number = atomic_load(&made);
    return atomic_load(&under_way);
}

void ocl_set_drivers_loaded_handler(void (*function)(void)) {
    atomic_store(&on_drivers_loaded, function);
}

void ocl_drivers_loaded(void) {
    void (*const function)(void) = atomic_load(&on_drivers_loaded);
    if (function)
        function();
}

cl_int *ocl_error_slot(void) {
    return &error_slot;
}

void ocl_fault_set(size_t n, int error) {
    atomic_store(&fault_error, error);
    atomic_store(&fault_at, n);
    atomic_store(&calls, 0);
}

size_t ocl_fault_calls(void) {
    return atomic_load(&calls);
}
