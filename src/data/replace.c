/* Writing aside and renaming: see replace.h. */
#include "src/data/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* *mode: of the file that will be replaced, or of a new one before the umask. */
static enum cln_status resolve(char **out, mode_t *mode, const char *path) {
    struct stat info;
    *mode = 0644;
    if (!path[0])
        return cln_fail(CLN_INVALID, "a file without a name cannot be written");
    if (stat(path, &info) == 0) {
        if (!S_ISREG(info.st_mode))
            return cln_fail(CLN_INVALID, "%s is not a regular file: choose another name to write to", path);
        *mode = info.st_mode & 07777;
    } else if (errno != ENOENT) {
        return cln_fail(CLN_IO, "cannot write %s: %s", path, strerror(errno));
    }
    *out = realpath(path, NULL);
    if (!*out)
        *out = strdup(path);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name %s", path);
}

/* The folder's part of a path, with the slash; the caller's: free(). */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

/* Without a name, where the file system can do that: then nothing is left behind by a program that is killed. */
static int create_nameless(const struct cln_replacement *r) {
    int file = -1;
#ifdef O_TMPFILE
    char *folder = folder_of(r->path);
    if (folder && access("/proc/self/fd", X_OK) == 0) /* where it gets its name from in the end */
        file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    free(folder);
#endif
    return file;
}

/* Tries short names beside the file until one is free, and keeps it. Not mkstemp: its mode of 0600 would stay, and the
 * umask cannot be asked without setting it. */
static int find_name(struct cln_replacement *r, int (*try_name)(const char *name, int file), int file) {
    char *folder = folder_of(r->path);
    int result = -1;
    errno = EEXIST;
    for (int attempt = 0; folder && result < 0 && errno == EEXIST && attempt < 100; attempt++) {
        const bool in_folder = strchr(r->path, '/') != NULL;
        free(r->aside);
        if (asprintf(&r->aside, "%s.clenet-%ld-%d.tmp", in_folder ? folder : "", (long)getpid(), attempt) < 0)
            r->aside = NULL;
        errno = ENOMEM;
        if (r->aside)
            result = try_name(r->aside, file);
    }
    if (result < 0) {
        const int error = errno;
        free(r->aside);
        r->aside = NULL;
        errno = error;
    }
    free(folder);
    return result;
}

static int create_named(const char *name, int ignored) {
    (void)ignored;
    return open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

static int name_file(const char *name, int file) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

enum cln_status cln_replace_begin(struct cln_replacement *r, const char *path) {
    mode_t mode;
    enum cln_status status = resolve(&r->path, &mode, path);
    if (status != CLN_OK)
        return status;
    int file = create_nameless(r);
    if (file < 0)
        file = find_name(r, create_named, -1);
    if (file >= 0 && mode != 0644)
        (void)fchmod(file, mode); /* else the umask has its say, as for any new file */
    if (file >= 0)
        r->stream = fdopen(file, "wb");
    if (file >= 0 && !r->stream)
        close(file);
    if (!r->stream)
        return cln_fail(CLN_IO, "cannot create a file beside %s: %s", path, strerror(errno));
    return CLN_OK;
}

/* So that the rename outlives a power failure. Some file systems cannot; the new file stands either way. */
static void sync_folder(const char *path) {
    char *folder = folder_of(path);
    int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(folder);
}

enum cln_status cln_replace_commit(struct cln_replacement *r) {
    errno = 0;
    int failed = fflush(r->stream) || ferror(r->stream) || fsync(fileno(r->stream)) ||
                 (!r->aside && find_name(r, name_file, fileno(r->stream)) < 0);
    /* A failed write may have been reported by ferror alone, its errno long gone. */
    int error = errno ? errno : EIO;
    if (fclose(r->stream) && !failed) {
        failed = 1;
        error = errno;
    }
    r->stream = NULL;
    if (!failed && rename(r->aside, r->path)) {
        failed = 1;
        error = errno;
    }
    if (failed)
        return cln_fail(CLN_IO, "writing %s: %s", r->path, strerror(error));
    free(r->aside);
    r->aside = NULL;
    sync_folder(r->path);
    return CLN_OK;
}

void cln_replace_end(struct cln_replacement *r) {
    if (r->stream)
        fclose(r->stream);
    if (r->aside)
        unlink(r->aside);
    free(r->aside);
    free(r->path);
    *r = (struct cln_replacement){0};
}
