/* JPEG files to be read by tests, made without libjpeg: blocks of 8×8 equal pixels, of one component or several. */
#ifndef TESTS_DATA_JPEG_MAKE_H
#define TESTS_DATA_JPEG_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether clenet was built with libjpeg. */
#ifdef HAVE_JPEG
enum { READS_JPEG = true };
#else
enum { READS_JPEG = false };
#endif

struct jpeg_file {
    uint32_t width, height;
    int components;        /* 1: grey; 3: Y, Cb, Cr; 4: four inks */
    const uint8_t *values; /* [rows of blocks][columns of blocks][components] */
    int orientation;       /* of EXIF, written if it is not 0 */
    int scans;             /* 0: baseline; else progressive, with that many: up to 1 + 63 · components */
};

/* The file's bytes into `out`, which must have room; returns how many. */
size_t jpeg_make(uint8_t *out, const struct jpeg_file *file);

#endif
