/* Buffers in memory of the host, and commands, each done by the time that it has been enqueued. */
#include <stdlib.h>
#include <string.h>

#include "tests/standin/objects.h"

static void destroy_buffer(struct object *object) {
    struct buffer *buffer = (struct buffer *)object;
    if (buffer->destroyed)
        buffer->destroyed((cl_mem)buffer, buffer->user);
    if (buffer->is_ours)
        free(buffer->memory);
}

/* New memory holds bytes of ones: as floats no numbers. */
static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                                        cl_int *error_out) {
    BEGIN_CREATION(clCreateBuffer);
    struct object *owner = object_find(context, CONTEXT);
    if (!owner)
        NO_OBJECT(CL_INVALID_CONTEXT);
    if (bytes == 0 || bytes > 1u << 29)
        NO_OBJECT(CL_INVALID_BUFFER_SIZE);
    const bool is_ours = !(flags & CL_MEM_USE_HOST_PTR);
    unsigned char *memory = is_ours ? malloc(bytes) : host;
    struct buffer *buffer = memory ? object_create(sizeof *buffer, BUFFER, owner, destroy_buffer) : NULL;
    if (!buffer) {
        if (is_ours)
            free(memory);
        NO_OBJECT(CL_MEM_OBJECT_ALLOCATION_FAILURE);
    }
    buffer->bytes = bytes;
    buffer->memory = memory;
    buffer->is_ours = is_ours;
    if (is_ours)
        memset(memory, 0xFF, bytes);
    return (cl_mem)buffer;
}

/* A part of a buffer, which keeps the buffer alive. */
static cl_mem CL_API_CALL create_part(cl_mem handle, cl_mem_flags flags, cl_buffer_create_type type, const void *info,
                                      cl_int *error_out) {
    BEGIN_CREATION(clCreateSubBuffer);
    (void)flags;
    struct buffer *whole = object_find(handle, BUFFER);
    const cl_buffer_region *region = info;
    if (!whole || type != CL_BUFFER_CREATE_TYPE_REGION)
        NO_OBJECT(whole ? CL_INVALID_VALUE : CL_INVALID_MEM_OBJECT);
    if (region->size == 0 || region->origin > whole->bytes || region->size > whole->bytes - region->origin)
        NO_OBJECT(CL_INVALID_VALUE);
    struct buffer *part = object_create(sizeof *part, BUFFER, whole, destroy_buffer);
    if (!part)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    part->bytes = region->size;
    part->memory = whole->memory + region->origin;
    return (cl_mem)part;
}

static cl_int CL_API_CALL retain_buffer(cl_mem buffer) {
    return object_retain(buffer, BUFFER, CL_INVALID_MEM_OBJECT);
}

static cl_int CL_API_CALL release_buffer(cl_mem buffer) {
    return object_release(buffer, BUFFER, CL_INVALID_MEM_OBJECT);
}

static cl_int CL_API_CALL on_destruction(cl_mem handle, void(CL_CALLBACK *notify)(cl_mem, void *), void *user) {
    BEGIN_CALL(clSetMemObjectDestructorCallback);
    struct buffer *buffer = object_find(handle, BUFFER);
    if (!buffer)
        return CL_INVALID_MEM_OBJECT;
    if (buffer->destroyed)
        return CL_OUT_OF_RESOURCES; /* room for one */
    buffer->destroyed = notify;
    buffer->user = user;
    return CL_SUCCESS;
}

cl_int finish_command(cl_event *out, struct queue *queue, cl_ulong start) {
    if (!out)
        return CL_SUCCESS;
    struct event *event = object_create(sizeof *event, EVENT, queue, NULL);
    if (!event)
        return CL_OUT_OF_HOST_MEMORY;
    event->queued = event->start = start;
    event->end = now();
    if (event->end <= start) /* a clock that stands still */
        event->end = start + 1;
    *out = (cl_event)event;
    return CL_SUCCESS;
}

