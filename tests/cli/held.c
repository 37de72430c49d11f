/* Files that cannot be opened yet, by LD_PRELOAD: who opens one whose name begins with "held" waits until the file
 * $HELD_UNTIL is there. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void hold(const char *path) {
    const char *slash = strrchr(path, '/'), *until = getenv("HELD_UNTIL");
    const struct timespec moment = {.tv_nsec = 10000000};
    while (until && strncmp(slash ? slash + 1 : path, "held", 4) == 0 && access(until, F_OK) != 0)
        nanosleep(&moment, NULL);
}

#define HELD(call)                                                                                                     \
    __attribute__((visibility("default"))) int call(const char *path, int flags, ...);                                 \
    int call(const char *path, int flags, ...) {                                                                       \
        int (*real)(const char *, int, ...);                                                                           \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;                        \
        va_end(arguments);                                                                                             \
        hold(path);                                                                                                    \
        *(void **)&real = dlsym(RTLD_NEXT, #call);                                                                     \
        return real(path, flags, mode);                                                                                \
    }

/* Programs have two names for it; `open64` is that of those that know large files. */
HELD(open)
HELD(open64)
