/* What happened when, as a file that Perfetto (ui.perfetto.dev) and chrome://tracing show: slices of time on the tracks
 * of the device and of the host. The file is whole JSON after every flush, however the program ends, and memory holds
 * only what came since. */
#ifndef CLENET_TRACE_H
#define CLENET_TRACE_H

#include <stdint.h>

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_trace;

/* Creates or opens the file, which has to be one that can be written again at an earlier place. What an earlier run has
 * written there stays until the first flush after cln_trace_begin, which cln_trainer_create calls when it has
 * succeeded. */
CLN_API enum cln_status cln_trace_create(struct cln_trace **out, const char *path) CLN_MUST_CHECK;
/* Ends the file. CLN_IO where any of it could not be written. Accepts NULL inside, and empties. */
CLN_API enum cln_status cln_trace_close(struct cln_trace **trace) CLN_MUST_CHECK;

enum cln_trace_track { CLN_TRACE_DEVICE = 1, CLN_TRACE_HOST };

/* The start has succeeded: what was traced so far, and what will be, takes the place of an earlier run's at the next
 * flush. Without it a file that was not empty stays as it was. */
void cln_trace_begin(struct cln_trace *trace);

/* A pair of tracks under a heading of its own; returns its number. */
int cln_trace_group(struct cln_trace *trace, const char *name);
/* Nanoseconds of CLOCK_MONOTONIC. A failure to write is told by cln_trace_close. */
void cln_trace_slice(struct cln_trace *trace, int group, enum cln_trace_track track, const char *name,
                     uint64_t begin_ns, uint64_t end_ns);
void cln_trace_flush(struct cln_trace *trace);

#ifdef __cplusplus
}
#endif
#endif
