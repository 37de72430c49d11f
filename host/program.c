/* Gets programs from the cache or from source; each is built once per context. */
#include "host/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/embedded.h"
#include "host/habit.h"
#include "host/program_cache.h"
#include "host/source.h"
#include "src/base/clock.h"

/* No fast-math, so that NaN stays visible. The device's capabilities reach the source as constants. No warnings (-w):
 * some drivers print their number, such as of loops that were not unrolled. tests/house looks for warnings of the
 * language. */
static const char base_options[] = "-cl-std=CL1.2 -cl-kernel-arg-info -w";

enum { LOG_BYTES = 3500, DEAR_BINARIES = 2 };

struct ocl_program {
    struct ocl_program *next;
    char *source, *options;
    char *text; /* NULL: that of the file `source` */
    cl_program program;
    struct ocl_program_key key; /* set if the context has a cache */
    bool declares;              /* begins with our declarations */
    bool from_cache;            /* loaded from the cache, not built from source */
    bool launched;
    bool asked;     /* the driver was asked for its binary */
    bool elsewhere; /* another process builds it or has built it: there is no program here */
};

static void release(struct ocl_program *p) {
    if (p->program)
        OCL_RELEASE(clReleaseProgram, p->program);
    p->program = NULL;
    p->from_cache = false;
}

static void destroy_program(struct ocl_program *program) {
    if (!program)
        return;
    release(program);
    free(program->source);
    free(program->options);
    free(program->text);
    free(program);
}

void ocl_programs_destroy(struct ocl_program **programs) {
    while (*programs) {
        struct ocl_program *next = (*programs)->next;
        destroy_program(*programs);
        *programs = next;
    }
}

/* Cuts a long log to whole lines from the first error on; the lines before are warnings. */
static const char *cut_log(char *log) {
    if (strlen(log) <= LOG_BYTES)
        return log;
    char *start = strstr(log, "error");
    while (start && start > log && start[-1] != '\n')
        start--;
    if (!start)
        start = log;
    if (strlen(start) > LOG_BYTES) {
        start[LOG_BYTES] = '\0';
        char *end = strrchr(start, '\n');
        if (end)
            end[1] = '\0';
    }
    return start;
}

static enum cln_status fail_build(const struct ocl_context *context, const struct ocl_program *p) {
    cl_device_id device = context->device.device_id;
    size_t bytes = 0;
    char *log = NULL;
    if (!OCL_RESULT(clGetProgramBuildInfo, p->program, device, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) && bytes > 0)
        log = calloc(1, bytes + 1);
    if (log && OCL_RESULT(clGetProgramBuildInfo, p->program, device, CL_PROGRAM_BUILD_LOG, bytes, log, NULL))
        log[0] = '\0';
    /* PoCL's message if its LLVM is older than the processor: https://github.com/pocl/pocl/issues/1049 */
    const bool too_old = log && strstr(log, "unknown target CPU");
    enum cln_status status = cln_fail(
        CLN_BUILD, "%s does not compile on %s:\n%-s%-s\noptions: %s", p->source, context->device.name,
        log && log[0] ? cut_log(log) : "(the driver gives no build log)",
        too_old ? "\nThe driver's compiler is older than this processor: install a newer driver" : "", p->options);
    free(log);
    return status;
}

static cl_int build_program(const struct ocl_program *p, const struct ocl_context *context) {
    cl_device_id device = context->device.device_id;
    return OCL_RESULT(clBuildProgram, p->program, 1, &device, p->options, NULL, NULL);
}

/* Whether programs bring declarations.clh, and keep out the header that the driver would read. */
static bool declares(const struct ocl_context *context) {
    return context->device.type == OCL_DEVICE_CPU &&
           strcmp(context->device.platform, "Portable Computing Language") == 0 && !context->needs_header;
}

static enum cln_status build_source(struct ocl_program *p, const struct ocl_context *context, const char *text,
                                    double *cpu) {
    enum cln_status status = OCL_CREATE(&p->program, clCreateProgramWithSource, context->context, 1, &text, NULL);
    if (status != CLN_OK)
        return cln_fail_within(status, "%s", p->source);
    const double start = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID);
    cl_int result = build_program(p, context);
    *cpu = cln_clock_cpu(CLOCK_THREAD_CPUTIME_ID) - start;
    if (result == CL_BUILD_PROGRAM_FAILURE)
        return fail_build(context, p);
    status = ocl_check(result, "clBuildProgram");
    return status != CLN_OK ? cln_fail_within(status, "%s with %s", p->source, p->options) : CLN_OK;
}

/* Loads the program from the cache if it has a binary that the driver accepts. Failures are ignored: the source
 * remains. */
