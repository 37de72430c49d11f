/* The built programs of a context: one per pair of source and constants, built at first use. */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "host/internal.h"

/* Gets the built program of the launch: one the context has, one from the cache on disk, or built from source. The
 * context owns it.
 * CLN_BUILD with the log if the source does not compile. *out is NULL if another process builds it (struct
 * ocl_context_params). */
enum cln_status ocl_program_get(struct ocl_program **out, struct ocl_context *context,
                                const struct ocl_launch *launch) CLN_MUST_CHECK;

/* Creates a kernel of the program; the caller's. */
enum cln_status ocl_program_kernel(cl_kernel *out, struct ocl_program *program, struct ocl_context *context,
                                   const char *name) CLN_MUST_CHECK;

/* Call after a kernel of the program has been enqueued for the first time. Only launched programs are stored in the
 * cache, because drivers such as PoCL finish compiling at the first launch. */
void ocl_program_launched(struct ocl_program *program, struct ocl_context *context);

/* Stores in the cache on disk the programs that were built from source and launched since the last call; waits for the
 * device first. A program is stored as a binary. If the driver would compile to hand out binaries and has its own cache
 * (habit.h), all but two are stored as notes; so after several starts all binaries are there. Call it after the first
 * launches, not at the end: a program may be killed when its work is done. Sets no message. */
void ocl_programs_keep(struct ocl_context *context);

void ocl_programs_destroy(struct ocl_program **programs);

#endif
