/* Shared by the files of host/: the structs behind the opaque handles, and the interface between sequences and the
 * timeline. */
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
    struct ocl_program *programs;    /* built so far, as a list */
    struct ocl_program_cache *cache; /* NULL: programs are not stored on disk */
    struct ocl_timeline *timeline;   /* NULL where timings are off */
    struct cln_part_meter *meter;    /* see ocl_context_meter */
    bool group_refused;              /* see ocl_context_group_refused */
    bool brief;                      /* as in struct ocl_context_params */
    bool replay;                     /* requested, and the device has command buffers */
    void (*forget_products)(void);   /* frees CLBlast's cache of this context; NULL: nothing to free */
    int gemm_set;                    /* the set of parameters given to CLBlast (struct ocl_gemm); 0: none */
    uint64_t buffer_bytes;           /* of all its buffers together */
    bool unkept;                     /* a program was launched for the first time since ocl_programs_keep */
    bool kept;                       /* something was stored in the cache */
    /* As in struct ocl_context_params; before_building becomes NULL when it has been called. */
    enum cln_status (*before_building)(void *user);
    bool (*builds)(void *user, size_t number);
    void *building_user;
    bool needs_header; /* a program did not build with our own declarations of OpenCL C's functions */
    bool lazy;         /* in a builder: the driver compiles at the first launch */
    bool first;        /* before_building was called: this start spends no more time on binaries */
    bool lost;         /* the driver's own cache has lost a noted program */
    struct ocl_usage usage;
};

/* Upper limit of the processor seconds of launching a kernel on no data, or of handing out a binary, if the driver does
 * not compile for it. */
#define OCL_QUICK_CPU 0.03

struct ocl_buffer {
    struct ocl_context *context;
    cl_mem memory;
    size_t bytes;             /* size requested; the memory is rounded up to whole 32-bit words */
    struct ocl_buffer *whole; /* the buffer that this one is a part of, from `offset` on; NULL: none */
    size_t offset;
};

/* The events of one launch. `begin` NULL: `end` is the launch's own event, which also has its start time. */
struct ocl_span {
    cl_event begin, end;
    uint64_t enqueued_ns; /* time on the host's clock before the launch */
};

struct ocl_recording;

/* One entry of a sequence; if all functions are NULL it does nothing. */
struct ocl_action {
    /* Enqueues the entry. `span` is NULL if timings are off; else it is empty, and this stores counted events in it,
     * even on failure. */
    enum cln_status (*enqueue)(void *state, struct ocl_span *span);
    /* Appends the entry to a recording (command_buffer.h). NULL: it cannot be recorded. */
    enum cln_status (*record)(void *state, struct ocl_recording *recording);
    /* Is told that the recorded entry has been enqueued. Set if `record` is. */
    void (*replayed)(void *state);
    void (*destroy)(void *state);
    void *state;
};

/* Appends an action. The sequence owns its state from then on, even if this fails. */
enum cln_status ocl_sequence_append(struct ocl_sequence *sequence, const char *label, struct ocl_action action,
                                    double flops, double bytes) CLN_MUST_CHECK;
struct ocl_context *ocl_sequence_context(const struct ocl_sequence *sequence);

/* Creates a timeline. `trace`: every launch and wait is also written there, under the heading `trace_name` (NULL: the
 * device's name); NULL: none. On failure *out must be destroyed all the same. */
enum cln_status ocl_timeline_create(struct ocl_timeline **out, const struct ocl_context *context,
                                    struct cln_trace *trace, const char *trace_name) CLN_MUST_CHECK;
void ocl_timeline_destroy(struct ocl_timeline **timeline);
/* Sets *row to the row that gathers `label`; adds the row if there is none. */
enum cln_status ocl_timeline_row(size_t *row, struct ocl_timeline *timeline, const char *label) CLN_MUST_CHECK;
/* Adds a launch to a row and takes over the span's events. To bound memory, waits for the device once in a few thousand
 * spans. */
enum cln_status ocl_timeline_add(struct ocl_timeline *timeline, size_t row, const struct ocl_span *span, double flops,
                                 double bytes) CLN_MUST_CHECK;
/* Adds an action of the host, from `begin_ns` on the host's clock until now, to a row. It is no launch: totals do not
 * count it. */
void ocl_timeline_acted(struct ocl_timeline *timeline, size_t row, uint64_t begin_ns);
/* Adds the time from `begin_ns` on the host's clock until now to the host's waiting. `timeline` NULL: nothing. */
void ocl_timeline_waited(struct ocl_timeline *timeline, uint64_t begin_ns);
void ocl_span_release(struct ocl_span *span);
/* Whether these event times are plausible for filling a buffer of megabytes. */
bool ocl_event_times_credible(uint64_t begin_ns, uint64_t end_ns);

#endif
