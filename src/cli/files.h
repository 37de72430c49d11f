/* Files that a command is told to read and to write. */
#ifndef SRC_CLI_FILES_H
#define SRC_CLI_FILES_H

#include <stdbool.h>

#include "host/status.h"

/* CLN_INVALID where two names are of one file, be it there already or not yet; `option` is the second one's, which
 * would be written over the first. Either name may be NULL: then nothing is wrong. */
enum cln_status cln_files_differ(const char *path, const char *option, const char *written) CLN_MUST_CHECK;
/* Whether a file can be written there, found out before there is anything to write. NULL: nothing is to be written. */
enum cln_status cln_files_writable(const char *path) CLN_MUST_CHECK;

#endif
