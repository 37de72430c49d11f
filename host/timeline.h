/* Where the time went: device seconds per label, gathered from events in a context with timings on. */
#ifndef HOST_TIMELINE_H
#define HOST_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

#include "host/context.h"

struct ocl_timing {
    char label[96];
    uint64_t launches;
    double seconds; /* sum over launches of event end − start */
    double flops;   /* sum over launches of what ocl_launch stated */
    double bytes;
};

/* Waits for the queue, then hands out one row per label in the order of first launch.
 * *out is the caller's: free() it. No rows where timings are off. */
enum cln_status ocl_timeline_read(struct ocl_context *context, struct ocl_timing **out, size_t *count) CLN_MUST_CHECK;

/* Forgets what was gathered so far, such as a warm-up. */
enum cln_status ocl_timeline_reset(struct ocl_context *context) CLN_MUST_CHECK;

#endif
