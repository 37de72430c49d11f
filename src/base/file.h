/* Reads small text files as a whole; makes folders. */
#ifndef SRC_BASE_FILE_H
#define SRC_BASE_FILE_H

#include <sys/types.h>

#include "clenet/status.h"

/* Reads the file and appends a zero byte; *out is the caller's: free(). CLN_NOT_FOUND, CLN_IO, or CLN_INVALID for more
 * than 1 MiB; each message has the path. */
enum cln_status cln_file_read(char **out, const char *path) CLN_MUST_CHECK;

/* Makes the folder and its missing parents, with this mode less the umask. An existing folder stays unchanged. */
enum { CLN_FOLDER_PRIVATE = 0700, CLN_FOLDER_USUAL = 0777 };
enum cln_status cln_folder_make(const char *path, mode_t mode) CLN_MUST_CHECK;

#endif
