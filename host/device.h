/* OpenCL devices of all platforms as plain structs. The only place that asks drivers what they are. */
#ifndef HOST_DEVICE_H
#define HOST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

enum ocl_device_type {
    OCL_DEVICE_GPU = 1 << 0,
    OCL_DEVICE_ACCELERATOR = 1 << 1,
    OCL_DEVICE_CPU = 1 << 2,
    OCL_DEVICE_OTHER = 1 << 3,
};

struct ocl_device {
    char name[128];
    char vendor[128];
    char platform[128];
    char platform_version[128];
    char driver_version[128];
    char device_version[128]; /* "OpenCL 3.0 PoCL …" */
    enum ocl_device_type type;
    unsigned platform_index, device_index; /* P:D of --device */
    unsigned opencl_major, opencl_minor;   /* of device_version */
    bool available;                        /* CL_DEVICE_AVAILABLE and CL_DEVICE_COMPILER_AVAILABLE */
    bool lacks_compiler;                   /* it is the latter that is missing */
    bool unified_memory;                   /* shares memory with the host: an integrated GPU, a CPU */
    bool has_fp64;
    bool has_command_buffer;           /* cl_khr_command_buffer, and for an in-order queue */
    bool simultaneous_command_buffers; /* one may be enqueued again while it is at work */
    unsigned compute_units;            /* this and the limits below: at least 1 */
    unsigned clock_mhz;
    unsigned native_float_vector; /* CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, at least 1 */
    size_t max_work_group_size;
    size_t max_kernel_work_group_size; /* of any kernel once it is built, whatever the driver says then */
    size_t max_work_item_sizes[3];
    uint64_t global_memory_bytes;
    uint64_t max_alloc_bytes;
    uint64_t cache_bytes; /* of global memory, shared by the compute units; 0: none, or not known */
    uint64_t local_memory_bytes;
    uint64_t constant_buffer_bytes;
    bool groups_pretended; /* the driver would allow larger work-groups or more local memory than is said here */
    void *platform_id;     /* opaque handles of the driver, for host/ only */
    void *device_id;
};

/* All devices of all platforms, in the drivers' order, no more able than $CLENET_LIMITS lets them be (device_limits.h).
 * *out is the caller's: free() it. CLN_NO_DEVICE where there is none: the message names every platform and driver, why
 * it offers no device, and what to do. */
enum cln_status ocl_devices_list(struct ocl_device **out, size_t *count) CLN_MUST_CHECK;

/* A line about a platform without devices, a device that does not answer, or a driver that cannot be loaded. */
struct ocl_absence {
    char text[768];
};

/* What there is, and what is missing. */
struct ocl_survey {
    struct ocl_device *devices;
    size_t device_count;
    struct ocl_absence *absences;
    size_t absence_count;
    unsigned platform_count;
    bool advised; /* one of the absences says what to do */
};

/* The same as a list, together with everything that could not be asked. A machine without devices is CLN_OK here. */
enum cln_status ocl_devices_survey(struct ocl_survey *out) CLN_MUST_CHECK;
void ocl_survey_clear(struct ocl_survey *survey);
/* Sets the message of ocl_devices_list and returns CLN_NO_DEVICE, for a survey that found no device. */
enum cln_status ocl_survey_fail(const struct ocl_survey *survey);

/* "GPU", "CPU", "accelerator", "other". */
const char *ocl_device_type_name(enum ocl_device_type type);

#endif
