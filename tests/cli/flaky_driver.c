/* Preloaded, this crashes the first process that launches a kernel; the file $FLAKY then exists, and no later process
 * crashes. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                                       const size_t *offset, const size_t *global, const size_t *local,
                                                       cl_uint count, const cl_event *events, cl_event *event) {
    cl_int (*next)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *, cl_uint,
                   const cl_event *, cl_event *);
    const char *file = getenv("FLAKY");
    if (file && open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600) >= 0)
        abort();
    *(void **)&next = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    return next(queue, kernel, dimensions, offset, global, local, count, events, event);
}
