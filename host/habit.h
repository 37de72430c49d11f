/* Habits of a driver: whether it hands out binaries without compiling, and whether it keeps what it has compiled. Both
 * are measured once for a driver and remembered in the cache of programs. */
#ifndef HOST_HABIT_H
#define HOST_HABIT_H

#include "host/internal.h"

struct ocl_habit {
    bool dear;                   /* asking for a binary makes the driver compile: PoCL does */
    double first_cpu, again_cpu; /* processor seconds that building a small program took, new and built before; 0: not
                                  * measured */
};

/* What is remembered of the context's driver; all zero where nothing is. The context has a cache. */
void ocl_habit_recall(struct ocl_habit *out, const struct ocl_context *context);
void ocl_habit_remember(const struct ocl_habit *habit, const struct ocl_context *context);

/* Builds a small program that no cache can have, then once more. Both times stay 0 where that fails. */
void ocl_habit_measure(struct ocl_habit *habit, const struct ocl_context *context);

/* Whether the driver finds programs that it has compiled in a cache of its own, so that a start from a note compiles
 * nothing. False where it was not measured. */
bool ocl_habit_has_cache(const struct ocl_habit *habit);
/* Whether building a noted program, which took that long, meant compiling: the driver's cache has lost it. */
bool ocl_habit_has_lost(const struct ocl_habit *habit, double build_cpu);

#endif
