/* zlib passes on plain files as they are, so that one stream serves every format, gzipped or not. The first byte tells
 * the formats apart. */
#include "clenet/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "src/data/picture_format.h"
#include "src/data/preprocess.h"
#include "src/data/stream.h"

#define POINTER(format) &(format),
static const struct cln_picture_format *const formats[] = {CLN_PICTURE_FORMATS(POINTER)};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

/* One plane of grey or three of colour → as many as `channels` says. */
static void convert(uint8_t *out, int channels, const uint8_t *in, struct cln_shape shape) {
    const size_t plane = (size_t)shape.height * (size_t)shape.width;
    if (channels == 1 && shape.channels == 3)
        for (size_t i = 0; i < plane; i++)
            out[i] = (uint8_t)((19595u * in[i] + 38470u * in[plane + i] + 7471u * in[2 * plane + i] + 0x8000) >> 16);
    else
        for (int c = 0; c < channels; c++)
            memcpy(out + (size_t)c * plane, in + (shape.channels == 1 ? 0 : (size_t)c * plane), plane);
}

/* images[count] of shape `from` → *pixels of shape `to`. Channels come first where that leaves fewer to resize. */
static enum cln_status fit(uint8_t **pixels, const uint8_t *images, size_t count, struct cln_shape from,
                           struct cln_shape to) {
    const struct cln_shape converted = {to.channels, from.height, from.width};
    const size_t from_bytes = cln_shape_count(from), to_bytes = cln_shape_count(to);
    uint8_t *plane = malloc(cln_shape_count(converted));
    *pixels = count <= SIZE_MAX / to_bytes ? malloc(count * to_bytes) : NULL;
    enum cln_status status = plane && *pixels ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu images", count);
    for (size_t n = 0; n < count && status == CLN_OK; n++) {
        convert(plane, to.channels, images + n * from_bytes, from);
        status = cln_resize_smooth(*pixels + n * to_bytes, to.height, to.width, plane, converted);
    }
    free(plane);
    return status;
}

/* Names every format: "neither a PNG nor an IDX file". */
static enum cln_status fail_unknown(const char *name, int first) {
    char known[256] = "";
    for (size_t i = 0, used = 0; i < FORMAT_COUNT && used < sizeof known; i++)
        used +=
            (size_t)snprintf(known + used, sizeof known - used, "%s %s", i > 0 ? " nor" : "neither", formats[i]->name);
    return cln_fail(CLN_INVALID, "%s: %s: it begins with byte 0x%02x", name, known, (unsigned)first);
}

/* Takes over the stream. */
static enum cln_status read_images(uint8_t **images, size_t *count, struct cln_shape *shape, gzFile gz,
                                   const char *name) {
    int code;
    const int first = gzgetc(gz);
    gzerror(gz, &code);
    if (first >= 0)
        (void)gzungetc(first, gz);
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (first == formats[i]->first_byte)
            return formats[i]->read(images, count, shape, gz, name);
    enum cln_status status = CLN_INVALID;
    if (first < 0 && code != Z_OK)
        status = cln_stream_fail(gz, name);
    else if (first < 0)
        status = cln_fail(CLN_INVALID, "%s: the file is empty", name);
    else
        status = fail_unknown(name, first);
    gzclose(gz);
    return status;
}

/* Takes over `gz`, which is NULL where it could not be opened: errno says why. */
static enum cln_status load(uint8_t **pixels, size_t *count, struct cln_shape shape, gzFile gz, const char *name,
                            bool invert) {
    uint8_t *images = NULL;
    struct cln_shape from = {0};
    if (!gz)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "%s: %s", name,
                        errno ? strerror(errno) : "no memory to read it");
    enum cln_status status = read_images(&images, count, &from, gz, name);
    const bool fits = from.channels == shape.channels && from.height == shape.height && from.width == shape.width;
    if (status == CLN_OK && fits) {
        *pixels = images;
        images = NULL;
    } else if (status == CLN_OK) {
        status = fit(pixels, images, *count, from, shape);
    }
    free(images);
    if (status != CLN_OK) {
        free(*pixels);
        *pixels = NULL;
        *count = 0;
        return status;
    }
    for (size_t i = 0; invert && i < *count * cln_shape_count(shape); i++)
        (*pixels)[i] = (uint8_t)(255 - (*pixels)[i]);
    return CLN_OK;
}

static enum cln_status check_shape(uint8_t **pixels, size_t *count, struct cln_shape shape, const char *name) {
    *pixels = NULL;
    *count = 0;
    if ((shape.channels == 1 || shape.channels == 3) && shape.height > 0 && shape.width > 0)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s: pictures have 1 channel or 3, images of %d×%d×%d are wanted", name,
                    shape.channels, shape.height, shape.width);
}

enum cln_status cln_pictures_load(uint8_t **pixels, size_t *count, struct cln_shape shape, const char *path,
                                  bool invert) {
    enum cln_status status = check_shape(pixels, count, shape, path);
    errno = 0;
    return status == CLN_OK ? load(pixels, count, shape, gzopen(path, "rb"), path, invert) : status;
}

enum cln_status cln_pictures_read(uint8_t **pixels, size_t *count, struct cln_shape shape, int file, const char *name,
                                  bool invert) {
    enum cln_status status = check_shape(pixels, count, shape, name);
    if (status != CLN_OK)
        return status;
    const int copy = fcntl(file, F_DUPFD_CLOEXEC, 0); /* gzclose closes what it reads */
    errno = copy < 0 ? errno : 0;
    gzFile gz = copy < 0 ? NULL : gzdopen(copy, "rb");
    if (!gz && copy >= 0)
        close(copy);
    return load(pixels, count, shape, gz, name, invert);
}
