/* Calls that fail, by LD_PRELOAD (write is that of programs: the C library's own does not come by here): $FAILING is
 * "CALL:NUMBER", and that one fails, or "CALL:NUMBER+", and so do all calls from then on that change files. CALL is one
 * of those below, or "any". */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static bool fails(const char *call) {
    static atomic_int calls;
    char wanted[32], more = '\0';
    int number;
    const char *setting = getenv("FAILING");
    if (!setting || sscanf(setting, "%31[^:]:%d%c", wanted, &number, &more) < 2)
        return false;
    const bool counts = strcmp(wanted, call) == 0 || strcmp(wanted, "any") == 0;
    const int now = counts ? atomic_fetch_add(&calls, 1) + 1 : atomic_load(&calls);
    if (!(more == '+' ? now >= number : counts && now == number))
        return false;
    errno = EIO;
    return true;
}

#define FAILING(result, call, parameters, arguments)                                                                   \
    __attribute__((visibility("default"))) result call parameters;                                                     \
    result call parameters {                                                                                           \
        result(*real) parameters;                                                                                      \
        if (fails(#call))                                                                                              \
            return -1;                                                                                                 \
        *(void **)&real = dlsym(RTLD_NEXT, #call);                                                                     \
        return real arguments;                                                                                         \
    }

FAILING(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
FAILING(int, fsync, (int file), (file))
FAILING(int, fflush, (FILE * stream), (stream))
FAILING(int, rename, (const char *from, const char *to), (from, to))
FAILING(int, link, (const char *from, const char *to), (from, to))
FAILING(int, linkat, (int from_folder, const char *from, int to_folder, const char *to, int flags),
        (from_folder, from, to_folder, to, flags))
FAILING(int, unlink, (const char *path), (path))
FAILING(int, ftruncate, (int file, off_t size), (file, size))
