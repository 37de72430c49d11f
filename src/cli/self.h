/* Starting this program again, as a helper process that builds kernels or runs a candidate. */
#ifndef SRC_CLI_SELF_H
#define SRC_CLI_SELF_H

#include <stdbool.h>

/* Call first in main. Opens /dev/null for standard input, output or error if one is closed, so that no file of the user
 * gets its number; reading such an input and writing to such an output fails. In a helper: also ends the process as
 * soon as the program that started it has ended. */
void cln_self_begin(int argc, char **argv);
/* Whether this process is a helper. */
bool cln_self_helps(void);
/* The command line that starts this program again, NULL-terminated; NULL: unknown. */
const char *const *cln_self_command(void);
/* For a command that reads what can be read only once, such as a pipe: other processes would find nothing there, or
 * wait. */
void cln_self_read_once(void);
bool cln_self_reads_once(void);
/* The command line for helpers; NULL: unknown, or they could not read what this process reads. */
const char *const *cln_self_helper_command(void);

#endif
