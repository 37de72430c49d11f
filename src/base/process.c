/* Starts processes: see process.h. */
#include "src/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    const int signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGPIPE, SIGCHLD,
                           SIGALRM, SIGXCPU, SIGXFSZ, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaddset(&usual, signals[i]);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error)
        error = posix_spawnattr_setsigdefault(attributes, &usual);
    if (!error)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (!error)
        error = posix_spawnattr_setflags(attributes,
                                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    return error;
}

/* Copies `descriptor` to a number above 2 if it is 0, 1 or 2: this process may have been started without standard
 * streams. */
static int above_standard(int descriptor) {
    return descriptor >= 0 && descriptor <= STDERR_FILENO ? fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                                          : descriptor;
}

static int set_files(posix_spawn_file_actions_t *files, const int descriptors[3]) {
    int error = 0;
    for (int i = 0; i < 3 && !error; i++)
        error = descriptors[i] >= 0
                    ? posix_spawn_file_actions_adddup2(files, descriptors[i], i)
                    : posix_spawn_file_actions_addopen(files, i, "/dev/null", i == 0 ? O_RDONLY : O_WRONLY, 0);
    return error;
}

/* The environment plus `variable`. The caller's: free() the list, not its strings. */
static char **extend_environment(const char *variable) {
    size_t count = 0, used = 0, name = strcspn(variable, "=") + 1;
    while (environ[count])
        count++;
    char **out = malloc((count + 2) * sizeof *out);
    for (size_t i = 0; out && i < count; i++)
        if (strncmp(environ[i], variable, name) != 0)
            out[used++] = environ[i];
    if (out) {
        out[used++] = (char *)variable;
        out[used] = NULL;
    }
    return out;
}

/* The processes started last, in a ring. A process that was waited for is no child any more, even if its number is in
 * use again. */
enum { REMEMBERED = 16 };
static _Atomic pid_t spawned[REMEMBERED];
static atomic_uint spawned_count;

void cln_spawned_kill(void) {
    const int error = errno;
    for (int i = 0; i < REMEMBERED; i++) {
        const pid_t process = spawned[i];
        siginfo_t info;
        if (process > 0 && waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            (void)kill(-process, SIGKILL);
    }
    errno = error;
}

enum cln_status cln_spawn(pid_t *out, const char *const *argv, const char *variable, int input, int output) {
    const int given[2] = {input, output};
    const int descriptors[3] = {above_standard(input), above_standard(output), -1};
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    char **environment = extend_environment(variable);
    if (!environment)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for an environment");
    int error = posix_spawnattr_init(&attributes);
    if (!error) {
        error = posix_spawn_file_actions_init(&files);
        if (!error) {
            error = set_attributes(&attributes);
            if (!error)
                error = set_files(&files, descriptors);
            if (!error)
                error = posix_spawn(out, argv[0], &files, &attributes, (char *const *)argv, environment);
            posix_spawn_file_actions_destroy(&files);
        }
        posix_spawnattr_destroy(&attributes);
    }
    if (!error)
        spawned[atomic_fetch_add(&spawned_count, 1) % REMEMBERED] = *out;
    free(environment);
    for (int i = 0; i < 2; i++)
        if (descriptors[i] != given[i] && descriptors[i] >= 0)
            close(descriptors[i]);
    return error ? cln_fail(CLN_IO, "%s: cannot be started: %s", argv[0], strerror(error)) : CLN_OK;
}
