/* Device memory: creating and copying buffers, and reads that are waited for later. */
#include "host/buffer.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "host/internal.h"
#include "src/base/clock.h"

struct ocl_ticket {
    struct ocl_context *context;
    cl_event event; /* NULL: a read of 0 bytes */
};

/* The size of the memory, rounded up to whole words, so that it can be filled with a 4-byte pattern: some drivers get
 * other patterns wrong. */
static size_t whole_words(const struct ocl_buffer *buffer) {
    return (buffer->bytes + 3) / 4 * 4;
}

/* Allocates host memory for a buffer of a device that computes in host memory; NULL: the driver should allocate its
 * own. It lies on huge pages if the system has some: a step touches more memory than the processor has translations of
 * small pages for. */
static void *host_memory(const struct ocl_device *device, size_t bytes) {
#ifdef MADV_HUGEPAGE
    enum { HUGE_PAGE = 2 << 20, WORTH_ONE = HUGE_PAGE / 4 };
    if (device->type != OCL_DEVICE_CPU || bytes < WORTH_ONE)
        return NULL;
    bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory)
        (void)madvise(memory, bytes, MADV_HUGEPAGE); /* if refused, the memory is still usable */
    return memory;
#else
    (void)device, (void)bytes;
    return NULL;
#endif
}

static void CL_CALLBACK free_host_memory(cl_mem memory, void *host) {
    (void)memory;
    free(host);
}

static enum cln_status create_memory(struct ocl_buffer *buffer) {
    struct ocl_context *context = buffer->context;
    void *host = host_memory(&context->device, whole_words(buffer));
    enum cln_status status =
        OCL_CREATE(&buffer->memory, clCreateBuffer, context->context,
                   CL_MEM_READ_WRITE | (cl_mem_flags)(host ? CL_MEM_USE_HOST_PTR : 0), whole_words(buffer), host);
    if (status != CLN_OK || !host) {
        free(host);
        return status;
    }
    status = OCL_CALL(clSetMemObjectDestructorCallback, buffer->memory, free_host_memory, host);
    if (status != CLN_OK) {
        OCL_RELEASE(clReleaseMemObject, buffer->memory);
        buffer->memory = NULL;
        free(host);
    }
    return status;
}

enum cln_status ocl_buffer_create(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) {
    enum cln_status status = ocl_buffer_reserve(out, context, bytes);
    if (status != CLN_OK)
        return status;
    const cl_uint zero = 0;
    status = OCL_CALL(clEnqueueFillBuffer, context->queue, (*out)->memory, &zero, sizeof zero, 0, whole_words(*out), 0,
                      NULL, NULL);
    if (status == CLN_OK)
        return CLN_OK;
    ocl_buffer_destroy(out);
    return cln_fail_within(status, "a buffer of %zu bytes on %s", bytes, context->device.name);
}

enum cln_status ocl_buffer_reserve(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) {
    *out = NULL;
    const struct ocl_device *device = &context->device;
    if (bytes == 0)
        return cln_fail(CLN_INVALID, "a buffer of 0 bytes");
    if (bytes > device->max_alloc_bytes)
        return cln_fail(CLN_OUT_OF_MEMORY, "a buffer of %zu bytes; %s gives at most %llu bytes at once", bytes,
                        device->name, (unsigned long long)device->max_alloc_bytes);
    if (bytes > device->global_memory_bytes - context->buffer_bytes)
        return cln_fail(CLN_OUT_OF_MEMORY, "a buffer of %zu bytes beside others of %llu; %s has %llu bytes", bytes,
                        (unsigned long long)context->buffer_bytes, device->name,
                        (unsigned long long)device->global_memory_bytes);
    struct ocl_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a buffer");
    *buffer = (struct ocl_buffer){.context = context, .bytes = bytes};
    context->buffer_bytes += bytes;
    enum cln_status status = create_memory(buffer);
    if (status != CLN_OK) {
        ocl_buffer_destroy(&buffer);
        return cln_fail_within(status, "a buffer of %zu bytes on %s", bytes, device->name);
    }
    *out = buffer;
    return CLN_OK;
}

static enum cln_status check_range(const struct ocl_buffer *buffer, const char *what, size_t offset, size_t bytes) {
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s of %zu bytes at offset %zu reaches outside a buffer of %zu bytes", what, bytes,
                    offset, buffer->bytes);
}

enum cln_status ocl_buffer_part(struct ocl_buffer **out, struct ocl_buffer *whole, size_t offset, size_t bytes) {
    *out = NULL;
    enum cln_status status = check_range(whole, "a part", offset, bytes);
    if (status == CLN_OK && whole->whole)
        status = cln_fail(CLN_INVALID, "a part of a part");
    if (status == CLN_OK && bytes == 0)
        status = cln_fail(CLN_INVALID, "a part of 0 bytes");
    if (status == CLN_OK && offset % whole->context->device.part_alignment != 0)
        status = cln_fail(CLN_INVALID, "a part at offset %zu: offsets have to be multiples of %zu", offset,
                          whole->context->device.part_alignment);
    if (status != CLN_OK)
        return status;
    struct ocl_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a buffer");
    *buffer = (struct ocl_buffer){.context = whole->context, .bytes = bytes, .whole = whole, .offset = offset};
    const cl_buffer_region region = {offset, whole_words(buffer)};
    status = OCL_CREATE(&buffer->memory, clCreateSubBuffer, whole->memory, CL_MEM_READ_WRITE,
                        CL_BUFFER_CREATE_TYPE_REGION, &region);
    if (status != CLN_OK) {
        ocl_buffer_destroy(&buffer);
        return cln_fail_within(status, "%zu bytes of a buffer on %s", bytes, whole->context->device.name);
    }
    *out = buffer;
    return CLN_OK;
}

