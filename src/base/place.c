/* Resolves paths that are to be written: see place.h. */
#include "src/base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_LINKS = 40 }; /* as in the kernel */

char *cln_place_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
}

/* Joins `folder` and `name`, as an absolute path if the folder exists. */
static char *join(const char *folder, const char *name) {
    char *real = realpath(folder, NULL), *joined = NULL;
    const char *parent = real ? real : folder;
    const size_t length = strlen(parent);
    if (asprintf(&joined, "%s%s%s", parent, length > 0 && parent[length - 1] == '/' ? "" : "/", name) < 0)
        joined = NULL;
    free(real);
    return joined;
}

/* The target of a symbolic link, resolved from the link's folder; NULL: it is no link. */
static char *follow(const char *link) {
    char target[4096];
    const ssize_t length = readlink(link, target, sizeof target - 1);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    if (target[0] == '/')
        return strdup(target);
    char *folder = cln_place_folder(link), *joined = folder ? join(folder, target) : NULL;
    free(folder);
    return joined;
}

char *cln_place_resolve(const char *path) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return strdup(path); /* such as /dev/stdout, if that is a pipe without a name */
    char *real = realpath(path, NULL), *next = NULL;
    if (real)
        return real;
    char *at = strdup(path);
    for (int i = 0; at && i < MOST_LINKS && (next = follow(at)) != NULL; i++) {
        free(at);
        at = next;
    }
    char *folder = at ? cln_place_folder(at) : NULL;
    if (folder) {
        const char *slash = strrchr(at, '/');
        real = join(folder, slash ? slash + 1 : at);
    }
    free(folder);
    free(at);
    return real;
}

/* The attribute that prevents replacing a file, as far as this system reports it. */
static const char *find_attribute(const char *path, const char *folder) {
#if defined(STATX_ATTR_IMMUTABLE) && defined(STATX_ATTR_APPEND)
    struct statx info;
    if (statx(AT_FDCWD, path, 0, STATX_TYPE, &info) == 0) {
        if (info.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND))
            return "it is marked as immutable or append-only";
#ifdef STATX_ATTR_MOUNT_ROOT
        if (info.stx_attributes & STATX_ATTR_MOUNT_ROOT)
            return "it is a mount point";
#endif
    }
    if (statx(AT_FDCWD, folder, 0, STATX_TYPE, &info) == 0 && (info.stx_attributes & STATX_ATTR_APPEND))
        return "its folder is marked as append-only";
#else
    (void)path, (void)folder;
#endif
    return NULL;
}

/* The reason why this file cannot be replaced; NULL: it can. Reasons that are not seen here show when the file is
 * committed. */
static const char *find_reason(const char *path, const struct stat *file) {
    char *folder = cln_place_folder(path);
    struct stat around;
    const char *reason = NULL;
    if (!folder || stat(folder, &around) != 0)
        reason = "nothing is known of its folder";
    else if ((around.st_mode & S_ISVTX) && geteuid() != 0 && geteuid() != around.st_uid && geteuid() != file->st_uid)
        reason = "it is another user's, in a folder where only owners replace files";
    else
        reason = find_attribute(path, folder);
    free(folder);
    return reason;
}

/* Fills *place for an existing regular file. */
static enum cln_status look_at(struct cln_place *place, const struct stat *info) {
    place->mode = info->st_mode & 07777;
    place->reason = find_reason(place->path, info);
    if (!place->reason)
        return CLN_OK;
    const int file = open(place->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0)
        return cln_fail(CLN_IO, "cannot write %s: it cannot be replaced, as %s, nor written in place: %s", place->path,
                        place->reason, strerror(errno));
    close(file);
    return CLN_OK;
}

enum cln_status cln_place_find(struct cln_place *out, const char *path) {
    struct stat info;
    *out = (struct cln_place){.mode = 0644};
    if (!path[0])
        return cln_fail(CLN_INVALID, "a file without a name cannot be written");
    out->exists = stat(path, &info) == 0;
    if (!out->exists && errno != ENOENT)
        return cln_fail(CLN_IO, "cannot write %s: %s", path, strerror(errno));
    if (out->exists && !S_ISREG(info.st_mode))
        return cln_fail(CLN_INVALID, "%s is not a regular file: choose another name to write to", path);
    out->path = cln_place_resolve(path);
    if (!out->path)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name %s", path);
    const enum cln_status status = out->exists ? look_at(out, &info) : CLN_OK;
    if (status != CLN_OK) {
        free(out->path);
        out->path = NULL;
    }
    return status;
}
