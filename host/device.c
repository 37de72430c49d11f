/* Queries a driver for a device's properties, by a table. */
#include "host/device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command_buffer.h"
#include "host/device_limits.h"
#include "host/survey.h"

enum field_kind { FIELD_NUMBER, FIELD_BOOL, FIELD_TEXT };

/* A member of struct ocl_device and the query that fills it. If a needed query fails, the device is unusable; other
 * members stay zero if the driver does not know them. */
static const struct field {
    cl_device_info query;
    enum field_kind kind;
    size_t offset, bytes;
    bool needed;
} fields[] = {
#define FIELD(query, kind, member, needed)                                                                             \
    { query, kind, offsetof(struct ocl_device, member), sizeof((struct ocl_device *)0)->member, needed }
    FIELD(CL_DEVICE_NAME, FIELD_TEXT, name, true),
    FIELD(CL_DEVICE_VENDOR, FIELD_TEXT, vendor, false),
    FIELD(CL_DEVICE_VERSION, FIELD_TEXT, device_version, true),
    FIELD(CL_DRIVER_VERSION, FIELD_TEXT, driver_version, false),
    FIELD(CL_DEVICE_HOST_UNIFIED_MEMORY, FIELD_BOOL, unified_memory, false),
    FIELD(CL_DEVICE_MAX_COMPUTE_UNITS, FIELD_NUMBER, compute_units, false),
    FIELD(CL_DEVICE_MAX_CLOCK_FREQUENCY, FIELD_NUMBER, clock_mhz, false),
    FIELD(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, FIELD_NUMBER, native_float_vector, false),
    FIELD(CL_DEVICE_MAX_WORK_GROUP_SIZE, FIELD_NUMBER, max_work_group_size, true),
    FIELD(CL_DEVICE_MAX_WORK_ITEM_SIZES, FIELD_NUMBER, max_work_item_sizes, true),
    FIELD(CL_DEVICE_GLOBAL_MEM_SIZE, FIELD_NUMBER, global_memory_bytes, false),
    FIELD(CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, FIELD_NUMBER, cache_bytes, false),
    FIELD(CL_DEVICE_MAX_MEM_ALLOC_SIZE, FIELD_NUMBER, max_alloc_bytes, true),
    FIELD(CL_DEVICE_MEM_BASE_ADDR_ALIGN, FIELD_NUMBER, part_alignment, false), /* bits at first */
    FIELD(CL_DEVICE_LOCAL_MEM_SIZE, FIELD_NUMBER, local_memory_bytes, false),
    FIELD(CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, FIELD_NUMBER, constant_buffer_bytes, false),
#undef FIELD
};

/* Copies a driver's string without blanks at its ends; a longer one is cut. */
static void copy_trimmed(char *out, size_t bytes, const char *text) {
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    snprintf(out, bytes, "%.*s", (int)length, text);
}

/* The result of a query in allocated memory, followed by a zero byte. */
static enum cln_status query_device(char **out, size_t *bytes, cl_device_id device, cl_device_info query) {
    enum cln_status status = OCL_CALL(clGetDeviceInfo, device, query, 0, NULL, bytes);
    if (status != CLN_OK)
        return status;
    char *answer = calloc(1, *bytes + 1);
    if (!answer)
        return cln_fail(CLN_OUT_OF_MEMORY, "%zu bytes of host memory for a device's description", *bytes);
    status = OCL_CALL(clGetDeviceInfo, device, query, *bytes, answer, NULL);
    if (status != CLN_OK) {
        free(answer);
        return status;
    }
    *out = answer;
    return CLN_OK;
}

static enum cln_status query_field(struct ocl_device *out, cl_device_id device, const struct field *field) {
    char *answer = NULL;
    size_t bytes = 0;
    enum cln_status status = query_device(&answer, &bytes, device, field->query);
    if (status != CLN_OK)
        return status;
    char *target = (char *)out + field->offset;
    cl_bool flag = CL_FALSE;
    switch (field->kind) {
    case FIELD_TEXT:
        copy_trimmed(target, field->bytes, answer);
        break;
    case FIELD_BOOL:
        memcpy(&flag, answer, bytes < sizeof flag ? bytes : sizeof flag);
        *(bool *)target = flag != CL_FALSE;
        break;
    case FIELD_NUMBER:
        memcpy(target, answer, bytes < field->bytes ? bytes : field->bytes);
        break;
    }
    free(answer);
    return CLN_OK;
}

