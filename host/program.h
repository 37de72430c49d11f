/* Programs of a context: one per (source, constants), built when first asked for. */
#ifndef HOST_PROGRAM_H
#define HOST_PROGRAM_H

#include "host/internal.h"

/* The built program; it stays the context's. A source that does not compile is CLN_BUILD with the log. */
enum cln_status ocl_program_get(cl_program *out, struct ocl_context *context, const char *source,
                                const struct ocl_constants *constants) CLN_MUST_CHECK;
void ocl_programs_destroy(struct ocl_program **programs);

#endif
