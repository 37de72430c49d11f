/* An OpenCL driver with one platform, "Silent", that offers nothing: $SILENT_ICD says in which way. Tests load it
 * through $OCL_ICD_VENDORS. It answers questions only; a device of it cannot be opened. */
#include <CL/cl_icd.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct _cl_platform_id {
    const cl_icd_dispatch *dispatch;
};
struct _cl_device_id {
    const cl_icd_dispatch *dispatch;
};

static int mode_is(const char *mode) {
    const char *value = getenv("SILENT_ICD");
    return value && strcmp(value, mode) == 0;
}

static cl_int answer(const void *value, size_t bytes, size_t room, void *out, size_t *out_bytes) {
    if (out && room < bytes)
        return CL_INVALID_VALUE;
    if (out)
        memcpy(out, value, bytes);
    if (out_bytes)
        *out_bytes = bytes;
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t room, void *out, size_t *out_bytes) {
    return answer(text, strlen(text) + 1, room, out, out_bytes);
}

/* Static, as the loader has a function of that name too. */
static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info what, size_t room, void *out,
                                            size_t *bytes) {
    (void)platform;
    switch (what) {
    case CL_PLATFORM_NAME:
        return answer_text(mode_is("pocl") ? "Portable Computing Language" : "Silent", room, out, bytes);
    case CL_PLATFORM_VERSION:
        return answer_text("OpenCL 1.2 Silent", room, out, bytes);
    case CL_PLATFORM_EXTENSIONS:
        return answer_text("cl_khr_icd", room, out, bytes);
    case CL_PLATFORM_ICD_SUFFIX_KHR:
        return answer_text("SILENT", room, out, bytes);
    default:
        return answer_text("", room, out, bytes);
    }
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t room, void *out,
                                          size_t *bytes) {
    const cl_device_type type = CL_DEVICE_TYPE_GPU;
    const cl_bool available = !mode_is("unavailable"), compiler = !mode_is("compiler");
    const cl_ulong number = 1 << 20;
    const size_t sizes[3] = {64, 64, 64};
    (void)device;
    if (mode_is("answerless"))
        return CL_OUT_OF_RESOURCES;
    switch (what) {
    case CL_DEVICE_TYPE:
        return answer(&type, sizeof type, room, out, bytes);
    case CL_DEVICE_AVAILABLE:
        return answer(&available, sizeof available, room, out, bytes);
    case CL_DEVICE_COMPILER_AVAILABLE:
        return answer(&compiler, sizeof compiler, room, out, bytes);
    case CL_DEVICE_NAME:
        return answer_text("A graphics card whose name is much longer than a column of the table has room for, really",
                           room, out, bytes);
    case CL_DEVICE_VERSION:
        return answer_text(mode_is("old") ? "OpenCL 1.1 Silent" : "OpenCL 1.2 Silent", room, out, bytes);
    case CL_DEVICE_VENDOR:
    case CL_DRIVER_VERSION:
    case CL_DEVICE_EXTENSIONS:
        return answer_text("", room, out, bytes);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return answer(&sizes[0], sizeof sizes[0], room, out, bytes);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return answer(sizes, sizeof sizes, room, out, bytes);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
    case CL_DEVICE_GLOBAL_MEM_SIZE:
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return answer(&number, sizeof number, room, out, bytes);
    default:
        return CL_INVALID_VALUE;
    }
}

static const cl_icd_dispatch dispatch;
static struct _cl_platform_id the_platform = {&dispatch};
static struct _cl_device_id the_device = {&dispatch};

static cl_int CL_API_CALL get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *out,
                                         cl_uint *count) {
    (void)platform;
    (void)type;
    if (mode_is("error"))
        return CL_OUT_OF_HOST_MEMORY;
    if (mode_is("none") || mode_is("pocl"))
        return CL_DEVICE_NOT_FOUND;
    if (out && room > 0)
        *out = &the_device;
    if (count)
        *count = mode_is("zero") ? 0 : 1;
    return CL_SUCCESS;
}

EXPORT cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *out, cl_uint *count) {
    if (mode_is("no-platform"))
        return CL_PLATFORM_NOT_FOUND_KHR;
    if (out && room > 0)
        *out = &the_platform;
    if (count)
        *count = 1;
    return CL_SUCCESS;
}

static const cl_icd_dispatch dispatch = {
    .clGetPlatformInfo = get_platform_info,
    .clGetDeviceIDs = get_device_ids,
    .clGetDeviceInfo = get_device_info,
};

/* ISO C knows no conversion from a function to a void *; both have the same size wherever OpenCL is. */
EXPORT void *CL_API_CALL clGetExtensionFunctionAddress(const char *name) {
    cl_int(CL_API_CALL * ids)(cl_uint, cl_platform_id *, cl_uint *) = clIcdGetPlatformIDsKHR;
    cl_int(CL_API_CALL * info)(cl_platform_id, cl_platform_info, size_t, void *, size_t *) = get_platform_info;
    void *address = NULL;
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        memcpy(&address, &ids, sizeof address);
    if (strcmp(name, "clGetPlatformInfo") == 0)
        memcpy(&address, &info, sizeof address);
    return address;
}
