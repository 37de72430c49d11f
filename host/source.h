/* Kernel source text, from the library or from a folder, with its includes put in. */
#ifndef HOST_SOURCE_H
#define HOST_SOURCE_H

#include "clenet/status.h"

/* The text of `name` ("conv2d.cl") in `folder`, or of the embedded file where that is NULL. Each line
 * `#include "other.clh"` is replaced by that file, and `#line` says where a line came from, so that a
 * compiler's message names the original. *out is the caller's: free() it. */
enum cln_status ocl_source_load(char **out, const char *folder, const char *name) CLN_MUST_CHECK;

#endif
