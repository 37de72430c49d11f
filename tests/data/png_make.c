/* See png_make.h. https://www.w3.org/TR/png-3/ */
#include "tests/data/png_make.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static uint8_t *put_u32(uint8_t *at, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(value >> shift);
    return at;
}

size_t png_put_chunk(uint8_t *out, size_t used, const char *type, const void *bytes, size_t count) {
    uint8_t *at = put_u32(out + used, (uint32_t)count), *checked = at;
    memcpy(at, type, 4);
    if (count > 0)
        memcpy(at + 4, bytes, count);
    at += 4 + count;
    at = put_u32(at, (uint32_t)crc32(0, checked, (uInt)(4 + count)));
    return (size_t)(at - out);
}

static uint32_t samples_of(enum png_colour colour) {
    static const uint32_t samples[] = {
        [PNG_GREY] = 1, [PNG_RGB] = 3, [PNG_PALETTE] = 1, [PNG_GREY_ALPHA] = 2, [PNG_RGB_ALPHA] = 4};
    return samples[colour];
}

/* One pass of rows and columns x0, x0 + dx, …: before each row its filter, none. Returns the bytes. */
static size_t put_pass(uint8_t *out, const struct png_file *f, size_t row_bytes, size_t pixel_bytes, uint32_t x0,
                       uint32_t y0, uint32_t dx, uint32_t dy) {
    size_t used = 0;
    for (uint32_t y = y0; x0 < f->width && y < f->height; y += dy) {
        out[used++] = 0;
        for (uint32_t x = x0; x < f->width; x += dx, used += pixel_bytes)
            memcpy(out + used, f->rows + y * row_bytes + x * pixel_bytes, pixel_bytes);
    }
    return used;
}

static size_t put_rows(uint8_t *out, const struct png_file *f) {
    static const uint8_t adam7[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                        {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    const size_t bits = samples_of(f->colour) * (size_t)f->depth, row_bytes = (f->width * bits + 7) / 8;
    size_t used = 0;
    if (f->interlaced)
        for (int i = 0; i < 7; i++)
            used += put_pass(out + used, f, row_bytes, bits / 8, adam7[i][0], adam7[i][1], adam7[i][2], adam7[i][3]);
    else
        for (uint32_t y = 0; y < f->height; y++) {
            out[used++] = 0;
            memcpy(out + used, f->rows + y * row_bytes, row_bytes);
            used += row_bytes;
        }
    return used;
}

size_t png_make(uint8_t *out, const struct png_file *f) {
    uint8_t head[13], *at = put_u32(put_u32(head, f->width), f->height);
    const uint8_t tail[] = {(uint8_t)f->depth, (uint8_t)f->colour, 0, 0, f->interlaced};
    memcpy(at, tail, sizeof tail);
    const size_t most = (size_t)f->height * 2 * (8 + f->width * 8);
    uint8_t *rows = malloc(most), *packed = malloc(compressBound(most));
    assert_true(rows && packed);
    uLongf size = compressBound(most);
    assert_int_equal(compress(packed, &size, rows, put_rows(rows, f)), Z_OK);

    memcpy(out, "\x89PNG\r\n\x1a\n", 8);
    size_t used = png_put_chunk(out, 8, "IHDR", head, sizeof head);
    for (const struct png_chunk *chunk = f->chunks; chunk->type; chunk++)
        used = png_put_chunk(out, used, chunk->type, chunk->bytes, chunk->count);
    used = png_put_chunk(out, used, "IDAT", packed, size);
    free(rows);
    free(packed);
    return png_put_chunk(out, used, "IEND", NULL, 0);
}
