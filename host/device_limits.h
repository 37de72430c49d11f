/* $CLENET_LIMITS lowers what a device reports, to test small devices on a large one. All of host/ enforces the lowered
 * limits as a driver would. */
#ifndef HOST_DEVICE_LIMITS_H
#define HOST_DEVICE_LIMITS_H

#include "host/device.h"

/* Lowers the limits in `device` as `text` says, never raises one. `text` is "key=value,…" with the keys of
 * docs/limits.md; sizes may end in K, M or G (powers of 1024). NULL or "": no change. CLN_INVALID for an unknown key or
 * an invalid value; the message names the variable and what is allowed. */
enum cln_status ocl_limits_apply(struct ocl_device *device, const char *text) CLN_MUST_CHECK;

/* Checks $CLENET_LIMITS as ocl_limits_apply does, for programs that may open no device. */
enum cln_status ocl_limits_check(void) CLN_MUST_CHECK;

/* The value of $CLENET_LIMITS; NULL: not set or empty. */
const char *ocl_limits_text(void);

#endif
