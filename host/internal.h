/* What the files of this folder share: the objects behind the opaque handles, and how a launch meets
 * the timeline. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host/call.h"
#include "host/sequence.h"

struct ocl_program;
struct ocl_program_cache;
struct ocl_timeline;

struct ocl_context {
    struct ocl_device device;
    cl_context context;
    cl_command_queue queue;
    char *kernel_folder;             /* NULL: embedded kernels */
    struct ocl_program *programs;    /* built so far, a list */
    struct ocl_program_cache *cache; /* NULL: programs are not kept on disk */
    struct ocl_timeline *timeline;   /* NULL where timings are off */
    bool group_refused;              /* see ocl_context_group_refused */
    bool brief;                      /* as in the params */
    bool replay;                     /* asked for, and the device has command buffers */
    void (*forget_products)(void);   /* drops what CLBlast keeps for this context; NULL: nothing */
    int gemm_tile;                   /* that CLBlast was given for it; 0: none */
    uint64_t buffer_bytes;           /* of all its buffers */
    bool unkept;                     /* a program was launched since ocl_programs_keep */
    bool kept;                       /* something was put into the cache */
    /* As in the params; before_building is NULL once it was called. */
    enum cln_status (*before_building)(void *user);
    bool (*builds)(void *user, size_t number);
    void *building_user;
    bool lazy;  /* of a context that only builds: its driver compiles at the first launch */
    bool first; /* builders were called: it takes long enough as it is */
    bool lost;  /* the driver's own cache does not have what is noted */
};

/* Processor seconds that launching a kernel on nothing, or handing out a binary, take no more than; compiling does. */
#define OCL_QUICK_CPU 0.03

struct ocl_buffer {
    struct ocl_context *context;
    cl_mem memory;
    size_t bytes; /* as asked for; the memory is rounded up to whole 32-bit words */
};

/* The events around one launch. `begin` is NULL where `end` belongs to the launch itself and so knows
 * its start. */
struct ocl_span {
    cl_event begin, end;
    uint64_t enqueued_ns; /* host's clock before the launch */
};

struct ocl_recording;

/* One thing that a sequence enqueues; without functions: nothing. */
struct ocl_action {
    /* `span` is NULL where timings are off, else without events, and to be filled with counted ones even on failure. */
    enum cln_status (*enqueue)(void *state, struct ocl_span *span);
    /* Into a command buffer (command_buffer.h); NULL where that cannot be. */
    enum cln_status (*record)(void *state, struct ocl_recording *recording);
    /* Tells that it has been enqueued as recorded; there where `record` is. */
    void (*replayed)(void *state);
    void (*destroy)(void *state);
    void *state;
};

/* Appends an action, whose state then belongs to the sequence (on failure too). */
enum cln_status ocl_sequence_append(struct ocl_sequence *sequence, const char *label, struct ocl_action action,
                                    double flops, double bytes) CLN_MUST_CHECK;
struct ocl_context *ocl_sequence_context(const struct ocl_sequence *sequence);

/* `trace`: NULL, or where every launch and wait is also written, in a group called `trace_name` (NULL: the device).
 * On failure *out is to be destroyed all the same. */
enum cln_status ocl_timeline_create(struct ocl_timeline **out, const struct ocl_context *context,
                                    struct cln_trace *trace, const char *trace_name) CLN_MUST_CHECK;
void ocl_timeline_destroy(struct ocl_timeline **timeline);
/* The number of the row that gathers `label`, a new one where there is none yet. */
enum cln_status ocl_timeline_row(size_t *row, struct ocl_timeline *timeline, const char *label) CLN_MUST_CHECK;
/* Takes over the span's events. Waits for the device once in a few thousand spans, to keep memory bounded. */
enum cln_status ocl_timeline_add(struct ocl_timeline *timeline, size_t row, const struct ocl_span *span, double flops,
                                 double bytes) CLN_MUST_CHECK;
/* A call ends that waited for the device since `begin_ns` of the host's clock. NULL: timings are off. */
void ocl_timeline_waited(struct ocl_timeline *timeline, uint64_t begin_ns);
void ocl_span_release(struct ocl_span *span);
/* Whether a filled buffer of megabytes can have taken that long. */
bool ocl_event_times_credible(uint64_t begin_ns, uint64_t end_ns);

#endif
