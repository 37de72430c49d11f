/* A file written as a whole or not at all: aside in the same folder, synced, then renamed into place. A file that
 * cannot be replaced that way, such as one that is mounted, is written in place when all of its content is there. */
#ifndef SRC_BASE_REPLACE_H
#define SRC_BASE_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

#include "clenet/status.h"

/* Zero before cln_replace_begin. */
struct cln_replacement {
    FILE *stream; /* write here */
    char *path;   /* what will be replaced, symbolic links followed, also one to a file that is not there yet */
    char *aside;  /* NULL: the new content has no name so far */
    bool in_place;
};

/* A new file gets mode 0644 less the umask, one that replaces another that one's mode. `path` must be free or a regular
 * file: a device or folder is CLN_INVALID, for a rename would take its place. Removes files that killed processes have
 * left aside in the folder. */
enum cln_status cln_replace_begin(struct cln_replacement *replacement, const char *path) CLN_MUST_CHECK;
/* Reports also what failed while writing to the stream. */
enum cln_status cln_replace_commit(struct cln_replacement *replacement) CLN_MUST_CHECK;
/* Removes what was written aside and was not committed; cleans up in both cases. */
void cln_replace_end(struct cln_replacement *replacement);

/* Whether all of this would succeed for `path`, as far as that can be known; nothing is changed. Where the file would
 * be written in place a warning goes to the log, or it is CLN_IO (`as_a_whole`). */
enum cln_status cln_replace_check(const char *path, bool as_a_whole) CLN_MUST_CHECK;

/* Gives the file `path` a second name, `name`, in the place of what had that name. Where the file system has no second
 * names, `path` is renamed. Both are in one folder. */
enum cln_status cln_replace_link(const char *path, const char *name) CLN_MUST_CHECK;

/* For handlers of signals that end the process: removes what this process has aside under a name. */
void cln_replace_abandon(void);

#endif
