/* Joins launches that do not depend on each other: their kernels become functions of one kernel. */
#ifndef HOST_JOIN_H
#define HOST_JOIN_H

#include "host/internal.h"

/* Whether a launch can be joined with others: its work-groups are single work-items, and it is a kernel file's. */
bool ocl_join_takes(const struct ocl_launch *launch);

/* Writes the program of `count` launches: each file with its own constants, its own macros and its own names, and a
 * kernel `joined` with the work-groups of all launches, which alternate. *text is the
 * caller's: free(). */
enum cln_status ocl_join_text(char **text, const char *folder, const struct ocl_launch *const *launches,
                              size_t count) CLN_MUST_CHECK;

/* The launch of that program. `label` and `text` must outlive it. Its arguments, ocl_join_arguments of all launches
 * together, must be at most OCL_MAX_ARGS. */
struct ocl_launch ocl_join_launch(const char *label, const char *text, const struct ocl_launch *const *launches,
                                  size_t count);
size_t ocl_join_arguments(const struct ocl_launch *launch);

#endif
