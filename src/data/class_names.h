/* Names of classes that a file has, one a line. Private to src/data. */
#ifndef SRC_DATA_CLASS_NAMES_H
#define SRC_DATA_CLASS_NAMES_H

#include <stddef.h>

#include "clenet/status.h"

struct cln_class_names {
    char *text;
    const char **list; /* `count` strings within the text */
    size_t count;
};

/* Reads the lines of a file, but for empty ones: `wanted` names. CLN_INVALID: there are more or fewer. Empty after a
 * failure. */
enum cln_status cln_class_names_read(struct cln_class_names *out, const char *path, size_t wanted) CLN_MUST_CHECK;
void cln_class_names_free(struct cln_class_names *names);

#endif
