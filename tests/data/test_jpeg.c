/* JPEG pictures as the pixels they should be, upright, and every way in which they can be broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/exif.h"
#include "src/data/jpeg.h"
#include "tests/data/jpeg_make.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct cln_decoding how = {0};
static const uint8_t greys[] = {0, 50, 100, 150, 200, 255};

/* As malloc gave it, so that a sanitizer sees every byte that is read beyond. */
static enum cln_status decode(struct cln_picture *out, const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *out = (struct cln_picture){{-1, -1, -1}, CLN_PIXEL_F32, (uint8_t *)1};
    enum cln_status status = cln_jpeg_decode(out, copy, size, &how);
    if (status == CLN_OK) {
        struct cln_picture header;
        assert_int_equal(cln_jpeg_measure(&header, copy, size, &how), CLN_OK);
        assert_memory_equal(&header.shape, &out->shape, sizeof header.shape);
        assert_int_equal(header.type, CLN_PIXEL_U8);
        assert_null(header.pixels);
    } else {
        assert_null(out->pixels);
    }
    free(copy);
    return status;
}

static struct cln_picture read_file(const struct jpeg_file *file) {
    static uint8_t bytes[1 << 18];
    struct cln_picture picture;
    if (decode(&picture, bytes, jpeg_make(bytes, file)) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return picture;
}

static uint8_t pixel(const struct cln_picture *picture, int channel, int row, int column) {
    const struct cln_shape shape = picture->shape;
    assert_true(row < shape.height && column < shape.width && channel < shape.channels);
    return ((const uint8_t *)picture->pixels)[(channel * shape.height + row) * shape.width + column];
}

static void grey_stays_one_channel(void **state) {
    (void)state;
    for (int scans = 0; scans <= 64; scans += 32) {
        struct cln_picture picture = read_file(&(struct jpeg_file){20, 11, 1, greys, .scans = scans});
        assert_int_equal(picture.shape.channels, 1);
        assert_int_equal(picture.shape.height, 11);
        assert_int_equal(picture.shape.width, 20);
        for (int row = 0; row < 11; row++)
            for (int column = 0; column < 20; column++)
                assert_int_equal(pixel(&picture, 0, row, column), greys[row / 8 * 3 + column / 8]);
        free(picture.pixels);
    }
}

/* R = Y + 1.402 (Cr − 128), G = Y − 0.344136 (Cb − 128) − 0.714136 (Cr − 128), B = Y + 1.772 (Cb − 128). Of widths
 * below, at and between multiples of the blocks in which rows are separated. */
static void colours_come_out_as_planes(void **state) {
    (void)state;
    static uint8_t values[3 * 13 * 2];
    static const uint8_t kinds[][3] = {{100, 128, 128}, {81, 90, 240}, {145, 54, 34}, {41, 240, 110}};
    static const uint8_t expected[][3] = {{100, 100, 100}, {238, 14, 14}, {13, 238, 14}, {16, 15, 239}};
    for (int i = 0; i < 13 * 2; i++)
        memcpy(values + 3 * i, kinds[i % 4], 3);
    for (uint32_t width = 1; width <= 13 * 8; width += 3) {
        struct cln_picture picture = read_file(&(struct jpeg_file){width, 9, 3, values});
        assert_int_equal(picture.shape.channels, 3);
        const int blocks = (int)(width + 7) / 8;
        for (int row = 0; row < 9; row++)
            for (int column = 0; column < (int)width; column++)
                for (int channel = 0; channel < 3; channel++)
                    assert_int_equal(pixel(&picture, channel, row, column),
                                     expected[(row / 8 * blocks + column / 8) % 4][channel]);
        free(picture.pixels);
    }
}

/* A row of three blocks and a half, as the camera wrote it. */
static void orientation_is_obeyed(void **state) {
    (void)state;
    static const struct {
        int orientation, upper_left, upper_right, lower_left;
    } cases[] = {
        {0, 0, 2, 3}, {1, 0, 2, 3}, {2, 2, 0, 5}, {3, 5, 3, 2}, {4, 3, 5, 0},
        {5, 0, 3, 2}, {6, 3, 0, 5}, {7, 5, 2, 3}, {8, 2, 5, 0}, {9, 0, 2, 3},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const bool swaps = cases[i].orientation >= 5 && cases[i].orientation <= 8;
        struct cln_picture picture =
            read_file(&(struct jpeg_file){20, 11, 1, greys, .orientation = cases[i].orientation});
        assert_int_equal(picture.shape.height, swaps ? 20 : 11);
        assert_int_equal(picture.shape.width, swaps ? 11 : 20);
        assert_int_equal(pixel(&picture, 0, 0, 0), greys[cases[i].upper_left]);
        assert_int_equal(pixel(&picture, 0, 0, picture.shape.width - 1), greys[cases[i].upper_right]);
        assert_int_equal(pixel(&picture, 0, picture.shape.height - 1, 0), greys[cases[i].lower_left]);
        free(picture.pixels);
    }
    struct cln_picture colours =
        read_file(&(struct jpeg_file){9, 8, 3, (const uint8_t[]){100, 128, 128, 81, 90, 240}, .orientation = 8});
    assert_int_equal(colours.shape.height, 9);
    assert_int_equal(pixel(&colours, 0, 0, 0), 238);
    assert_int_equal(pixel(&colours, 2, 0, 0), 14);
    assert_int_equal(pixel(&colours, 2, 8, 0), 100);
    free(colours.pixels);
}

/* Whatever is wrong with EXIF, the picture is upright. */
static void odd_exif_is_passed_over(void **state) {
    (void)state;
    static const uint8_t good[] = "Exif\0\0II*\0\x08\0\0\0\x02\0\x0F\x01\x02\0\0\0\0\0\0\0\0\0"
                                  "\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
    const size_t size = sizeof good - 1;
    assert_int_equal(cln_exif_orientation(good, size), 6);
    for (size_t kept = 0; kept < size - 4; kept++) { /* the offset of a next directory may be missing */
        uint8_t *part = malloc(kept + 1);
        assert_non_null(part);
        memcpy(part, good, kept);
        assert_int_equal(cln_exif_orientation(part, kept), CLN_EXIF_UPRIGHT);
        free(part);
    }
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 'e'}, {6, 'X'}, {8, 43}, {10, 255}, {13, 255}, {14, 1},
                 {30, 4},  {32, 2},  {36, 0}, {36, 9},   {37, 1}};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        uint8_t bytes[sizeof good];
        memcpy(bytes, good, size);
        bytes[wrong[i].at] = wrong[i].value;
        if (cln_exif_orientation(bytes, size) != CLN_EXIF_UPRIGHT)
            fail_msg("%zu", wrong[i].at);
    }
}

