/* Programs, whose build succeeds and makes nothing, but where the source has an #error; and their kernels. */
#include <stdlib.h>
#include <string.h>

#include "tests/standin/objects.h"

/* A binary: this, the options, a line feed, the source. */
static const char magic[] = "stand-in 1\n";

static void destroy_program(struct object *object) {
    struct program *program = (struct program *)object;
    free(program->source);
    free(program->options);
}

static cl_program program_of(struct object *context, char *source, char *options) {
    struct program *program =
        source && options ? object_create(sizeof *program, PROGRAM, context, destroy_program) : NULL;
    if (!program) {
        free(source);
        free(options);
        return NULL;
    }
    program->source = source;
    program->options = options;
    return (cl_program)program;
}

static cl_program CL_API_CALL create_from_source(cl_context context, cl_uint count, const char **texts,
                                                 const size_t *lengths, cl_int *error_out) {
    BEGIN_CREATION(clCreateProgramWithSource);
    struct object *owner = object_find(context, CONTEXT);
    if (!owner)
        NO_OBJECT(CL_INVALID_CONTEXT);
    size_t bytes = 1, at = 0;
    for (cl_uint i = 0; i < count; i++)
        bytes += lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
    char *source = calloc(1, bytes);
    for (cl_uint i = 0; source && i < count; i++) {
        const size_t length = lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
        memcpy(source + at, texts[i], length);
        at += length;
    }
    cl_program program = program_of(owner, source, calloc(1, 1));
    if (!program)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    return program;
}

static cl_program CL_API_CALL create_from_binary(cl_context context, cl_uint count, const cl_device_id *devices,
                                                 const size_t *lengths, const unsigned char **binaries,
                                                 cl_int *statuses, cl_int *error_out) {
    BEGIN_CREATION(clCreateProgramWithBinary);
    (void)devices;
    struct object *owner = object_find(context, CONTEXT);
    if (!owner || count != 1)
        NO_OBJECT(owner ? CL_INVALID_VALUE : CL_INVALID_CONTEXT);
    const size_t begin = sizeof magic - 1;
    const unsigned char *end = lengths[0] > begin && memcmp(binaries[0], magic, begin) == 0
                                   ? memchr(binaries[0] + begin, '\n', lengths[0] - begin)
                                   : NULL;
    if (statuses)
        statuses[0] = end ? CL_SUCCESS : CL_INVALID_BINARY;
    if (!end)
        NO_OBJECT(CL_INVALID_BINARY);
    char *options = strndup((const char *)binaries[0] + begin, (size_t)(end - binaries[0]) - begin);
    char *source = strndup((const char *)end + 1, lengths[0] - (size_t)(end + 1 - binaries[0]));
    cl_program program = program_of(owner, source, options);
    if (!program)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    return program;
}

/* A program from a binary keeps the options that it was made with. */
static cl_int CL_API_CALL build(cl_program handle, cl_uint count, const cl_device_id *devices, const char *options,
                                void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
    BEGIN_CALL(clBuildProgram);
    (void)count, (void)devices, (void)notify, (void)user;
    struct program *program = object_find(handle, PROGRAM);
    if (!program)
        return CL_INVALID_PROGRAM;
    if (strstr(program->source, "\n#error"))
        return CL_BUILD_PROGRAM_FAILURE;
    if (options && options[0] && !program->options[0]) {
        char *copy = strdup(options);
        if (!copy)
            return CL_OUT_OF_HOST_MEMORY;
        free(program->options);
        program->options = copy;
    }
    program->is_built = true;
    return CL_SUCCESS;
}

static size_t binary_bytes(const struct program *program) {
    return sizeof magic - 1 + strlen(program->options) + 1 + strlen(program->source);
}

