/* libpng jumps out of its calls where a file is wrong: all that must survive such a jump lies in struct decoder, and
 * the function that is jumped back into has no variables of its own. */
#include "src/data/png.h"

#include <stdlib.h>

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
    struct cln_decoding how;
    void *samples;          /* [height][width][samples per pixel], alpha last */
    enum cln_status status; /* of a jump; CLN_OUT_OF_MEMORY once there was none, whatever libpng makes of it */
    char reason[128];
};

static bool is_little_endian(void) {
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

static png_voidp get_memory(png_structp png, png_alloc_size_t bytes) {
    struct decoder *d = png_get_mem_ptr(png);
    void *memory = malloc(bytes);
    if (!memory)
        d->status = CLN_OUT_OF_MEMORY;
    return memory;
}

static void free_memory(png_structp png, png_voidp memory) {
    (void)png;
    free(memory);
}

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
    if (width <= CLN_PICTURE_SIDE_LIMIT && height <= CLN_PICTURE_SIDE_LIMIT)
        return;
    snprintf(message, sizeof message, "a picture of %lu×%lu pixels; clenet's limit is %d a side", width, height,
             CLN_PICTURE_SIDE_LIMIT);
    png_error(d->png, message);
}

/* The part of a colour: 0 red, 1 green, 2 blue. */
static unsigned part_of(int ground, size_t channel) {
    return (unsigned)ground >> (16 - 8 * channel) & 255;
}

static bool is_coloured(int ground) {
    return part_of(ground, 0) != part_of(ground, 1) || part_of(ground, 1) != part_of(ground, 2);
}

/* Reads the header. Whatever the file has becomes samples of 8 bits, or of 16, with alpha where anything is
 * transparent. */
static void ask_for_samples(struct decoder *d) {
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* beyond ours it could not say what is wrong */
    png_set_crc_action(d->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_read_fn(d->png, d, read_bytes);
    png_read_info(d->png, d->info);
    check_size(d);
    const bool has_alpha = (png_get_color_type(d->png, d->info) & PNG_COLOR_MASK_ALPHA) != 0 ||
                           png_get_valid(d->png, d->info, PNG_INFO_tRNS) != 0;
    png_set_expand(d->png);
    if (has_alpha && is_coloured(d->how.ground))
        png_set_gray_to_rgb(d->png); /* what shows through has colours */
    if (!d->how.is_deep)
        png_set_strip_16(d->png);
    else if (is_little_endian())
        png_set_swap(d->png);
    (void)png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
}

/* What the header says. */
static void describe(struct cln_picture *out, const struct decoder *d) {
    const bool is_deep = png_get_bit_depth(d->png, d->info) == 16;
    *out = (struct cln_picture){
        .shape = {png_get_channels(d->png, d->info) < 3 ? 1 : 3, (int)png_get_image_height(d->png, d->info),
                  (int)png_get_image_width(d->png, d->info)},
        .type = is_deep ? CLN_PIXEL_U16 : CLN_PIXEL_U8,
    };
}

/* Bytes of the picture that is made of the samples, and of a grey one and a plane of floats, which fitting may make of
 * that. */
static size_t count_bytes_made(const struct decoder *d) {
    struct cln_picture picture;
    describe(&picture, d);
    const size_t plane = (size_t)picture.shape.height * (size_t)picture.shape.width;
    return (cln_shape_count(picture.shape) + plane) * cln_pixel_bytes(picture.type) + plane * sizeof(float);
}

static void read_samples(struct decoder *d) {
    const size_t row_bytes = png_get_rowbytes(d->png, d->info);
    const png_uint_32 height = png_get_image_height(d->png, d->info);
    cln_share_take(d->how.share, CLN_SHARE_OF_PIXELS, height * row_bytes + count_bytes_made(d));
    d->samples = malloc(height * row_bytes);
    if (!d->samples) {
        d->status = CLN_OUT_OF_MEMORY;
        png_error(d->png, "no memory for its pixels");
    }
    /* An interlaced file takes several passes, each over all rows. */
    const int passes = png_get_interlace_type(d->png, d->info) == PNG_INTERLACE_NONE ? 1 : PNG_INTERLACE_ADAM7_PASSES;
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 row = 0; row < height; row++)
            png_read_row(d->png, (png_bytep)d->samples + row * row_bytes, NULL);
    png_read_end(d->png, NULL);
}

static enum cln_status read_all(struct decoder *d, bool header_only) {
    if (setjmp(png_jmpbuf(d->png)))
        return cln_fail(d->status, "PNG: byte %zu: %s", d->offset, d->reason);
    ask_for_samples(d);
    if (!header_only)
        read_samples(d);
    return CLN_OK;
}

