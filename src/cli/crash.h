/* Reports a crash of the program. */
#ifndef SRC_CLI_CRASH_H
#define SRC_CLI_CRASH_H

/* Installs signal handlers. A crash then prints to standard error which OpenCL call it happened in and how to avoid a
 * driver that crashes; then the signal ends the program as usual. Existing handlers, such as AddressSanitizer's,
 * stay. */
void cln_crash_begin(void);

#endif
