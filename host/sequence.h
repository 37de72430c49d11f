/* A list of launches, made once and run many times: the training step is one such list.
 * Kernels are specialised, built, checked and given their arguments when they are added;
 * running only enqueues. */
#ifndef HOST_SEQUENCE_H
#define HOST_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/buffer.h"

/* Specialisation constants: what becomes -D NAME=value. Start from {0}. */
struct ocl_constants {
    char text[4096]; /* " -D NAME=value" … in the order given */
    size_t length;
    bool overflow; /* reported when the program is built */
};

void ocl_constants_int(struct ocl_constants *constants, const char *name, long value);
/* As a hexadecimal float literal with suffix f, so that no digit is lost. */
void ocl_constants_float(struct ocl_constants *constants, const char *name, double value);
/* An identifier, such as the name of a function to call. */
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

enum { OCL_MAX_ARGS = 24 };

struct ocl_launch {
    const char *label;  /* what timings are gathered under, such as "stage 1 forward conv2d"; copied */
    const char *source; /* file below kernels/, such as "conv2d.cl" */
    const char *kernel; /* function in it */
    const struct ocl_constants *constants; /* NULL: none */
    struct ocl_arg args[OCL_MAX_ARGS];     /* up to the first of `arg_count` */
    size_t arg_count;
    size_t groups[3]; /* work-groups along each dimension; 0 means 1 */
    size_t local[3];  /* work-items per group along each dimension; 0 means 1 */
    double flops;     /* useful arithmetic, for reports; 0: not counted */
    double bytes;     /* global memory that has to be touched, for reports; 0: not counted */
};

struct ocl_sequence;

enum cln_status ocl_sequence_create(struct ocl_sequence **out, struct ocl_context *context) CLN_MUST_CHECK;
void ocl_sequence_destroy(struct ocl_sequence **sequence);

/* Adds a launch at the end. Checks the number and kind of arguments against the kernel
 * (clGetKernelArgInfo where the driver has it), buffers against NULL, and the work-group against the
 * device's and the built kernel's limits: CLN_INVALID names kernel, argument and both values.
 * A program is built once per context for equal (source, constants). Buffers must outlive the sequence. */
enum cln_status ocl_sequence_add(struct ocl_sequence *sequence, const struct ocl_launch *launch) CLN_MUST_CHECK;

/* Enqueues every launch in order. On failure names the launch and the OpenCL error.
 * In a context that replays, the first run after the last launch was added records them all as a command buffer, and
 * it and every later one enqueues that. What cannot be recorded is launched one by one as ever: CLBlast's products,
 * and whatever a driver refuses, which is logged; so are all launches of a context with timings, which are timed one
 * by one. Does not wait, but for a device that cannot have a command buffer in flight twice: after eight runs, for
 * the eighth last. */
enum cln_status ocl_sequence_run(struct ocl_sequence *sequence) CLN_MUST_CHECK;

/* Whether its launches are recorded, since a run, as a command buffer. */
bool ocl_sequence_replays(const struct ocl_sequence *sequence);

/* Number of launches that one run enqueues. */
size_t ocl_sequence_length(const struct ocl_sequence *sequence);

#endif
