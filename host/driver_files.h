/* The files that tell the ICD loader (libOpenCL) which drivers are installed, for messages about what is missing.
 * Private to host/. */
#ifndef HOST_DRIVER_FILES_H
#define HOST_DRIVER_FILES_H

#include <stddef.h>

/* Where the loader looks: $OCL_ICD_VENDORS, $OPENCL_VENDOR_PATH or /etc/OpenCL/vendors. `variable` is the name of the
 * environment variable that says so, or NULL. */
struct ocl_driver_place {
    const char *path, *variable;
};
struct ocl_driver_place ocl_driver_place(void);

/* Calls `problem` for every driver there whose library cannot be loaded, with the file that names it and the reason.
 * Returns the number of drivers found. */
size_t ocl_driver_files_try(const struct ocl_driver_place *place,
                            void (*problem)(void *user, const char *file, const char *reason), void *user);

#endif
