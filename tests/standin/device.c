/* The one platform and its one device: a processor, so that profiles choose no GPU's way. */
#include <stdlib.h>
#include <string.h>

#include "tests/standin/objects.h"

struct _cl_platform_id {
    cl_icd_dispatch *dispatch;
};
struct _cl_device_id {
    cl_icd_dispatch *dispatch;
};

static struct _cl_platform_id platform = {&standin_dispatch};
static struct _cl_device_id device = {&standin_dispatch};

void *standin_device(void) {
    return &device;
}

static cl_int CL_API_CALL get_platforms(cl_uint room, cl_platform_id *out, cl_uint *count) {
    BEGIN_CALL(clGetPlatformIDs);
    if (count)
        *count = 1;
    if (out && room > 0)
        out[0] = &platform;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id id, cl_platform_info query, size_t room, void *out,
                                            size_t *needed) {
    static const struct {
        cl_platform_info query;
        const char *text;
    } rows[] = {{CL_PLATFORM_NAME, "Stand-in"},
                {CL_PLATFORM_VENDOR, "clenet"},
                {CL_PLATFORM_VERSION, "OpenCL 1.2 stand-in"},
                {CL_PLATFORM_PROFILE, "FULL_PROFILE"},
                {CL_PLATFORM_EXTENSIONS, "cl_khr_icd"},
                {CL_PLATFORM_ICD_SUFFIX_KHR, "STANDIN"}};
    BEGIN_CALL(clGetPlatformInfo);
    (void)id;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].query == query)
            return answer_text(rows[i].text, room, out, needed);
    return CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_devices(cl_platform_id id, cl_device_type type, cl_uint room, cl_device_id *out,
                                      cl_uint *count) {
    BEGIN_CALL(clGetDeviceIDs);
    (void)id;
    if (!(type & (CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_DEFAULT)))
        return CL_DEVICE_NOT_FOUND;
    if (count)
        *count = 1;
    if (out && room > 0)
        out[0] = &device;
    return CL_SUCCESS;
}

/* Answers of numbers, by their size. */
static const struct number {
    cl_device_info query;
    size_t bytes;
    uint64_t value;
} numbers[] = {
    {CL_DEVICE_TYPE, sizeof(cl_device_type), CL_DEVICE_TYPE_CPU},
    {CL_DEVICE_AVAILABLE, sizeof(cl_bool), CL_TRUE},
    {CL_DEVICE_COMPILER_AVAILABLE, sizeof(cl_bool), CL_TRUE},
    {CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof(cl_bool), CL_TRUE},
    {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof(cl_uint), 2},
    {CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof(cl_uint), 1000},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof(cl_uint), 4},
    {CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, sizeof(cl_uint), 3},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof(size_t), GROUP},
    {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof(cl_ulong), 1u << 30},
    {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof(cl_ulong), 1u << 20},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof(cl_ulong), 1u << 29},
    {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof(cl_uint), 1024},
    {CL_DEVICE_LOCAL_MEM_SIZE, sizeof(cl_ulong), LOCAL_BYTES},
    {CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, sizeof(cl_ulong), 64 << 10},
    {CL_DEVICE_VENDOR_ID, sizeof(cl_uint), 0},
#ifdef CL_DEVICE_COMMAND_BUFFER_CAPABILITIES_KHR
    {CL_DEVICE_COMMAND_BUFFER_CAPABILITIES_KHR, sizeof(cl_bitfield), 0},
    {CL_DEVICE_COMMAND_BUFFER_REQUIRED_QUEUE_PROPERTIES_KHR, sizeof(cl_bitfield), 0},
#endif
};

static const struct {
    cl_device_info query;
    const char *text;
} texts[] = {{CL_DEVICE_NAME, "stand-in"},        {CL_DEVICE_VENDOR, "clenet"},
             {CL_DEVICE_VERSION, "OpenCL 1.2"},   {CL_DRIVER_VERSION, "1"},
             {CL_DEVICE_PROFILE, "FULL_PROFILE"}, {CL_DEVICE_OPENCL_C_VERSION, "OpenCL C 1.2"}};

