/* Opens streams for lines: see lines.h. */
#include "src/cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/text.h"

/* Duplicates standard output or standard error if it is the same file and writable: a descriptor of its own would
 * overwrite its output. -1: neither. */
static int share_standard(const char *path) {
    struct stat wanted, found;
    if (stat(path, &wanted) != 0)
        return -1;
    for (int number = STDOUT_FILENO; number <= STDERR_FILENO; number++) {
        const int flags = fcntl(number, F_GETFL);
        if (fstat(number, &found) == 0 && found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino &&
            flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
            return fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    return -1;
}

/* First without O_CREAT: with it some systems refuse another user's file in a folder like /tmp. */
static int open_file(const char *path, int way) {
    const int file = open(path, way);
    return file < 0 && errno == ENOENT ? open(path, way | O_CREAT, 0666) : file;
}

/* Whether a file's last line is incomplete; false if it cannot be read. */
static bool is_cut(const char *path) {
    struct stat info;
    char last = '\n';
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) /* do not open a pipe to look into it */
        return false;
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
        (void)!pread(file, &last, 1, info.st_size - 1);
    if (file >= 0)
        close(file);
    return last != '\n';
}

FILE *cln_lines_open(const char *path, bool append) {
    int file = share_standard(path);
    fflush(stdout); /* they may write to this file */
    const bool cut = append && is_cut(path);
    if (file < 0)
        file = open_file(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC));
    FILE *stream = file >= 0 ? fdopen(file, append ? "a" : "w") : NULL;
    if (file >= 0 && !stream)
        close(file);
    if (stream && cut)
        cln_text_print(stream, "\n");
    return stream;
}
