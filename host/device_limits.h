/* $CLENET_LIMITS: a device that says less of itself than it is, so that a small one can be tested for without having
 * it. What is pretended here is kept to by the whole of this folder as a driver would. */
#ifndef HOST_DEVICE_LIMITS_H
#define HOST_DEVICE_LIMITS_H

#include "host/device.h"

/* `text` is "key=value,…" with the keys of docs/limits.md; sizes may end in K, M or G (of 1024). NULL or empty: no
 * limits. Lowers what `device` says, never raises it. CLN_INVALID where a key is unknown or a value is none: the
 * message names the variable, and the keys or what the value has to be. */
enum cln_status ocl_limits_apply(struct ocl_device *device, const char *text) CLN_MUST_CHECK;

/* Whether $CLENET_LIMITS can be read, for programs that may not come to open a device; the error is the same. */
enum cln_status ocl_limits_check(void) CLN_MUST_CHECK;

/* The variable's text, NULL where it is not set or empty. */
const char *ocl_limits_text(void);

#endif
