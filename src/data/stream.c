/* Reads a stream of zlib to its end. */
#include "src/data/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FIRST_ROOM = 1 << 16, BYTE_LIMIT = 1 << 30 };

enum cln_status cln_stream_fail(gzFile gz, const char *name) {
    int code;
    const char *reason = gzerror(gz, &code);
    if (code == Z_ERRNO)
        return cln_fail(CLN_IO, "%s: %s", name, strerror(errno));
    return cln_fail(CLN_INVALID, "%s: damaged gzip data (%s)", name, reason);
}

enum cln_status cln_stream_read(uint8_t **out, size_t *size, gzFile gz, const char *name) {
    uint8_t *bytes = NULL;
    size_t room = 0;
    int code, got = 1;
    *size = 0;
    while (got > 0) {
        if (*size == room) {
            room = room == 0 ? FIRST_ROOM : 2 * room;
            uint8_t *grown = room <= BYTE_LIMIT ? realloc(bytes, room) : NULL;
            if (!grown) {
                free(bytes);
                return room > BYTE_LIMIT ? cln_fail(CLN_INVALID, "%s: a picture of more than %d bytes, clenet's limit",
                                                    name, BYTE_LIMIT)
                                         : cln_fail(CLN_OUT_OF_MEMORY,
                                                    "%s: no memory for a picture of more than %zu bytes", name, *size);
            }
            bytes = grown;
        }
        got = gzread(gz, bytes + *size, (unsigned)(room - *size));
        *size += got > 0 ? (size_t)got : 0;
    }
    gzerror(gz, &code);
    if (got < 0 || code != Z_OK) {
        free(bytes);
        return cln_stream_fail(gz, name);
    }
    *out = bytes;
    return CLN_OK;
}
