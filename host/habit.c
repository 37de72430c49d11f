/* Measures and stores the habits of a driver: see habit.h. */
#include "host/habit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/program_cache.h"
#include "src/base/clock.h"

static const char format[] = "clenet driver, dear %d, first %lg, again %lg\n";

static void make_key(struct ocl_program_key *key, const struct ocl_context *context) {
    ocl_program_key_make(key, &context->device, format, "");
}

void ocl_habit_recall(struct ocl_habit *out, const struct ocl_context *context) {
    struct ocl_program_key key;
    size_t bytes = 0;
    char text[128] = "";
    int dear = 0;
    double first = 0, again = 0;
    make_key(&key, context);
    unsigned char *kept = ocl_program_cache_read(context->cache, &key, &bytes);
    if (kept)
        memcpy(text, kept, bytes < sizeof text ? bytes : sizeof text - 1);
    free(kept);
    *out = (struct ocl_habit){0};
    if (sscanf(text, format, &dear, &first, &again) == 3)
        *out = (struct ocl_habit){.dear = dear != 0, .first_cpu = first, .again_cpu = again};
}

void ocl_habit_remember(const struct ocl_habit *habit, const struct ocl_context *context) {
    struct ocl_program_key key;
    char text[128];
    const int length = snprintf(text, sizeof text, format, (int)habit->dear, habit->first_cpu, habit->again_cpu);
    make_key(&key, context);
    ocl_program_cache_write(context->cache, &key, (const unsigned char *)text, (size_t)length);
}

/* Processor seconds of building the small program; 0: it does not build. */
static double build_cpu(const struct ocl_context *context, const char *options) {
    static const char *source = "__kernel void nothing(__global int *x) { x[0] = (int)(NUMBER); }";
    cl_program program = NULL;
    cl_device_id device = context->device.device_id;
    double seconds = 0;
    if (OCL_CREATE(&program, clCreateProgramWithSource, context->context, 1, &source, NULL) != CLN_OK)
        return 0;
    const double start = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID);
    if (OCL_RESULT(clBuildProgram, program, 1, &device, options, NULL, NULL) == CL_SUCCESS)
        seconds = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID) - start;
    OCL_RELEASE(clReleaseProgram, program);
    return seconds;
}

void ocl_habit_measure(struct ocl_habit *habit, const struct ocl_context *context) {
    char options[64]; /* unique to this process and moment */
    snprintf(options, sizeof options, "-D NUMBER=%lluul", (unsigned long long)cln_clock_ns() ^ (unsigned)getpid());
    const double first = build_cpu(context, options), again = first > 0 ? build_cpu(context, options) : 0;
    if (again > 0) {
        habit->first_cpu = first;
        habit->again_cpu = again;
    }
}

bool ocl_habit_has_cache(const struct ocl_habit *habit) {
    return habit->again_cpu < habit->first_cpu / 2;
}

bool ocl_habit_has_lost(const struct ocl_habit *habit, double cpu) {
    return ocl_habit_has_cache(habit) && cpu > habit->first_cpu / 2;
}
