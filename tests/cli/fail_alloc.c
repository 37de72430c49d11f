/* Loaded with LD_PRELOAD, makes the n-th allocation fail: of the program and of the libraries that it hands its data
 * to, not of libc, the OpenCL loader or a driver, many of which abort. $FAIL_ALLOC is "N" or "N+" (that one and all
 * behind it); 0: none. $FAIL_ALLOC_COUNT names a file that gets the number of allocations at the end. For glibc, whose
 * own names of the functions need no look-up. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static const char *const counted[] = {"clenet",     "libclenet.so", "libjansson.so", "libpng16.so",
                                      "libjpeg.so", "libpopt.so",   "libz.so",       "libprotobuf-c.so"};
static atomic_long calls;
static long failing;
static bool from_then_on;

__attribute__((constructor)) static void begin(void) {
    const char *value = getenv("FAIL_ALLOC");
    char *end = NULL;
    failing = value ? strtol(value, &end, 10) : 0;
    from_then_on = end && *end == '+';
    atomic_store(&calls, 0);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAIL_ALLOC_COUNT");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "%ld\n", atomic_load(&calls));
        fclose(file);
    }
}

static bool is_counted(const void *caller) {
    Dl_info info;
    if (!dladdr(caller, &info) || !info.dli_fname)
        return false;
    const char *slash = strrchr(info.dli_fname, '/'), *name = slash ? slash + 1 : info.dli_fname;
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (strncmp(name, counted[i], strlen(counted[i])) == 0)
            return true;
    return false;
}

static bool fails(const void *caller) {
    if (!is_counted(caller))
        return false;
    const long call = atomic_fetch_add(&calls, 1) + 1;
    if (failing == 0 || (from_then_on ? call < failing : call != failing))
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t bytes) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

EXPORT void *calloc(size_t count, size_t bytes) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, bytes);
}

EXPORT void *realloc(void *old, size_t bytes) {
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, bytes);
}

/* libc's own calls malloc from within libc. */
static char *copy(const char *text, size_t length) {
    char *result = __libc_malloc(length + 1);
    if (result) {
        memcpy(result, text, length);
        result[length] = '\0';
    }
    return result;
}

EXPORT char *strdup(const char *text) {
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strlen(text));
}

EXPORT char *strndup(const char *text, size_t most) {
    return fails(__builtin_return_address(0)) ? NULL : copy(text, strnlen(text, most));
}
