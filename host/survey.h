/* How a survey of the machine asks about one platform and one device (device.c). Private to host/. */
#ifndef HOST_SURVEY_H
#define HOST_SURVEY_H

#include "host/device.h"

/* *out with nothing but the platform's part; `platform` is a cl_platform_id. */
enum cln_status ocl_platform_describe(struct ocl_device *out, void *platform, unsigned index) CLN_MUST_CHECK;
/* Adds what `device`, a cl_device_id, says of itself. */
enum cln_status ocl_device_describe(struct ocl_device *out, void *device) CLN_MUST_CHECK;

#endif