static void build_cached(struct ocl_program *p, const struct ocl_context *context) {
    size_t bytes = 0;
    unsigned char *binary = ocl_program_cache_read(context->cache, &p->key, &bytes);
    if (!binary)
        return;
    const unsigned char *binaries[] = {binary};
    cl_device_id device = context->device.device_id;
    cl_int taken = CL_SUCCESS;
    enum cln_status status =
        OCL_CREATE(&p->program, clCreateProgramWithBinary, context->context, 1, &device, &bytes, binaries, &taken);
    free(binary);
    p->from_cache = status == CLN_OK && taken == CL_SUCCESS && build_program(p, context) == CL_SUCCESS;
    if (!p->from_cache) {
        release(p);
        ocl_program_cache_forget(context->cache, &p->key);
    }
}

/* Gets a program that other processes may build: they leave it in the cache. */
static enum cln_status build_shared(struct ocl_program *p, struct ocl_context *context, const char *text) {
    ocl_program_key_make(&p->key, &context->device, text, p->options);
    if (context->builds) {
        p->elsewhere = ocl_program_cache_knows(context->cache, &p->key);
        return CLN_OK;
    }
    build_cached(p, context);
    if (p->from_cache || !context->before_building || ocl_program_cache_knows(context->cache, &p->key) ||
        !ocl_program_cache_writable(context->cache)) /* without notes, builders would be started every time */
        return CLN_OK;
    enum cln_status (*before_building)(void *user) = context->before_building;
    context->before_building = NULL;
    context->first = true;
    enum cln_status status = before_building(context->building_user);
    if (status == CLN_OK)
        build_cached(p, context);
    return status;
}

/* Checks whether a noted program, which took `cpu` seconds to build, was compiled after all. Then all notes are
 * worthless and are deleted, and builders are called for the programs that follow. */
static void judge_note(const struct ocl_program *p, struct ocl_context *context, double cpu) {
    struct ocl_habit habit;
    if (context->lost || context->builds || !ocl_program_cache_knows(context->cache, &p->key))
        return;
    ocl_habit_recall(&habit, context);
    context->lost = ocl_habit_has_lost(&habit, cpu);
    if (context->lost)
        ocl_program_cache_forget_notes(context->cache);
}

/* The whole source of a program; the caller's: free(). */
static enum cln_status load_text(char **out, const struct ocl_program *p, const struct ocl_context *context) {
    char *loaded = NULL;
    *out = NULL;
    enum cln_status status = p->text ? CLN_OK : ocl_source_load(&loaded, context->kernel_folder, p->source);
    if (status != CLN_OK)
        return status;
    const char *before = p->declares ? ocl_embedded_declarations[0].text : "", *text = p->text ? p->text : loaded;
    *out = malloc(strlen(before) + strlen(text) + 1);
    if (*out)
        strcat(strcpy(*out, before), text);
    free(loaded);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %s", p->source);
}

static enum cln_status build(struct ocl_program *p, struct ocl_context *context, bool try_cache) {
    char *text = NULL;
    enum cln_status status = load_text(&text, p, context);
    if (status == CLN_OK && try_cache && context->cache)
        status = build_shared(p, context, text);
    if (status == CLN_OK && !p->from_cache && !p->elsewhere) {
        double cpu = 0;
        status = build_source(p, context, text, &cpu);
        if (status == CLN_OK && context->cache)
            judge_note(p, context, cpu);
    }
    free(text);
    return status;
}

static size_t count_programs(const struct ocl_context *context) {
    size_t count = 0;
    for (const struct ocl_program *p = context->programs; p; p = p->next)
        count++;
    return count;
}

/* The caller's: free(). NULL: no memory. */
static char *join_options(bool declares, const struct ocl_constants *constants) {
    const char *header = declares ? " -D _OPENCL_H_" : "", *extra = ocl_build_options();
    const char *defined = constants ? constants->text : "";
    char *options = malloc(sizeof base_options + strlen(header) + 1 + strlen(extra) + strlen(defined));
    if (options)
        sprintf(options, "%s%s%s%s%s", base_options, header, *extra ? " " : "", extra, defined);
    return options;
}

/* Builds a program; if it does not compile with our declarations, it and all later ones are built with the header. */
static enum cln_status build_either(struct ocl_program *p, struct ocl_context *context,
                                    const struct ocl_constants *constants) {
    enum cln_status status = build(p, context, true);
    if (status != CLN_BUILD || !p->declares)
        return status;
    release(p);
    free(p->options);
    p->declares = false;
    p->options = join_options(false, constants);
    if (!p->options)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a program");
    status = build(p, context, true);
    context->needs_header = status == CLN_OK;
    if (status == CLN_OK)
        cln_log(CLN_LOG_INFO, "%s needs the driver's header: it calls what declarations.clh does not declare",
                p->source);
    return status;
}

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

