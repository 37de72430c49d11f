/* A context: OpenCL context, queue, and everything that belongs to them. */
#include "host/context.h"

#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/internal.h"
#include "host/program.h"
#include "host/program_cache.h"
#include "src/base/file.h"

static enum cln_status open_device(struct ocl_context *c, const struct ocl_context_params *params) {
    const bool timings = params->timings || params->trace;
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)c->device.platform_id, 0};
    cl_device_id id = c->device.device_id;
    enum cln_status status = OCL_CREATE(&c->context, clCreateContext, properties, 1, &id, NULL, NULL);
    if (status != CLN_OK)
        return status;
    status = OCL_CREATE(&c->queue, clCreateCommandQueue, c->context, id, timings ? CL_QUEUE_PROFILING_ENABLE : 0);
    if (status == CLN_OK && timings)
        status = ocl_timeline_create(&c->timeline, c, params->trace, params->trace_name);
    return status;
}

/* Opens the cache of programs. Without a cache the start is only slower, so failures are at most warnings. */
static void open_cache(struct ocl_context *c, const char *folder) {
    enum cln_status status = cln_folder_make(folder, CLN_FOLDER_PRIVATE);
    if (status == CLN_OK)
        status = ocl_program_cache_open(&c->cache, folder);
    if (status != CLN_OK)
        cln_log(status == CLN_INVALID ? CLN_LOG_WARNING : CLN_LOG_DEBUG, "built kernels are not stored: %-s",
                cln_error_message());
}

enum cln_status ocl_context_create(struct ocl_context **out, const struct ocl_device *device,
                                   const struct ocl_context_params *params) {
    struct ocl_context_params defaults = {0};
    if (!params)
        params = &defaults;
    *out = NULL;
    struct ocl_context *c = calloc(1, sizeof *c);
    if (!c)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a context");
    c->device = *device;
    c->replay = params->replay && device->has_command_buffer;
    c->brief = params->brief;
    c->before_building = params->before_building;
    c->builds = params->builds;
    c->building_user = params->building_user;
    enum cln_status status = CLN_OK;
    if (params->kernel_folder && !(c->kernel_folder = strdup(params->kernel_folder)))
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for a context");
    if (status == CLN_OK) {
        status = open_device(c, params);
        if (status != CLN_OK)
            status = cln_fail_within(status, "device %u:%u (%s)", device->platform_index, device->device_index,
                                     device->name);
    }
    if (status != CLN_OK) {
        ocl_context_destroy(&c);
        return status;
    }
    if (params->cache_folder)
        open_cache(c, params->cache_folder);
    *out = c;
    return CLN_OK;
}

void ocl_context_destroy(struct ocl_context **context) {
    struct ocl_context *c = *context;
    if (!c)
        return;
    *context = NULL;
    ocl_timeline_destroy(&c->timeline);
    if (c->builds)
        ocl_programs_keep(c);
    if (c->kept)
        ocl_program_cache_trim(c->cache, OCL_PROGRAM_CACHE_BYTES);
    ocl_programs_destroy(&c->programs);
    ocl_program_cache_close(&c->cache);
    if (c->forget_products)
        c->forget_products();
    if (c->queue)
        OCL_RELEASE(clReleaseCommandQueue, c->queue);
    if (c->context)
        OCL_RELEASE(clReleaseContext, c->context);
    free(c->kernel_folder);
    free(c);
}

const struct ocl_device *ocl_context_device(const struct ocl_context *context) {
    return &context->device;
}

bool ocl_context_group_refused(const struct ocl_context *context) {
    return context->group_refused;
}

const struct ocl_usage *ocl_context_usage(const struct ocl_context *context) {
    return &context->usage;
}
