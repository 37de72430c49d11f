/* Lines that go to a file, pipe or device as they come. */
#ifndef SRC_CLI_LINES_H
#define SRC_CLI_LINES_H

#include <stdbool.h>
#include <stdio.h>

/* A stream to `path`. With `append` lines go behind what is there, on a line of their own where the last one was cut
 * short; otherwise the file is emptied. Where it is what standard output or standard error goes to, it is shared with
 * that. NULL: errno says why. */
FILE *cln_lines_open(const char *path, bool append);

#endif
