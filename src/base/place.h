/* A path that is to be written: which file it leads to, and how that file can be written. Private to src/data, but for
 * cln_place_resolve. */
#ifndef SRC_BASE_PLACE_H
#define SRC_BASE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "clenet/status.h"

struct cln_place {
    char *path;  /* symbolic links followed; the caller's: free() */
    mode_t mode; /* of the file that is there, or of a new one before the umask */
    bool exists;
    const char *reason; /* why it can only be written in place; NULL: it can be replaced */
};

/* CLN_INVALID for what is not a regular file; CLN_IO where it can be neither replaced nor written in place. */
enum cln_status cln_place_find(struct cln_place *out, const char *path) CLN_MUST_CHECK;

/* The path with all symbolic links followed, also the last one where it leads to a file that is not there yet; of a
 * pipe or a device the path as it is. The caller's: free(). NULL where memory ran out. */
char *cln_place_resolve(const char *path);

/* The folder's part of a path, with the slash, or "./"; the caller's: free(). NULL where memory ran out. */
char *cln_place_folder(const char *path);

#endif
