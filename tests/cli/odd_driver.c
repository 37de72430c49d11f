/* Preloaded, this gives every device and platform a name that no terminal should be told as it is: an escape sequence,
 * a byte that is not UTF-8, a control character of two bytes, a line feed, a mark that reorders text, and Markdown. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <string.h>

static const char odd[] = " \x1b[2J|`x`\xff\xc2\x9b<b>\n\xe2\x80\xae";
enum { ROOM = 4096 };

static cl_int add(const char *name, size_t room, void *out, size_t *bytes) {
    const size_t length = strlen(name) + sizeof odd;
    if (bytes)
        *bytes = length;
    if (!out)
        return CL_SUCCESS;
    if (room < length)
        return CL_INVALID_VALUE;
    strcpy(out, name);
    strcat(out, odd);
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void *out,
                                                size_t *bytes) {
    cl_int (*next)(cl_device_id, cl_device_info, size_t, void *, size_t *);
    *(void **)&next = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    char name[ROOM] = "";
    if (what != CL_DEVICE_NAME && what != CL_DEVICE_VENDOR && what != CL_DRIVER_VERSION)
        return next(device, what, room, out, bytes);
    const cl_int result = next(device, what, sizeof name, name, NULL);
    return result == CL_SUCCESS ? add(name, room, out, bytes) : result;
}

CL_API_ENTRY cl_int CL_API_CALL clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room,
                                                  void *out, size_t *bytes) {
    cl_int (*next)(cl_platform_id, cl_platform_info, size_t, void *, size_t *);
    *(void **)&next = dlsym(RTLD_NEXT, "clGetPlatformInfo");
    char name[ROOM] = "";
    if (what != CL_PLATFORM_NAME && what != CL_PLATFORM_VERSION)
        return next(platform, what, room, out, bytes);
    const cl_int result = next(platform, what, sizeof name, name, NULL);
    return result == CL_SUCCESS ? add(name, room, out, bytes) : result;
}
