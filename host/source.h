/* What programs are built from: the text of kernel files, embedded or from a folder, and the user's options. */
#ifndef HOST_SOURCE_H
#define HOST_SOURCE_H

#include "clenet/status.h"

/* Loads the kernel file `name` ("conv2d.cl") from `folder`; `folder` NULL: the embedded file. Each line `#include
 * "other.clh"` is replaced by that file's text, with `#line` directives, so that a compiler's messages name the
 * original file and line. *out is the caller's: free(). */
enum cln_status ocl_source_load(char **out, const char *folder, const char *name) CLN_MUST_CHECK;

/* The options that $CLENET_BUILD_OPTIONS adds to those of every program of ours; "": none. */
const char *ocl_build_options(void);

#endif
