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

#include "src/data/picture_fit.h"
#include "src/data/stream.h"

#define POINTER(format) &(format),
static const struct cln_picture_format *const formats[] = {CLN_PICTURE_FORMATS(POINTER)};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

const struct cln_picture_format *cln_picture_format_find(int first_byte) {
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (first_byte == formats[i]->first_byte)
            return formats[i];
    return NULL;
}

/* "neither a PNG nor a JPEG" */
enum cln_status cln_picture_format_fail(const char *name, int first_byte, bool single) {
    char known[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < FORMAT_COUNT && used < sizeof known; i++)
        if (formats[i]->decode || !single)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s %s", used > 0 ? " nor" : "neither",
                                     formats[i]->name);
    return cln_fail(CLN_INVALID, "%s: %s: it begins with byte 0x%02x", name, known, (unsigned)first_byte);
}

/* images[count] of shape `from` → *pixels as `params` wants them. */
static enum cln_status fit(uint8_t **pixels, uint8_t *images, size_t count, struct cln_shape from,
                           const struct cln_picture_params *params) {
    const size_t from_bytes = cln_shape_count(from), to_bytes = cln_shape_count(params->shape);
    const struct cln_fitting fitting = {params->shape, params->fit, params->ground};
    *pixels = count <= SIZE_MAX / to_bytes ? malloc(count * to_bytes) : NULL;
    enum cln_status status = *pixels ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu images", count);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        status = cln_picture_fit(*pixels + n * to_bytes,
                                 &(struct cln_picture){from, CLN_PIXEL_U8, images + n * from_bytes}, &fitting);
    return status;
}

/* Takes over the stream. */
static enum cln_status read_one(uint8_t **images, struct cln_shape *shape, gzFile gz, const char *name,
                                cln_decode_picture *decode, int ground) {
    uint8_t *bytes = NULL;
    size_t size;
    struct cln_picture picture = {0};
    enum cln_status status = cln_stream_read(&bytes, &size, gz, name);
    if (status == CLN_OK &&
        (status = decode(&picture, bytes, size, &(struct cln_decoding){.ground = ground})) != CLN_OK)
        status = cln_fail_within(status, "%s", name);
    free(bytes);
    gzclose(gz);
    *images = picture.pixels;
    *shape = picture.shape;
    return status;
}

/* Takes over the stream. */
static enum cln_status read_images(uint8_t **images, size_t *count, struct cln_shape *shape, gzFile gz,
                                   const char *name, int ground) {
    int code;
    const int first = gzgetc(gz);
    const struct cln_picture_format *format = cln_picture_format_find(first);
    gzerror(gz, &code);
    if (first >= 0)
        (void)gzungetc(first, gz);
    *count = 1;
    if (format)
        return format->decode ? read_one(images, shape, gz, name, format->decode, ground)
                              : format->read(images, count, shape, gz, name);
    enum cln_status status = CLN_INVALID;
    if (first < 0 && code != Z_OK)
        status = cln_stream_fail(gz, name);
    else if (first < 0)
        status = cln_fail(CLN_INVALID, "%s: the file is empty", name);
    else
        status = cln_picture_format_fail(name, first, false);
    gzclose(gz);
    return status;
}

/* Takes over `gz`, which is NULL where it could not be opened: errno says why. */
static enum cln_status load(uint8_t **pixels, size_t *count, const struct cln_picture_params *params, gzFile gz,
                            const char *name) {
    const struct cln_shape shape = params->shape;
    uint8_t *images = NULL;
    struct cln_shape from = {0};
    if (!gz)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "%s: %s", name,
                        errno ? strerror(errno) : "no memory to read it");
    enum cln_status status = read_images(&images, count, &from, gz, name, params->ground);
    const bool fits = from.channels == shape.channels && from.height == shape.height && from.width == shape.width;
    if (status == CLN_OK && fits) {
        *pixels = images;
        images = NULL;
    } else if (status == CLN_OK) {
        status = fit(pixels, images, *count, from, params);
    }
    free(images);
    if (status != CLN_OK) {
        free(*pixels);
        *pixels = NULL;
        *count = 0;
        return status;
    }
    for (size_t i = 0; params->invert && i < *count * cln_shape_count(shape); i++)
        (*pixels)[i] = (uint8_t)(255 - (*pixels)[i]);
    return CLN_OK;
}

static enum cln_status check(uint8_t **pixels, size_t *count, const struct cln_picture_params *params,
                             const char *name) {
    const struct cln_shape shape = params->shape;
    *pixels = NULL;
    *count = 0;
    if ((unsigned)params->fit >= CLN_FIT_COUNT)
        return cln_fail(CLN_INVALID, "%s: pictures cannot be fitted in way %d", name, (int)params->fit);
    if ((shape.channels == 1 || shape.channels == 3) && shape.height > 0 && shape.width > 0)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "%s: pictures have 1 channel or 3, images of %d×%d×%d are wanted", name,
                    shape.channels, shape.height, shape.width);
}

enum cln_status cln_pictures_load(uint8_t **pixels, size_t *count, const struct cln_picture_params *params,
                                  const char *path) {
    enum cln_status status = check(pixels, count, params, path);
    errno = 0;
    return status == CLN_OK ? load(pixels, count, params, gzopen(path, "rb"), path) : status;
}

enum cln_status cln_pictures_read(uint8_t **pixels, size_t *count, const struct cln_picture_params *params, int file,
                                  const char *name) {
    enum cln_status status = check(pixels, count, params, name);
    if (status != CLN_OK)
        return status;
    const int copy = fcntl(file, F_DUPFD_CLOEXEC, 0); /* gzclose closes what it reads */
    errno = copy < 0 ? errno : 0;
    gzFile gz = copy < 0 ? NULL : gzdopen(copy, "rb");
    if (!gz && copy >= 0)
        close(copy);
    return load(pixels, count, params, gz, name);
}
