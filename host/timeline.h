/* Where the time went: device seconds per label, gathered from events in a context with timings on. Where a driver's
 * event times mean nothing, the host waits for every launch and takes its own. */
#ifndef HOST_TIMELINE_H
#define HOST_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/context.h"

struct ocl_timing {
    char label[96];
    uint64_t launches;
    double seconds; /* sum over launches of end − start */
    double flops;   /* sum over launches of what ocl_launch stated */
    double bytes;
};

/* Waits for the queue, then hands out one row per label in the order of first launch.
 * *out is the caller's: free() it. No rows where timings are off. */
enum cln_status ocl_timeline_read(struct ocl_context *context, struct ocl_timing **out, size_t *count) CLN_MUST_CHECK;

struct ocl_timeline_totals {
    uint64_t launches;
    double busy_seconds;    /* of the device: all rows together */
    double gap_seconds;     /* of the device: between the end of a launch and the start of the next */
    double enqueue_seconds; /* of the host: inside the calls that launch */
    double wait_seconds;    /* of the host: inside the calls that read and write buffers */
    bool host_times;        /* the driver's event times mean nothing: no gaps, and every launch with its wait */
};

/* Waits for the launches so far. All zero where timings are off. */
enum cln_status ocl_timeline_totals(struct ocl_context *context, struct ocl_timeline_totals *totals) CLN_MUST_CHECK;

/* Forgets what was gathered so far, such as a warm-up. */
enum cln_status ocl_timeline_reset(struct ocl_context *context) CLN_MUST_CHECK;

#endif
