/* IDX: a big-endian magic number, one 32-bit size per dimension, then unsigned bytes. zlib reads plain files and
 * gzipped ones alike; offsets are those of the unpacked bytes. */
#include "src/data/idx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "clenet/log.h"
#include "src/data/picture_format.h"

enum { COUNT_LIMIT = 1 << 24, SIDE_LIMIT = 4096, FIRST_CHUNK = 1 << 20, INPUT_BYTES = 1 << 17 };
static const uint64_t total_limit = (uint64_t)1 << 32;

struct cln_idx {
    gzFile gz;
    char *path;
    uint64_t offset, total; /* of the bytes behind the header */
};

void cln_idx_close(struct cln_idx **file) {
    struct cln_idx *f = *file;
    if (!f)
        return;
    *file = NULL;
    if (f->gz)
        gzclose(f->gz);
    free(f->path);
    free(f);
}

/* Takes over `gz`, which is NULL where it could not be opened: errno says why. */
static enum cln_status start_file(struct cln_idx **out, gzFile gz, const char *path) {
    const int reason = gz ? 0 : errno;
    struct cln_idx *file = *out = calloc(1, sizeof *file);
    if (!file || !(file->path = strdup(path)) || !gz) {
        if (gz)
            gzclose(gz);
        return cln_fail(reason == ENOENT ? CLN_NOT_FOUND : CLN_IO, "%s: %s", path,
                        reason ? strerror(reason) : "no memory to read it");
    }
    file->gz = gz;
    return CLN_OK;
}

/* Fewer bytes than wanted only where the file ends or cannot be read on. */
static size_t read_some(struct cln_idx *file, uint8_t *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        size_t wanted = count - done < FIRST_CHUNK ? count - done : FIRST_CHUNK;
        int got = gzread(file->gz, bytes + done, (unsigned)wanted);
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    file->offset += done;
    return done;
}

/* Why read_some stopped early: damage that zlib noticed, or simply the end. */
static enum cln_status fail_short(struct cln_idx *file, uint64_t expected) {
    int code;
    const char *reason = gzerror(file->gz, &code);
    if (code == Z_ERRNO)
        return cln_fail(CLN_IO, "%s: byte %llu: %s", file->path, (unsigned long long)file->offset, strerror(errno));
    if (code == Z_DATA_ERROR)
        return cln_fail(CLN_INVALID, "%s: byte %llu: damaged gzip data (%s)", file->path,
                        (unsigned long long)file->offset, reason);
    if (code == Z_BUF_ERROR)
        return cln_fail(CLN_INVALID, "%s: byte %llu: the gzip data is truncated, %llu bytes were expected", file->path,
                        (unsigned long long)file->offset, (unsigned long long)expected);
    if (file->offset == 0)
        return cln_fail(CLN_INVALID, "%s: byte 0: the file is empty", file->path);
    return cln_fail(CLN_INVALID, "%s: byte %llu: truncated, %llu bytes were expected", file->path,
                    (unsigned long long)file->offset, (unsigned long long)expected);
}

static enum cln_status read_u32(struct cln_idx *file, uint32_t *value, unsigned header_bytes) {
    uint8_t b[4];
    *value = 0;
    if (read_some(file, b, sizeof(b)) != sizeof(b))
        return fail_short(file, header_bytes);
    *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return CLN_OK;
}

/* sizes[rank] out of magic number and sizes, each within its limits. */
static enum cln_status read_header(struct cln_idx *file, uint32_t *sizes, unsigned rank, const char *what) {
    const uint32_t magic = 0x0800 | rank; /* unsigned bytes, `rank` dimensions */
    const unsigned header_bytes = 4 + 4 * rank;
    uint32_t found = 0;
    enum cln_status status = read_u32(file, &found, header_bytes);
    if (status != CLN_OK)
        return status;
    if (found != magic)
        return cln_fail(CLN_INVALID, "%s: byte 0: magic number 0x%08x instead of 0x%08x: no IDX file of %s", file->path,
                        (unsigned)found, (unsigned)magic, what);
    for (unsigned i = 0; i < rank; i++) {
        const uint32_t limit = i == 0 ? COUNT_LIMIT : SIDE_LIMIT;
        status = read_u32(file, &sizes[i], header_bytes);
        if (status != CLN_OK)
            return status;
        if (sizes[i] < 1 || sizes[i] > limit)
            return cln_fail(CLN_INVALID, "%s: byte %u: a %s of %u: from 1 to %u, clenet's limit", file->path, 4 + 4 * i,
                            i == 0 ? "count" : "side", (unsigned)sizes[i], (unsigned)limit);
    }
    return CLN_OK;
}

