/* What the files of this folder share: the objects behind the opaque handles, and how a launch meets
 * the timeline. */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host/call.h"
#include "host/sequence.h"

struct ocl_program;
struct ocl_timeline;

struct ocl_context {
    struct ocl_device device;
    cl_context context;
    cl_command_queue queue;
    char *kernel_folder;           /* NULL: embedded kernels */
    struct ocl_program *programs;  /* built so far, a list */
    struct ocl_timeline *timeline; /* NULL where timings are off */
    bool uses_clblast;             /* CLBlast keeps programs for this context */
};

struct ocl_buffer {
    struct ocl_context *context;
    cl_mem memory;
    size_t bytes; /* as asked for; the memory is rounded up to whole 32-bit words */
};

/* The events around one launch. `begin` is NULL where `end` belongs to the launch itself and so knows
 * its start. */
struct ocl_span {
    cl_event begin, end;
};

/* One thing that a sequence enqueues. `span` is NULL where timings are off, else empty, and to be filled
 * with counted events even on failure. */
struct ocl_action {
    enum cln_status (*enqueue)(void *state, struct ocl_span *span);
    void (*destroy)(void *state);
    void *state;
};

/* Appends an action, whose state then belongs to the sequence (on failure too). */
enum cln_status ocl_sequence_append(struct ocl_sequence *sequence, const char *label, struct ocl_action action,
                                    double flops, double bytes) CLN_MUST_CHECK;
struct ocl_context *ocl_sequence_context(const struct ocl_sequence *sequence);

enum cln_status ocl_timeline_create(struct ocl_timeline **out) CLN_MUST_CHECK;
void ocl_timeline_destroy(struct ocl_timeline **timeline);
/* The number of the row that gathers `label`, a new one where there is none yet. */
enum cln_status ocl_timeline_row(size_t *row, struct ocl_timeline *timeline, const char *label) CLN_MUST_CHECK;
/* Takes over the span's events. Waits for the device once in a few thousand spans, to keep memory bounded. */
enum cln_status ocl_timeline_add(struct ocl_timeline *timeline, size_t row, const struct ocl_span *span, double flops,
                                 double bytes) CLN_MUST_CHECK;
void ocl_span_release(struct ocl_span *span);

/* Drops what CLBlast keeps for a context that used it. */
void ocl_gemm_forget(struct ocl_context *context);

#endif
