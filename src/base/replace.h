/* Replaces a file as a whole or not at all: the new content is written to a temporary file in the same folder, synced,
 * and renamed over the old file. A file that cannot be replaced by a rename, such as a mount point, is written in
 * place: its content is collected in memory or in a temporary file of the system, and then copied into the old file. */
#ifndef SRC_BASE_REPLACE_H
#define SRC_BASE_REPLACE_H

#include <stdbool.h>
#include <stdio.h>

#include "clenet/status.h"

/* All zero before cln_replace_begin. */
struct cln_replacement {
    FILE *stream;  /* write here */
    char *path;    /* path of the target, symbolic links followed; the target may not exist yet */
    char *aside;   /* name of the temporary file; NULL: it is nameless */
    bool in_place; /* the content will be copied into the target */
};

/* Opens replacement->stream for the new content of `path`. The file keeps the mode of the old one; a new file gets 0644
 * less the umask. CLN_INVALID if `path` exists and is not a regular file: a rename would replace a device or folder.
 * Also deletes temporary files that died processes have left in the folder. */
enum cln_status cln_replace_begin(struct cln_replacement *replacement, const char *path) CLN_MUST_CHECK;
/* Syncs the content and moves it to `path`. Also returns errors of earlier writes to the stream. On failure the old
 * file is unchanged, unless it had to be written in place. */
enum cln_status cln_replace_commit(struct cln_replacement *replacement) CLN_MUST_CHECK;
/* Frees the replacement, committed or not; deletes the temporary file if it was not committed. Call it in every
 * case. */
void cln_replace_end(struct cln_replacement *replacement);

/* Checks whether `path` can be replaced, as far as that can be known beforehand. The file itself is not touched;
 * leftover temporary files are deleted as in cln_replace_begin. If the file can only be written in place, the
 * function gives a warning (cln_log), or with `as_a_whole` fails with CLN_IO. */
enum cln_status cln_replace_check(const char *path, bool as_a_whole) CLN_MUST_CHECK;

/* Makes `name` a hard link to the file `path`; both must be in one folder. An existing `name` is replaced. If linking
 * fails, renames `path` to `name`: `path` is then gone. */
enum cln_status cln_replace_link(const char *path, const char *name) CLN_MUST_CHECK;

/* For signal handlers that end the process: deletes this process's named temporary files. */
void cln_replace_abandon(void);

#endif
