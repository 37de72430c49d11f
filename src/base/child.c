/* A child process and the socket to it; see child.h. A message is sent as its size, then its bytes. A sign of life is a
 * message of size 0. */
#include "src/base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/process.h"

enum {
    SIGN_OF_LIFE_MS = 200,
    POLL_MS = 20,
    HUNG = SIGVTALRM /* the signal by which a child ends itself when it hangs */
};

#define BUSY_SHARE 0.005 /* share of a processor that a working process uses at least */

struct cln_child {
    pid_t process; /* 0: it has ended; `ended` is its wait status */
    int socket, ended;
};

enum cln_status cln_child_start(struct cln_child **out, const char *const *argv, const char *variable) {
    int ends[2];
    *out = NULL;
    struct cln_child *child = calloc(1, sizeof *child);
    if (!child)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for a process");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        free(child);
        return cln_fail(CLN_IO, "a socket to a process: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    child->socket = ends[0];
    const enum cln_status status = cln_spawn(&child->process, argv, variable, ends[1], -1);
    close(ends[1]);
    if (status != CLN_OK) {
        close(child->socket);
        free(child);
        return status;
    }
    *out = child;
    return CLN_OK;
}

/* Whether the child has ended. The rest of its process group is killed before the child is waited for, because then its
 * number may be given to another process. `flags`: WNOHANG, or 0 to wait for the end. */
static bool has_ended(struct cln_child *child, int flags) {
    siginfo_t info = {.si_pid = 0};
    int found = 0;
    if (child->process == 0)
        return true;
    while ((found = waitid(P_PID, (id_t)child->process, &info, WEXITED | WNOWAIT | flags)) < 0 && errno == EINTR)
        continue;
    if (found == 0 && info.si_pid == 0)
        return false;
    if (found == 0) { /* error: somebody else has waited for it */
        (void)kill(-child->process, SIGKILL);
        while (waitpid(child->process, &child->ended, 0) < 0 && errno == EINTR)
            continue;
    }
    child->process = 0;
    return true;
}

/* Receives `size` bytes. True: all have arrived. False: the socket was closed before. */
static bool receive(const struct cln_child *child, void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t got = recv(child->socket, (char *)bytes + done, count - done, 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Whether within `ms` there is something to read or the other end is closed. */
static bool comes_soon(const struct cln_child *child, int ms) {
    struct pollfd socket = {.fd = child->socket, .events = POLLIN};
    return poll(&socket, 1, ms) > 0;
}

enum cln_child_news cln_child_listen(struct cln_child *child, void *message, size_t size, double seconds) {
    const struct timespec moment = {.tv_nsec = 2000000};
    double until = cln_clock_seconds() + seconds;
    for (bool closed = false;;) {
        /* In this order, so that messages sent before its end are still read. */
        const bool gone = has_ended(child, WNOHANG);
        uint32_t bytes;
        if (closed)
            nanosleep(&moment, NULL); /* the child is about to end: nothing else closes the socket */
        else if (comes_soon(child, gone ? 0 : POLL_MS)) {
            closed = !receive(child, &bytes, sizeof bytes);
            if (!closed && bytes == size && receive(child, message, size))
                return CLN_CHILD_SAID;
            if (!closed && bytes != 0)
                return CLN_CHILD_ENDED;
            until = closed ? until : cln_clock_seconds() + seconds;
            continue;
        }
        if (gone)
            return CLN_CHILD_ENDED;
        if (cln_clock_seconds() >= until)
            return CLN_CHILD_SILENT;
    }
}

/* Whether a fault in a program raises this signal; all others come from outside. */
static bool is_fault(int number) {
    const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i] == number)
            return true;
    return false;
}

void cln_child_stop(struct cln_child **stopped, double seconds, struct cln_child_result *out) {
    const struct timespec moment = {.tv_nsec = 2000000};
    const double until = cln_clock_seconds() + seconds;
    struct cln_child *child = *stopped;
    struct cln_child_result result = {.end = CLN_CHILD_STOPPED};
    if (!child)
        return;
    *stopped = NULL;
    while (!has_ended(child, WNOHANG) && cln_clock_seconds() < until)
        nanosleep(&moment, NULL);
    if (!has_ended(child, WNOHANG)) {
        if (kill(-child->process, SIGKILL) != 0) /* the group may not exist yet */
            (void)kill(child->process, SIGKILL);
        (void)has_ended(child, 0);
    } else {
        const bool killed = WIFSIGNALED(child->ended);
        result.code = killed ? WTERMSIG(child->ended) : WEXITSTATUS(child->ended);
        result.end = !killed                 ? CLN_CHILD_EXITED
                     : result.code == HUNG   ? CLN_CHILD_STOPPED
                     : is_fault(result.code) ? CLN_CHILD_CRASHED
                                             : CLN_CHILD_KILLED;
    }
    close(child->socket);
    free(child);
    if (out)
        *out = result;
}

void cln_child_describe(char *out, size_t bytes, const struct cln_child_result *r, double seconds) {
    switch (r->end) {
    case CLN_CHILD_EXITED:
        snprintf(out, bytes, "ended with exit status %d", r->code);
        break;
    case CLN_CHILD_CRASHED:
        snprintf(out, bytes, "crashed (%s)", strsignal(r->code));
        break;
    case CLN_CHILD_KILLED:
        snprintf(out, bytes, "was killed (%s)", strsignal(r->code));
        break;
    case CLN_CHILD_STOPPED:
        snprintf(out, bytes, "did not answer for %g s", seconds);
        break;
    }
}

enum cln_status cln_child_patience(double *seconds, double usual) {
    static const char variable[] = "CLENET_GUARD_SECONDS";
    const char *text = getenv(variable);
    char *end = NULL;
    *seconds = text && *text ? strtod(text, &end) : usual;
    if (text && *text && !(*end == '\0' && *seconds >= 0.1 && *seconds <= 1e6))
        return cln_fail(CLN_INVALID, "%s is \"%s\": it has to be a number of seconds from 0.1 to 1000000", variable,
                        text);
    return CLN_OK;
}

/* ---- In the process that was started ---- */

static pthread_mutex_t speaking = PTHREAD_MUTEX_INITIALIZER;

static void send_whole(const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        const ssize_t sent = send(STDIN_FILENO, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return; /* the parent has ended */
        done += sent > 0 ? (size_t)sent : 0;
    }
}

void cln_child_say(const void *message, size_t size) {
    const uint32_t bytes = (uint32_t)size;
    pthread_mutex_lock(&speaking);
    send_whole(&bytes, sizeof bytes);
    send_whole(message, size);
    pthread_mutex_unlock(&speaking);
}

/* Wall and processor times of this process, and its calls. */
struct moment {
    double wall, processor;
};

static struct moment now(void) {
    return (struct moment){cln_clock_seconds(), cln_clock_cpu(CLOCK_PROCESS_CPUTIME_ID)};
}

static double patience;
static cln_child_call *calls_under_way;

/* Whether the call that began at `begin` counts as hanging at `at`. */
static bool hangs(const struct moment *begin, const struct moment *at) {
    const double wall = at->wall - begin->wall, processor = at->processor - begin->processor;
    return wall >= 10 * patience || (wall >= patience && processor >= patience);
}

/* Ends the process at once, whatever other threads do: a driver's call cannot be interrupted. */
static void end_with(int number) {
    (void)signal(number, SIG_DFL);
    (void)kill(getpid(), number);
}

static void *attend(void *unused) {
    size_t last = 0, number = 0;
    struct moment begin = now(), sign = begin; /* start of the current call; time of the last sign of life */
    (void)unused;
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO}; /* wait only for the other side's end */
        if (poll(&input, 1, SIGN_OF_LIFE_MS) > 0)
            end_with(SIGKILL);
        const struct moment at = now();
        if (!calls_under_way(&number) || number != last)
            begin = at;
        else if (hangs(&begin, &at))
            end_with(HUNG);
        last = number;
        if (begin.wall == at.wall || at.processor - sign.processor >= BUSY_SHARE * (at.wall - sign.wall)) {
            cln_child_say("", 0);
            sign = at;
        }
    }
    return NULL;
}

void cln_child_attend(double seconds, cln_child_call *under_way) {
    pthread_t thread;
    const struct rlimit none = {0, 0}; /* a crash is a valid result: write no core file */
    (void)setrlimit(RLIMIT_CORE, &none);
    patience = seconds;
    calls_under_way = under_way;
    if (pthread_create(&thread, NULL, attend, NULL) != 0)
        end_with(SIGKILL); /* no thread, for lack of memory or processes: this says nothing about the driver */
    pthread_detach(thread);
}