static cl_int CL_API_CALL get_device_info(cl_device_id id, cl_device_info query, size_t room, void *out,
                                          size_t *needed) {
    static const size_t items[3] = {GROUP, GROUP, GROUP};
    BEGIN_CALL(clGetDeviceInfo);
    if (id != &device)
        return CL_INVALID_DEVICE;
    if (query == CL_DEVICE_MAX_WORK_ITEM_SIZES)
        return answer(items, sizeof items, room, out, needed);
    if (query == CL_DEVICE_EXTENSIONS)
        return answer_text(device_records() ? "cl_khr_fp64 cl_khr_command_buffer" : "cl_khr_fp64", room, out, needed);
    if (query == CL_DEVICE_PLATFORM)
        return answer(&(cl_platform_id){&platform}, sizeof(cl_platform_id), room, out, needed);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].query == query)
            return answer_text(texts[i].text, room, out, needed);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].query == query) {
            const cl_uint narrow = (cl_uint)numbers[i].value;
            return answer(numbers[i].bytes == sizeof narrow ? (const void *)&narrow : &numbers[i].value,
                          numbers[i].bytes, room, out, needed);
        }
    return CL_INVALID_VALUE;
}

static cl_context CL_API_CALL create_context(const cl_context_properties *properties, cl_uint count,
                                             const cl_device_id *devices,
                                             void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                                             void *user, cl_int *error_out) {
    BEGIN_CREATION(clCreateContext);
    (void)properties, (void)notify, (void)user;
    if (count != 1 || devices[0] != &device)
        NO_OBJECT(CL_INVALID_DEVICE);
    void *context = object_create(sizeof(struct object), CONTEXT, NULL, NULL);
    if (!context)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    return context;
}

static cl_int CL_API_CALL retain_context(cl_context context) {
    return object_retain(context, CONTEXT, CL_INVALID_CONTEXT);
}

static cl_int CL_API_CALL release_context(cl_context context) {
    return object_release(context, CONTEXT, CL_INVALID_CONTEXT);
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id id,
                                                 cl_command_queue_properties properties, cl_int *error_out) {
    BEGIN_CREATION(clCreateCommandQueue);
    struct object *owner = object_find(context, CONTEXT);
    if (!owner || id != &device)
        NO_OBJECT(owner ? CL_INVALID_DEVICE : CL_INVALID_CONTEXT);
    struct queue *queue = object_create(sizeof *queue, QUEUE, owner, NULL);
    if (!queue)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    queue->properties = properties;
    return (cl_command_queue)queue;
}

static cl_int CL_API_CALL retain_queue(cl_command_queue queue) {
    return object_retain(queue, QUEUE, CL_INVALID_COMMAND_QUEUE);
}

static cl_int CL_API_CALL release_queue(cl_command_queue queue) {
    return object_release(queue, QUEUE, CL_INVALID_COMMAND_QUEUE);
}

static void *CL_API_CALL find_extension(cl_platform_id id, const char *name) {
    (void)id;
    return fault_next("clGetExtensionFunctionAddressForPlatform") == CL_SUCCESS ? recording_function(name) : NULL;
}

void install_device(cl_icd_dispatch *dispatch) {
    dispatch->clGetPlatformIDs = get_platforms;
    dispatch->clGetPlatformInfo = get_platform_info;
    dispatch->clGetDeviceIDs = get_devices;
    dispatch->clGetDeviceInfo = get_device_info;
    dispatch->clCreateContext = create_context;
    dispatch->clRetainContext = retain_context;
    dispatch->clReleaseContext = release_context;
    dispatch->clCreateCommandQueue = create_queue;
    dispatch->clRetainCommandQueue = retain_queue;
    dispatch->clReleaseCommandQueue = release_queue;
    dispatch->clGetExtensionFunctionAddressForPlatform = find_extension;
}
