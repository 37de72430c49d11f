/* A sequence: a list of launches that is made once and run many times, such as the training step. Adding a launch
 * specialises, builds and checks its kernel and sets its arguments; to run the sequence is to enqueue its launches. */
#ifndef HOST_SEQUENCE_H
#define HOST_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/buffer.h"

/* Specialisation constants, which become -D NAME=value. Start from {0}. */
struct ocl_constants {
    char text[4096]; /* " -D NAME=value" …, in the order added */
    size_t length;
    bool overflow; /* the text was too long; reported when the program is built */
};

/* Adds an integer. */
void ocl_constants_int(struct ocl_constants *constants, const char *name, long value);
/* Adds a hexadecimal float literal with suffix f, which is exact. */
void ocl_constants_float(struct ocl_constants *constants, const char *name, double value);
/* Adds an identifier, such as the name of a function. */
void ocl_constants_word(struct ocl_constants *constants, const char *name, const char *word);

enum ocl_arg_kind { OCL_ARG_BUFFER, OCL_ARG_INT, OCL_ARG_FLOAT, OCL_ARG_KIND_COUNT };

struct ocl_arg {
    enum ocl_arg_kind kind;
    struct ocl_buffer *buffer;
    int int_value;
    float float_value;
};

#define OCL_BUFFER(b) ((struct ocl_arg){.kind = OCL_ARG_BUFFER, .buffer = (b)})
#define OCL_INT(v) ((struct ocl_arg){.kind = OCL_ARG_INT, .int_value = (int)(v)})
#define OCL_FLOAT(v) ((struct ocl_arg){.kind = OCL_ARG_FLOAT, .float_value = (float)(v)})

enum { OCL_MAX_ARGS = 64 };

struct ocl_launch {
    const char *label;                     /* name for timings and messages, such as "stage 1 conv2d_forward" */
    const char *source;                    /* file below kernels/, such as "conv2d.cl" */
    const char *text;                      /* the program's text in place of the file; `source` is its name then */
    const char *kernel;                    /* function in it */
    const struct ocl_constants *constants; /* NULL: none */
    struct ocl_arg args[OCL_MAX_ARGS];     /* arg_count of them */
    size_t arg_count;
    size_t groups[3]; /* work-groups along each dimension; 0 means 1 */
    size_t local[3];  /* work-items per group along each dimension; 0 means 1 */
    /* Blocks that a group along dimension 1 takes: group y takes blocks y·span to (y + 1)·span − 1. 0: not by block. */
    size_t span;
    double iterations; /* loop iterations that a work-item makes at most, for whoever adds it; not looked at here */
    double flops;      /* useful arithmetic operations, for reports; 0: not counted */
    double bytes;      /* global memory that must be read or written, for reports; 0: not counted */
};

/* Adds an argument after those that the launch has. */
static inline void ocl_launch_argument(struct ocl_launch *launch, struct ocl_arg argument) {
    launch->args[launch->arg_count++] = argument;
}

struct ocl_sequence;

enum cln_status ocl_sequence_create(struct ocl_sequence **out, struct ocl_context *context) CLN_MUST_CHECK;
void ocl_sequence_destroy(struct ocl_sequence **sequence);

/* Appends a launch, or holds it back (ocl_sequence_join). A launch that is not joined with others is checked first:
 * the number of its arguments, and their kinds if the driver has clGetKernelArgInfo; that no buffer is NULL; and
 * its work-group, against the limits of the device and of the built kernel. The message of CLN_INVALID names the
 * kernel and the argument, what was given, and what the kernel takes. A program is built once per context for equal
 * source and constants. Of all that `launch` points to, only the buffers must outlive the sequence. */
enum cln_status ocl_sequence_add(struct ocl_sequence *sequence, const struct ocl_launch *launch) CLN_MUST_CHECK;

