/* The seam under ocl_profile_load: the same with folders that a test can name. */
#ifndef HOST_PROFILE_PRIVATE_H
#define HOST_PROFILE_PRIVATE_H

#include "host/profile_file.h"

/* Any may be NULL, or not be there. */
struct ocl_profile_folders {
    const char *installed; /* with the program: files replace shipped ones of the same name */
    const char *site;      /* what the machine's administrator added */
    const char *user;
};

enum cln_status ocl_profile_load_from(struct ocl_profile **out, const struct ocl_device *device,
                                      const struct ocl_profile_params *params,
                                      const struct ocl_profile_folders *folders) CLN_MUST_CHECK;

#endif