/* Samples of either size. */
struct samples {
    void *at;
    bool is_deep;
};

static unsigned get(struct samples s, size_t index) {
    return s.is_deep ? ((const uint16_t *)s.at)[index] : ((const uint8_t *)s.at)[index];
}

static void put(struct samples s, size_t index, unsigned value) {
    if (s.is_deep)
        ((uint16_t *)s.at)[index] = (uint16_t)value;
    else
        ((uint8_t *)s.at)[index] = (uint8_t)value;
}

/* The ground that shows what was drawn on nothing: black under light ink, else white. Ink is all that is not quite
 * transparent, by how opaque it is. */
static int ground_of(struct samples s, size_t per_pixel, size_t pixels) {
    const double middle = s.is_deep ? 32767.5 : 127.5;
    double light = 0, ink = 0;
    for (size_t i = 0; i < pixels * per_pixel; i += per_pixel) {
        const unsigned alpha = get(s, i + per_pixel - 1);
        light +=
            alpha * (per_pixel < 3 ? get(s, i) : 0.299 * get(s, i) + 0.587 * get(s, i + 1) + 0.114 * get(s, i + 2));
        ink += alpha;
    }
    return ink > 0 && light >= middle * ink ? CLN_GROUND(0, 0, 0) : CLN_GROUND(255, 255, 255);
}

/* [height][width][samples] → [channels][height][width], on one ground. */
static void separate(struct samples out, const struct cln_picture *picture, struct samples in, size_t per_pixel,
                     int ground) {
    const size_t channels = (size_t)picture->shape.channels, pixels = cln_shape_count(picture->shape) / channels;
    const unsigned opaque = in.is_deep ? 65535 : 255;
    const bool has_alpha = per_pixel > channels;
    if (has_alpha && ground == CLN_GROUND_AUTO)
        ground = ground_of(in, per_pixel, pixels);
    for (size_t c = 0; c < channels; c++) {
        const uint64_t below = part_of(ground, c) * (opaque / 255);
        for (size_t i = 0; i < pixels; i++) {
            const uint64_t value = get(in, i * per_pixel + c);
            const uint64_t alpha = has_alpha ? get(in, i * per_pixel + channels) : opaque;
            put(out, c * pixels + i, (unsigned)((value * alpha + below * (opaque - alpha) + opaque / 2) / opaque));
        }
    }
}

static enum cln_status make_pixels(struct cln_picture *out, const struct decoder *d) {
    const bool is_deep = out->type == CLN_PIXEL_U16;
    out->pixels = malloc(cln_shape_count(out->shape) * cln_pixel_bytes(out->type));
    if (!out->pixels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture of %d×%d", out->shape.height, out->shape.width);
    separate((struct samples){out->pixels, is_deep}, out, (struct samples){d->samples, is_deep},
             png_get_channels(d->png, d->info), d->how.ground);
    return CLN_OK;
}

static enum cln_status read_png(struct cln_picture *out, const void *bytes, size_t size, const struct cln_decoding *how,
                                bool header_only) {
    struct decoder d = {.bytes = bytes, .size = size, .how = *how, .status = CLN_INVALID};
    *out = (struct cln_picture){0};
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning, &d, get_memory, free_memory);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    enum cln_status status =
        d.info ? read_all(&d, header_only) : cln_fail(CLN_OUT_OF_MEMORY, "no memory to read a PNG picture");
    if (status == CLN_OK)
        describe(out, &d);
    if (status == CLN_OK && !header_only && (status = make_pixels(out, &d)) != CLN_OK)
        *out = (struct cln_picture){0};
    png_destroy_read_struct(&d.png, &d.info, NULL);
    free(d.samples);
    return status;
}

enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size,
                               const struct cln_decoding *how) {
    return read_png(out, bytes, size, how, false);
}

enum cln_status cln_png_measure(struct cln_picture *out, const void *bytes, size_t size,
                                const struct cln_decoding *how) {
    return read_png(out, bytes, size, how, true);
}

#else

enum cln_status cln_png_decode(struct cln_picture *out, const void *bytes, size_t size,
                               const struct cln_decoding *how) {
    (void)bytes, (void)size, (void)how;
    *out = (struct cln_picture){0};
    return cln_fail(CLN_IO, "this clenet was built without libpng and cannot read PNG pictures: "
                            "install libpng's development files and build it anew, or pass IDX files");
}

enum cln_status cln_png_measure(struct cln_picture *out, const void *bytes, size_t size,
                                const struct cln_decoding *how) {
    return cln_png_decode(out, bytes, size, how);
}

#endif

const struct cln_picture_format cln_png_pictures = {
    .name = "a PNG", .first_byte = 0x89, .decode = cln_png_decode, .measure = cln_png_measure};
