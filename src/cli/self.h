/* This program as others of its kind are started: as builders, which compile kernels beside it. */
#ifndef SRC_CLI_SELF_H
#define SRC_CLI_SELF_H

#include <stdbool.h>

/* Before anything else. Opens what is not open of standard input, output and error, so that no file of the user gets
 * their numbers: on /dev/null, in a way that reading from such an input and writing to such an output fails. In a
 * helper: ends it as soon as the program that started it has ended. */
void cln_self_begin(int argc, char **argv);
/* Whether this process helps another one of this program: it builds kernels, or runs a candidate. */
bool cln_self_helps(void);
/* The command line that starts this program anew, NULL at its end; NULL where there is none. */
const char *const *cln_self_command(void);

#endif
