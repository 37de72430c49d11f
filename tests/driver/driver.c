/* A driver that is broken on purpose, loaded in front of the OpenCL loader (LD_PRELOAD). $CLENET_TEST_DRIVER is
 * "HOW WHEN WHAT [groups]".
 *
 * - HOW is crash, abort, hang, exit, kill or mixed. kill strikes once, or $CLENET_TEST_KILLS_OF_ALL times in all
 *   processes together, builders apart: it makes the file $CLENET_TEST_ONCE, the second time with a 1 behind its name,
 *   and so on. mixed crashes, but kills where it strikes for the second time, counted in the same way.
 * - WHEN is launch (of a kernel with WHAT in its name), build (of a source that defines such a kernel), binary (a
 * program is made of any) or open (a context is made).
 * - groups: only in work-groups of several work-items.
 *
 * Every process that makes a context leaves a file named by its number in $CLENET_TEST_PROCESSES. */
#pragma GCC visibility push(default) /* of the functions that stand in front of the real ones */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fault {
    char how[16], when[16], what[64], groups[16];
};

static struct fault fault;
static void *volatile nowhere;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("CLENET_TEST_DRIVER");
    if (text && sscanf(text, "%15s %15s %63s %15s", fault.how, fault.when, fault.what, fault.groups) < 3)
        abort();
}

/* Compilers and linkers that a driver starts make no context. */
static void leave_file(void) {
    const char *folder = getenv("CLENET_TEST_PROCESSES");
    char path[4096];
    if (folder) {
        snprintf(path, sizeof path, "%s/%ld", folder, (long)getpid());
        close(open(path, O_WRONLY | O_CREAT, 0600));
    }
}

/* Stores a pointer to the real function of that name. */
static void find(void *function, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(function, &found, sizeof found);
}

/* Which strike this is of at most `most`, over all processes; `most` where all have been. */
static int count_strike(int most) {
    const char *once = getenv("CLENET_TEST_ONCE");
    char path[4096];
    for (int i = 0; once && i < most; i++) {
        snprintf(path, sizeof path, "%s%.0d", once, i);
        if (open(path, O_WRONLY | O_CREAT | O_EXCL, 0600) >= 0)
            return i;
    }
    return most;
}

static void strike(void) {
    const char *errand = getenv("CLENET_BUILDER"); /* what clenet tells a process that it starts */
    const char *kills = getenv("CLENET_TEST_KILLS_OF_ALL");
    const bool builds = errand && strstr(errand, ",build,");
    const int most = kills ? atoi(kills) : 1;
    switch (fault.how[0]) {
    case 'a':
        abort();
    case 'e':
        exit(0);
    case 'h':
        for (;;)
            pause();
    case 'k':
        if (!builds && count_strike(most) < most)
            raise(SIGKILL);
        break;
    case 'm':
        if (!builds && count_strike(2) == 1)
            raise(SIGKILL);
        /* fall through */
    default:
        *(volatile int *)nowhere = 0; /* not raise: a real driver's handler may let that pass */
    }
}

static bool is_due(const char *when, bool groups) {
    return strcmp(fault.when, when) == 0 && (groups || !fault.groups[0]);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                              const size_t *global, const size_t *local, cl_uint count, const cl_event *events,
                              cl_event *event) {
    cl_int (*call)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *, cl_uint,
                   const cl_event *, cl_event *);
    find(&call, "clEnqueueNDRangeKernel");
    char name[128] = "";
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL);
    if (is_due("launch", local && local[0] > 1) && strstr(name, fault.what))
        strike();
    return call(queue, kernel, dimensions, offset, global, local, count, events, event);
}

/* The number behind "NAME=" of compiler options; 0 where there is none. */
static long option(const char *options, const char *name) {
    const char *at = options ? strstr(options, name) : NULL;
    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                      void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
    cl_int (*call)(cl_program, cl_uint, const cl_device_id *, const char *, void(CL_CALLBACK *)(cl_program, void *),
                   void *);
    find(&call, "clBuildProgram");
    size_t bytes = 0;
    char begin[128], *source = NULL;
    snprintf(begin, sizeof begin, "__kernel void %s", fault.what);
    clGetProgramInfo(program, CL_PROGRAM_SOURCE, 0, NULL, &bytes);
    if (bytes > 0 && (source = calloc(1, bytes + 1)))
        clGetProgramInfo(program, CL_PROGRAM_SOURCE, bytes, source, NULL);
    if (is_due("build", option(options, " LANES=") != option(options, " VECTOR=")) && source && strstr(source, begin))
        strike();
    free(source);
    return call(program, count, devices, options, notify, user);
}

cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *devices,
                                     const size_t *lengths, const unsigned char **binaries, cl_int *taken,
                                     cl_int *error) {
    cl_program (*call)(cl_context, cl_uint, const cl_device_id *, const size_t *, const unsigned char **, cl_int *,
                       cl_int *);
    find(&call, "clCreateProgramWithBinary");
    if (is_due("binary", true))
        strike();
    return call(context, count, devices, lengths, binaries, taken, error);
}

cl_context clCreateContext(const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
                           void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user,
                           cl_int *error) {
    cl_context (*call)(const cl_context_properties *, cl_uint, const cl_device_id *,
                       void(CL_CALLBACK *)(const char *, const void *, size_t, void *), void *, cl_int *);
    find(&call, "clCreateContext");
    leave_file();
    if (is_due("open", true))
        strike();
    return call(properties, count, devices, notify, user, error);
}
