/* Events wait in a fixed array and are read out together when it is full, so that a long run keeps few
 * of them alive and seldom waits. */
#include "host/timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/internal.h"

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
    size_t pending_count;
    struct pending pending[MAX_PENDING];
};

enum cln_status ocl_timeline_create(struct ocl_timeline **out) {
    *out = calloc(1, sizeof **out);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for timings");
}

void ocl_span_release(struct ocl_span *span) {
    if (span->begin)
        OCL_RELEASE(clReleaseEvent, span->begin);
    if (span->end)
        OCL_RELEASE(clReleaseEvent, span->end);
    *span = (struct ocl_span){0};
}

static void drop_pending(struct ocl_timeline *timeline) {
    for (size_t i = 0; i < timeline->pending_count; i++)
        ocl_span_release(&timeline->pending[i].span);
    timeline->pending_count = 0;
}

void ocl_timeline_destroy(struct ocl_timeline **timeline) {
    struct ocl_timeline *t = *timeline;
    if (!t)
        return;
    *timeline = NULL;
    drop_pending(t);
    free(t->rows);
    free(t);
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

static enum cln_status event_time(cl_ulong *nanoseconds, cl_event event, cl_profiling_info which) {
    return OCL_CALL(clGetEventProfilingInfo, event, which, sizeof *nanoseconds, nanoseconds, NULL);
}

static enum cln_status harvest_one(struct ocl_timeline *timeline, const struct pending *pending) {
    cl_ulong begin = 0, end = 0;
    const struct ocl_span *span = &pending->span;
    enum cln_status status = event_time(&end, span->end, CL_PROFILING_COMMAND_END);
    if (!status)
        status = span->begin ? event_time(&begin, span->begin, CL_PROFILING_COMMAND_END)
                             : event_time(&begin, span->end, CL_PROFILING_COMMAND_START);
    if (status)
        return status;
    struct ocl_timing *timing = &timeline->rows[pending->row].timing;
    timing->launches++;
    timing->seconds += end > begin ? (double)(end - begin) * 1e-9 : 0;
    timing->flops += pending->flops;
    timing->bytes += pending->bytes;
    return CLN_OK;
}

/* Waits for all pending launches and adds their times. */
static enum cln_status harvest(struct ocl_timeline *timeline) {
    if (timeline->pending_count == 0)
        return CLN_OK;
    /* The queue is in order: the last event ends after all others. */
    enum cln_status status = OCL_CALL(clWaitForEvents, 1, &timeline->pending[timeline->pending_count - 1].span.end);
    for (size_t i = 0; !status && i < timeline->pending_count; i++)
        status = harvest_one(timeline, &timeline->pending[i]);
    drop_pending(timeline);
    return status;
}

enum cln_status ocl_timeline_add(struct ocl_timeline *timeline, size_t row, const struct ocl_span *span, double flops,
                                 double bytes) {
    timeline->pending[timeline->pending_count++] =
        (struct pending){.span = *span, .row = row, .flops = flops, .bytes = bytes};
    timeline->launches++;
    if (timeline->rows[row].first == 0)
        timeline->rows[row].first = timeline->launches;
    return timeline->pending_count == MAX_PENDING ? harvest(timeline) : CLN_OK;
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
    if (!status && timeline)
        status = harvest(timeline);
    if (status || !timeline || timeline->row_count == 0)
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

enum cln_status ocl_timeline_reset(struct ocl_context *context) {
    struct ocl_timeline *timeline = context->timeline;
    enum cln_status status = ocl_context_finish(context);
    if (!timeline)
        return status;
    drop_pending(timeline);
    for (size_t i = 0; i < timeline->row_count; i++) {
        struct row *row = &timeline->rows[i];
        row->first = 0;
        row->timing.launches = 0;
        row->timing.seconds = row->timing.flops = row->timing.bytes = 0;
    }
    return status;
}
