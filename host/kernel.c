/* Makes a launch: a kernel with checked arguments and a work-group that fits. */
#include "host/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command_buffer.h"
#include "host/program.h"
#include "src/base/table.h"

struct ocl_kernel {
    struct ocl_context *context;
    cl_kernel kernel;
    struct ocl_program *program;
    size_t global[3], local[3];
};

/* What a check is about, for its message. */
struct check {
    const struct ocl_context *context;
    const struct ocl_launch *launch;
    cl_kernel kernel;
};

static const char *const kind_names[] = {
    [OCL_ARG_BUFFER] = "a buffer", [OCL_ARG_INT] = "an int", [OCL_ARG_FLOAT] = "a float"};
CLN_EVERY(kind_names, OCL_ARG_KIND_COUNT);

static enum cln_status within(enum cln_status status, const struct ocl_launch *launch) {
    return status != CLN_OK ? cln_fail_within(status, "%s, kernel %s", launch->source, launch->kernel) : CLN_OK;
}

/* A kernel's declaration of an argument. Unknown if the driver keeps no such information. */
struct declared {
    bool known;
    char name[64], type[64];
    cl_kernel_arg_address_qualifier space;
};

static enum cln_status query_argument(struct declared *out, cl_kernel kernel, cl_uint index) {
    *out = (struct declared){.known = false};
    cl_int result = OCL_RESULT(clGetKernelArgInfo, kernel, index, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof out->space,
                               &out->space, NULL);
    if (result == CL_KERNEL_ARG_INFO_NOT_AVAILABLE)
        return CLN_OK;
    if (result == CL_SUCCESS)
        result =
            OCL_RESULT(clGetKernelArgInfo, kernel, index, CL_KERNEL_ARG_TYPE_NAME, sizeof out->type, out->type, NULL);
    if (result == CL_SUCCESS)
        result = OCL_RESULT(clGetKernelArgInfo, kernel, index, CL_KERNEL_ARG_NAME, sizeof out->name, out->name, NULL);
    out->known = result == CL_SUCCESS;
    return ocl_check(result, "clGetKernelArgInfo");
}

static bool kind_fits(const struct declared *declared, enum ocl_arg_kind kind) {
    bool memory = declared->space == CL_KERNEL_ARG_ADDRESS_GLOBAL || declared->space == CL_KERNEL_ARG_ADDRESS_CONSTANT;
    switch (kind) {
    case OCL_ARG_BUFFER:
        return memory;
    case OCL_ARG_INT:
        return strcmp(declared->type, "int") == 0 || strcmp(declared->type, "uint") == 0;
    case OCL_ARG_FLOAT:
        return strcmp(declared->type, "float") == 0;
    case OCL_ARG_KIND_COUNT:
        break;
    }
    return false;
}

static const char *space_name(cl_kernel_arg_address_qualifier space) {
    switch (space) {
    case CL_KERNEL_ARG_ADDRESS_GLOBAL:
        return "__global ";
    case CL_KERNEL_ARG_ADDRESS_CONSTANT:
        return "__constant ";
    case CL_KERNEL_ARG_ADDRESS_LOCAL:
        return "__local ";
    default:
        return "";
    }
}

static enum cln_status check_argument(const struct check *check, cl_uint index, const struct ocl_arg *arg) {
    struct declared declared;
    enum cln_status status = query_argument(&declared, check->kernel, index);
    if (status != CLN_OK)
        return status;
    if (declared.known && !kind_fits(&declared, arg->kind))
        return cln_fail(CLN_INVALID, "argument %u (%s) is declared as %s%s and was given %s", index, declared.name,
                        space_name(declared.space), declared.type, kind_names[arg->kind]);
    if (arg->kind != OCL_ARG_BUFFER)
        return CLN_OK;
    if (!arg->buffer)
        return cln_fail(CLN_INVALID, "argument %u (%s) is a buffer and was given NULL", index, declared.name);
    if (arg->buffer->context != check->context)
        return cln_fail(CLN_INVALID, "argument %u (%s) is a buffer of another context", index, declared.name);
    uint64_t limit = check->context->device.constant_buffer_bytes;
    if (declared.known && declared.space == CL_KERNEL_ARG_ADDRESS_CONSTANT && arg->buffer->bytes > limit)
        return cln_fail(CLN_INVALID, "argument %u (%s) is __constant, of %zu bytes; the device takes %llu", index,
                        declared.name, arg->buffer->bytes, (unsigned long long)limit);
    return CLN_OK;
}

static enum cln_status set_argument(cl_kernel kernel, cl_uint index, const struct ocl_arg *arg) {
    switch (arg->kind) {
    case OCL_ARG_INT:
        return OCL_CALL(clSetKernelArg, kernel, index, sizeof arg->int_value, &arg->int_value);
    case OCL_ARG_FLOAT:
        return OCL_CALL(clSetKernelArg, kernel, index, sizeof arg->float_value, &arg->float_value);
    case OCL_ARG_BUFFER:
    case OCL_ARG_KIND_COUNT:
        break;
    }
    return OCL_CALL(clSetKernelArg, kernel, index, sizeof arg->buffer->memory, &arg->buffer->memory);
}

static enum cln_status set_arguments(const struct check *check) {
    const struct ocl_launch *launch = check->launch;
    cl_uint count = 0;
    enum cln_status status = OCL_CALL(clGetKernelInfo, check->kernel, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL);
    if (status != CLN_OK)
        return status;
    if (launch->arg_count > OCL_MAX_ARGS || launch->arg_count != count)
        return cln_fail(CLN_INVALID, "takes %u arguments and was given %zu (at most %d)", count, launch->arg_count,
                        OCL_MAX_ARGS);
    for (cl_uint i = 0; status == CLN_OK && i < count; i++) {
        status = check_argument(check, i, &launch->args[i]);
        if (status == CLN_OK)
            status = set_argument(check->kernel, i, &launch->args[i]);
    }
    return status;
}

