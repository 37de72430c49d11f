/* libpng jumps out of its calls where a file is wrong: all that must survive such a jump lies in struct decoder, and
 * the function that is jumped back into has no variables of its own. */
#include "src/data/png.h"

#include <stdlib.h>
#include <zlib.h>

#include "src/data/picture_format.h"
#include "src/data/stream.h"

#ifdef HAVE_PNG

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct decoder {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t size, offset;
    uint8_t *samples;       /* [height][width][samples per pixel], alpha last */
    enum cln_status status; /* of a jump */
    char reason[128];
};

static void on_error(png_structp png, png_const_charp message) {
    struct decoder *d = png_get_error_ptr(png);
    snprintf(d->reason, sizeof d->reason, "%s", message);
    png_longjmp(png, 1);
}

/* Chunks beside the pixels may be damaged: they are left out. tRNS is part of the pixels. */
static void on_warning(png_structp png, png_const_charp message) {
    if (strncmp(message, "tRNS", 4) == 0 && strstr(message, "CRC"))
        png_error(png, message);
}

static void read_bytes(png_structp png, png_bytep out, size_t count) {
    struct decoder *d = png_get_io_ptr(png);
    if (count > d->size - d->offset)
        png_error(png, "truncated");
    memcpy(out, d->bytes + d->offset, count);
    d->offset += count;
}

static void check_size(struct decoder *d) {
    const unsigned long width = png_get_image_width(d->png, d->info), height = png_get_image_height(d->png, d->info);
    char message[sizeof d->reason];
    if (width <= CLN_PNG_SIDE_LIMIT && height <= CLN_PNG_SIDE_LIMIT)
        return;
    snprintf(message, sizeof message, "a picture of %lu×%lu pixels; clenet's limit is %d a side", width, height,
             CLN_PNG_SIDE_LIMIT);
    png_error(d->png, message);
}

/* Whatever the file has becomes 8 bits per sample, with alpha where anything is transparent. */
static void ask_for_bytes(struct decoder *d) {
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* beyond ours it could not say what is wrong */
    png_set_crc_action(d->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_fn(d->png, d, read_bytes);
    png_read_info(d->png, d->info);
    check_size(d);
    png_set_expand(d->png);
    png_set_strip_16(d->png);
    (void)png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
}

static void read_samples(struct decoder *d) {
    const size_t row_bytes = png_get_rowbytes(d->png, d->info);
    const png_uint_32 height = png_get_image_height(d->png, d->info);
    d->samples = malloc(height * row_bytes);
    if (!d->samples) {
        d->status = CLN_OUT_OF_MEMORY;
        png_error(d->png, "no memory for its pixels");
    }
    /* An interlaced file takes several passes, each over all rows. */
    const int passes = png_get_interlace_type(d->png, d->info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 row = 0; row < height; row++)
            png_read_row(d->png, d->samples + row * row_bytes, NULL);
    png_read_end(d->png, NULL);
}

static enum cln_status read_all(struct decoder *d) {
    if (setjmp(png_jmpbuf(d->png)))
        return cln_fail(d->status, "PNG: byte %zu: %s", d->offset, d->reason);
    ask_for_bytes(d);
    read_samples(d);
    return CLN_OK;
}

/* The ground that shows what was drawn on nothing: black under light ink, else white. Ink is all that is not quite
 * transparent, by how opaque it is. */
static unsigned ground_of(const uint8_t *samples, size_t per_pixel, size_t pixels) {
    double light = 0, ink = 0;
    for (const uint8_t *s = samples; s < samples + pixels * per_pixel; s += per_pixel) {
        const unsigned alpha = s[per_pixel - 1];
        light += alpha * (per_pixel < 3 ? s[0] : 0.299 * s[0] + 0.587 * s[1] + 0.114 * s[2]);
        ink += alpha;
    }
    return ink > 0 && light >= 127.5 * ink ? 0 : 255;
}

/* [height][width][samples] → [channels][height][width], on one ground. */
static enum cln_status separate(struct cln_picture *out, const struct decoder *d) {
    const size_t per_pixel = png_get_channels(d->png, d->info), channels = per_pixel < 3 ? 1 : 3;
    const bool has_alpha = per_pixel > channels;
    const struct cln_shape shape = {(int)channels, (int)png_get_image_height(d->png, d->info),
                                    (int)png_get_image_width(d->png, d->info)};
    const size_t plane = (size_t)shape.height * (size_t)shape.width;
    uint8_t *pixels = malloc(channels * plane);
    if (!pixels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture of %d×%d", shape.height, shape.width);
    const unsigned ground = has_alpha ? ground_of(d->samples, per_pixel, plane) : 0;
    for (size_t i = 0; i < plane; i++) {
        const uint8_t *sample = d->samples + i * per_pixel;
        const unsigned alpha = has_alpha ? sample[channels] : 255;
        for (size_t c = 0; c < channels; c++)
            pixels[c * plane + i] = (uint8_t)((sample[c] * alpha + ground * (255 - alpha) + 127) / 255);
    }
    *out = (struct cln_picture){shape, pixels};
    return CLN_OK;
}

enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size) {
    struct decoder d = {.bytes = bytes, .size = size, .status = CLN_INVALID};
    *out = (struct cln_picture){0};
    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    enum cln_status status = d.info ? read_all(&d) : cln_fail(CLN_OUT_OF_MEMORY, "no memory to read a PNG picture");
    if (status == CLN_OK)
        status = separate(out, &d);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    free(d.samples);
    return status;
}

#else

enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size) {
    (void)bytes, (void)size;
    *out = (struct cln_picture){0};
    return cln_fail(CLN_INVALID, "this clenet was built without libpng and cannot read PNG pictures: "
                                 "install libpng's development files and build it anew, or pass IDX files");
}

#endif

static enum cln_status read_picture(uint8_t **images, size_t *count, struct cln_shape *shape, gzFile gz,
                                    const char *name) {
    uint8_t *bytes = NULL;
    size_t size;
    struct cln_picture picture = {0};
    enum cln_status status = cln_stream_read(&bytes, &size, gz, name);
    if (status == CLN_OK && (status = cln_png_decode(&picture, bytes, size)) != CLN_OK)
        status = cln_fail_within(status, "%s", name);
    free(bytes);
    gzclose(gz);
    *images = picture.pixels;
    *shape = picture.shape;
    *count = 1;
    return status;
}

const struct cln_picture_format cln_png_pictures = {.name = "a PNG", .first_byte = 0x89, .read = read_picture};
