/* This program as others of its kind are started: as builders, which compile kernels beside it. */
#ifndef SRC_CLI_SELF_H
#define SRC_CLI_SELF_H

/* Before anything else. In a builder, or a process that runs a candidate: ends it as soon as the program that started
 * it has ended. */
void cln_self_begin(int argc, char **argv);
/* The command line that starts this program anew, NULL at its end; NULL where there is none. */
const char *const *cln_self_command(void);

#endif