enum cln_status ocl_program_get(struct ocl_program **out, struct ocl_context *context,
                                const struct ocl_launch *launch) {
    const struct ocl_constants *constants = launch->constants;
    *out = NULL;
    if (constants && constants->overflow)
        return cln_fail(CLN_INVALID, "%s: more constants than fit in %zu characters", launch->source,
                        sizeof constants->text);
    struct ocl_program *p = calloc(1, sizeof *p);
    if (p) {
        p->source = strdup(launch->source);
        p->declares = declares(context);
        p->options = join_options(p->declares, constants);
        p->text = launch->text ? strdup(launch->text) : NULL;
    }
    if (!p || !p->source || !p->options || (launch->text && !p->text)) {
        destroy_program(p);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a program");
    }
    struct ocl_program *known = context->programs;
    while (known && (strcmp(known->source, p->source) != 0 || strcmp(known->options, p->options) != 0 ||
                     !same_text(known->text, p->text)))
        known = known->next;
    if (known) {
        destroy_program(p);
        *out = known->elsewhere ? NULL : known;
        return CLN_OK;
    }
    p->elsewhere = context->builds && !context->builds(context->building_user, count_programs(context));
    enum cln_status status = p->elsewhere ? CLN_OK : build_either(p, context, constants);
    if (status != CLN_OK) {
        destroy_program(p);
        return status;
    }
    p->next = context->programs;
    context->programs = p;
    *out = p->elsewhere ? NULL : p;
    return CLN_OK;
}

enum cln_status ocl_program_kernel(cl_kernel *out, struct ocl_program *program, struct ocl_context *context,
                                   const char *name) {
    enum cln_status status = OCL_CREATE(out, clCreateKernel, program->program, name);
    if (status == CLN_OK || !program->from_cache)
        return status;
    /* A binary without the kernel is not trusted: the program is built again from source. Kernels made so far keep the
     * old program alive. */
    release(program);
    ocl_program_cache_forget(context->cache, &program->key);
    status = build(program, context, false);
    return status != CLN_OK ? status : OCL_CREATE(out, clCreateKernel, program->program, name);
}

void ocl_program_launched(struct ocl_program *program, struct ocl_context *context) {
    context->unkept = context->unkept || (!program->launched && context->cache);
    program->launched = true;
}

/* Stores the driver's binary, and measures the cost of asking for it. */
static void keep_binary(const struct ocl_program *p, const struct ocl_context *context, struct ocl_habit *habit) {
    const double start = cln_clock_cpu(CLOCK_PROCESS_CPUTIME_ID);
    size_t bytes = 0;
    if (OCL_RESULT(clGetProgramInfo, p->program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) != CL_SUCCESS)
        return;
    unsigned char *binary = bytes > 0 ? malloc(bytes) : NULL;
    if (binary &&
        OCL_RESULT(clGetProgramInfo, p->program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        ocl_program_cache_write(context->cache, &p->key, binary, bytes);
    free(binary);
    habit->dear = habit->dear || cln_clock_cpu(CLOCK_PROCESS_CPUTIME_ID) - start > OCL_QUICK_CPU;
}

/* Whether to ask the driver for one more binary, after `asked` others.
 * - Not in a start that called builders: it takes long enough.
 * - A builder measures nothing, because the trainer waits for it; and it does not ask a driver that compiles at the
 *   first launch, because that driver may compile when asked, too.
 * - A driver that compiles when asked and has its own cache is asked for a few binaries per start; the others follow in
 *   later starts. */
static bool asks(struct ocl_habit *habit, const struct ocl_context *context, size_t asked) {
    if (context->brief || context->first)
        return false;
    if (habit->dear && habit->first_cpu <= 0 && !context->builds && ocl_program_cache_has_room(context->cache))
        ocl_habit_measure(habit, context);
    const bool cheap = !habit->dear && !(context->builds && context->lazy);
    const bool has_no_cache = habit->first_cpu > 0 && !ocl_habit_has_cache(habit);
    return cheap || has_no_cache ||
           (asked < DEAR_BINARIES && !context->builds && ocl_program_cache_has_room(context->cache));
}

void ocl_programs_keep(struct ocl_context *context) {
    if (!context->unkept)
        return;
    context->unkept = false;
    if (OCL_RESULT(clFinish, context->queue) != CL_SUCCESS)
        return; /* the device has failed; do not store its programs */
    struct ocl_habit before, habit;
    ocl_habit_recall(&before, context);
    habit = before;
    size_t asked = 0;
    for (struct ocl_program *p = context->programs; p; p = p->next) {
        if (p->from_cache || p->asked || !p->launched)
            continue;
        context->kept = true;
        p->asked = asks(&habit, context, asked);
        asked += p->asked;
        if (p->asked)
            keep_binary(p, context, &habit);
        ocl_program_cache_note(context->cache, &p->key);
    }
    if (habit.dear != before.dear || habit.first_cpu != before.first_cpu)
        ocl_habit_remember(&habit, context);
}
