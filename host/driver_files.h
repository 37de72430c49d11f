/* Reads the files that tell the ICD loader (libOpenCL) which drivers are installed, to explain missing devices. For
 * host/ alone. */
#ifndef HOST_DRIVER_FILES_H
#define HOST_DRIVER_FILES_H

#include <stddef.h>

/* The folder or file that the loader reads: $OCL_ICD_VENDORS, $OPENCL_VENDOR_PATH or /etc/OpenCL/vendors. `variable` is
 * the environment variable that sets it; NULL: none. */
struct ocl_driver_place {
    const char *path, *variable;
};
struct ocl_driver_place ocl_driver_place(void);

/* Tries to load every driver listed at `place`. Calls `problem` for each that cannot be loaded, with the file that
 * lists it and the reason. Returns the number of drivers listed. */
size_t ocl_driver_files_try(const struct ocl_driver_place *place,
                            void (*problem)(void *user, const char *file, const char *reason), void *user);

#endif
