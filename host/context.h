/* A context: one device in use, with its OpenCL context, one in-order queue, and the programs built so far. */
#ifndef HOST_CONTEXT_H
#define HOST_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/trace.h"
#include "host/device.h"

struct cln_part_meter;
struct ocl_context;

struct ocl_context_params {
    bool timings;            /* time every launch with events (timeline.h) */
    struct cln_trace *trace; /* write every launch there, which implies timings; NULL: none. Must outlive the context */
    const char *trace_name;  /* heading of this context's tracks in the trace; NULL: the device's name */
    bool replay;             /* run sequences as command buffers if the device has them (sequence.h) */
    const char *kernel_folder; /* read kernels from this folder; NULL: the embedded kernels */
    const char *cache_folder;  /* store built programs in this folder (program_cache.h); NULL: nowhere */
    bool brief;                /* note built programs in the cache, and ask the driver for no binaries (program.h) */
    /* Builder processes can share the building of programs. This needs cache_folder. Each function may be NULL; both
     * get building_user.
     * - before_building, in the process that needs the programs: called at most once, when a program is needed that is
     *   not in the cache; not called if the cache cannot be written. It may start builders for that program and all
     *   later ones, and returns when they are done. If it fails, the launch fails with its status.
     * - builds, in a builder: called for every program, numbered from 0 in order of first use; says whether program
     *   `number` is for this builder. If it is, and not in the cache yet, its launches run at once when they are
     *   added. All other launches are left out. */
    enum cln_status (*before_building)(void *user);
    bool (*builds)(void *user, size_t number);
    void *building_user;
};

/* Creates a context. `params` NULL: all defaults. Everything made from a context must be destroyed before it. */
enum cln_status ocl_context_create(struct ocl_context **out, const struct ocl_device *device,
                                   const struct ocl_context_params *params) CLN_MUST_CHECK;
void ocl_context_destroy(struct ocl_context **context);

/* The device of the context. It lives as long as the context. */
const struct ocl_device *ocl_context_device(const struct ocl_context *context);

/* Whether the last ocl_sequence_add failed because the built kernel does not allow the launch's work-group (too many
 * work-items, or too much local memory). A smaller work-group may succeed. False if the device's own limits refuse it.
 */
bool ocl_context_group_refused(const struct ocl_context *context);

/* What the launches of a context use of the device and its driver. CLBlast's kernels count as `gemm` alone. */
enum { OCL_MOST_GROUPS = 64 };
struct ocl_usage {
    uint32_t groups[OCL_MOST_GROUPS][3]; /* the different work-groups, in work-items, in order of first use */
    size_t group_count;
    bool has_more;        /* there were more work-groups than that */
    uint64_t local_bytes; /* largest local memory of a kernel's work-group, as the driver reports it */
    bool command_buffer;  /* launches were recorded, and enqueued as a command buffer */
    bool gemm;            /* products of CLBlast */
};

/* The usage of the context so far; valid as long as the context. */
const struct ocl_usage *ocl_context_usage(const struct ocl_context *context);
/* Adds a launch's work-group with its local memory, or what another usage has. */
void ocl_usage_launch(struct ocl_usage *usage, const size_t group[3], uint64_t local_bytes);
void ocl_usage_add(struct ocl_usage *usage, const struct ocl_usage *other);

/* From here on the host's actions in sequences count as exchanges of the meter (src/base/part_meter.h), without the
 * wait for the launches before them. NULL: of none. */
void ocl_context_meter(struct ocl_context *context, struct cln_part_meter *meter);

/* Submits queued work to the device, without waiting. */
enum cln_status ocl_context_flush(struct ocl_context *context) CLN_MUST_CHECK;
/* Waits until all queued work has finished. */
enum cln_status ocl_context_finish(struct ocl_context *context) CLN_MUST_CHECK;

#endif
