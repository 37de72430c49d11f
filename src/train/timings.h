/* A table of device time per kernel, for people. */
#ifndef SRC_TRAIN_TIMINGS_H
#define SRC_TRAIN_TIMINGS_H

#include "host/timeline.h"

/* One line per label, largest share first, and a total. *out is the caller's: free(); "" without timings. */
enum cln_status cln_timings_text(char **out, struct ocl_context *context) CLN_MUST_CHECK;

#endif
