/* See launch_record.h. */
#include "src/cli/launch_record.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct record {
    int word, rank; /* enum cln_launch_word */
    pid_t process;
};

enum { NONE = -1, SEVERAL = -2 };

static const char variable[] = "CLENET_LAUNCH_RECORD";
static FILE *file; /* of the process that starts others */
static struct {
    size_t read;          /* records */
    struct pollfd *ended; /* a descriptor of each process that has begun, ready when it has ended; -1: not any more */
    struct record *begun;
    size_t count;
    int lost; /* see cln_launch_record_lost; NONE: none yet */
} watched = {.lost = NONE};

bool cln_launch_say(enum cln_launch_word word, int rank) {
    const char *path = getenv(variable);
    const struct record record = {(int)word, rank, getpid()};
    const int out = path && strncmp(path, "/proc/", 6) == 0 ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (out < 0)
        return true;
    const bool written = write(out, &record, sizeof record) == (ssize_t)sizeof record;
    const bool first = !written || lseek(out, 0, SEEK_CUR) == (off_t)sizeof record;
    close(out);
    return first;
}

static void forget(size_t i) {
    if (watched.ended[i].fd >= 0)
        close(watched.ended[i].fd);
    watched.ended[i].fd = -1;
}

void cln_launch_record_begin(void) {
    char path[64];
    for (size_t i = 0; i < watched.count; i++)
        forget(i);
    watched.count = watched.read = 0;
    watched.lost = NONE;
    if (!file)
        file = tmpfile();
    if (file)
        fcntl(fileno(file), F_SETFD, FD_CLOEXEC);
    if (!file || ftruncate(fileno(file), 0) != 0)
        return;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getpid(), fileno(file));
    if (access(path, W_OK) == 0)
        setenv(variable, path, 1);
}

/* Reads record `number`. False: there is none. */
static bool record_at(struct record *record, size_t number) {
    return file && pread(fileno(file), record, sizeof *record, (off_t)(number * sizeof *record)) == sizeof *record;
}

bool cln_launch_record_has(enum cln_launch_word word) {
    struct record record;
    for (size_t i = 0; record_at(&record, i); i++)
        if (record.word == (int)word)
            return true;
    return !file || !getenv(variable);
}

static bool has_left(pid_t process) {
    struct record record;
    for (size_t i = 0; record_at(&record, i); i++)
        if (record.word == CLN_LAUNCH_LEFT && record.process == process)
            return true;
    return false;
}

/* -1: this system has no such descriptors. */
static int descriptor_of(pid_t process) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, process, 0);
#else
    (void)process;
    return -1;
#endif
}

static void watch(const struct record *record) {
    struct pollfd *ended = realloc(watched.ended, (watched.count + 1) * sizeof *ended);
    watched.ended = ended ? ended : watched.ended;
    struct record *begun = realloc(watched.begun, (watched.count + 1) * sizeof *begun);
    watched.begun = begun ? begun : watched.begun;
    if (!ended || !begun)
        return;
    ended[watched.count] = (struct pollfd){.fd = descriptor_of(record->process), .events = POLLIN};
    begun[watched.count++] = *record;
}

void cln_launch_record_watch(double seconds) {
    struct record record;
    for (; record_at(&record, watched.read); watched.read++)
        if (record.word == CLN_LAUNCH_BEGUN)
            watch(&record);
    if (poll(watched.ended, watched.count, (int)(seconds * 1000)) <= 0)
        return;
    int lost = NONE;
    for (size_t i = 0; i < watched.count; i++) {
        if (watched.ended[i].fd < 0 || !watched.ended[i].revents)
            continue;
        if (!has_left(watched.begun[i].process))
            lost = lost == NONE ? watched.begun[i].rank : SEVERAL;
        forget(i);
    }
    if (watched.lost == NONE)
        watched.lost = lost;
}

int cln_launch_record_lost(void) {
    return watched.lost >= 0 ? watched.lost : -1;
}
