/* A table of device time per kernel, for people. */
#ifndef SRC_TRAIN_TIMINGS_H
#define SRC_TRAIN_TIMINGS_H

#include "host/timeline.h"

/* Writes one line per label, largest share first, and a total; "" without timings. *out is the caller's: free(). */
enum cln_status cln_timings_text(char **out, struct ocl_context *context) CLN_MUST_CHECK;

#endif
