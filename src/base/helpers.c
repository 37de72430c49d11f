/* Helpers: starting them, sharing the work, waiting for them. */
#include "src/base/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/process.h"

/* More pieces than any network has programs, in fewer bytes than any pipe holds. Later pieces are taken by no
 * helper. */
enum { PIECES = 512 };

struct cln_helpers {
    int pieces; /* write end of the helpers' input, which stays open as long as this is */
    size_t count;
    pid_t processes[]; /* 0: ended */
};

/* Makes the pipe *reader, the helpers' input, and writes the number of every piece to it. Reading a number takes the
 * piece. */
static enum cln_status fill_pipe(int *reader, int *writer) {
    uint16_t pieces[PIECES];
    int ends[2];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = (uint16_t)i;
    if (pipe(ends) != 0)
        return cln_fail(CLN_IO, "a pipe to helpers: %s", strerror(errno));
    *reader = ends[0];
    *writer = ends[1];
    for (int i = 0; i < 2; i++)
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    (void)fcntl(*reader, F_SETFL, O_NONBLOCK); /* a helper that finds no piece is done */
    if (write(*writer, pieces, sizeof pieces) == (ssize_t)sizeof pieces)
        return CLN_OK;
    close(*reader);
    close(*writer);
    return cln_fail(CLN_IO, "a pipe to helpers does not take %zu bytes", sizeof pieces);
}

enum cln_status cln_helpers_start(struct cln_helpers **out, const char *const *argv, const char *variable,
                                  size_t count) {
    int input = -1;
    *out = NULL;
    struct cln_helpers *h = calloc(1, sizeof *h + count * sizeof *h->processes);
    enum cln_status status =
        h ? fill_pipe(&input, &h->pieces) : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu helpers", count);
    if (status != CLN_OK) {
        free(h);
        return status;
    }
    while (status == CLN_OK && h->count < count) {
        status = cln_spawn(&h->processes[h->count], argv, variable, input, -1);
        h->count += status == CLN_OK;
    }
    close(input);
    *out = h;
    if (h->count > 0) /* fewer than wanted are enough */
        return CLN_OK;
    cln_helpers_destroy(out);
    return status;
}

/* Waits for a process; true: it has ended. */
static bool reap(pid_t *process, int flags, size_t *well) {
    int ended = 0;
    pid_t found;
    do
        found = waitpid(*process, &ended, flags);
    while (found < 0 && errno == EINTR);
    if (found == 0)
        return false;
    /* An error: somebody else has waited for it. */
    *well += found > 0 && WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
    *process = 0;
    return true;
}

static void end_all(struct cln_helpers *h) {
    size_t ignored = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->processes[i] && kill(-h->processes[i], SIGKILL) != 0) /* the group may not exist yet */
            (void)kill(h->processes[i], SIGKILL);
    for (size_t i = 0; i < h->count; i++)
        if (h->processes[i])
            (void)reap(&h->processes[i], 0, &ignored);
}

size_t cln_helpers_wait(struct cln_helpers *h, double seconds) {
    const struct timespec moment = {.tv_nsec = 2000000};
    const double until = cln_clock_seconds() + seconds;
    size_t well = 0, left = h->count;
    for (;;) {
        for (size_t i = 0; i < h->count; i++)
            if (h->processes[i] && reap(&h->processes[i], WNOHANG, &well))
                left--;
        if (left == 0 || cln_clock_seconds() >= until)
            break;
        nanosleep(&moment, NULL);
    }
    end_all(h);
    return well;
}

void cln_helpers_destroy(struct cln_helpers **helpers) {
    struct cln_helpers *h = *helpers;
    if (!h)
        return;
    *helpers = NULL;
    end_all(h);
    close(h->pieces);
    free(h);
}

size_t cln_count_processors(void) {
#ifdef CPU_COUNT
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0)
        return (size_t)CPU_COUNT(&usable);
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

double cln_memory_bytes(void) {
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), limit;
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    if (file && fscanf(file, "%lf", &limit) == 1 && limit < bytes)
        bytes = limit;
    if (file)
        fclose(file);
    return bytes;
}

size_t cln_helpers_fitting(size_t most, size_t bytes) {
    const double fitting = cln_memory_bytes() / 4 / (double)bytes;
    size_t count = cln_count_processors();
    count = count < most ? count : most;
    if (!((double)count <= fitting))
        count = fitting >= 1 ? (size_t)fitting : 1;
    return count;
}

bool cln_helper_take(long *taken, size_t number) {
    while (*taken < (long)number) {
        uint16_t piece; /* both bytes go to one reader: a pipe does not split them */
        ssize_t got = read(STDIN_FILENO, &piece, sizeof piece);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)sizeof piece)
            return false;
        *taken = piece;
    }
    return *taken == (long)number;
}

void cln_helper_wait_for_end(void) {
    struct pollfd input = {.fd = STDIN_FILENO}; /* wait only for the other side's end */
    while (poll(&input, 1, -1) < 0 && errno == EINTR)
        continue;
}
