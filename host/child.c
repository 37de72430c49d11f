/* One command with a time limit: see child.h. */
#include "host/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
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

static enum cln_status open_pipe(int ends[2]) {
    if (pipe(ends) != 0)
        return cln_fail(CLN_IO, "a pipe to a process: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return CLN_OK;
}

static void close_end(int end) {
    if (end >= 0)
        close(end);
}

/* Waits for it until the time is up, then ends it and what it started. True where it ended by itself. */
static bool wait_for(pid_t process, int *ended, bool in_time, double until) {
    const struct timespec moment = {.tv_nsec = 2000000};
    for (;;) {
        const pid_t found = waitpid(process, ended, in_time ? WNOHANG : 0);
        if (found == process || (found < 0 && errno != EINTR))
            return in_time;
        if (in_time && cln_clock_seconds() >= until) {
            in_time = false;
            if (kill(-process, SIGKILL) != 0) /* the group may not be there yet */
                (void)kill(process, SIGKILL);
        } else if (in_time) {
            nanosleep(&moment, NULL);
        }
    }
}

enum cln_status cln_child_run(struct cln_child_result *out, const char *const *argv, const char *variable,
                              double seconds) {
    const double until = cln_clock_seconds() + seconds;
    int input[2] = {-1, -1}, output[2] = {-1, -1}, ended = 0;
    pid_t process = 0;
    memset(out, 0, sizeof *out);
    enum cln_status status = open_pipe(output);
    if (status == CLN_OK)
        status = open_pipe(input);
    if (status == CLN_OK)
        status = cln_spawn(&process, argv, variable, input[0], output[1]);
    close_end(input[0]);
    close_end(output[1]);
    if (status == CLN_OK) {
        const bool closed = read_all(out, output[0], until);
        const bool finished = wait_for(process, &ended, true, closed ? until : 0);
        out->end = !finished ? CLN_CHILD_TIMED_OUT : WIFSIGNALED(ended) ? CLN_CHILD_CRASHED : CLN_CHILD_EXITED;
        if (finished)
            out->code = WIFSIGNALED(ended) ? WTERMSIG(ended) : WEXITSTATUS(ended);
    }
    close_end(output[0]);
    close_end(input[1]);
    return status;
}
