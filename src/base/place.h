/* Resolves a path that is to be written: the file that it leads to, and whether that file can be replaced. For src/base
 * alone, except cln_place_resolve and cln_place_folder. */
#ifndef SRC_BASE_PLACE_H
#define SRC_BASE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "clenet/status.h"

struct cln_place {
    char *path;  /* the path with symbolic links followed; the caller's: free() */
    mode_t mode; /* mode of the existing file, or of a new one before the umask */
    bool exists;
    const char *reason; /* why it can only be written in place; NULL: it can be replaced by a rename */
};

/* Fills *out. CLN_INVALID if `path` exists and is not a regular file; CLN_IO if it can be neither replaced nor written
 * in place. */
enum cln_status cln_place_find(struct cln_place *out, const char *path) CLN_MUST_CHECK;

/* The path with all symbolic links followed, even if the last one leads to a file that does not exist. A pipe's or
 * device's path is returned unchanged. The caller's: free(). NULL: out of memory. */
char *cln_place_resolve(const char *path);

/* The folder of a path, with the final slash, or "./". The caller's: free(). NULL: out of memory. */
char *cln_place_folder(const char *path);

#endif
