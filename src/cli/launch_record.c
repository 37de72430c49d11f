/* See launch_record.h. */
#include "src/cli/launch_record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

struct record {
    int word, rank; /* enum cln_launch_word */
    pid_t process;
};

static const char variable[] = "CLENET_LAUNCH_RECORD";
static FILE *file; /* of the process that starts others */

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

void cln_launch_record_begin(void) {
    char path[64];
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

int cln_launch_record_lost(void) {
    struct record record;
    for (size_t i = 0; record_at(&record, i); i++)
        if (record.word == CLN_LAUNCH_BEGUN && kill(record.process, 0) != 0 && errno == ESRCH &&
            !has_left(record.process))
            return record.rank;
    return -1;
}
