/* Reading a small text file in one go; making folders. */
#ifndef SRC_BASE_FILE_H
#define SRC_BASE_FILE_H

#include "clenet/status.h"

/* The file's text with a zero byte behind it; *out is the caller's: free() it. CLN_NOT_FOUND, CLN_IO,
 * or CLN_INVALID for more than 1 MiB, each with the path. */
enum cln_status cln_file_read(char **out, const char *path) CLN_MUST_CHECK;

/* Makes the folder, and those that lead to it, for this user alone; one that is there already is left as it is. */
enum cln_status cln_folder_make(const char *path) CLN_MUST_CHECK;

#endif
