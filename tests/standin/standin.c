/* Objects, faults and the way in: what the loader and the tests ask for by name. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/standin/objects.h"

#define EXPORT __attribute__((visibility("default")))

cl_icd_dispatch standin_dispatch;

static struct object *living;
static size_t misuse_count;
static struct {
    const char *function; /* NULL: any */
    const char *failed;   /* the function of the first call that was made to fail */
    size_t at, counted, calls;
    int error;
    bool from_then_on;
} fault;
static bool command_buffers = true;
static struct {
    const char *kernel;
    void (*run)(const struct standin_launch *launch);
} kernels[16];

void *object_create(size_t bytes, enum kind kind, void *owner, void (*destroy)(struct object *object)) {
    struct object *object = calloc(1, bytes);
    if (!object)
        return NULL;
    *object = (struct object){.dispatch = &standin_dispatch,
                              .kind = kind,
                              .references = 1,
                              .owner = owner,
                              .next = living,
                              .destroy = destroy};
    if (object->owner)
        object->owner->references++;
    living = object;
    return object;
}

/* Looks the handle up before it looks into it, as it may be of an object that is gone. */
void *object_find(void *handle, enum kind kind) {
    struct object *object = living;
    while (object && object != handle)
        object = object->next;
    if (object && object->kind == kind)
        return object;
    misuse_count++;
    return NULL;
}

cl_int object_retain(void *handle, enum kind kind, cl_int error) {
    struct object *object = object_find(handle, kind);
    if (!object)
        return error;
    object->references++;
    return CL_SUCCESS;
}

static void drop(struct object *object) {
    if (--object->references > 0)
        return;
    struct object **link = &living, *owner = object->owner;
    while (*link != object)
        link = &(*link)->next;
    *link = object->next;
    if (object->destroy)
        object->destroy(object);
    free(object);
    if (owner)
        drop(owner);
}

cl_int object_release(void *handle, enum kind kind, cl_int error) {
    struct object *object = object_find(handle, kind);
    if (!object)
        return error;
    drop(object);
    return CL_SUCCESS;
}

cl_int fault_next(const char *function) {
    fault.calls++;
    if (fault.at == 0 || (fault.function && strcmp(fault.function, function) != 0))
        return CL_SUCCESS;
    fault.counted++;
    if (fault.counted == fault.at)
        fault.failed = function;
    return fault.counted == fault.at || (fault.from_then_on && fault.counted > fault.at) ? fault.error : CL_SUCCESS;
}

cl_int answer(const void *value, size_t bytes, size_t room, void *out, size_t *needed) {
    if (needed)
        *needed = bytes;
    if (out && room < bytes)
        return CL_INVALID_VALUE;
    if (out)
        memcpy(out, value, bytes);
    return CL_SUCCESS;
}

cl_int answer_text(const char *text, size_t room, void *out, size_t *needed) {
    return answer(text, strlen(text) + 1, room, out, needed);
}

/* ISO C has no cast from the one kind of pointer to the other. */
void *address_of(void (*function)(void)) {
    void *address;
    memcpy(&address, &function, sizeof address);
    return address;
}

cl_ulong now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (cl_ulong)time.tv_sec * 1000000000u + (cl_ulong)time.tv_nsec;
}

bool device_records(void) {
    return command_buffers;
}

void run_kernel(const struct kernel *kernel, const size_t *global, const size_t *local) {
    size_t k = 0;
    while (k < sizeof kernels / sizeof *kernels && kernels[k].run && strcmp(kernels[k].kernel, kernel->name) != 0)
        k++;
    if (k == sizeof kernels / sizeof *kernels || !kernels[k].run)
        return;
    const struct program *program = (const struct program *)kernel->object.owner;
    struct standin_launch launch = {
        .kernel = kernel->name, .options = program->options, .argument_count = kernel->argument_count};
    memcpy(launch.global, global, sizeof launch.global);
    memcpy(launch.local, local, sizeof launch.local);
    for (size_t i = 0; i < kernel->argument_count; i++) {
        launch.arguments[i] = (void *)kernel->values[i].content;
        if (kernel->declarations[i].space != CL_KERNEL_ARG_ADDRESS_PRIVATE) {
            cl_mem handle;
            memcpy(&handle, kernel->values[i].content, sizeof handle);
            const struct buffer *buffer = object_find(handle, BUFFER);
            launch.arguments[i] = buffer ? buffer->memory : NULL;
        }
    }
    kernels[k].run(&launch);
}

static void set_fault(const char *function, size_t n, int error, bool from_then_on) {
    fault.function = function;
    fault.at = n;
    fault.error = error;
    fault.from_then_on = from_then_on;
    fault.counted = fault.calls = 0;
    fault.failed = NULL;
}

static size_t calls(void) {
    return fault.calls;
}

static const char *failed(void) {
    return fault.failed;
}

static size_t live(void) {
    size_t count = 0;
    for (const struct object *object = living; object; object = object->next)
        count++;
    return count;
}

static size_t misuses(void) {
    return misuse_count;
}

static void set_kernel(const char *kernel, void (*run)(const struct standin_launch *launch)) {
    size_t k = 0;
    while (k < sizeof kernels / sizeof *kernels && kernels[k].run && strcmp(kernels[k].kernel, kernel) != 0)
        k++;
    if (k == sizeof kernels / sizeof *kernels)
        abort();
    kernels[k].kernel = kernel;
    kernels[k].run = run;
}

static void set_command_buffers(bool there) {
    command_buffers = there;
}

EXPORT extern const struct standin_control standin_control;
const struct standin_control standin_control = {.set_fault = set_fault,
                                                .calls = calls,
                                                .failed = failed,
                                                .live = live,
                                                .misuses = misuses,
                                                .set_kernel = set_kernel,
                                                .set_command_buffers = set_command_buffers};

static void install(void) {
    if (standin_dispatch.clGetPlatformIDs)
        return;
    install_device(&standin_dispatch);
    install_memory(&standin_dispatch);
    install_program(&standin_dispatch);
}

static cl_int CL_API_CALL get_platforms(cl_uint room, cl_platform_id *out, cl_uint *count) {
    install();
    return standin_dispatch.clGetPlatformIDs(room, out, count);
}

EXPORT void *CL_API_CALL clGetExtensionFunctionAddress(const char *name) {
    install();
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0)
        return address_of((void (*)(void))get_platforms);
    if (strcmp(name, "clGetPlatformInfo") == 0)
        return address_of((void (*)(void))standin_dispatch.clGetPlatformInfo);
    return recording_function(name);
}