static cl_int CL_API_CALL get_program_info(cl_program handle, cl_program_info query, size_t room, void *out,
                                           size_t *needed) {
    BEGIN_CALL(clGetProgramInfo);
    const struct program *program = object_find(handle, PROGRAM);
    if (!program)
        return CL_INVALID_PROGRAM;
    const size_t bytes = binary_bytes(program);
    if (query == CL_PROGRAM_BINARY_SIZES)
        return answer(&bytes, sizeof bytes, room, out, needed);
    if (query != CL_PROGRAM_BINARIES || !out || room < sizeof(unsigned char *))
        return CL_INVALID_VALUE;
    char *at = *(char **)out;
    memcpy(at, magic, sizeof magic - 1);
    at = stpcpy(at + sizeof magic - 1, program->options);
    *at++ = '\n';
    memcpy(at, program->source, strlen(program->source));
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_build_info(cl_program handle, cl_device_id device, cl_program_build_info query,
                                         size_t room, void *out, size_t *needed) {
    BEGIN_CALL(clGetProgramBuildInfo);
    (void)device;
    const struct program *program = object_find(handle, PROGRAM);
    if (!program)
        return CL_INVALID_PROGRAM;
    return query == CL_PROGRAM_BUILD_LOG
               ? answer_text(strstr(program->source, "\n#error") ? "error: #error\n" : "", room, out, needed)
               : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL retain_program(cl_program program) {
    return object_retain(program, PROGRAM, CL_INVALID_PROGRAM);
}

static cl_int CL_API_CALL release_program(cl_program program) {
    return object_release(program, PROGRAM, CL_INVALID_PROGRAM);
}

static cl_kernel CL_API_CALL create_kernel(cl_program handle, const char *name, cl_int *error_out) {
    BEGIN_CREATION(clCreateKernel);
    struct program *program = object_find(handle, PROGRAM);
    if (!program)
        NO_OBJECT(CL_INVALID_PROGRAM);
    struct kernel declared = {.argument_count = 0};
    if (!program->is_built || strlen(name) >= sizeof declared.name)
        NO_OBJECT(program->is_built ? CL_INVALID_KERNEL_NAME : CL_INVALID_PROGRAM_EXECUTABLE);
    strcpy(declared.name, name);
    if (!declare_kernel(&declared, program))
        NO_OBJECT(CL_INVALID_KERNEL_NAME);
    struct kernel *kernel = object_create(sizeof *kernel, KERNEL, program, NULL);
    if (!kernel)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    declared.object = kernel->object;
    *kernel = declared;
    return (cl_kernel)kernel;
}

static bool points(const struct kernel *kernel, cl_uint index) {
    return kernel->argument_count != SIZE_MAX && (kernel->declarations[index].space == CL_KERNEL_ARG_ADDRESS_GLOBAL ||
                                                  kernel->declarations[index].space == CL_KERNEL_ARG_ADDRESS_CONSTANT);
}

static cl_int CL_API_CALL set_argument(cl_kernel handle, cl_uint index, size_t bytes, const void *value) {
    BEGIN_CALL(clSetKernelArg);
    struct kernel *kernel = object_find(handle, KERNEL);
    if (!kernel)
        return CL_INVALID_KERNEL;
    if (index >= STANDIN_ARGUMENTS || index >= kernel->argument_count)
        return CL_INVALID_ARG_INDEX;
    if (bytes == 0 || bytes > sizeof kernel->values[index].content ||
        (points(kernel, index) && bytes != sizeof(cl_mem)))
        return CL_INVALID_ARG_SIZE;
    if (!value || (points(kernel, index) && !object_find(*(const cl_mem *)value, BUFFER)))
        return value ? CL_INVALID_MEM_OBJECT : CL_INVALID_ARG_VALUE;
    memcpy(kernel->values[index].content, value, bytes);
    kernel->values[index].bytes = bytes;
    return CL_SUCCESS;
}

cl_int check_launch(const struct kernel *kernel, cl_uint dimensions, const size_t *global, const size_t *local) {
    if (dimensions != 3)
        return CL_INVALID_WORK_DIMENSION;
    if (kernel->argument_count != SIZE_MAX)
        for (cl_uint i = 0; i < kernel->argument_count; i++) {
            if (kernel->values[i].bytes == 0)
                return CL_INVALID_KERNEL_ARGS;
            cl_mem handle;
            memcpy(&handle, kernel->values[i].content, sizeof handle);
            if (points(kernel, i) && !object_find(handle, BUFFER))
                return CL_INVALID_MEM_OBJECT;
        }
    for (int i = 0; i < 3; i++)
        if (global[i] == 0 || local[i] == 0 || global[i] % local[i] != 0)
            return CL_INVALID_WORK_GROUP_SIZE;
    return local[0] * local[1] * local[2] <= GROUP ? CL_SUCCESS : CL_INVALID_WORK_GROUP_SIZE;
}

static cl_int CL_API_CALL get_kernel_info(cl_kernel handle, cl_kernel_info query, size_t room, void *out,
                                          size_t *needed) {
    BEGIN_CALL(clGetKernelInfo);
    const struct kernel *kernel = object_find(handle, KERNEL);
    if (!kernel)
        return CL_INVALID_KERNEL;
    const cl_uint count = (cl_uint)kernel->argument_count;
    return query == CL_KERNEL_NUM_ARGS && kernel->argument_count != SIZE_MAX
               ? answer(&count, sizeof count, room, out, needed)
               : CL_INVALID_VALUE;
}

static cl_int CL_API_CALL get_argument_info(cl_kernel handle, cl_uint index, cl_kernel_arg_info query, size_t room,
                                            void *out, size_t *needed) {
    BEGIN_CALL(clGetKernelArgInfo);
    const struct kernel *kernel = object_find(handle, KERNEL);
    if (!kernel || kernel->argument_count == SIZE_MAX)
        return kernel ? CL_KERNEL_ARG_INFO_NOT_AVAILABLE : CL_INVALID_KERNEL;
    if (index >= kernel->argument_count)
        return CL_INVALID_ARG_INDEX;
    const struct declaration *declared = &kernel->declarations[index];
    switch (query) {
    case CL_KERNEL_ARG_ADDRESS_QUALIFIER:
        return answer(&declared->space, sizeof declared->space, room, out, needed);
    case CL_KERNEL_ARG_TYPE_NAME:
        return answer_text(declared->type, room, out, needed);
    case CL_KERNEL_ARG_NAME:
        return answer_text(declared->name, room, out, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL get_group_info(cl_kernel handle, cl_device_id device, cl_kernel_work_group_info query,
                                         size_t room, void *out, size_t *needed) {
    static const size_t group = GROUP;
    static const cl_ulong no_bytes = 0;
    BEGIN_CALL(clGetKernelWorkGroupInfo);
    (void)device;
    const struct kernel *kernel = object_find(handle, KERNEL);
    if (!kernel)
        return CL_INVALID_KERNEL;
    switch (query) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return answer(&group, sizeof group, room, out, needed);
    case CL_KERNEL_COMPILE_WORK_GROUP_SIZE:
        return answer(kernel->required, sizeof kernel->required, room, out, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return answer(&no_bytes, sizeof no_bytes, room, out, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int CL_API_CALL retain_kernel(cl_kernel kernel) {
    return object_retain(kernel, KERNEL, CL_INVALID_KERNEL);
}

static cl_int CL_API_CALL release_kernel(cl_kernel kernel) {
    return object_release(kernel, KERNEL, CL_INVALID_KERNEL);
}

void install_program(cl_icd_dispatch *dispatch) {
    dispatch->clCreateProgramWithSource = create_from_source;
    dispatch->clCreateProgramWithBinary = create_from_binary;
    dispatch->clBuildProgram = build;
    dispatch->clGetProgramInfo = get_program_info;
    dispatch->clGetProgramBuildInfo = get_build_info;
    dispatch->clRetainProgram = retain_program;
    dispatch->clReleaseProgram = release_program;
    dispatch->clCreateKernel = create_kernel;
    dispatch->clSetKernelArg = set_argument;
    dispatch->clGetKernelInfo = get_kernel_info;
    dispatch->clGetKernelArgInfo = get_argument_info;
    dispatch->clGetKernelWorkGroupInfo = get_group_info;
    dispatch->clRetainKernel = retain_kernel;
    dispatch->clReleaseKernel = release_kernel;
}
