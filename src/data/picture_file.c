/* Opens a file, reads what is needed of it, and hands it to its format. */
#include "src/data/picture_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEADER_BYTES = 1 << 15, BYTE_LIMIT = 1 << 30 };

bool cln_picture_file_is_named(const char *name) {
    static const char *const endings[] = {".png", ".jpg", ".jpeg"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && dot != name && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

/* Reasons why a file cannot be opened or read that have another status than CLN_IO, or that something helps against. */
static const struct {
    int reason;
    enum cln_status status;
    const char *advice;
} reasons[] = {
    {ENOENT, CLN_NOT_FOUND, ""},
    {ENOTDIR, CLN_NOT_FOUND, ""},
    {ELOOP, CLN_NOT_FOUND, ""},
    {ENAMETOOLONG, CLN_NOT_FOUND, ""},
    {ENOMEM, CLN_OUT_OF_MEMORY, ""},
    {EACCES, CLN_IO, ": make it readable, or take it away"},
    {EMFILE, CLN_IO, ": raise the number of files that a process may open (ulimit -n)"},
    {ENFILE, CLN_IO, ": end other programs, or raise the number of files that the system may open (fs.file-max)"},
};

static enum cln_status fail_on_file(const char *path) {
    const int reason = errno;
    size_t i = 0;
    while (i < sizeof reasons / sizeof *reasons && reasons[i].reason != reason)
        i++;
    const bool is_known = i < sizeof reasons / sizeof *reasons;
    return cln_fail(is_known ? reasons[i].status : CLN_IO, "%s: %s%s", path, strerror(reason),
                    is_known ? reasons[i].advice : "");
}

struct reading {
    const char *path;
    int file;
    size_t size; /* of the file, as it was when it was opened */
    uint8_t *bytes;
    size_t used;
    struct cln_share share; /* of what goes beyond HEADER_BYTES */
};

/* A pipe is not waited for; a socket cannot be opened. */
static enum cln_status open_file(struct reading *r) {
    struct stat info;
    r->file = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool is_special = r->file < 0 && errno == ENXIO;
    if (!is_special && (r->file < 0 || fstat(r->file, &info) != 0))
        return fail_on_file(r->path);
    if (is_special || !S_ISREG(info.st_mode))
        return cln_fail(CLN_INVALID, "%s: this is no file", r->path);
    if (info.st_size > BYTE_LIMIT)
        return cln_fail(CLN_INVALID, "%s: a picture of more than %d bytes, clenet's limit", r->path, BYTE_LIMIT);
    if (info.st_size == 0)
        return cln_fail(CLN_INVALID, "%s: the file is empty", r->path);
    r->size = (size_t)info.st_size;
    return CLN_OK;
}

/* The first bytes of the file, as many as `wanted` or as there are. */
static enum cln_status read_bytes(struct reading *r, size_t wanted) {
    wanted = wanted < r->size ? wanted : r->size;
    if (wanted > HEADER_BYTES)
        cln_share_take(&r->share, CLN_SHARE_OF_FILES, wanted);
    uint8_t *grown = realloc(r->bytes, wanted);
    if (!grown)
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for a picture of %zu bytes", r->path, wanted);
    r->bytes = grown;
    while (r->used < wanted) {
        const ssize_t got = read(r->file, r->bytes + r->used, wanted - r->used);
        if (got < 0 && errno != EINTR)
            return fail_on_file(r->path);
        if (got == 0)
            return cln_fail(CLN_IO, "%s: the file became shorter while it was read", r->path);
        r->used += got > 0 ? (size_t)got : 0;
    }
    return CLN_OK;
}

static enum cln_status decode(struct cln_picture *out, struct reading *r, const struct cln_decoding *how,
                              bool header_only) {
    const struct cln_picture_format *format = cln_picture_format_find(r->bytes[0]);
    if (!format || !format->decode)
        return cln_picture_format_fail(r->path, r->bytes[0], true);
    const enum cln_status status = (header_only ? format->measure : format->decode)(out, r->bytes, r->used, how);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", r->path);
}

static void close_file(struct reading *r) {
    if (r->file >= 0)
        close(r->file);
    free(r->bytes);
    cln_share_give(&r->share);
}

enum cln_status cln_picture_file_decode(struct cln_picture *out, const char *path, const struct cln_decoding *how) {
    struct reading r = {.path = path};
    *out = (struct cln_picture){0};
    enum cln_status status = open_file(&r);
    if (status == CLN_OK)
        status = read_bytes(&r, r.size);
    if (status == CLN_OK)
        status = decode(out, &r, how, false);
    close_file(&r);
    return status;
}

enum cln_status cln_picture_file_measure(struct cln_picture *out, const char *path, const struct cln_decoding *how) {
    struct reading r = {.path = path};
    *out = (struct cln_picture){0};
    enum cln_status status = open_file(&r);
    if (status == CLN_OK)
        status = read_bytes(&r, HEADER_BYTES);
    if (status == CLN_OK)
        status = decode(out, &r, how, true);
    if (status != CLN_OK && r.used > 0 && r.used < r.size) { /* profiles before the header may be long */
        status = read_bytes(&r, r.size);
        if (status == CLN_OK)
            status = decode(out, &r, how, true);
    }
    close_file(&r);
    return status;
}
