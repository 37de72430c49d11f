/* OpenCL devices as plain structs. Only this module queries drivers for devices and their properties. */
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
    unsigned platform_index, device_index; /* the numbers in --device P:D */
    unsigned opencl_major, opencl_minor;   /* version in device_version */
    bool available;                        /* CL_DEVICE_AVAILABLE and CL_DEVICE_COMPILER_AVAILABLE */
    bool lacks_compiler;                   /* not available because it has no compiler */
    bool unified_memory;                   /* shares memory with the host: CPUs, integrated GPUs */
    bool has_fp64;
    bool has_command_buffer;           /* supports cl_khr_command_buffer with an in-order queue */
    bool simultaneous_command_buffers; /* a command buffer may be enqueued again while it executes */
    unsigned compute_units;            /* like all limits below at least 1 */
    unsigned clock_mhz;
    unsigned native_float_vector; /* CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, at least 1 */
    size_t max_work_group_size;
    size_t max_kernel_work_group_size; /* upper limit for every built kernel, in addition to the driver's */
    size_t max_work_item_sizes[3];
    uint64_t global_memory_bytes;
    uint64_t max_alloc_bytes;
    size_t part_alignment; /* bytes; a part of a buffer begins at a multiple of it */
    uint64_t cache_bytes;  /* cache of global memory; 0: none or unknown */
    uint64_t local_memory_bytes;
    uint64_t constant_buffer_bytes;
    bool groups_pretended; /* $CLENET_LIMITS lowered work-group size or local memory below the driver's limits */
    void *platform_id;     /* cl_platform_id, for host/ only */
    void *device_id;       /* cl_device_id, for host/ only */
};

/* Lists all devices of all platforms, in the drivers' order, with limits lowered by $CLENET_LIMITS (device_limits.h).
 * *out is the caller's: free(). CLN_NO_DEVICE if there is no device; its message names every platform and driver, why
 * it offers no device, and what to do. */
enum cln_status ocl_devices_list(struct ocl_device **out, size_t *count) CLN_MUST_CHECK;

/* One line of text about a platform without devices, a device that does not answer, or a driver that cannot be
 * loaded. */
struct ocl_absence {
    char text[768];
};

/* The devices found, and reasons for those missing. */
struct ocl_survey {
    struct ocl_device *devices;
    size_t device_count;
    struct ocl_absence *absences;
    size_t absence_count;
    unsigned platform_count;
    bool advised; /* an absence already says what to do */
};

/* Like ocl_devices_list, and also collects every platform, device and driver that could not be used. Finding no device
 * is CLN_OK here. */
enum cln_status ocl_devices_survey(struct ocl_survey *out) CLN_MUST_CHECK;
void ocl_survey_clear(struct ocl_survey *survey);
/* For a survey without devices: sets the message of ocl_devices_list and returns CLN_NO_DEVICE. */
enum cln_status ocl_survey_fail(const struct ocl_survey *survey);

/* The name of a type: "GPU", "CPU", "accelerator", "other". */
const char *ocl_device_type_name(enum ocl_device_type type);

#endif
