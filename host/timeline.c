/* Events are kept in a fixed array and read together when it is full, so that a long run keeps few events alive and
 * rarely waits. If a driver's event times are implausible, every launch is waited for and timed by the host's clock. */
#include "host/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/internal.h"
#include "src/base/clock.h"

enum { MAX_PENDING = 4096 };

struct row {
    struct ocl_timing timing;
    uint64_t first; /* number of the first launch, from 1; 0 before it */
};

struct pending {
    struct ocl_span span;
    size_t row;
    double flops, bytes;
};

struct ocl_timeline {
    struct row *rows;
    size_t row_count;
    uint64_t launches;
    struct ocl_timeline_totals totals;
    struct cln_trace *trace;
    int trace_group;
    uint64_t host_offset_ns; /* the host's clock minus the device's, modulo 2^64 */
    uint64_t last_end_ns;    /* end of the launch before; 0: none */
    size_t pending_count;
    struct pending pending[MAX_PENDING];
};

static cl_int event_time(cl_ulong *nanoseconds, cl_event event, cl_profiling_info which) {
    return OCL_RESULT(clGetEventProfilingInfo, event, which, sizeof *nanoseconds, nanoseconds, NULL);
}

bool ocl_event_times_credible(uint64_t begin_ns, uint64_t end_ns) {
    enum { AT_LEAST_NS = 50 };
    return end_ns > begin_ns && end_ns - begin_ns >= AT_LEAST_NS;
}

/* Times one command that takes every device some time, by events and by the host's clock. This gives the offset between
 * the clocks, and shows whether the driver's times are plausible (rusticl of Mesa 22.3 reports 2 ns for everything). */
static enum cln_status calibrate(struct ocl_timeline *timeline, const struct ocl_context *context) {
    const size_t most = 1 << 22, limit = (size_t)context->device.max_alloc_bytes / sizeof(cl_uint) * sizeof(cl_uint);
    const size_t bytes = most < limit ? most : limit;
    const cl_uint zero = 0;
    cl_mem memory = NULL;
    cl_event event = NULL;
    cl_ulong queued = 0, begin = 0, end = 0;
    enum cln_status status = OCL_CREATE(&memory, clCreateBuffer, context->context, CL_MEM_READ_WRITE, bytes, NULL);
    if (status != CLN_OK)
        return status;
    status = OCL_CALL(clEnqueueFillBuffer, context->queue, memory, &zero, sizeof zero, 0, bytes, 0, NULL, &event);
    const uint64_t host_ns = cln_clock_ns();
    if (status == CLN_OK) {
        ocl_count_handle();
        status = OCL_CALL(clWaitForEvents, 1, &event);
        if (status == CLN_OK)
            status = ocl_check(event_time(&queued, event, CL_PROFILING_COMMAND_QUEUED), "clGetEventProfilingInfo");
        if (status == CLN_OK)
            status = ocl_check(event_time(&begin, event, CL_PROFILING_COMMAND_START), "clGetEventProfilingInfo");
        if (status == CLN_OK)
            status = ocl_check(event_time(&end, event, CL_PROFILING_COMMAND_END), "clGetEventProfilingInfo");
        OCL_RELEASE(clReleaseEvent, event);
    }
    OCL_RELEASE(clReleaseMemObject, memory);
    timeline->host_offset_ns = host_ns - queued;
    timeline->totals.host_times = !ocl_event_times_credible(begin, end);
    if (status == CLN_OK && timeline->totals.host_times)
        cln_log(CLN_LOG_WARNING,
                "%s: the driver says that %zu bytes were filled in %llu ns: waiting for every launch and "
                "taking the host's time instead",
                context->device.name, bytes, (unsigned long long)(end - begin));
    return status;
}

enum cln_status ocl_timeline_create(struct ocl_timeline **out, const struct ocl_context *context,
                                    struct cln_trace *trace, const char *trace_name) {
    struct ocl_timeline *timeline = *out = calloc(1, sizeof **out);
    if (!timeline)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for timings");
    timeline->trace = trace;
    if (trace)
        timeline->trace_group = cln_trace_group(trace, trace_name ? trace_name : context->device.name);
    return calibrate(timeline, context);
}