/* Checks the work-group against the device's limits. */
static enum cln_status check_group_on_device(const struct ocl_device *device, const size_t local[3]) {
    size_t items = local[0] * local[1] * local[2];
    for (int i = 0; i < 3; i++)
        if (local[i] > device->max_work_item_sizes[i])
            return cln_fail(CLN_INVALID, "a work-group of %zu×%zu×%zu; %s takes at most %zu along dimension %d",
                            local[0], local[1], local[2], device->name, device->max_work_item_sizes[i], i);
    if (items > device->max_work_group_size)
        return cln_fail(CLN_INVALID, "a work-group of %zu×%zu×%zu = %zu items; %s takes at most %zu", local[0],
                        local[1], local[2], items, device->name, device->max_work_group_size);
    return CLN_OK;
}

/* Checks the work-group against the limits of the built kernel, which depend on its registers and local memory. */
static enum cln_status check_group_of_kernel(const struct check *check, const size_t local[3], cl_ulong *local_bytes) {
    const struct ocl_device *device = &check->context->device;
    size_t limit = 0, required[3] = {0};
    const struct {
        cl_kernel_work_group_info query;
        size_t bytes;
        void *value;
    } queries[] = {
        {CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit},
        {CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof required, required},
        {CL_KERNEL_LOCAL_MEM_SIZE, sizeof *local_bytes, local_bytes},
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        enum cln_status status = OCL_CALL(clGetKernelWorkGroupInfo, check->kernel, device->device_id, queries[i].query,
                                          queries[i].bytes, queries[i].value, NULL);
        if (status != CLN_OK)
            return status;
    }
    if (limit > device->max_kernel_work_group_size)
        limit = device->max_kernel_work_group_size;
    if (local[0] * local[1] * local[2] > limit)
        return cln_fail(CLN_INVALID, "a work-group of %zu×%zu×%zu = %zu items; built for %s it takes at most %zu",
                        local[0], local[1], local[2], local[0] * local[1] * local[2], device->name, limit);
    if (required[0] && memcmp(required, local, sizeof required) != 0)
        return cln_fail(CLN_INVALID, "a work-group of %zu×%zu×%zu; it is declared for %zu×%zu×%zu", local[0], local[1],
                        local[2], required[0], required[1], required[2]);
    if (*local_bytes > device->local_memory_bytes)
        return cln_fail(CLN_INVALID, "uses %llu bytes of local memory; %s has %llu", (unsigned long long)*local_bytes,
                        device->name, (unsigned long long)device->local_memory_bytes);
    return CLN_OK;
}

static enum cln_status enqueue(void *state, struct ocl_span *span) {
    struct ocl_kernel *k = state;
    enum cln_status status = OCL_CALL(clEnqueueNDRangeKernel, k->context->queue, k->kernel, 3, NULL, k->global,
                                      k->local, 0, NULL, span ? &span->end : NULL);
    if (status == CLN_OK && span)
        ocl_count_handle();
    if (status == CLN_OK)
        ocl_program_launched(k->program, k->context);
    return status;
}

static enum cln_status record(void *state, struct ocl_recording *recording) {
    const struct ocl_kernel *k = state;
    return ocl_record_kernel(recording, k->kernel, k->global, k->local);
}

static void replayed(void *state) {
    const struct ocl_kernel *k = state;
    ocl_program_launched(k->program, k->context);
}

static void destroy(void *state) {
    struct ocl_kernel *k = state;
    if (k->kernel)
        OCL_RELEASE(clReleaseKernel, k->kernel);
    free(k);
}

static enum cln_status create_kernel(struct ocl_kernel *k, struct ocl_context *context,
                                     const struct ocl_launch *launch) {
    context->group_refused = false;
    enum cln_status status = check_group_on_device(&context->device, k->local);
    if (status != CLN_OK)
        return within(status, launch);
    status = ocl_program_get(&k->program, context, launch);
    if (status != CLN_OK || !k->program)
        return status;
    status = ocl_program_kernel(&k->kernel, k->program, context, launch->kernel);
    struct check check = {.context = context, .launch = launch, .kernel = k->kernel};
    cl_ulong local_bytes = 0;
    if (status == CLN_OK)
        status = set_arguments(&check);
    if (status == CLN_OK) {
        status = check_group_of_kernel(&check, k->local, &local_bytes);
        context->group_refused = status == CLN_INVALID;
    }
    if (status == CLN_OK)
        ocl_usage_launch(&context->usage, k->local, local_bytes);
    return within(status, launch);
}

enum cln_status ocl_kernel_action(struct ocl_action *out, struct ocl_context *context,
                                  const struct ocl_launch *launch) {
    struct ocl_kernel *k = calloc(1, sizeof *k);
    if (!k)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a launch of %s", launch->kernel);
    k->context = context;
    for (int i = 0; i < 3; i++) {
        k->local[i] = launch->local[i] ? launch->local[i] : 1;
        k->global[i] = (launch->groups[i] ? launch->groups[i] : 1) * k->local[i];
    }
    enum cln_status status = create_kernel(k, context, launch);
    *out = (struct ocl_action){.state = NULL};
    if (status != CLN_OK || !k->program) {
        destroy(k);
        return status;
    }
    *out =
        (struct ocl_action){.enqueue = enqueue, .record = record, .replayed = replayed, .destroy = destroy, .state = k};
    return CLN_OK;
}