/* Joins launches. After ocl_sequence_join, launches whose work-groups are single work-items are held back until
 * ocl_sequence_barrier or ocl_sequence_joined. These append the launches held back as one: one kernel with the
 * work-groups of them all, so that the device is idle at one end instead of several. A kernel that may be joined
 * has PLACE after its last parameter, and asks for its place by group_id, group_count and item_id only
 * (kernels/lanes.clh). A launch with `text` is not held back.
 *
 * Launches that are held back must not depend on each other. The exception is a chain. After ocl_sequence_follow
 * the next launch may read what the launch before it wrote, but its block n only what block n of that launch wrote.
 * One work-group then makes its blocks in all launches of the chain, in order. If a launch cannot be in the chain
 * (it is not by block, or the largest span is not a multiple of all others), follow is a barrier. A launch behind a
 * barrier may depend on any before it.
 *
 * At most 16 launches are joined, with at most 63 buffers, where all parts of a buffer (ocl_buffer_part) count as
 * one; a launch that does not fit begins the next. A single launch is appended as it is. A launch whose work-groups
 * have several work-items, a product, and an action of the host are barriers: the launches held back are appended
 * before them. Pairs of join and joined may be nested: then the outer pair counts. A joined launch has the label of
 * its launch with the most flops, and the number of the others: "stage 2 conv2d_forward + 2".
 *
 * The errors of a launch held back come from the function that appends it. A single launch is checked as in
 * ocl_sequence_add. Of joined launches the driver's compiler checks the arguments: a wrong number of them is CLN_BUILD;
 * a wrong kind is CLN_BUILD or is converted, as the compiler likes. A NULL buffer is CLN_INVALID, as in
 * ocl_sequence_add. The tuning value join_launches 0 brings all checks back. */
void ocl_sequence_join(struct ocl_sequence *sequence);
void ocl_sequence_follow(struct ocl_sequence *sequence);
enum cln_status ocl_sequence_barrier(struct ocl_sequence *sequence) CLN_MUST_CHECK;
enum cln_status ocl_sequence_joined(struct ocl_sequence *sequence) CLN_MUST_CHECK;

/* Appends an action of the host. When the sequence runs and comes to it, the host calls `function`, which may read and
 * write buffers, and goes on with the launches after it. With OCL_WHEN_DONE it waits first until the launches before it
 * are done; with OCL_AT_ONCE they may still run, and `function` waits for what it needs. If `function` fails, the run
 * returns its status, and the later launches are not enqueued. In a context with timings the table of timings has a row
 * for the action, with the host's time and the number of calls of `function`. A builder does not call `function`. A
 * sequence with an action is never recorded as a command buffer. `user` must outlive the sequence. */
enum ocl_call_time { OCL_WHEN_DONE, OCL_AT_ONCE };
typedef enum cln_status ocl_host_function(void *user);
enum cln_status ocl_sequence_call(struct ocl_sequence *sequence, const char *label, enum ocl_call_time time,
                                  ocl_host_function *function, void *user) CLN_MUST_CHECK;

/* Enqueues every launch in order. On failure the message names the launch and the OpenCL error.
 *
 * A run waits for the device in these cases only:
 * - at an action of the host;
 * - for a command buffer (see below);
 * - at its end, if it was the first to launch a program and the context keeps programs: it then stores them on
 *   disk;
 * - in a context with timings or a trace, whenever the array of events is full, or at every launch if the driver's
 *   times mean nothing.
 *
 * In a context with `replay` (struct ocl_context_params) the first run after an ocl_sequence_add records all
 * launches as a command buffer. This run and all later ones enqueue the command buffer; if the driver says that it
 * is still busy, that one run enqueues the launches one by one. Nothing is recorded, and all runs enqueue the
 * launches one by one, in a context with timings or a trace, or if the sequence has a product of CLBlast, an action
 * of the host, or a launch that the driver refuses to record. A notice tells of the last case.
 *
 * If the device cannot run one command buffer twice at the same time, eight copies take turns, and a run waits for
 * the eighth run before it. */
enum cln_status ocl_sequence_run(struct ocl_sequence *sequence) CLN_MUST_CHECK;

/* Runs a sequence launch by launch, never as a command buffer: calls `visit` before each launch, and again once the
 * device is done with it, with `after` set. `visit` may read and write buffers. If it fails, the run returns its
 * status, and the later launches are not enqueued. Launches and actions of the host count from 0. */
typedef enum cln_status ocl_sequence_visitor(void *user, size_t launch, bool after);
enum cln_status ocl_sequence_run_apart(struct ocl_sequence *sequence, ocl_sequence_visitor *visit,
                                       void *user) CLN_MUST_CHECK;

/* Whether the launches are recorded as a command buffer; known after the first run. */
bool ocl_sequence_replays(const struct ocl_sequence *sequence);

/* The number of launches and host actions in the sequence. */
size_t ocl_sequence_length(const struct ocl_sequence *sequence);

#endif
