/* The last words of a program that crashes. */
#ifndef SRC_CLI_CRASH_H
#define SRC_CLI_CRASH_H

/* From now on a crash says on standard error which OpenCL call it was in, and how to get around a driver that crashes;
 * then the signal ends the program as ever. Where a handler is there already, such as AddressSanitizer's, it stays. */
void cln_crash_begin(void);

#endif