static void assert_refused(const uint8_t *bytes, size_t size, const char *reason) {
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, size), CLN_INVALID);
    if (strncmp(cln_error_message(), "JPEG: ", 6) != 0 || !strstr(cln_error_message(), reason))
        fail_msg("no \"%s\" in: %s", reason, cln_error_message());
}

static void truncation_is_refused_at_every_byte(void **state) {
    (void)state;
    uint8_t bytes[4096];
    for (int scans = 0; scans <= 3; scans += 3) {
        const size_t size = jpeg_make(bytes, &(struct jpeg_file){20, 11, 1, greys, .scans = scans, .orientation = 6});
        for (size_t kept = 0; kept < size; kept++)
            assert_refused(bytes, kept, "");
        assert_refused(bytes, size - 2, "Premature end");
    }
}

static void damage_is_told(void **state) {
    (void)state;
    uint8_t bytes[4096];
    const struct jpeg_file file = {20, 11, 1, greys};
    const size_t size = jpeg_make(bytes, &file);
    memcpy(bytes + size - 8, "\xFF\0\xFF\0\xFF\0", 6); /* ones, which are no code */
    assert_refused(bytes, size, "");
    jpeg_make(bytes, &file);
    memcpy(bytes + size - 4, "\xFF\xD0", 2); /* a marker in the data */
    assert_refused(bytes, size, "Corrupt");
    jpeg_make(bytes, &file);
    memmove(bytes + size + 38, bytes + size - 2, 2); /* more data than pixels */
    memset(bytes + size - 2, 85, 40);
    assert_refused(bytes, size + 40, "extraneous");
    assert_refused((const uint8_t *)"no picture at all", 17, "Not a JPEG");
}

static void bytes_behind_the_end_are_left_out(void **state) {
    (void)state;
    uint8_t bytes[4096] = {0};
    const size_t size = jpeg_make(bytes, &(struct jpeg_file){20, 11, 1, greys});
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, size + 20), CLN_OK);
    free(picture.pixels);
}

static void what_cannot_be_read_is_named(void **state) {
    (void)state;
    static uint8_t bytes[1 << 18];
    static const uint8_t inks[4] = {0};
    size_t size = jpeg_make(bytes, &(struct jpeg_file){8, 8, 4, inks});
    assert_refused(bytes, size, "four inks (CMYK): convert it to RGB");
    size = jpeg_make(bytes, &(struct jpeg_file){20, 11, 1, greys});
    const size_t height = 2 + 4 + 65 + 4 + 1; /* behind the tables of quantisation */
    bytes[height] = 0x20;
    bytes[height + 1] = 1;
    assert_refused(bytes, size, "20×8193 pixels; clenet's limit is 8192 a side");
    bytes[height - 1] = 12; /* bits */
    assert_refused(bytes, size, "precision 12");
}

/* A file of a few bytes for each of many scans would take minutes. */
static void scans_are_limited(void **state) {
    (void)state;
    static uint8_t bytes[1 << 18], values[3] = {100, 128, 128};
    free(read_file(&(struct jpeg_file){8, 8, 3, values, .scans = CLN_JPEG_SCAN_LIMIT}).pixels);
    const size_t size = jpeg_make(bytes, &(struct jpeg_file){8, 8, 3, values, .scans = CLN_JPEG_SCAN_LIMIT + 2});
    assert_refused(bytes, size, "more than 100 scans, clenet's limit");
}

static void without_libjpeg_it_is_told(void **state) {
    (void)state;
    uint8_t bytes[4096];
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, jpeg_make(bytes, &(struct jpeg_file){20, 11, 1, greys})), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "without libjpeg"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_stays_one_channel),
        cmocka_unit_test(colours_come_out_as_planes),
        cmocka_unit_test(orientation_is_obeyed),
        cmocka_unit_test(odd_exif_is_passed_over),
        cmocka_unit_test(truncation_is_refused_at_every_byte),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(bytes_behind_the_end_are_left_out),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(scans_are_limited),
    };
    const struct CMUnitTest without[] = {cmocka_unit_test(odd_exif_is_passed_over),
                                         cmocka_unit_test(without_libjpeg_it_is_told)};
    return READS_JPEG ? cmocka_run_group_tests(tests, NULL, NULL) : cmocka_run_group_tests(without, NULL, NULL);
}