/* Reading on past the last byte also makes zlib check the CRC. Bytes that nobody announced are passed over, as by other
 * readers, and told, since the header may be what is wrong; there may be no end to them. */
static enum cln_status check_end(struct cln_idx *file, uint64_t expected) {
    enum { MOST = 1 << 20, PIECE = 4096 };
    uint8_t after[PIECE];
    size_t trailing = 0, got;
    int code;
    do
        trailing += got = read_some(file, after, PIECE);
    while (got == PIECE && trailing < MOST);
    gzerror(file->gz, &code);
    if (code != Z_OK)
        return fail_short(file, expected);
    if (trailing > 0)
        cln_log(CLN_LOG_WARNING, "%s: byte %llu: %s%zu bytes more than the header announces are left out", file->path,
                (unsigned long long)expected, got == PIECE ? "at least " : "", trailing);
    return CLN_OK;
}

/* All of the rest, of which `total` bytes are wanted. Memory grows with what is really there: a header cannot ask for
 * more than twice the bytes that follow it. */
static enum cln_status read_body(struct cln_idx *file, uint8_t **out) {
    const uint64_t total = file->total, expected = file->offset + total;
    uint8_t *bytes = NULL;
    *out = NULL;
    size_t room = 0, used = 0;
    if (total > total_limit || total > SIZE_MAX)
        return cln_fail(CLN_INVALID, "%s: byte 4: announces %llu bytes; clenet's limit is %llu", file->path,
                        (unsigned long long)total, (unsigned long long)total_limit);
    while (used < total) {
        room = room == 0 ? FIRST_CHUNK : room > total / 2 ? (size_t)total : 2 * room;
        if (room > total)
            room = (size_t)total;
        uint8_t *grown = realloc(bytes, room);
        if (!grown) {
            free(bytes);
            return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu bytes", file->path, room);
        }
        bytes = grown;
        used += read_some(file, bytes + used, room - used);
        if (used < room) {
            free(bytes);
            return fail_short(file, expected);
        }
    }
    const enum cln_status status = check_end(file, expected);
    if (status != CLN_OK)
        free(bytes);
    else
        *out = bytes;
    return status;
}

static enum cln_status start_idx(struct cln_idx **out, gzFile gz, const char *path, uint32_t *sizes, unsigned rank,
                                 const char *what) {
    enum cln_status status = start_file(out, gz, path);
    if (status == CLN_OK)
        status = read_header(*out, sizes, rank, what);
    if (status != CLN_OK) {
        cln_idx_close(out);
        return status;
    }
    (*out)->total = 1;
    for (unsigned i = 0; i < rank; i++)
        (*out)->total *= sizes[i];
    return CLN_OK;
}

static gzFile open_stream(const char *path) {
    errno = 0;
    gzFile gz = gzopen(path, "rb");
    if (gz)
        (void)gzbuffer(gz, INPUT_BYTES);
    return gz;
}

/* Takes over `gz`, on failure too. */
static enum cln_status start_images(struct cln_idx **out, gzFile gz, const char *path, size_t *count,
                                    struct cln_shape *shape) {
    uint32_t sizes[3] = {0};
    enum cln_status status = start_idx(out, gz, path, sizes, 3, "images");
    if (status != CLN_OK)
        return status;
    *count = sizes[0];
    *shape = (struct cln_shape){1, (int)sizes[1], (int)sizes[2]};
    return CLN_OK;
}

enum cln_status cln_idx_open_images(struct cln_idx **out, const char *path, size_t *count, struct cln_shape *shape) {
    return start_images(out, open_stream(path), path, count, shape);
}

enum cln_status cln_idx_read(struct cln_idx **file, uint8_t **bytes) {
    enum cln_status status = read_body(*file, bytes);
    cln_idx_close(file);
    return status;
}

enum cln_status cln_idx_read_labels(const char *path, uint8_t **labels, size_t *count) {
    uint32_t sizes[1] = {0};
    struct cln_idx *file = NULL;
    *labels = NULL;
    enum cln_status status = start_idx(&file, open_stream(path), path, sizes, 1, "labels");
    if (status != CLN_OK)
        return status;
    *count = sizes[0];
    return cln_idx_read(&file, labels);
}

static enum cln_status read_pictures(uint8_t **images, size_t *count, struct cln_shape *shape, gzFile gz,
                                     const char *name) {
    struct cln_idx *file = NULL;
    enum cln_status status = start_images(&file, gz, name, count, shape);
    return status == CLN_OK ? cln_idx_read(&file, images) : status;
}

const struct cln_picture_format cln_idx_pictures = {.name = "an IDX file", .first_byte = 0, .read = read_pictures};
