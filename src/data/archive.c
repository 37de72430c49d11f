/* Archives through libarchive. Of a member's name at most the last part becomes the name of a file. */
#include "src/data/archive.h"

#ifdef HAVE_ARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/replace.h"
#include "src/data/folder.h"

enum { INPUT_BYTES = 1 << 17 };

struct member {
    struct archive *archive;
    bool is_damaged;
};

static enum cln_status fail(struct archive *archive, const char *path) {
    const char *reason = archive_error_string(archive);
    const int code =
        archive_errno(archive); /* of the system, or one of libarchive's own, EILSEQ and EINVAL among them */
    const enum cln_status status = code == ENOENT                                 ? CLN_NOT_FOUND
                                   : code == ENOMEM                               ? CLN_OUT_OF_MEMORY
                                   : code > 0 && code != EILSEQ && code != EINVAL ? CLN_IO
                                                                                  : CLN_INVALID;
    return cln_fail(status, "%s: %s", path, reason ? reason : "damaged archive");
}

static enum cln_status open_archive(struct archive **out, const char *path) {
    struct archive *archive = *out = archive_read_new();
    if (!archive)
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    archive_read_support_format_zip_seekable(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_filter_gzip(archive); /* of all filters, some run programs */
    if (archive_read_open_filename(archive, path, INPUT_BYTES) == ARCHIVE_OK)
        return CLN_OK;
    const enum cln_status status = fail(archive, path);
    archive_read_free(archive);
    *out = NULL;
    return status;
}

/* The next member that has a name, or NULL behind the last. */
static enum cln_status next(const char **name, struct archive *archive, const char *path) {
    struct archive_entry *entry;
    int code;
    do {
        code = archive_read_next_header(archive, &entry);
        *name = code == ARCHIVE_OK || code == ARCHIVE_WARN ? archive_entry_pathname(entry) : NULL;
    } while (!*name && (code == ARCHIVE_OK || code == ARCHIVE_WARN || code == ARCHIVE_RETRY));
    return *name || code == ARCHIVE_EOF ? CLN_OK : fail(archive, path);
}

enum cln_status cln_archive_list(const char *path, void (*tell)(void *user, const char *member), void *user) {
    struct archive *archive;
    const char *name;
    enum cln_status status = open_archive(&archive, path);
    while (status == CLN_OK && (status = next(&name, archive, path)) == CLN_OK && name)
        tell(user, name);
    archive_read_free(archive);
    return status;
}

static ptrdiff_t read_member(void *stream, void *bytes, size_t count) {
    struct member *member = stream;
    const ptrdiff_t got = archive_read_data(member->archive, bytes, count);
    member->is_damaged |= got < 0;
    return got;
}

static enum cln_status check_end(void *stream, const char *name, uint64_t offset, uint64_t expected) {
    const struct member *member = stream;
    const char *reason = archive_error_string(member->archive);
    (void)expected;
    return member->is_damaged ? cln_fail(CLN_INVALID, "%s: byte %llu: damaged archive (%s)", name,
                                         (unsigned long long)offset, reason ? reason : "no reason known")
                              : CLN_OK;
}

static void close_member(void *stream) {
    struct member *member = stream;
    archive_read_free(member->archive);
    free(member);
}

static const struct cln_input_kind member_kind = {.read = read_member, .check_end = check_end, .close = close_member};

enum cln_status cln_archive_open_member(struct cln_input **out, const char *path, const char *wanted) {
    struct archive *archive;
    const char *name = NULL;
    char title[CLN_PATH_BYTES];
    *out = NULL;
    enum cln_status status = open_archive(&archive, path);
    while (status == CLN_OK && (status = next(&name, archive, path)) == CLN_OK && name && strcmp(name, wanted) != 0)
        ;
    if (status == CLN_OK && !name)
        status = cln_fail(CLN_NOT_FOUND, "%s: no %s is in it", path, wanted);
    struct member *member = status == CLN_OK ? malloc(sizeof *member) : NULL;
    if (status == CLN_OK && !member)
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    if (status != CLN_OK) {
        archive_read_free(archive);
        return status;
    }
    *member = (struct member){.archive = archive};
    snprintf(title, sizeof title, "%s: %s", path, wanted);
    return cln_input_create(out, &member_kind, member, title);
}

/* Copies the member that the archive stands at into a file. */
static enum cln_status write_member(struct archive *archive, const char *path, const char *target) {
    static const size_t piece = INPUT_BYTES;
    struct cln_replacement file = {0};
    char *bytes = malloc(piece);
    enum cln_status status =
        bytes ? cln_replace_begin(&file, target) : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    la_ssize_t got = 1;
    while (status == CLN_OK && got > 0) {
        got = archive_read_data(archive, bytes, piece);
        if (got < 0)
            status = fail(archive, path);
        else
            (void)fwrite(bytes, 1, (size_t)got, file.stream); /* committing tells of errors */
    }
    if (status == CLN_OK)
        status = cln_replace_commit(&file);
    cln_replace_end(&file);
    free(bytes);
    return status;
}

enum cln_status cln_archive_unpack(const char *path, const char *inside, const char *folder) {
    struct archive *archive;
    const char *name = NULL;
    char target[CLN_PATH_BYTES];
    const size_t length = strlen(inside);
    enum cln_status status = open_archive(&archive, path);
    while (status == CLN_OK && (status = next(&name, archive, path)) == CLN_OK && name) {
        const char *file = name + length;
        if (strncmp(name, inside, length) != 0 || !*file || *file == '.' || strchr(file, '/'))
            continue;
        status = snprintf(target, sizeof target, "%s/%s", folder, file) < (int)sizeof target
                     ? write_member(archive, path, target)
                     : cln_fail(CLN_INVALID, "%s: too long a path", folder);
    }
    archive_read_free(archive);
    return status;
}

#else

static enum cln_status fail_without(const char *path) {
    return cln_fail(CLN_INVALID, "%s: clenet was built without libarchive, which reads archives such as .npz", path);
}

enum cln_status cln_archive_list(const char *path, void (*tell)(void *user, const char *member), void *user) {
    (void)tell, (void)user;
    return fail_without(path);
}

enum cln_status cln_archive_open_member(struct cln_input **out, const char *path, const char *member) {
    (void)member;
    *out = NULL;
    return fail_without(path);
}

enum cln_status cln_archive_unpack(const char *path, const char *inside, const char *folder) {
    (void)inside, (void)folder;
    return fail_without(path);
}

#endif
