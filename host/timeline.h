/* Device time per label, measured with events in a context with timings. If a driver's event times are implausible, the
 * host waits for every launch and uses its own clock. */
#ifndef HOST_TIMELINE_H
#define HOST_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/context.h"

struct ocl_timing {
    char label[96];
    uint64_t launches;
    double seconds; /* sum over launches of end − start; of an action of the host, its time on the host */
    double flops;   /* sum over launches of ocl_launch.flops */
    double bytes;   /* sum over launches of ocl_launch.bytes */
};

/* Waits for the queue, then returns one row per label, in order of first launch. *out is the caller's: free(). No rows
 * if timings are off. */
enum cln_status ocl_timeline_read(struct ocl_context *context, struct ocl_timing **out, size_t *count) CLN_MUST_CHECK;

struct ocl_timeline_totals {
    uint64_t launches;
    double busy_seconds;    /* of the device: executing launches */
    double gap_seconds;     /* of the device: from the end of a launch to the start of the next */
    double enqueue_seconds; /* of the host: in calls that launch */
    double wait_seconds;    /* of the host: in calls that read and write buffers */
    bool host_times; /* event times are implausible: the host's are used, there are no gaps, and every launch includes
                        its wait */
};

/* Waits for the launches so far and returns totals; all zero if timings are off. */
enum cln_status ocl_timeline_totals(struct ocl_context *context, struct ocl_timeline_totals *totals) CLN_MUST_CHECK;

/* Discards all measurements so far, such as those of a warm-up. */
enum cln_status ocl_timeline_reset(struct ocl_context *context) CLN_MUST_CHECK;

#endif
