/* One command with a time limit: see child.h. */
#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/process.h"

/* Reads until the other end closes, or the time is up: then false. What does not fit is read and dropped. */
static bool read_all(struct cln_child_result *out, int reader, double until) {
    size_t used = 0;
    for (;;) {
        char rest[512];
        const double left = until - cln_clock_seconds();
        struct pollfd end = {.fd = reader, .events = POLLIN};
        const int ready = left > 0 ? poll(&end, 1, (int)(left * 1000) + 1) : 0;
        if (ready == 0)
            return false;
        if (ready < 0 && errno == EINTR)
            continue;
        const size_t room = sizeof out->output - 1 - used;
        const ssize_t got = read(reader, room > 0 ? out->output + used : rest, room > 0 ? room : sizeof rest);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return true;
        used += room > 0 ? (size_t)got : 0;
    }
}

enum cln_status cln_child_run(struct cln_child_result *out, const char *const *argv, const char *variable,
                              double seconds) {
    const double until = cln_clock_seconds() + seconds;
    int ends[2], ended = 0;
    pid_t process = 0, found;
    memset(out, 0, sizeof *out);
    if (pipe(ends) != 0)
        return cln_fail(CLN_IO, "a pipe to a process: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    const enum cln_status status = cln_spawn(&process, argv, variable, -1, ends[1]);
    close(ends[1]);
    const bool finished = status == CLN_OK && read_all(out, ends[0], until);
    close(ends[0]);
    if (status != CLN_OK)
        return status;
    if (!finished && kill(-process, SIGKILL) != 0) /* the group may not be there yet */
        (void)kill(process, SIGKILL);
    do
        found = waitpid(process, &ended, 0);
    while (found < 0 && errno == EINTR);
    if (!finished) {
        out->end = CLN_CHILD_TIMED_OUT;
    } else if (found > 0 && WIFSIGNALED(ended)) {
        out->end = CLN_CHILD_CRASHED;
        out->code = WTERMSIG(ended);
    } else {
        out->end = CLN_CHILD_EXITED;
        out->code = found > 0 ? WEXITSTATUS(ended) : -1;
    }
    return CLN_OK;
}
