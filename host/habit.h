/* Two habits of a driver: whether it compiles when asked for a binary, and whether it has its own cache of compiled
 * programs. They are measured once per driver and stored in the program cache. */
#ifndef HOST_HABIT_H
#define HOST_HABIT_H

#include "host/internal.h"

struct ocl_habit {
    bool dear; /* asking for a binary makes the driver compile, as PoCL does */
    double first_cpu,
        again_cpu; /* processor seconds of building a small program, first and second time; 0: not measured */
};

/* Reads the habits of the context's driver from the program cache, all zero if none are stored; stores them. The
 * context must have a cache. */
void ocl_habit_recall(struct ocl_habit *out, const struct ocl_context *context);
void ocl_habit_remember(const struct ocl_habit *habit, const struct ocl_context *context);

/* Measures first_cpu and again_cpu: builds a small program that no cache can have, twice. Both stay 0 if that fails. */
void ocl_habit_measure(struct ocl_habit *habit, const struct ocl_context *context);

/* Whether the driver has its own cache of compiled programs, so that building a noted program (program_cache.h) does
 * not compile. False if not measured. */
bool ocl_habit_has_cache(const struct ocl_habit *habit);
/* Whether a noted program, whose building took `build_cpu` processor seconds, was compiled: the driver's cache has lost
 * it. */
bool ocl_habit_has_lost(const struct ocl_habit *habit, double build_cpu);

#endif