static bool has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at += length)
        if ((at == text || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static enum cln_status query_extensions(struct ocl_device *out, cl_device_id device) {
    char *extensions = NULL;
    size_t bytes = 0;
    enum cln_status status = query_device(&extensions, &bytes, device, CL_DEVICE_EXTENSIONS);
    if (status != CLN_OK)
        return status;
    out->has_fp64 = has_word(extensions, "cl_khr_fp64");
    out->has_command_buffer = has_word(extensions, "cl_khr_command_buffer");
    free(extensions);
    if (out->has_command_buffer)
        ocl_command_buffer_describe(out, device);
    return CLN_OK;
}

static enum cln_status query_usable(struct ocl_device *out, cl_device_id device) {
    cl_device_type type = 0;
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    enum cln_status status = OCL_CALL(clGetDeviceInfo, device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    if (status == CLN_OK)
        status = OCL_CALL(clGetDeviceInfo, device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    if (status == CLN_OK)
        status = OCL_CALL(clGetDeviceInfo, device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    if (status != CLN_OK)
        return status;
    out->type = type & CL_DEVICE_TYPE_GPU           ? OCL_DEVICE_GPU
                : type & CL_DEVICE_TYPE_ACCELERATOR ? OCL_DEVICE_ACCELERATOR
                : type & CL_DEVICE_TYPE_CPU         ? OCL_DEVICE_CPU
                                                    : OCL_DEVICE_OTHER;
    out->available = available && compiler;
    out->lacks_compiler = available && !compiler;
    return CLN_OK;
}

/* Sets limits that the driver left 0 to 1, so that no caller divides by zero; makes bits bytes. */
static void at_least_one(struct ocl_device *out) {
    enum { LINE = 128 }; /* no two parts of a buffer share a line of a cache */
    out->part_alignment = out->part_alignment / 8 > LINE ? out->part_alignment / 8 : LINE;
    if (out->native_float_vector == 0)
        out->native_float_vector = 1;
    if (out->compute_units == 0)
        out->compute_units = 1;
    if (out->max_work_group_size == 0)
        out->max_work_group_size = 1;
    for (size_t i = 0; i < 3; i++)
        if (out->max_work_item_sizes[i] == 0)
            out->max_work_item_sizes[i] = 1;
    if (out->global_memory_bytes < out->max_alloc_bytes)
        out->global_memory_bytes = out->max_alloc_bytes;
}

/* Fills in the device's properties; the platform's are already there. */
enum cln_status ocl_device_describe(struct ocl_device *out, void *device) {
    enum cln_status status = query_usable(out, device);
    for (size_t i = 0; status == CLN_OK && i < sizeof fields / sizeof fields[0]; i++) {
        status = query_field(out, device, &fields[i]);
        if (status == CLN_DEVICE && !fields[i].needed)
            status = CLN_OK;
    }
    if (status == CLN_OK)
        status = query_extensions(out, device);
    if (status != CLN_OK)
        return status;
    if (sscanf(out->device_version, "OpenCL %u.%u", &out->opencl_major, &out->opencl_minor) != 2)
        return cln_fail(CLN_DEVICE, "version \"%s\" is not of the form \"OpenCL 1.2 …\"", out->device_version);
    at_least_one(out);
    out->max_kernel_work_group_size = SIZE_MAX;
    out->device_id = device;
    return ocl_limits_apply(out, ocl_limits_text());
}

static enum cln_status platform_text(char *out, size_t bytes, cl_platform_id platform, cl_platform_info query) {
    char text[512] = "";
    enum cln_status status = OCL_CALL(clGetPlatformInfo, platform, query, sizeof text - 1, text, NULL);
    copy_trimmed(out, bytes, text);
    return status;
}

enum cln_status ocl_platform_describe(struct ocl_device *out, void *platform, unsigned index) {
    *out = (struct ocl_device){.platform_index = index, .platform_id = platform};
    enum cln_status status = platform_text(out->platform, sizeof out->platform, platform, CL_PLATFORM_NAME);
    return status != CLN_OK
               ? status
               : platform_text(out->platform_version, sizeof out->platform_version, platform, CL_PLATFORM_VERSION);
}

const char *ocl_device_type_name(enum ocl_device_type type) {
    switch (type) {
    case OCL_DEVICE_GPU:
        return "GPU";
    case OCL_DEVICE_ACCELERATOR:
        return "accelerator";
    case OCL_DEVICE_CPU:
        return "CPU";
    case OCL_DEVICE_OTHER:
        break;
    }
    return "other";
}