void ocl_span_release(struct ocl_span *span) {
    if (span->begin)
        OCL_RELEASE(clReleaseEvent, span->begin);
    if (span->end)
        OCL_RELEASE(clReleaseEvent, span->end);
    *span = (struct ocl_span){0};
}

enum cln_status ocl_timeline_row(size_t *row, struct ocl_timeline *timeline, const char *label) {
    for (size_t i = 0; i < timeline->row_count; i++)
        if (strcmp(timeline->rows[i].timing.label, label) == 0) {
            *row = i;
            return CLN_OK;
        }
    struct row *grown = realloc(timeline->rows, (timeline->row_count + 1) * sizeof *grown);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for timings");
    timeline->rows = grown;
    *row = timeline->row_count++;
    grown[*row] = (struct row){0};
    snprintf(grown[*row].timing.label, sizeof grown[*row].timing.label, "%s", label);
    return CLN_OK;
}

/* Start and end of a span on the host's clock. */
static cl_int times_of(const struct ocl_timeline *timeline, const struct ocl_span *span, uint64_t *begin_ns,
                       uint64_t *end_ns) {
    if (timeline->totals.host_times) {
        *begin_ns = span->enqueued_ns;
        *end_ns = cln_clock_ns();
        return CL_SUCCESS;
    }
    cl_ulong begin = 0, end = 0;
    cl_int result = event_time(&end, span->end, CL_PROFILING_COMMAND_END);
    if (result == CL_SUCCESS)
        result = span->begin ? event_time(&begin, span->begin, CL_PROFILING_COMMAND_END)
                             : event_time(&begin, span->end, CL_PROFILING_COMMAND_START);
    *begin_ns = begin + timeline->host_offset_ns;
    *end_ns = (end > begin ? end : begin) + timeline->host_offset_ns;
    return result;
}

static cl_int harvest_one(struct ocl_timeline *timeline, const struct pending *pending) {
    uint64_t begin = 0, end = 0;
    cl_int result = times_of(timeline, &pending->span, &begin, &end);
    if (result != CL_SUCCESS)
        return result;
    struct ocl_timing *timing = &timeline->rows[pending->row].timing;
    struct ocl_timeline_totals *totals = &timeline->totals;
    timing->launches++;
    timing->seconds += 1e-9 * (double)(end - begin);
    timing->flops += pending->flops;
    timing->bytes += pending->bytes;
    totals->launches++;
    totals->busy_seconds += 1e-9 * (double)(end - begin);
    if (timeline->last_end_ns > 0 && begin > timeline->last_end_ns && !totals->host_times)
        totals->gap_seconds += 1e-9 * (double)(begin - timeline->last_end_ns);
    timeline->last_end_ns = end;
    if (timeline->trace)
        cln_trace_slice(timeline->trace, timeline->trace_group, CLN_TRACE_DEVICE, timing->label, begin, end);
    return CL_SUCCESS;
}

static void drop_pending(struct ocl_timeline *timeline) {
    for (size_t i = 0; i < timeline->pending_count; i++)
        ocl_span_release(&timeline->pending[i].span);
    timeline->pending_count = 0;
    /* The host's work in between is no gap between launches. */
    timeline->last_end_ns = 0;
}

/* Waits for all pending launches and adds their times. Sets no message: it is also part of cleaning up. */
static cl_int try_harvest(struct ocl_timeline *timeline) {
    if (timeline->pending_count == 0)
        return CL_SUCCESS;
    /* The queue is in order: the last event ends after all others. */
    cl_int result = OCL_RESULT(clWaitForEvents, 1, &timeline->pending[timeline->pending_count - 1].span.end);
    for (size_t i = 0; result == CL_SUCCESS && i < timeline->pending_count; i++)
        result = harvest_one(timeline, &timeline->pending[i]);
    drop_pending(timeline);
    if (timeline->trace)
        cln_trace_flush(timeline->trace);
    return result;
}

static enum cln_status harvest(struct ocl_timeline *timeline) {
    return ocl_check(try_harvest(timeline), "reading the times of launches");
}

void ocl_timeline_destroy(struct ocl_timeline **timeline) {
    struct ocl_timeline *t = *timeline;
    if (!t)
        return;
    *timeline = NULL;
    if (t->trace)
        (void)try_harvest(t);
    drop_pending(t);
    free(t->rows);
    free(t);
}

