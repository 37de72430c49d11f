/* Replaces files by renaming, or writes them in place: see replace.h. */
#include "src/base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/log.h"
#include "src/base/aside.h"
#include "src/base/place.h"

enum { ABOVE_STANDARD = 3 };

/* Fails with a message for `error`. `written` is the path as the user gave it. */
static enum cln_status fail_to_create(const char *written, const char *path, int error) {
    char *folder = cln_place_folder(path);
    struct stat info;
    const bool is_missing = folder && stat(folder, &info) != 0 && errno == ENOENT;
    const enum cln_status status =
        is_missing ? cln_fail(CLN_IO, "cannot write %s: %s: there is no folder %s", written, strerror(error), folder)
                   : cln_fail(CLN_IO, "cannot create a file beside %s: %s", written, strerror(error));
    free(folder);
    return status;
}

enum cln_status cln_replace_begin(struct cln_replacement *r, const char *path) {
    struct cln_place place;
    enum cln_status status = cln_place_find(&place, path);
    if (status != CLN_OK)
        return status;
    r->path = place.path;
    if (!place.reason)
        cln_aside_clean(r->path);
    r->in_place = place.reason != NULL;
    const int file = r->in_place ? cln_aside_nowhere() : cln_aside_create(&r->aside, r->path);
    if (file < 0)
        return fail_to_create(path, r->path, errno);
    if (!r->in_place && place.exists)
        (void)fchmod(file, place.mode); /* a new file keeps the umask's mode */
    r->stream = fdopen(file, "wb");
    if (r->stream)
        return CLN_OK;
    close(file);
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory to write %s", path);
}

enum cln_status cln_replace_check(const char *path, bool as_a_whole) {
    struct cln_replacement r = {0};
    enum cln_status status = cln_replace_begin(&r, path);
    if (status == CLN_OK && r.in_place && as_a_whole)
        status = cln_fail(CLN_IO, "%s cannot be replaced by another file: choose another name to write to", path);
    else if (status == CLN_OK && r.in_place)
        cln_log(CLN_LOG_WARNING, "%s cannot be replaced and is written in place: if that is cut short, it is damaged",
                path);
    cln_replace_end(&r);
    return status;
}

/* Syncs the folder, so that the rename survives a power failure. Failures are ignored: the new file exists either
 * way. */
static void sync_folder(const char *path) {
    char *folder = cln_place_folder(path);
    int file = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (file >= 0) {
        (void)fsync(file);
        close(file);
    }
    free(folder);
}

/* Copies all of `from` to the current position of `to`. Returns 0 or errno. */
static int copy_content(int to, int from) {
    char piece[1 << 14];
    for (off_t done = 0;;) {
        const ssize_t got = pread(from, piece, sizeof piece, done);
        if (got == 0)
            return 0;
        if (got < 0 && errno == EINTR)
            continue;
        for (ssize_t written = 0; written < got;) {
            const ssize_t n = write(to, piece + written, (size_t)(got - written));
            if (n < 0 && errno != EINTR)
                return errno;
            written += n > 0 ? n : 0;
        }
        if (got < 0)
            return errno;
        done += got;
    }
}

/* Allocates the space before anything is overwritten, so that a full disk leaves the old content. Returns 0 or
 * errno. */
static int reserve(int to, off_t old_size, off_t size) {
    const int error = size > old_size ? posix_fallocate(to, 0, size) : 0;
    if (error == ENOSPC || error == EFBIG || error == EDQUOT) {
        (void)!ftruncate(to, old_size);
        return error;
    }
    return 0;
}

/* Copies the content of `from` into the file `path`. Returns 0 or errno. */
static int write_in_place(const char *path, int from) {
    struct stat old, new;
    const int to = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (to < 0)
        return errno;
    int error = fstat(to, &old) || fstat(from, &new) ? errno : 0;
    if (!error)
        error = reserve(to, old.st_size, new.st_size);
    if (!error)
        error = copy_content(to, from);
    if (!error && (ftruncate(to, new.st_size) || fsync(to)))
        error = errno;
    if (close(to) && !error)
        error = errno;
    return error;
}

/* Gives the synced content its name. Returns 0 or errno. */
static int put_in_place(struct cln_replacement *r, int file) {
    if (r->in_place)
        return write_in_place(r->path, file);
    /* A free name is taken at once. Otherwise the new file gets a temporary name and is renamed over the old file. */
    if (!r->aside && access(r->path, F_OK) != 0 && cln_aside_publish(r->path, file) == 0)
        return 0;
    if (!r->aside && cln_aside_name(&r->aside, r->path, file) != 0)
        return errno;
    if (rename(r->aside, r->path) == 0) {
        cln_aside_forget(&r->aside);
        return 0;
    }
    /* A mount point, or a protection that cln_place_find did not see. */
    const int error = errno;
    const bool is_protected = error == EBUSY || error == EPERM || error == EACCES;
    return is_protected && access(r->path, F_OK) == 0 ? write_in_place(r->path, file) : error;
}

enum cln_status cln_replace_commit(struct cln_replacement *r) {
    enum cln_status status = CLN_OK;
    int error = 0;
    errno = 0;
    if (fflush(r->stream) || ferror(r->stream) || fsync(fileno(r->stream)))
        error = errno ? errno : EIO; /* a failed write may be reported by ferror alone, without errno */
    /* Some file systems report a full disk only when a file is closed; close it before it gets its name. */
    const int file = fcntl(fileno(r->stream), F_DUPFD_CLOEXEC, ABOVE_STANDARD);
    if (file < 0 && !error)
        error = errno;
    if (fclose(r->stream) && !error)
        error = errno;
    r->stream = NULL;
    if (!error)
        error = put_in_place(r, file);
    if (error) {
        cln_aside_remove(&r->aside); /* while it is still locked */
        status = cln_fail(CLN_IO, "writing %s: %s", r->path, strerror(error));
    }
    if (file >= 0)
        close(file);
    if (status == CLN_OK)
        sync_folder(r->path);
    return status;
}

void cln_replace_end(struct cln_replacement *r) {
    cln_aside_remove(&r->aside);
    if (r->stream)
        fclose(r->stream);
    free(r->path);
    *r = (struct cln_replacement){0};
}

enum cln_status cln_replace_link(const char *path, const char *name) {
    char *aside = NULL;
    const int lock = cln_aside_link(&aside, path);
    const int error = rename(aside ? aside : path, name) ? errno : 0;
    cln_aside_remove(&aside); /* rename does nothing if both are names of one file */
    if (lock >= 0)
        close(lock);
    return error ? cln_fail(CLN_IO, "cannot rename %s to %s: %s", path, name, strerror(error)) : CLN_OK;
}
