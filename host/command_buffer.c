/* Command buffers by cl_khr_command_buffer 0.9: a single one, or copies that take turns. */
#include "host/command_buffer.h"

#include <CL/cl_ext.h>

#ifdef cl_khr_command_buffer

#include <stdlib.h>
#include <string.h>

/* The number of copies if a command buffer may not be enqueued again while it executes. While the host learns of the
 * oldest copy's end and enqueues it again, the device executes the others. With steps of a tenth of a millisecond on a
 * fast device, that takes longer than a sleeping thread needs to wake up. */
enum { COPIES = 8 };

#define ENTRY_POINTS(ENTRY)                                                                                            \
    ENTRY(clCreateCommandBufferKHR)                                                                                    \
    ENTRY(clCommandNDRangeKernelKHR)                                                                                   \
    ENTRY(clFinalizeCommandBufferKHR)                                                                                  \
    ENTRY(clEnqueueCommandBufferKHR)                                                                                   \
    ENTRY(clReleaseCommandBufferKHR)

struct entry_points {
#define MEMBER(name) name##_fn name;
    ENTRY_POINTS(MEMBER)
#undef MEMBER
};

static const struct {
    const char *name;
    size_t offset;
} entry_points[] = {
#define ROW(name) {#name, offsetof(struct entry_points, name)},
    ENTRY_POINTS(ROW)
#undef ROW
};

struct ocl_recording {
    const struct entry_points *entry;
    cl_command_buffer_khr buffer;
};

struct copy {
    cl_command_buffer_khr buffer;
    cl_event done; /* event of its last run; NULL: none */
};

struct ocl_command_buffer {
    struct entry_points entry;
    bool simultaneous; /* a single copy is enough */
    struct copy copies[COPIES];
    size_t next; /* the copy that was enqueued longest ago */
};

/* Like OCL_CALL, for a function that was found at run time. */
#define CALL(entry, function, ...) ocl_check(OCL_RESULT((entry)->function, __VA_ARGS__), #function)

void ocl_command_buffer_describe(struct ocl_device *device, cl_device_id id) {
    cl_device_command_buffer_capabilities_khr capabilities = 0;
    cl_command_queue_properties required = 0;
    if (OCL_RESULT(clGetDeviceInfo, id, CL_DEVICE_COMMAND_BUFFER_CAPABILITIES_KHR, sizeof capabilities, &capabilities,
                   NULL) ||
        OCL_RESULT(clGetDeviceInfo, id, CL_DEVICE_COMMAND_BUFFER_REQUIRED_QUEUE_PROPERTIES_KHR, sizeof required,
                   &required, NULL) ||
        required != 0)
        device->has_command_buffer = false;
    device->simultaneous_command_buffers =
        device->has_command_buffer && capabilities & CL_COMMAND_BUFFER_CAPABILITY_SIMULTANEOUS_USE_KHR;
}

static enum cln_status find_entry_points(struct entry_points *out, cl_platform_id platform) {
    for (size_t i = 0; i < sizeof entry_points / sizeof entry_points[0]; i++) {
        const char *name = entry_points[i].name;
        void *found = ocl_fault_next() ? NULL : clGetExtensionFunctionAddressForPlatform(platform, name);
        if (!found)
            return cln_fail(CLN_DEVICE, "clGetExtensionFunctionAddressForPlatform: the driver has no %s", name);
        /* ISO C has no cast from an object's pointer to a function's; both have the same size here. */
        memcpy((char *)out + entry_points[i].offset, &found, sizeof found);
    }
    return CLN_OK;
}

enum cln_status ocl_record_kernel(struct ocl_recording *recording, cl_kernel kernel, const size_t global[3],
                                  const size_t local[3]) {
    /* No sync points: for an in-order queue, the recorded commands run in order. NULL: the buffer's own queue. */
    return CALL(recording->entry, clCommandNDRangeKernelKHR, recording->buffer, NULL, NULL, kernel, 3, NULL, global,
                local, 0, NULL, NULL, NULL);
}