/* The queue and the buffer of a copy that stays within it. */
static cl_int find_both(struct queue **queue, struct buffer **buffer, cl_command_queue queue_handle, cl_mem handle,
                        size_t offset, size_t bytes) {
    *queue = object_find(queue_handle, QUEUE);
    *buffer = object_find(handle, BUFFER);
    if (!*queue || !*buffer)
        return *queue ? CL_INVALID_MEM_OBJECT : CL_INVALID_COMMAND_QUEUE;
    return bytes > 0 && offset <= (*buffer)->bytes && bytes <= (*buffer)->bytes - offset ? CL_SUCCESS
                                                                                         : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL enqueue_read(cl_command_queue queue_handle, cl_mem handle, cl_bool blocking, size_t offset,
                                       size_t bytes, void *target, cl_uint wait_count, const cl_event *wait,
                                       cl_event *event) {
    struct queue *queue;
    struct buffer *buffer;
    BEGIN_CALL(clEnqueueReadBuffer);
    (void)blocking, (void)wait_count, (void)wait;
    const cl_ulong start = now();
    const cl_int error = find_both(&queue, &buffer, queue_handle, handle, offset, bytes);
    if (error != CL_SUCCESS)
        return error;
    memcpy(target, buffer->memory + offset, bytes);
    return finish_command(event, queue, start);
}

static cl_int CL_API_CALL enqueue_write(cl_command_queue queue_handle, cl_mem handle, cl_bool blocking, size_t offset,
                                        size_t bytes, const void *source, cl_uint wait_count, const cl_event *wait,
                                        cl_event *event) {
    struct queue *queue;
    struct buffer *buffer;
    BEGIN_CALL(clEnqueueWriteBuffer);
    (void)blocking, (void)wait_count, (void)wait;
    const cl_ulong start = now();
    const cl_int error = find_both(&queue, &buffer, queue_handle, handle, offset, bytes);
    if (error != CL_SUCCESS)
        return error;
    memcpy(buffer->memory + offset, source, bytes);
    return finish_command(event, queue, start);
}

static cl_int CL_API_CALL enqueue_fill(cl_command_queue queue_handle, cl_mem handle, const void *pattern,
                                       size_t pattern_bytes, size_t offset, size_t bytes, cl_uint wait_count,
                                       const cl_event *wait, cl_event *event) {
    struct queue *queue;
    struct buffer *buffer;
    BEGIN_CALL(clEnqueueFillBuffer);
    (void)wait_count, (void)wait;
    const cl_ulong start = now();
    const cl_int error = find_both(&queue, &buffer, queue_handle, handle, offset, bytes);
    if (error != CL_SUCCESS)
        return error;
    if (pattern_bytes == 0 || offset % pattern_bytes != 0 || bytes % pattern_bytes != 0)
        return CL_INVALID_VALUE;
    for (size_t at = offset; at < offset + bytes; at += pattern_bytes)
        memcpy(buffer->memory + at, pattern, pattern_bytes);
    return finish_command(event, queue, start);
}

static cl_int CL_API_CALL enqueue_marker(cl_command_queue handle, cl_uint wait_count, const cl_event *wait,
                                         cl_event *event) {
    BEGIN_CALL(clEnqueueMarkerWithWaitList);
    (void)wait_count, (void)wait;
    struct queue *queue = object_find(handle, QUEUE);
    return queue ? finish_command(event, queue, now()) : CL_INVALID_COMMAND_QUEUE;
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue_handle, cl_kernel handle, cl_uint dimensions,
                                         const size_t *offset, const size_t *global, const size_t *local,
                                         cl_uint wait_count, const cl_event *wait, cl_event *event) {
    BEGIN_CALL(clEnqueueNDRangeKernel);
    (void)offset, (void)wait_count, (void)wait;
    const cl_ulong start = now();
    struct queue *queue = object_find(queue_handle, QUEUE);
    const struct kernel *kernel = object_find(handle, KERNEL);
    if (!queue || !kernel)
        return queue ? CL_INVALID_KERNEL : CL_INVALID_COMMAND_QUEUE;
    const cl_int error = check_launch(kernel, dimensions, global, local);
    if (error != CL_SUCCESS)
        return error;
    run_kernel(kernel, global, local);
    return finish_command(event, queue, start);
}

static cl_int CL_API_CALL flush(cl_command_queue queue) {
    BEGIN_CALL(clFlush);
    return object_find(queue, QUEUE) ? CL_SUCCESS : CL_INVALID_COMMAND_QUEUE;
}

static cl_int CL_API_CALL finish(cl_command_queue queue) {
    BEGIN_CALL(clFinish);
    return object_find(queue, QUEUE) ? CL_SUCCESS : CL_INVALID_COMMAND_QUEUE;
}

static cl_int CL_API_CALL wait_for_events(cl_uint count, const cl_event *events) {
    BEGIN_CALL(clWaitForEvents);
    for (cl_uint i = 0; i < count; i++)
        if (!object_find(events[i], EVENT))
            return CL_INVALID_EVENT;
    return count > 0 ? CL_SUCCESS : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_event_info(cl_event handle, cl_event_info query, size_t room, void *out, size_t *needed) {
    const cl_int complete = CL_COMPLETE;
    BEGIN_CALL(clGetEventInfo);
    if (!object_find(handle, EVENT))
        return CL_INVALID_EVENT;
    return query == CL_EVENT_COMMAND_EXECUTION_STATUS ? answer(&complete, sizeof complete, room, out, needed)
                                                      : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_event_time(cl_event handle, cl_profiling_info query, size_t room, void *out,
                                         size_t *needed) {
    BEGIN_CALL(clGetEventProfilingInfo);
    const struct event *event = object_find(handle, EVENT);
    if (!event)
        return CL_INVALID_EVENT;
    if (!(((const struct queue *)event->object.owner)->properties & CL_QUEUE_PROFILING_ENABLE))
        return CL_PROFILING_INFO_NOT_AVAILABLE;
    switch (query) {
    case CL_PROFILING_COMMAND_QUEUED:
    case CL_PROFILING_COMMAND_SUBMIT:
        return answer(&event->queued, sizeof event->queued, room, out, needed);
    case CL_PROFILING_COMMAND_START:
        return answer(&event->start, sizeof event->start, room, out, needed);
    case CL_PROFILING_COMMAND_END:
        return answer(&event->end, sizeof event->end, room, out, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL retain_event(cl_event event) {
    return object_retain(event, EVENT, CL_INVALID_EVENT);
}

static cl_int CL_API_CALL release_event(cl_event event) {
    return object_release(event, EVENT, CL_INVALID_EVENT);
}

void install_memory(cl_icd_dispatch *dispatch) {
    dispatch->clCreateBuffer = create_buffer;
    dispatch->clCreateSubBuffer = create_part;
    dispatch->clRetainMemObject = retain_buffer;
    dispatch->clReleaseMemObject = release_buffer;
    dispatch->clSetMemObjectDestructorCallback = on_destruction;
    dispatch->clEnqueueReadBuffer = enqueue_read;
    dispatch->clEnqueueWriteBuffer = enqueue_write;
    dispatch->clEnqueueFillBuffer = enqueue_fill;
    dispatch->clEnqueueMarkerWithWaitList = enqueue_marker;
    dispatch->clEnqueueNDRangeKernel = enqueue_kernel;
    dispatch->clFlush = flush;
    dispatch->clFinish = finish;
    dispatch->clWaitForEvents = wait_for_events;
    dispatch->clGetEventInfo = get_event_info;
    dispatch->clGetEventProfilingInfo = get_event_time;
    dispatch->clRetainEvent = retain_event;
    dispatch->clReleaseEvent = release_event;
}
