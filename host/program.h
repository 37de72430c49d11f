/* Programs of a context: one per (source, constants), built when first asked for. */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "host/internal.h"

/* The built program, from the context's cache on disk or from source; it stays the context's. A source that does not
 * compile is CLN_BUILD with the log. NULL where another process builds it (see ocl_context_params). */
enum cln_status ocl_program_get(struct ocl_program **out, struct ocl_context *context, const char *source,
                                const struct ocl_constants *constants) CLN_MUST_CHECK;

/* A new kernel of it; the caller's. */
enum cln_status ocl_program_kernel(cl_kernel *out, struct ocl_program *program, struct ocl_context *context,
                                   const char *name) CLN_MUST_CHECK;

/* To be told once a kernel of it has been enqueued: only then is the program worth keeping, because drivers such as
 * PoCL compile to the end at the first launch. */
void ocl_program_launched(struct ocl_program *program, struct ocl_context *context);

/* Puts what was built from source and launched since the last call into the cache on disk, after waiting for the
 * device: as a binary; or as a note where the driver compiles to hand out a binary and keeps programs itself (see
 * habit.h), but for two, so that binaries are complete after some starts. To be called after the first launches, not at
 * the end: a program ends when its work does. Sets no message. */
void ocl_programs_keep(struct ocl_context *context);

void ocl_programs_destroy(struct ocl_program **programs);

#endif
