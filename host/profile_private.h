/* ocl_profile_load with folders as parameters, for tests. */
#ifndef HOST_PROFILE_PRIVATE_H
#define HOST_PROFILE_PRIVATE_H

#include "host/profile_file.h"

/* Each may be NULL or a folder that does not exist. */
struct ocl_profile_folders {
    const char *installed; /* installed with the program; replaces shipped files of the same name */
    const char *site;      /* of the machine's administrator */
    const char *user;      /* of the user */
};

enum cln_status ocl_profile_load_from(struct ocl_profile **out, const struct ocl_device *device,
                                      const struct ocl_profile_params *params,
                                      const struct ocl_profile_folders *folders) CLN_MUST_CHECK;

#endif
