/* Finds the bottleneck of training from measured numbers and describes it in one sentence. */
#ifndef SRC_BENCH_BOTTLENECK_H
#define SRC_BENCH_BOTTLENECK_H

#include "host/timeline.h"
#include "src/bench/peak.h"

/* The share of the roofline (S. Williams et al., 2009) that a kernel reaches: the longer of the times that its
 * arithmetic and its memory traffic need at the device's peak, divided by the time taken. Above 1 if caches serve the
 * traffic, or if a filtered convolution needs fewer operations than the useful ones; 0: nothing was counted. */
double cln_roofline_share(const struct ocl_timing *row, const struct cln_peak *peak);
/* Whether memory traffic is the longer of those two times. */
bool cln_memory_bound(const struct ocl_timing *row, const struct cln_peak *peak);

/* Writes "launch-bound: …" if gaps take a fifth of the step, "memory-bound: …" if kernels bound by memory take most of
 * it, else the kernel that takes most: "compute: …" or "memory: …"; "" without rows. `rows` are sorted by time, longest
 * first. */
void cln_bottleneck(char *text, size_t bytes, const struct cln_peak *peak, const struct ocl_timing *rows, size_t count,
                    const struct ocl_timeline_totals *totals);

#endif
