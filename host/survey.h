/* Queries for one platform and one device, for the survey of device.c. For host/ alone. */
#ifndef HOST_SURVEY_H
#define HOST_SURVEY_H

#include "host/device.h"

/* Sets *out to the platform's properties, all else zero. `platform` is a cl_platform_id, `index` its number. */
enum cln_status ocl_platform_describe(struct ocl_device *out, void *platform, unsigned index) CLN_MUST_CHECK;
/* Adds the properties of `device`, a cl_device_id. */
enum cln_status ocl_device_describe(struct ocl_device *out, void *device) CLN_MUST_CHECK;

#endif
