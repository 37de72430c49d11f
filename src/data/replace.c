/* Writing aside and renaming: see replace.h. */
#include "src/data/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum cln_status resolve(char **out, const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return cln_fail(CLN_INVALID, "%s is not a regular file: choose another name to write to", path);
    *out = realpath(path, NULL);
    if (!*out)
        *out = strdup(path);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name %s", path);
}

/* Not mkstemp: its mode of 0600 would stay, and the umask cannot be asked without setting it. */
static int create_aside(struct cln_replacement *r) {
    for (int attempt = 0; attempt < 100; attempt++) {
        char *name;
        if (asprintf(&name, "%s.%ld-%d.tmp", r->path, (long)getpid(), attempt) < 0)
            return -1;
        int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (file >= 0) {
            r->aside = name;
            return file;
        }
        int error = errno;
        free(name);
        errno = error;
        if (error != EEXIST)
            return -1;
    }
    return -1;
}

enum cln_status cln_replace_begin(struct cln_replacement *r, const char *path) {
    enum cln_status status = resolve(&r->path, path);
    if (status != CLN_OK)
        return status;
    int file = create_aside(r);
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
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(folder);
}

enum cln_status cln_replace_commit(struct cln_replacement *r) {
    errno = 0;
    int failed = fflush(r->stream) || ferror(r->stream) || fsync(fileno(r->stream));
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
