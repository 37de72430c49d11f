/* What OpenCL implementations get wrong, each in the fewest lines, on every device there is: for docs/conformance.md,
 * and for reports to their makers. No part of clenet is in it: cc tests/conformance/reproduce.c -lOpenCL &&
 * RUSTICL_ENABLE=llvmpipe ./a.out */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdio.h>
#include <time.h>

static const char source[] =
    /* Iterations of two loops, 1 each. */
    "__kernel void iterations(__global int *out, int count) {\n"
    "    int first = 0, second = 0;\n"
    "    for (int i = 0; i < count; i++) first += out[1 + (i & 1)];\n"
    "    for (int i = 0; i < count; i++) second += out[1 + (i & 1)];\n"
    "    out[3] = first;\n"
    "    out[4] = second;\n"
    "}\n"
    /* A chain of multiply-adds, by either function. */
    "#define CHAIN(name, function) __kernel void name(__global float *out, int count) { float x = out[0];"
    "    for (int i = 0; i < count; i++) x = function(x, 0.5f, 1.0f); out[0] = x; }\n"
    "CHAIN(chain_mad, mad)\n"
    "CHAIN(chain_fma, fma)\n"
    /* 1024 bytes of local memory. */
    "__kernel void local_array(__global int *out) {\n"
    "    __local int values[256];\n"
    "    for (int i = 0; i < 256; i++) values[i] = out[i & 3];\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    for (int i = 0; i < 256; i++) out[0] += values[i];\n"
    "}\n";

static cl_command_queue queue;
static cl_program program;

static cl_kernel kernel_of(const char *name) {
    cl_int error;
    cl_kernel kernel = clCreateKernel(program, name, &error);
    return error == CL_SUCCESS ? kernel : NULL;
}

static double run(cl_kernel kernel) {
    const size_t one = 1;
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL);
    clFinish(queue);
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
}

static void try_device(cl_platform_id platform, cl_device_id device) {
    char name[256] = "", version[256] = "";
    int values[256] = {0, 1, 1};
    const int counts[] = {40000, 70000}, chain = 20000;
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof version, version, NULL);
    printf("%s, %s:\n", version, name);
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
    queue = clCreateCommandQueue(context, device, 0, NULL);
    const char *text = source;
    program = clCreateProgramWithSource(context, 1, &text, NULL, NULL);
    cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof values, NULL, NULL);
    cl_kernel iterations = NULL, chains[2] = {NULL, NULL}, local = NULL;
    if (clBuildProgram(program, 1, &device, "", NULL, NULL) == CL_SUCCESS) {
        iterations = kernel_of("iterations");
        chains[0] = kernel_of("chain_mad");
        chains[1] = kernel_of("chain_fma");
        local = kernel_of("local_array");
    }
    for (int i = 0; i < 2 && iterations; i++) {
        clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, sizeof values, values, 0, NULL, NULL);
        clSetKernelArg(iterations, 0, sizeof buffer, &buffer);
        clSetKernelArg(iterations, 1, sizeof counts[i], &counts[i]);
        run(iterations);
        int out[5] = {0};
        clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, sizeof out, out, 0, NULL, NULL);
        printf("  two loops of %d iterations make %d and %d%s\n", counts[i], out[3], out[4],
               out[3] == counts[i] && out[4] == counts[i] ? "" : ": WRONG");
    }
    double seconds[2] = {0, 0};
    for (int i = 0; i < 2 && chains[i]; i++) {
        clSetKernelArg(chains[i], 0, sizeof buffer, &buffer);
        clSetKernelArg(chains[i], 1, sizeof chain, &chain);
        run(chains[i]); /* some build only now */
        seconds[i] = run(chains[i]);
        for (int k = 0; k < 9; k++) {
            const double again = run(chains[i]);
            seconds[i] = again < seconds[i] ? again : seconds[i];
        }
    }
    printf("  %d mad() take %.0f us, as many fma() %.0f\n", chain, 1e6 * seconds[0], 1e6 * seconds[1]);
    cl_ulong bytes = 0;
    if (local)
        clGetKernelWorkGroupInfo(local, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    printf("  1024 bytes of local memory count as %llu%s\n", (unsigned long long)bytes, bytes > 1024 ? ": WRONG" : "");
    clReleaseKernel(iterations);
    clReleaseKernel(chains[0]);
    clReleaseKernel(chains[1]);
    clReleaseKernel(local);
    clReleaseMemObject(buffer);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
}

int main(void) {
    cl_platform_id platforms[8];
    cl_uint platform_count = 0;
    clGetPlatformIDs(8, platforms, &platform_count);
    for (cl_uint p = 0; p < platform_count && p < 8; p++) {
        cl_device_id devices[8];
        cl_uint device_count = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 8, devices, &device_count) == CL_SUCCESS)
            for (cl_uint d = 0; d < device_count && d < 8; d++)
                try_device(platforms[p], devices[d]);
    }
    return 0;
}
