/* Writes a sheet of pictures: see sheet.h. libpng jumps out of its calls if one fails: all that must survive such a
 * jump lies in struct encoder, and the function that is jumped back into has no variables of its own. */
#include "src/data/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/replace.h"

#ifdef HAVE_PNG

#include <png.h>
#include <setjmp.h>

enum { SIDE_LIMIT = 65535 };

struct encoder {
    png_structp png;
    png_infop info;
    const struct cln_samples *sheet;
    char reason[128];
};

static void on_error(png_structp png, png_const_charp message) {
    struct encoder *e = png_get_error_ptr(png);
    snprintf(e->reason, sizeof e->reason, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png, (void)message;
}

static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
    if (fwrite(bytes, 1, count, png_get_io_ptr(png)) != count)
        png_error(png, "cannot write");
}

static void flush_bytes(png_structp png) {
    (void)png;
}

static enum cln_status write_all(struct encoder *e, FILE *stream) {
    if (setjmp(png_jmpbuf(e->png)))
        return cln_fail(CLN_IO, "PNG: %s", e->reason);
    png_set_write_fn(e->png, stream, write_bytes, flush_bytes);
    png_set_IHDR(e->png, e->info, (png_uint_32)e->sheet->width, (png_uint_32)e->sheet->height, 8,
                 e->sheet->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(e->png, e->info);
    for (size_t row = 0; row < e->sheet->height; row++)
        png_write_row(e->png, e->sheet->values + row * e->sheet->width * e->sheet->channels);
    png_write_end(e->png, NULL);
    return CLN_OK;
}

enum cln_status cln_samples_write(FILE *stream, const struct cln_samples *sheet) {
    struct encoder e = {.sheet = sheet};
    e.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &e, on_error, on_warning);
    e.info = e.png ? png_create_info_struct(e.png) : NULL;
    const enum cln_status status =
        e.info ? write_all(&e, stream) : cln_fail(CLN_OUT_OF_MEMORY, "no memory to write a PNG picture");
    png_destroy_write_struct(&e.png, &e.info);
    return status;
}

/* Puts a picture at a place of the sheet. */
static void put(struct cln_samples *s, const uint8_t *pixels, struct cln_shape shape, size_t top, size_t left) {
    const size_t height = (size_t)shape.height, width = (size_t)shape.width;
    for (size_t channel = 0; channel < s->channels; channel++)
        for (size_t row = 0; row < height; row++)
            for (size_t column = 0; column < width; column++)
                s->values[((top + row) * s->width + left + column) * s->channels + channel] =
                    pixels[(channel * height + row) * width + column];
}

enum cln_status cln_samples_create(struct cln_samples *s, const uint8_t *pixels, struct cln_shape shape) {
    *s = (struct cln_samples){
        .height = (size_t)shape.height, .width = (size_t)shape.width, .channels = shape.channels == 3 ? 3 : 1};
    s->values = malloc(s->height * s->width * s->channels);
    if (!s->values)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a picture of %zu×%zu pixels", s->height, s->width);
    put(s, pixels, shape, 0, 0);
    return CLN_OK;
}

static enum cln_status compose(struct cln_samples *s, const uint8_t *pixels, struct cln_shape shape, size_t count,
                               size_t columns) {
    columns = columns > 0 ? columns : (size_t)ceil(sqrt((double)count));
    const size_t rows = (count + columns - 1) / columns;
    const size_t down = (size_t)shape.height + CLN_SHEET_GAP, across = (size_t)shape.width + CLN_SHEET_GAP;
    *s = (struct cln_samples){.height = rows * down + CLN_SHEET_GAP,
                              .width = columns * across + CLN_SHEET_GAP,
                              .channels = shape.channels == 3 ? 3 : 1};
    if (s->height > SIDE_LIMIT || s->width > SIDE_LIMIT)
        return cln_fail(CLN_INVALID, "a sheet of %zu pictures would have %zu×%zu pixels; clenet's limit is %d a side",
                        count, s->height, s->width, SIDE_LIMIT);
    s->values = malloc(s->height * s->width * s->channels);
    if (!s->values)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a sheet of %zu×%zu pixels", s->height, s->width);
    memset(s->values, CLN_SHEET_GREY, s->height * s->width * s->channels);
    for (size_t i = 0; i < count; i++)
        put(s, pixels + i * cln_shape_count(shape), shape, i / columns * down + CLN_SHEET_GAP,
            i % columns * across + CLN_SHEET_GAP);
    return CLN_OK;
}

enum cln_status cln_sheet_write(const char *path, const uint8_t *pixels, struct cln_shape shape, size_t count,
                                size_t columns) {
    struct cln_replacement replacement = {0};
    struct cln_samples sheet = {0};
    enum cln_status status = compose(&sheet, pixels, shape, count, columns);
    if (status == CLN_OK)
        status = cln_replace_begin(&replacement, path);
    if (status == CLN_OK)
        status = cln_samples_write(replacement.stream, &sheet);
    if (status == CLN_OK)
        status = cln_replace_commit(&replacement);
    cln_replace_end(&replacement);
    free(sheet.values);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", path);
}

#else

enum cln_status cln_samples_create(struct cln_samples *samples, const uint8_t *pixels, struct cln_shape shape) {
    (void)pixels, (void)shape;
    *samples = (struct cln_samples){.values = NULL};
    return cln_samples_write(NULL, samples);
}

enum cln_status cln_sheet_write(const char *path, const uint8_t *pixels, struct cln_shape shape, size_t count,
                                size_t columns) {
    (void)pixels, (void)shape, (void)count, (void)columns;
    return cln_fail_within(cln_samples_write(NULL, NULL), "%s", path);
}

enum cln_status cln_samples_write(FILE *stream, const struct cln_samples *samples) {
    (void)stream, (void)samples;
    return cln_fail(CLN_INVALID, "this clenet was built without libpng and cannot write PNG pictures: install libpng's "
                                 "development files and build it anew");
}

#endif
