/* One device at work: its OpenCL context, one in-order queue, and the programs built so far. */
#ifndef HOST_CONTEXT_H
#define HOST_CONTEXT_H

#include <stdbool.h>

#include "clenet/trace.h"
#include "host/device.h"

struct ocl_context;

struct ocl_context_params {
    bool timings;              /* measure every launch with events (see timeline.h) */
    struct cln_trace *trace;   /* also write every launch there, which means timings; must outlive the context */
    const char *trace_name;    /* heading of this context's tracks; NULL: the device's name */
    bool replay;               /* sequences as command buffers where the device has them (see sequence.h) */
    const char *kernel_folder; /* read kernels from here instead of the embedded ones; NULL: embedded */
    const char *cache_folder;  /* keep built programs here (see program_cache.h); NULL: do not */
    bool brief;                /* at the end it notes what it built, and does not ask the driver for binaries */
    /* Where building is shared between processes, which needs a cache. `before_building` is called once, before the
     * first program is built that no process has built on this machine, and may have others build it and all that
     * follow; its failure is that of the launch. `builds` makes this context one of theirs: asked for every program,
     * numbered from 0 in the order of need, whether it falls to this process. Each launch of such a program is run as
     * it is added; launches of others, and of what was built before, are left out. Either may be NULL. */
    enum cln_status (*before_building)(void *user);
    bool (*builds)(void *user, size_t number);
    void *building_user;
};

/* `params` may be NULL for the defaults. Everything made from a context must be destroyed before it. */
enum cln_status ocl_context_create(struct ocl_context **out, const struct ocl_device *device,
                                   const struct ocl_context_params *params) CLN_MUST_CHECK;
void ocl_context_destroy(struct ocl_context **context);

/* The device it was made for; lives as long as the context. */
const struct ocl_device *ocl_context_device(const struct ocl_context *context);

/* Whether the last launch that was to be added was refused since its work-group is larger, or takes more local memory,
 * than the device has for that kernel as it was built: a smaller group may do. */
bool ocl_context_group_refused(const struct ocl_context *context);

/* Hands queued work to the device without waiting. */
enum cln_status ocl_context_flush(struct ocl_context *context) CLN_MUST_CHECK;
/* Waits until all queued work is done. */
enum cln_status ocl_context_finish(struct ocl_context *context) CLN_MUST_CHECK;

#endif
