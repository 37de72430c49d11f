/* How a test steers the stand-in for an OpenCL driver (README.md). A program has one stand-in: standin_open() loads it
 * in the place of every driver, and from then on OpenCL has this one device. For one thread at a time. */
#ifndef TESTS_STANDIN_STANDIN_H
#define TESTS_STANDIN_STANDIN_H

#include <stdbool.h>
#include <stddef.h>

enum { STANDIN_ARGUMENTS = 128 };

/* A launch, for a function that does a kernel's work. A buffer's argument points to its memory, another to its value.
 */
struct standin_launch {
    const char *kernel, *options; /* name; options of the build */
    size_t global[3], local[3];
    size_t argument_count;
    void *arguments[STANDIN_ARGUMENTS];
};

/* The symbol `standin_control` of the library. */
struct standin_control {
    /* Makes the n-th call from now (1 = the next) of `function` ("clFinish"; NULL: of any) return `error`, once or from
     * then on. A call that fails does nothing else. n = 0: none fails. Counting starts anew. Releases never fail. */
    void (*set_fault)(const char *function, size_t n, int error, bool from_then_on);
    /* Calls of the functions that can fail since then. */
    size_t (*calls)(void);
    /* The function whose call was the first to be made to fail since then; NULL: none was. */
    const char *(*failed)(void);
    /* Objects that were created and not yet destroyed, also those that only another one refers to. */
    size_t (*live)(void);
    /* Calls since the start that no program may make: with an object that is not alive, or of another kind. */
    size_t (*misuses)(void);
    /* `run` does the work of a kernel of that name; kernels without such a function do nothing. At most 16. */
    void (*set_kernel)(const char *kernel, void (*run)(const struct standin_launch *launch));
    /* Whether the device has cl_khr_command_buffer (it has at first). */
    void (*set_command_buffers)(bool there);
};

/* Loads the stand-in, and lets $CLENET_DEVICE choose nothing any more. Before the first OpenCL call of the program;
 * ends the program where it cannot be. */
const struct standin_control *standin_open(void);

#endif
