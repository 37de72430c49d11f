/* Which OpenCL call is under way, and when drivers have been loaded: for the last words of a program that crashes. */
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include <stddef.h>

/* The name of the OpenCL call that this process has made and that has not come back; NULL where there is none. Where
 * several threads make calls, it is that of the last one. *number, which may be NULL, is how many calls were made so
 * far. Safe in a signal handler. */
const char *ocl_call_under_way(size_t *number);

/* From now on `function` is called whenever the drivers have been loaded, which may have put handlers of their own in
 * the place of the program's. NULL, the state at start: nothing is. */
void ocl_set_drivers_loaded_handler(void (*function)(void));

#endif
