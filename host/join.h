/* Joins launches: their kernels become functions of one kernel. */
#ifndef HOST_JOIN_H
#define HOST_JOIN_H

#include "host/internal.h"

/* Whether a launch can be joined with others: its work-groups are single work-items, it is a kernel file's, and its
 * constants are complete. */
bool ocl_join_takes(const struct ocl_launch *launch);

/* A launch of a joined launch. Launches in a row form a chain if all but the first follow. */
struct ocl_part {
    const struct ocl_launch *launch;
    bool follows;
};

/* Whether `launch` can follow the last of `count` parts in their last chain: both are by block, and of all spans of the
 * chain the largest is a multiple of the others. */
bool ocl_join_follows(const struct ocl_part *parts, size_t count, const struct ocl_launch *launch);

/* Writes the program of the parts: each file with its own constants, its own macros and its own names, and a kernel
 * `joined` with the work-groups of all launches and chains, which alternate. *text is the caller's: free(). Its
 * compiler checks the number of arguments. */
enum cln_status ocl_join_text(char **text, const struct ocl_context *context, const struct ocl_part *parts,
                              size_t count) CLN_MUST_CHECK;

/* The most launches that are joined. */
enum { OCL_MOST_PARTS = 16 };

/* Drivers take time for every argument of a launch, and more for a buffer. So a joined launch has one argument for all
 * numbers of its parts, a buffer that ocl_join_numbers makes, and one for each buffer, which stands for all its parts
 * (ocl_buffer_part). `label`, `text` and `numbers` must outlive the launch. It has as many arguments as
 * ocl_join_arguments gives, which must be at most OCL_MAX_ARGS. */
enum cln_status ocl_join_numbers(struct ocl_buffer **out, struct ocl_context *context, const struct ocl_part *parts,
                                 size_t count) CLN_MUST_CHECK;
struct ocl_launch ocl_join_launch(const char *label, const char *text, struct ocl_buffer *numbers,
                                  const struct ocl_part *parts, size_t count);
size_t ocl_join_arguments(const struct ocl_part *parts, size_t count);

#endif
