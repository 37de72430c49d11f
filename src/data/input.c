/* Files of data sets, read through zlib, which passes on plain files as they are. */
#include "src/data/input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "clenet/log.h"

enum { FIRST_CHUNK = 1 << 20, INPUT_BYTES = 1 << 17 };
static const uint64_t total_limit = (uint64_t)1 << 32;

struct cln_input {
    const struct cln_input_kind *kind;
    void *stream;
    char *name;
    uint64_t offset;
};

enum cln_status cln_input_create(struct cln_input **out, const struct cln_input_kind *kind, void *stream,
                                 const char *name) {
    struct cln_input *input = *out = calloc(1, sizeof *input);
    if (!input || !(input->name = strdup(name))) {
        kind->close(stream);
        free(input);
        *out = NULL;
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", name);
    }
    input->kind = kind;
    input->stream = stream;
    return CLN_OK;
}

void cln_input_close(struct cln_input **input) {
    struct cln_input *in = *input;
    if (!in)
        return;
    *input = NULL;
    in->kind->close(in->stream);
    free(in->name);
    free(in);
}

const char *cln_input_name(const struct cln_input *input) {
    return input->name;
}

uint64_t cln_input_offset(const struct cln_input *input) {
    return input->offset;
}

/* ---- zlib ---- */

static ptrdiff_t read_gz(void *stream, void *bytes, size_t count) {
    return gzread(stream, bytes, (unsigned)count);
}

static enum cln_status check_gz_end(void *stream, const char *name, uint64_t offset, uint64_t expected) {
    int code;
    const char *reason = gzerror(stream, &code);
    if (code == Z_ERRNO)
        return cln_fail(CLN_IO, "%s: byte %llu: %s", name, (unsigned long long)offset, strerror(errno));
    if (code == Z_DATA_ERROR)
        return cln_fail(CLN_INVALID, "%s: byte %llu: damaged gzip data (%s)", name, (unsigned long long)offset, reason);
    if (code == Z_BUF_ERROR)
        return cln_fail(CLN_INVALID, "%s: byte %llu: the gzip data is truncated, %llu bytes were expected", name,
                        (unsigned long long)offset, (unsigned long long)expected);
    return CLN_OK;
}

static void close_gz(void *stream) {
    gzclose(stream);
}

static const struct cln_input_kind gz_kind = {.read = read_gz, .check_end = check_gz_end, .close = close_gz};

enum cln_status cln_input_take(struct cln_input **out, gzFile gz, const char *name) {
    return cln_input_create(out, &gz_kind, gz, name);
}

enum cln_status cln_input_open(struct cln_input **out, const char *path) {
    *out = NULL;
    errno = 0;
    gzFile gz = gzopen(path, "rb");
    if (!gz)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "%s: %s", path,
                        errno ? strerror(errno) : "no memory to read it");
    (void)gzbuffer(gz, INPUT_BYTES);
    return cln_input_take(out, gz, path);
}

/* ---- Reading ---- */

size_t cln_input_some(struct cln_input *input, void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        const size_t wanted = count - done < FIRST_CHUNK ? count - done : FIRST_CHUNK;
        const ptrdiff_t got = input->kind->read(input->stream, (char *)bytes + done, wanted);
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    input->offset += done;
    return done;
}

enum cln_status cln_input_check_end(struct cln_input *input) {
    return input->kind->check_end(input->stream, input->name, input->offset, input->offset);
}

enum cln_status cln_input_fail_short(struct cln_input *input, uint64_t expected) {
    const enum cln_status status = input->kind->check_end(input->stream, input->name, input->offset, expected);
    if (status != CLN_OK)
        return status;
    if (input->offset == 0)
        return cln_fail(CLN_INVALID, "%s: byte 0: the file is empty", input->name);
    return cln_fail(CLN_INVALID, "%s: byte %llu: truncated, %llu bytes were expected", input->name,
                    (unsigned long long)input->offset, (unsigned long long)expected);
}

enum cln_status cln_input_read(struct cln_input *input, void *bytes, size_t count, uint64_t expected) {
    return cln_input_some(input, bytes, count) == count ? CLN_OK : cln_input_fail_short(input, expected);
}

/* Reading on past the last byte also checks the CRC. Bytes that nobody announced are passed over, as by other readers,
 * and told, since the header may be what is wrong; there may be no end to them. */
static enum cln_status pass_over_rest(struct cln_input *input, uint64_t expected) {
    enum { MOST = 1 << 20, PIECE = 4096 };
    uint8_t after[PIECE];
    size_t trailing = 0, got;
    do
        trailing += got = cln_input_some(input, after, PIECE);
    while (got == PIECE && trailing < MOST);
    const enum cln_status status =
        got == PIECE ? CLN_OK : input->kind->check_end(input->stream, input->name, input->offset, expected);
    if (status == CLN_OK && trailing > 0)
        cln_log(CLN_LOG_WARNING, "%s: byte %llu: %s%zu bytes more than the header announces are left out", input->name,
                (unsigned long long)expected, got == PIECE ? "at least " : "", trailing);
    return status;
}

enum cln_status cln_input_rest(struct cln_input *input, void **out, uint64_t total, unsigned announced) {
    const uint64_t expected = input->offset + total;
    char *bytes = NULL;
    *out = NULL;
    size_t room = 0, used = 0;
    if (total > total_limit || total > SIZE_MAX)
        return cln_fail(CLN_INVALID, "%s: byte %u: announces %llu bytes; clenet's limit is %llu", input->name,
                        announced, (unsigned long long)total, (unsigned long long)total_limit);
    while (used < total) {
        room = room == 0 ? FIRST_CHUNK : room > total / 2 ? (size_t)total : 2 * room;
        if (room > total)
            room = (size_t)total;
        char *grown = realloc(bytes, room);
        if (!grown) {
            free(bytes);
            return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu bytes", input->name, room);
        }
        bytes = grown;
        used += cln_input_some(input, bytes + used, room - used);
        if (used < room) {
            free(bytes);
            return cln_input_fail_short(input, expected);
        }
    }
    const enum cln_status status = pass_over_rest(input, expected);
    if (status != CLN_OK)
        free(bytes);
    else
        *out = bytes;
    return status;
}
