/* Tells which OpenCL call is under way, for the report of a crash or a hang; and tells when drivers have been
 * loaded. */
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include <stddef.h>

/* The name of the OpenCL call that this process is in, NULL for none; with calls in several threads, the one made last.
 * Sets *number, unless NULL, to the number of calls made so far. Async-signal-safe. */
const char *ocl_call_under_way(size_t *number);

/* Sets a function that is called each time after drivers were loaded: drivers may have replaced the program's signal
 * handlers. NULL, the initial state: none. */
void ocl_set_drivers_loaded_handler(void (*function)(void));

#endif