static void note_first(struct ocl_timeline *timeline, struct row *row) {
    timeline->launches++;
    if (row->first == 0)
        row->first = timeline->launches;
}

enum cln_status ocl_timeline_add(struct ocl_timeline *timeline, size_t row, const struct ocl_span *span, double flops,
                                 double bytes) {
    const uint64_t now = cln_clock_ns();
    timeline->totals.enqueue_seconds += 1e-9 * (double)(now - span->enqueued_ns);
    if (timeline->trace)
        cln_trace_slice(timeline->trace, timeline->trace_group, CLN_TRACE_HOST, timeline->rows[row].timing.label,
                        span->enqueued_ns, now);
    timeline->pending[timeline->pending_count++] =
        (struct pending){.span = *span, .row = row, .flops = flops, .bytes = bytes};
    note_first(timeline, &timeline->rows[row]);
    return timeline->pending_count == MAX_PENDING || timeline->totals.host_times ? harvest(timeline) : CLN_OK;
}

void ocl_timeline_acted(struct ocl_timeline *timeline, size_t row, uint64_t begin_ns) {
    const uint64_t now = cln_clock_ns();
    struct row *r = &timeline->rows[row];
    r->timing.launches++;
    r->timing.seconds += 1e-9 * (double)(now - begin_ns);
    note_first(timeline, r);
    if (timeline->trace)
        cln_trace_slice(timeline->trace, timeline->trace_group, CLN_TRACE_HOST, r->timing.label, begin_ns, now);
}

void ocl_timeline_waited(struct ocl_timeline *timeline, uint64_t begin_ns) {
    if (!timeline)
        return;
    const uint64_t now = cln_clock_ns();
    timeline->totals.wait_seconds += 1e-9 * (double)(now - begin_ns);
    if (timeline->trace)
        cln_trace_slice(timeline->trace, timeline->trace_group, CLN_TRACE_HOST, "wait", begin_ns, now);
}

static int compare_first(const void *a, const void *b) {
    const struct row *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

enum cln_status ocl_timeline_read(struct ocl_context *context, struct ocl_timing **out, size_t *count) {
    struct ocl_timeline *timeline = context->timeline;
    *out = NULL;
    *count = 0;
    enum cln_status status = ocl_context_finish(context);
    if (status == CLN_OK && timeline)
        status = harvest(timeline);
    if (status != CLN_OK || !timeline || timeline->row_count == 0)
        return status;
    struct row *rows = calloc(timeline->row_count, sizeof *rows);
    *out = calloc(timeline->row_count, sizeof **out);
    if (!rows || !*out) {
        free(rows);
        free(*out);
        *out = NULL;
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for timings");
    }
    memcpy(rows, timeline->rows, timeline->row_count * sizeof *rows);
    qsort(rows, timeline->row_count, sizeof *rows, compare_first);
    for (size_t i = 0; i < timeline->row_count; i++)
        if (rows[i].timing.launches > 0)
            (*out)[(*count)++] = rows[i].timing;
    free(rows);
    return CLN_OK;
}

enum cln_status ocl_timeline_totals(struct ocl_context *context, struct ocl_timeline_totals *totals) {
    struct ocl_timeline *timeline = context->timeline;
    *totals = (struct ocl_timeline_totals){0};
    if (!timeline)
        return CLN_OK;
    enum cln_status status = harvest(timeline);
    *totals = timeline->totals;
    return status;
}

enum cln_status ocl_timeline_reset(struct ocl_context *context) {
    struct ocl_timeline *timeline = context->timeline;
    enum cln_status status = ocl_context_finish(context);
    if (!timeline)
        return status;
    if (status == CLN_OK)
        status = harvest(timeline); /* the trace keeps all launches */
    timeline->totals = (struct ocl_timeline_totals){.host_times = timeline->totals.host_times};
    for (size_t i = 0; i < timeline->row_count; i++) {
        struct row *row = &timeline->rows[i];
        row->first = 0;
        row->timing.launches = 0;
        row->timing.seconds = row->timing.flops = row->timing.bytes = 0;
    }
    return status;
}
