/* The seam under ocl_profile_load: the same with folders that a test can name. */
#ifndef HOST_PROFILE_PRIVATE_H
#define HOST_PROFILE_PRIVATE_H

#include "host/profile_file.h"

/* A folder may be NULL, or not be there. */
enum cln_status ocl_profile_load_from(struct ocl_profile **out, const struct ocl_device *device,
                                      const struct ocl_profile_params *params, const char *system_folder,
                                      const char *user_folder) CLN_MUST_CHECK;

#endif
