/* A trace: a timeline file for Perfetto (ui.perfetto.dev) and chrome://tracing, with slices of time on tracks of the
 * device and of the host. The file is complete JSON after every flush, however the program ends. Memory holds only the
 * slices since the last flush. */
#ifndef CLENET_TRACE_H
#define CLENET_TRACE_H

#include <stdint.h>

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_trace;

/* Creates or opens the file, which must be seekable. An earlier trace in it stays until the first flush after
 * cln_trace_begin; cln_trainer_create calls that when it has succeeded. */
CLN_API enum cln_status cln_trace_create(struct cln_trace **out, const char *path) CLN_MUST_CHECK;
/* Writes the rest, closes the file and sets *trace to NULL. CLN_IO if any write failed since cln_trace_create. *trace
 * may be NULL. */
CLN_API enum cln_status cln_trace_close(struct cln_trace **trace) CLN_MUST_CHECK;

enum cln_trace_track { CLN_TRACE_DEVICE = 1, CLN_TRACE_HOST };

/* Lets the next flush replace the earlier content of the file by this trace, slices before this call included. Without
 * this call a file that was not empty stays unchanged. */
void cln_trace_begin(struct cln_trace *trace);

/* Adds a pair of tracks (device and host) under the heading `name`. Returns their group number. */
int cln_trace_group(struct cln_trace *trace, const char *name);
/* Adds a slice. Times are nanoseconds of CLOCK_MONOTONIC. cln_trace_close reports a failure to write. */
void cln_trace_slice(struct cln_trace *trace, int group, enum cln_trace_track track, const char *name,
                     uint64_t begin_ns, uint64_t end_ns);
void cln_trace_flush(struct cln_trace *trace);

#ifdef __cplusplus
}
#endif
#endif