void ocl_buffer_destroy(struct ocl_buffer **buffer) {
    struct ocl_buffer *b = *buffer;
    if (!b)
        return;
    *buffer = NULL;
    if (!b->whole)
        b->context->buffer_bytes -= b->bytes;
    if (b->memory)
        OCL_RELEASE(clReleaseMemObject, b->memory);
    free(b);
}

size_t ocl_buffer_bytes(const struct ocl_buffer *buffer) {
    return buffer->bytes;
}

enum cln_status ocl_buffer_write(struct ocl_buffer *buffer, size_t offset, size_t bytes, const void *source) {
    enum cln_status status = check_range(buffer, "a write", offset, bytes);
    if (status != CLN_OK || bytes == 0)
        return status;
    const uint64_t begin = cln_clock_ns();
    status = OCL_CALL(clEnqueueWriteBuffer, buffer->context->queue, buffer->memory, CL_TRUE, offset, bytes, source, 0,
                      NULL, NULL);
    ocl_timeline_waited(buffer->context->timeline, begin);
    return status;
}

enum cln_status ocl_buffer_write_queued(struct ocl_buffer *buffer, size_t offset, size_t bytes, const void *source) {
    enum cln_status status = check_range(buffer, "a write", offset, bytes);
    if (status != CLN_OK || bytes == 0)
        return status;
    return OCL_CALL(clEnqueueWriteBuffer, buffer->context->queue, buffer->memory, CL_FALSE, offset, bytes, source, 0,
                    NULL, NULL);
}

enum cln_status ocl_buffer_read(struct ocl_buffer *buffer, size_t offset, size_t bytes, void *target) {
    enum cln_status status = check_range(buffer, "a read", offset, bytes);
    if (status != CLN_OK || bytes == 0)
        return status;
    const uint64_t begin = cln_clock_ns();
    status = OCL_CALL(clEnqueueReadBuffer, buffer->context->queue, buffer->memory, CL_TRUE, offset, bytes, target, 0,
                      NULL, NULL);
    ocl_timeline_waited(buffer->context->timeline, begin);
    return status;
}

void ocl_buffer_settle(struct ocl_buffer *buffer) {
    char byte;
    /* A read first, because rusticl's clFinish (Mesa 22.3) does not wait for commands that were flushed before. */
    if (OCL_RESULT(clEnqueueReadBuffer, buffer->context->queue, buffer->memory, CL_TRUE, 0, 1, &byte, 0, NULL, NULL))
        (void)OCL_RESULT(clFinish, buffer->context->queue);
}

enum cln_status ocl_buffer_fill(struct ocl_buffer *buffer, size_t offset, size_t bytes, uint32_t pattern) {
    enum cln_status status = check_range(buffer, "a fill", offset, bytes);
    if (status != CLN_OK || bytes == 0)
        return status;
    if (offset % 4 != 0 || bytes % 4 != 0)
        return cln_fail(CLN_INVALID, "a fill of %zu bytes at offset %zu: both have to be multiples of 4", bytes,
                        offset);
    return OCL_CALL(clEnqueueFillBuffer, buffer->context->queue, buffer->memory, &pattern, sizeof pattern, offset,
                    bytes, 0, NULL, NULL);
}

enum cln_status ocl_buffer_read_begin(struct ocl_ticket **out, struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                      void *target) {
    *out = NULL;
    enum cln_status status = check_range(buffer, "a read", offset, bytes);
    if (status != CLN_OK)
        return status;
    struct ocl_ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a read");
    ticket->context = buffer->context;
    if (bytes > 0) {
        status = OCL_CALL(clEnqueueReadBuffer, ticket->context->queue, buffer->memory, CL_FALSE, offset, bytes, target,
                          0, NULL, &ticket->event);
        if (status != CLN_OK) {
            free(ticket);
            return status;
        }
        ocl_count_handle();
        /* Without a flush the read may never start, and ocl_ticket_done would never become true. */
        status = OCL_CALL(clFlush, ticket->context->queue);
        if (status != CLN_OK) {
            enum cln_status ignored = ocl_ticket_wait(&ticket);
            (void)ignored;
            return status;
        }
    }
    *out = ticket;
    return CLN_OK;
}

bool ocl_ticket_done(const struct ocl_ticket *ticket) {
    cl_int state = CL_COMPLETE;
    if (!ticket->event)
        return true;
    cl_int result =
        OCL_RESULT(clGetEventInfo, ticket->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    /* A state below CL_COMPLETE is an error, which ocl_ticket_wait reports. */
    return result != CL_SUCCESS || state <= CL_COMPLETE;
}

enum cln_status ocl_ticket_wait(struct ocl_ticket **ticket) {
    struct ocl_ticket *t = *ticket;
    if (!t)
        return CLN_OK;
    *ticket = NULL;
    enum cln_status status = CLN_OK;
    if (t->event) {
        const uint64_t begin = cln_clock_ns();
        status = OCL_CALL(clWaitForEvents, 1, &t->event);
        ocl_timeline_waited(t->context->timeline, begin);
        /* The caller will free the target: make sure that nothing writes to it any more. The event is waited for again
         * first, because rusticl's clFinish (Mesa 22.3) does not wait for commands that were flushed before. */
        if (status != CLN_OK && OCL_RESULT(clWaitForEvents, 1, &t->event))
            (void)OCL_RESULT(clFinish, t->context->queue);
        OCL_RELEASE(clReleaseEvent, t->event);
    }
    free(t);
    return status;
}
