/* Reads small text files as a whole; makes folders. */
#ifndef SRC_BASE_FILE_H
#define SRC_BASE_FILE_H

#include "clenet/status.h"

/* Reads the file and appends a zero byte; *out is the caller's: free(). CLN_NOT_FOUND, CLN_IO, or CLN_INVALID for more
 * than 1 MiB; each message has the path. */
enum cln_status cln_file_read(char **out, const char *path) CLN_MUST_CHECK;

/* Makes the folder and its missing parents, accessible by this user alone. An existing folder stays unchanged. */
enum cln_status cln_folder_make(const char *path) CLN_MUST_CHECK;

#endif
