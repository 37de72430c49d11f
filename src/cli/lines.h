/* Opens files, pipes and devices that lines are written to one by one. */
#ifndef SRC_CLI_LINES_H
#define SRC_CLI_LINES_H

#include <stdbool.h>
#include <stdio.h>

/* Opens a stream to `path`. `append`: keeps the content; if its last line is incomplete, new lines start on a line of
 * their own. Else the file is emptied. If `path` is the target of standard output or standard error, they share it.
 * NULL: errno says why. */
FILE *cln_lines_open(const char *path, bool append);

#endif