static enum cln_status record_copy(struct copy *copy, const struct ocl_command_buffer *b, cl_command_queue queue,
                                   ocl_record_handler *record, void *user) {
    const struct entry_points *entry = &b->entry;
    const cl_command_buffer_properties_khr properties[] = {
        CL_COMMAND_BUFFER_FLAGS_KHR, b->simultaneous ? CL_COMMAND_BUFFER_SIMULTANEOUS_USE_KHR : 0, 0};
    copy->buffer = ocl_call_begins("clCreateCommandBufferKHR")
                       ? NULL
                       : entry->clCreateCommandBufferKHR(1, &queue, properties, ocl_error_slot());
    enum cln_status status = ocl_check_created(copy->buffer != NULL, "clCreateCommandBufferKHR");
    struct ocl_recording recording = {.entry = entry, .buffer = copy->buffer};
    if (status == CLN_OK)
        status = record(user, &recording);
    if (status == CLN_OK)
        status = CALL(entry, clFinalizeCommandBufferKHR, copy->buffer);
    return status;
}

enum cln_status ocl_command_buffer_create(struct ocl_command_buffer **out, const struct ocl_context *context,
                                          ocl_record_handler *record, void *user) {
    *out = NULL;
    struct ocl_command_buffer *b = calloc(1, sizeof *b);
    if (!b)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a command buffer");
    b->simultaneous = context->device.simultaneous_command_buffers;
    enum cln_status status = find_entry_points(&b->entry, context->device.platform_id);
    const size_t copies = b->simultaneous ? 1 : COPIES;
    for (size_t i = 0; i < copies && status == CLN_OK; i++)
        status = record_copy(&b->copies[i], b, context->queue, record, user);
    if (status != CLN_OK)
        ocl_command_buffer_destroy(&b);
    *out = b;
    return status;
}

void ocl_command_buffer_destroy(struct ocl_command_buffer **buffer) {
    struct ocl_command_buffer *b = *buffer;
    if (!b)
        return;
    *buffer = NULL;
    for (size_t i = 0; i < COPIES; i++) {
        if (b->copies[i].done)
            OCL_RELEASE(clReleaseEvent, b->copies[i].done);
        if (b->copies[i].buffer)
            ocl_check_released(b->entry.clReleaseCommandBufferKHR(b->copies[i].buffer), "clReleaseCommandBufferKHR");
    }
    free(b);
}

static enum cln_status wait_for(struct copy *copy) {
    if (!copy->done)
        return CLN_OK;
    enum cln_status status = OCL_CALL(clWaitForEvents, 1, &copy->done);
    OCL_RELEASE(clReleaseEvent, copy->done);
    copy->done = NULL;
    return status;
}

enum cln_status ocl_command_buffer_enqueue(bool *taken, struct ocl_command_buffer *b) {
    struct copy *copy = &b->copies[b->next];
    *taken = false;
    enum cln_status status = wait_for(copy);
    if (status != CLN_OK)
        return status;
    const cl_int result = OCL_RESULT(b->entry.clEnqueueCommandBufferKHR, 0, NULL, copy->buffer, 0, NULL,
                                     b->simultaneous ? NULL : &copy->done);
    if (result != CL_SUCCESS)
        copy->done = NULL;
    /* PoCL sets the event a moment before the command buffer is free: https://github.com/pocl/pocl/pull/2306 */
    if (result == CL_INVALID_OPERATION && !b->simultaneous)
        return CLN_OK;
    status = ocl_check(result, "clEnqueueCommandBufferKHR");
    if (status != CLN_OK)
        return status;
    *taken = true;
    if (!b->simultaneous) {
        ocl_count_handle();
        b->next = (b->next + 1) % COPIES;
    }
    return CLN_OK;
}

#else

static const char unknown[] = "this library was built with OpenCL headers that do not know cl_khr_command_buffer";

void ocl_command_buffer_describe(struct ocl_device *device, cl_device_id id) {
    (void)id;
    device->has_command_buffer = false;
}

enum cln_status ocl_record_kernel(struct ocl_recording *recording, cl_kernel kernel, const size_t global[3],
                                  const size_t local[3]) {
    (void)recording, (void)kernel, (void)global, (void)local;
    return cln_fail(CLN_INVALID, unknown);
}

enum cln_status ocl_command_buffer_create(struct ocl_command_buffer **out, const struct ocl_context *context,
                                          ocl_record_handler *record, void *user) {
    (void)context, (void)record, (void)user;
    *out = NULL;
    return cln_fail(CLN_INVALID, unknown);
}

void ocl_command_buffer_destroy(struct ocl_command_buffer **buffer) {
    *buffer = NULL;
}

enum cln_status ocl_command_buffer_enqueue(bool *taken, struct ocl_command_buffer *buffer) {
    (void)buffer;
    *taken = false;
    return cln_fail(CLN_INVALID, unknown);
}

#endif
