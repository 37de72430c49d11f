/* What holds training back, in one sentence, from numbers alone. */
#ifndef SRC_BENCH_BOTTLENECK_H
#define SRC_BENCH_BOTTLENECK_H

#include "host/timeline.h"
#include "src/bench/peak.h"

/* Share of the roofline (S. Williams et al., 2009): the time that the counted arithmetic and memory traffic need at the
 * device's peak, whichever is longer, by the time taken. Above 1 where caches serve the traffic; 0: nothing counted. */
double cln_roofline_share(const struct ocl_timing *row, const struct cln_peak *peak);
/* Whether memory is the longer of the two. */
bool cln_memory_bound(const struct ocl_timing *row, const struct cln_peak *peak);

/* Rows come with the most time first. "launch-bound: …" where gaps are a fifth of the step, "memory-bound: …" where
 * most of it moves data, else what takes most: "compute: …" or "memory: …". "" without rows. */
void cln_bottleneck(char *text, size_t bytes, const struct cln_peak *peak, const struct ocl_timing *rows, size_t count,
                    const struct ocl_timeline_totals *totals);

#endif
