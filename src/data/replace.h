/* A file written as a whole or not at all: aside in the same folder, synced, then renamed into place. */
#ifndef SRC_DATA_REPLACE_H
#define SRC_DATA_REPLACE_H

#include <stdio.h>

#include "host/status.h"

/* Zero before cln_replace_begin. */
struct cln_replacement {
    FILE *stream; /* write here */
    char *path;   /* what will be replaced, symbolic links followed */
    char *aside;
};

/* A new file gets mode 0644 less the umask, one that replaces another that one's mode. `path` must be free or a regular
 * file: a device or folder is CLN_INVALID, for a rename would take its place. */
enum cln_status cln_replace_begin(struct cln_replacement *replacement, const char *path) CLN_MUST_CHECK;
/* Reports also what failed while writing to the stream. */
enum cln_status cln_replace_commit(struct cln_replacement *replacement) CLN_MUST_CHECK;
/* Removes what was written aside and was not committed; cleans up in both cases. */
void cln_replace_end(struct cln_replacement *replacement);

#endif
