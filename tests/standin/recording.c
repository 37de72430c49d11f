/* cl_khr_command_buffer: launches with the arguments that they had when they were recorded. One recording may be in
 * flight once at a time, which is of no matter here, as it ends where it is enqueued. */
#include <stdlib.h>
#include <string.h>

#include "tests/standin/objects.h"

#ifdef cl_khr_command_buffer

struct recording {
    struct object object;
    bool is_final;
    size_t count, room;
    struct step {
        struct kernel kernel; /* a copy, with its arguments; its program is kept alive */
        size_t global[3], local[3];
    } * steps;
};

static void destroy_recording(struct object *object) {
    struct recording *recording = (struct recording *)object;
    for (size_t i = 0; i < recording->count; i++)
        object_release(recording->steps[i].kernel.object.owner, PROGRAM, CL_INVALID_PROGRAM);
    free(recording->steps);
}

static cl_command_buffer_khr CL_API_CALL create_recording(cl_uint count, const cl_command_queue *queues,
                                                          const void *properties, cl_int *error_out) {
    BEGIN_CREATION(clCreateCommandBufferKHR);
    (void)properties;
    struct object *queue = count == 1 ? object_find(queues[0], QUEUE) : NULL;
    if (!queue)
        NO_OBJECT(CL_INVALID_COMMAND_QUEUE);
    void *recording = object_create(sizeof(struct recording), RECORDING, queue, destroy_recording);
    if (!recording)
        NO_OBJECT(CL_OUT_OF_HOST_MEMORY);
    return recording;
}

static cl_int CL_API_CALL record_kernel(cl_command_buffer_khr handle, cl_command_queue queue, const void *properties,
                                        cl_kernel kernel_handle, cl_uint dimensions, const size_t *offset,
                                        const size_t *global, const size_t *local, cl_uint wait_count, const void *wait,
                                        void *point, void *command) {
    BEGIN_CALL(clCommandNDRangeKernelKHR);
    (void)queue, (void)properties, (void)offset, (void)wait_count, (void)wait, (void)point, (void)command;
    struct recording *recording = object_find(handle, RECORDING);
    const struct kernel *kernel = object_find(kernel_handle, KERNEL);
    if (!recording || !kernel || recording->is_final)
        return kernel ? CL_INVALID_COMMAND_BUFFER_KHR : CL_INVALID_KERNEL;
    const cl_int error = check_launch(kernel, dimensions, global, local);
    if (error != CL_SUCCESS)
        return error;
    if (recording->count == recording->room) {
        const size_t room = recording->room ? 2 * recording->room : 16;
        struct step *grown = realloc(recording->steps, room * sizeof *grown);
        if (!grown)
            return CL_OUT_OF_HOST_MEMORY;
        recording->steps = grown;
        recording->room = room;
    }
    struct step *step = &recording->steps[recording->count++];
    step->kernel = *kernel;
    memcpy(step->global, global, sizeof step->global);
    memcpy(step->local, local, sizeof step->local);
    return object_retain(kernel->object.owner, PROGRAM, CL_INVALID_PROGRAM);
}

static cl_int CL_API_CALL finalize(cl_command_buffer_khr handle) {
    BEGIN_CALL(clFinalizeCommandBufferKHR);
    struct recording *recording = object_find(handle, RECORDING);
    if (!recording || recording->is_final)
        return CL_INVALID_COMMAND_BUFFER_KHR;
    recording->is_final = true;
    return CL_SUCCESS;
}

static cl_int CL_API_CALL enqueue_recording(cl_uint queue_count, cl_command_queue *queues, cl_command_buffer_khr handle,
                                            cl_uint wait_count, const cl_event *wait, cl_event *event) {
    BEGIN_CALL(clEnqueueCommandBufferKHR);
    (void)queue_count, (void)queues, (void)wait_count, (void)wait;
    const cl_ulong start = now();
    struct recording *recording = object_find(handle, RECORDING);
    if (!recording || !recording->is_final)
        return CL_INVALID_COMMAND_BUFFER_KHR;
    for (size_t i = 0; i < recording->count; i++) {
        const struct step *step = &recording->steps[i];
        const cl_int error = check_launch(&step->kernel, 3, step->global, step->local);
        if (error != CL_SUCCESS)
            return error;
        run_kernel(&step->kernel, step->global, step->local);
    }
    return finish_command(event, (struct queue *)recording->object.owner, start);
}

static cl_int CL_API_CALL release_recording(cl_command_buffer_khr handle) {
    return object_release(handle, RECORDING, CL_INVALID_COMMAND_BUFFER_KHR);
}

void *recording_function(const char *name) {
    static const struct {
        const char *name;
        void (*function)(void);
    } functions[] = {{"clCreateCommandBufferKHR", (void (*)(void))create_recording},
                     {"clCommandNDRangeKernelKHR", (void (*)(void))record_kernel},
                     {"clFinalizeCommandBufferKHR", (void (*)(void))finalize},
                     {"clEnqueueCommandBufferKHR", (void (*)(void))enqueue_recording},
                     {"clReleaseCommandBufferKHR", (void (*)(void))release_recording}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            return address_of(functions[i].function);
    return NULL;
}

#else

void *recording_function(const char *name) {
    (void)name;
    return NULL;
}

#endif
