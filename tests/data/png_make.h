/* PNG files to be read by tests, made with zlib alone: right ones and wrong ones. */
#ifndef TESTS_DATA_PNG_MAKE_H
#define TESTS_DATA_PNG_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether clenet was built with libpng. */
#ifdef HAVE_PNG
enum { READS_PNG = true };
#else
enum { READS_PNG = false };
#endif

enum png_colour { PNG_GREY = 0, PNG_RGB = 2, PNG_PALETTE = 3, PNG_GREY_ALPHA = 4, PNG_RGB_ALPHA = 6 };

struct png_chunk {
    const char *type; /* 4 letters */
    const void *bytes;
    size_t count;
};

struct png_file {
    uint32_t width, height;
    int depth;
    enum png_colour colour;
    const uint8_t *rows;        /* height rows of whole bytes, as PNG packs samples */
    struct png_chunk chunks[4]; /* before the pixels; ends with type NULL */
    bool interlaced;            /* samples must be whole bytes */
};

/* Appends a chunk with length and CRC at out + used; returns what is used then. */
size_t png_put_chunk(uint8_t *out, size_t used, const char *type, const void *bytes, size_t count);
/* The file's bytes into `out`, which must have room; returns how many. */
size_t png_make(uint8_t *out, const struct png_file *file);

#endif
