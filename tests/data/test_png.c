/* PNG pictures of every kind as the samples they should be, and every way in which they can be broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/png.h"
#include "src/data/sheet.h"
#include "tests/data/png_make.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t ramp[12] = {0, 51, 102, 255, 254, 204, 3, 0, 17, 80, 160, 240};

/* As malloc gave it, so that a sanitizer sees every byte that is read beyond. */
static enum cln_status decode_as(struct cln_picture *out, const uint8_t *bytes, size_t size,
                                 const struct cln_decoding *how) {
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    *out = (struct cln_picture){{-1, -1, -1}, CLN_PIXEL_F32, (uint8_t *)1};
    enum cln_status status = cln_png_decode(out, copy, size, how);
    free(copy);
    if (status != CLN_OK)
        assert_null(out->pixels);
    return status;
}

static enum cln_status decode(struct cln_picture *out, const uint8_t *bytes, size_t size) {
    const struct cln_decoding how = {0};
    const enum cln_status status = decode_as(out, bytes, size, &how);
    assert_int_equal(out->type, CLN_PIXEL_U8);
    return status;
}

static void assert_decodes(const struct png_file *file, int channels, const uint8_t *expected) {
    static uint8_t bytes[1 << 16];
    struct cln_picture picture;
    const size_t size = png_make(bytes, file);
    if (decode(&picture, bytes, size) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(picture.shape.channels, channels);
    assert_int_equal(picture.shape.height, file->height);
    assert_int_equal(picture.shape.width, file->width);
    assert_memory_equal(picture.pixels, expected, cln_shape_count(picture.shape));
    free(picture.pixels);
}

static void grey_of_every_depth(void **state) {
    (void)state;
    /* Five pixels a row: the last byte of a row is never full below 8 bits. */
    assert_decodes(&(struct png_file){5, 2, 1, PNG_GREY, (const uint8_t[]){0xA8, 0x50}}, 1,
                   (const uint8_t[]){255, 0, 255, 0, 255, 0, 255, 0, 255, 0});
    assert_decodes(&(struct png_file){5, 1, 2, PNG_GREY, (const uint8_t[]){0x1B, 0x80}}, 1,
                   (const uint8_t[]){0, 85, 170, 255, 170});
    assert_decodes(&(struct png_file){5, 1, 4, PNG_GREY, (const uint8_t[]){0x01, 0x2E, 0xF0}}, 1,
                   (const uint8_t[]){0, 17, 34, 238, 255});
    assert_decodes(&(struct png_file){4, 3, 8, PNG_GREY, ramp}, 1, ramp);
    assert_decodes(&(struct png_file){3, 2, 16, PNG_GREY, ramp}, 1, (const uint8_t[]){0, 102, 254, 3, 17, 160});
}

static void colours_come_out_as_planes(void **state) {
    (void)state;
    static const uint8_t planes[] = {0, 255, 3, 80, 51, 254, 0, 160, 102, 204, 17, 240};
    assert_decodes(&(struct png_file){2, 2, 8, PNG_RGB, ramp}, 3, planes);
    assert_decodes(&(struct png_file){2, 1, 16, PNG_RGB, ramp}, 3, (const uint8_t[]){0, 3, 102, 17, 254, 160});
}

static void palettes_are_looked_up(void **state) {
    (void)state;
    struct png_file file = {5, 1, 2, PNG_PALETTE, (const uint8_t[]){0x1B, 0x80}, {{"PLTE", ramp, 12}}};
    static const uint8_t planes[] = {0, 255, 3, 80, 3, 51, 254, 0, 160, 0, 102, 204, 17, 240, 17};
    assert_decodes(&file, 3, planes);
    file.chunks[1] = (struct png_chunk){"tRNS", (const uint8_t[]){255, 0}, 2}; /* the second entry is not there */
    static const uint8_t white[] = {0, 255, 3, 80, 3, 51, 255, 0, 160, 0, 102, 255, 17, 240, 17};
    assert_decodes(&file, 3, white); /* under what is dark in the mean */
}

/* Light ink is on black: round(v·a / 255), whatever colour the file has under what cannot be seen. */
static void light_ink_is_on_black(void **state) {
    (void)state;
    assert_decodes(&(struct png_file){3, 1, 8, PNG_GREY_ALPHA, (const uint8_t[]){200, 0, 200, 255, 201, 127}}, 1,
                   (const uint8_t[]){0, 200, 100});
    assert_decodes(&(struct png_file){2, 1, 8, PNG_RGB_ALPHA, (const uint8_t[]){255, 128, 3, 128, 9, 8, 7, 0}}, 3,
                   (const uint8_t[]){128, 0, 64, 0, 2, 0});
    assert_decodes(&(struct png_file){2, 1, 16, PNG_GREY_ALPHA, (const uint8_t[]){255, 255, 151, 9, 140, 1, 255, 255}},
                   1, (const uint8_t[]){151, 140});
    assert_decodes(&(struct png_file){2, 1, 8, PNG_GREY_ALPHA, (const uint8_t[]){128, 9, 0, 0}}, 1,
                   (const uint8_t[]){5, 0});
}

/* Dark ink, and none at all, is on white: round((v·a + 255·(255 − a)) / 255). */
static void dark_ink_is_on_white(void **state) {
    (void)state;
    assert_decodes(&(struct png_file){4, 1, 8, PNG_GREY_ALPHA, (const uint8_t[]){0, 0, 0, 255, 0, 127, 55, 255}}, 1,
                   (const uint8_t[]){255, 0, 128, 55});
    assert_decodes(&(struct png_file){2, 1, 8, PNG_GREY_ALPHA, (const uint8_t[]){0, 0, 255, 0}}, 1,
                   (const uint8_t[]){255, 255});
    assert_decodes(&(struct png_file){2, 1, 8, PNG_RGB_ALPHA, (const uint8_t[]){0, 0, 255, 255, 9, 8, 7, 0}}, 3,
                   (const uint8_t[]){0, 255, 0, 255, 255, 255});
    /* One grey value, and one colour, that stand for nothing. */
    assert_decodes(&(struct png_file){4, 1, 8, PNG_GREY, ramp, {{"tRNS", (const uint8_t[]){0, 255}, 2}}}, 1,
                   (const uint8_t[]){0, 51, 102, 255});
    assert_decodes(&(struct png_file){2, 1, 8, PNG_RGB, ramp, {{"tRNS", (const uint8_t[]){0, 255, 0, 254, 0, 204}, 6}}},
                   3, (const uint8_t[]){0, 255, 51, 255, 102, 255});
    /* Of 16 bits all count. */
    assert_decodes(
        &(struct png_file){
            2, 1, 16, PNG_GREY, (const uint8_t[]){80, 1, 80, 2}, {{"tRNS", (const uint8_t[]){80, 2}, 2}}},
        1, (const uint8_t[]){80, 255});
}

/* A picture as it comes out with other ground or depth; measuring it tells the same. */
static void assert_decodes_as(const struct png_file *file, struct cln_decoding how, int channels,
                              enum cln_pixel_type type, const void *expected) {
    static uint8_t bytes[1 << 12];
    struct cln_picture picture, header;
    const size_t size = png_make(bytes, file);
    if (decode_as(&picture, bytes, size, &how) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(picture.shape.channels, channels);
    assert_int_equal(picture.type, type);
    assert_memory_equal(picture.pixels, expected, cln_shape_count(picture.shape) * cln_pixel_bytes(type));
    free(picture.pixels);
    assert_int_equal(cln_png_measure(&header, bytes, 8 + 25 + 64, &how), CLN_OK);
    assert_memory_equal(&header.shape, &picture.shape, sizeof header.shape);
    assert_int_equal(header.type, type);
    assert_null(header.pixels);
}

static void the_ground_can_be_chosen(void **state) {
    (void)state;
    const struct png_file grey = {3, 1, 8, PNG_GREY_ALPHA, (const uint8_t[]){200, 0, 200, 255, 201, 127}};
    const struct png_file colours = {2, 1, 8, PNG_RGB_ALPHA, (const uint8_t[]){255, 128, 3, 128, 9, 8, 7, 0}};
    assert_decodes_as(&grey, (struct cln_decoding){.ground = CLN_GROUND(80, 80, 80)}, 1, CLN_PIXEL_U8,
                      (const uint8_t[]){80, 200, 140});
    assert_decodes_as(&grey, (struct cln_decoding){.ground = CLN_GROUND(0, 80, 255)}, 3, CLN_PIXEL_U8,
                      (const uint8_t[]){0, 200, 100, 80, 200, 140, 255, 200, 228});
    assert_decodes_as(&colours, (struct cln_decoding){.ground = CLN_GROUND(10, 20, 30)}, 3, CLN_PIXEL_U8,
                      (const uint8_t[]){133, 10, 74, 20, 16, 30});
    /* Where nothing is transparent the ground shows nowhere. */
    assert_decodes_as(&(struct png_file){4, 3, 8, PNG_GREY, ramp}, (struct cln_decoding){.ground = CLN_GROUND(1, 2, 3)},
                      1, CLN_PIXEL_U8, ramp);
}

static void deep_files_can_stay_deep(void **state) {
    (void)state;
    const struct cln_decoding deep = {.is_deep = true}, on_green = {.is_deep = true, .ground = CLN_GROUND(0, 255, 0)};
    assert_decodes_as(&(struct png_file){3, 2, 16, PNG_GREY, ramp}, deep, 1, CLN_PIXEL_U16,
                      (const uint16_t[]){0x0033, 0x66FF, 0xFECC, 0x0300, 0x1150, 0xA0F0});
    assert_decodes_as(&(struct png_file){2, 1, 16, PNG_RGB, ramp}, deep, 3, CLN_PIXEL_U16,
                      (const uint16_t[]){0x0033, 0x0300, 0x66FF, 0x1150, 0xFECC, 0xA0F0});
    const struct png_file half = {2, 1, 16, PNG_GREY_ALPHA, (const uint8_t[]){0x80, 0, 0x80, 0, 0xFF, 0xFF, 0, 0}};
    assert_decodes_as(&half, deep, 1, CLN_PIXEL_U16, (const uint16_t[]){0x4000, 0});
    assert_decodes_as(&half, on_green, 3, CLN_PIXEL_U16, (const uint16_t[]){0x4000, 0, 0xBFFF, 0xFFFF, 0x4000, 0});
    assert_decodes_as(&(struct png_file){4, 3, 8, PNG_GREY, ramp}, deep, 1, CLN_PIXEL_U8, ramp);
}

static void interlaced_files_are_the_same_pictures(void **state) {
    (void)state;
    static uint8_t rows[19 * 17 * 3], planes[3 * 19 * 17];
    for (size_t i = 0; i < sizeof rows; i++)
        planes[i % 3 * sizeof planes / 3 + i / 3] = rows[i] = (uint8_t)(i * 7 + i / 256);
    for (uint32_t width = 1; width <= 17; width++) /* where the first is 1, most passes are empty */
        assert_decodes(&(struct png_file){width, 19, 8, PNG_GREY, rows, .interlaced = true}, 1, rows);
    assert_decodes(&(struct png_file){17, 19, 8, PNG_RGB, rows, .interlaced = true}, 3, planes);
}

/* Gamma, profiles, texts that unpack to much: none of them is pixels. */
static void other_chunks_change_nothing(void **state) {
    (void)state;
    static const uint8_t gamma[] = {0, 0, 0x55, 0xFF}, profile[] = "x\0\0not a profile", background[] = {0, 200};
    struct png_file file = {
        4, 3, 8, PNG_GREY, ramp, {{"gAMA", gamma, 4}, {"iCCP", profile, sizeof profile}, {"bKGD", background, 2}}};
    assert_decodes(&file, 1, ramp);
    file.chunks[1] = (struct png_chunk){"teSt", ramp, 12};
    file.chunks[2] = (struct png_chunk){"zTXt", "x\0\0not zlib", 11};
    assert_decodes(&file, 1, ramp);
}

static size_t small_file(uint8_t *bytes) {
    return png_make(bytes, &(struct png_file){4, 3, 8, PNG_GREY, ramp, {{"gAMA", "\0\0\x55\xFF", 4}}});
}

static void assert_refused(const uint8_t *bytes, size_t size, const char *reason) {
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, size), CLN_INVALID);
    if (!strstr(cln_error_message(), "PNG: byte ") || !strstr(cln_error_message(), reason))
        fail_msg("no \"%s\" in: %s", reason, cln_error_message());
}

static void truncation_is_refused_at_every_byte(void **state) {
    (void)state;
    uint8_t bytes[256];
    const size_t size = small_file(bytes);
    for (size_t kept = 0; kept < size; kept++)
        assert_refused(bytes, kept, "truncated");
}

/* Every bit is under a CRC, or is the CRC, a length or the signature. Damage in a chunk beside the pixels is passed
 * over, as by other readers. libpng 1.6.39 checks the CRC of IEND, 1.6.48 does not: no pixel hangs on it. */
static void damage_of_pixels_is_refused_at_every_bit(void **state) {
    (void)state;
    uint8_t bytes[256];
    const size_t size = small_file(bytes), gamma = 8 + 25 + 4, gamma_end = gamma + 4 + 4 + 4;
    size_t passed = 0;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        struct cln_picture picture;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const bool is_gamma = bit / 8 >= gamma && bit / 8 < gamma_end, is_end = bit / 8 >= size - 4;
        if ((is_gamma || is_end) && decode(&picture, bytes, size) == CLN_OK) {
            assert_memory_equal(picture.pixels, ramp, 12);
            free(picture.pixels);
            passed += is_gamma;
        } else {
            assert_refused(bytes, size, "");
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(passed >= 8 * 8);
    bytes[8 + 8 + 13] ^= 1; /* the CRC of IHDR */
    assert_refused(bytes, size, "CRC");
}

/* Transparency is part of the pixels. */
static void damaged_transparency_is_refused(void **state) {
    (void)state;
    uint8_t bytes[256];
    const size_t size =
        png_make(bytes, &(struct png_file){4, 3, 8, PNG_GREY, ramp, {{"tRNS", (const uint8_t[]){0, 255}, 2}}});
    bytes[8 + 25 + 8] ^= 1;
    assert_refused(bytes, size, "tRNS");
}

static void bytes_behind_the_end_are_left_out(void **state) {
    (void)state;
    uint8_t bytes[256] = {0};
    const size_t size = small_file(bytes);
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, size + 20), CLN_OK);
    assert_memory_equal(picture.pixels, ramp, 12);
    free(picture.pixels);
}

static void headers_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const struct {
        struct png_file file; /* of which there are no more pixels than in `ramp` */
        const char *reason;
    } cases[] = {
        {{1, 1, 3, PNG_GREY, ramp}, "IHDR"},
        {{1, 1, 16, PNG_PALETTE, ramp}, "IHDR"},
        {{2, 1, 8, PNG_PALETTE, ramp}, "PLTE"},
    };
    uint8_t bytes[256], head[13] = {0, 0, 0x20, 1, 0, 0, 0, 1, 8};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(bytes, png_make(bytes, &cases[i].file), cases[i].reason);
    /* A side above the limit, of either kind; then the largest that is not, with far too few pixels. */
    memcpy(bytes, "\x89PNG\r\n\x1a\n", 8);
    static const uint8_t sizes[][8] = {
        {0, 0, 0x20, 1, 0, 0, 0, 1}, {0, 0, 0, 1, 0, 0, 0x20, 1}, {0x7f, 255, 255, 255, 0x7f}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memcpy(head, sizes[i], 8);
        const size_t begun = png_put_chunk(bytes, 8, "IHDR", head, 13);
        assert_refused(bytes, png_put_chunk(bytes, begun, "IDAT", "\x78\x9c\x03\0\0\0\0\1", 8),
                       "clenet's limit is 8192 a side");
    }
    memcpy(head, (const uint8_t[]){0, 0, 0x20, 0, 0, 0, 0x20, 0}, 8);
    const size_t used = png_put_chunk(bytes, 8, "IHDR", head, 13);
    assert_refused(bytes, png_put_chunk(bytes, used, "IDAT", "\x78\x9c\x03\0\0\0\0\1", 8), "");
    assert_refused((const uint8_t *)"no picture at all", 17, "Not a PNG");
}

static void too_few_pixels_are_refused(void **state) {
    (void)state;
    uint8_t bytes[256];
    const size_t size = small_file(bytes);
    const uint8_t head[] = {0, 0, 0, 4, 0, 0, 0, 4, 8, 0, 0, 0, 0}; /* a row more */
    png_put_chunk(bytes, 8, "IHDR", head, sizeof head);
    assert_refused(bytes, size, "");
}

static void without_libpng_it_is_told(void **state) {
    (void)state;
    uint8_t bytes[256];
    struct cln_picture picture;
    assert_int_equal(decode(&picture, bytes, small_file(bytes)), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "without libpng"));
    assert_int_equal(cln_sheet_write(temporary_path("sheet.png"), ramp, (struct cln_shape){1, 1, 1}, 1, 0),
                     CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "without libpng"));
}

static const uint8_t *bytes_of(const struct cln_picture *picture) {
    return picture->pixels;
}

/* The pixels of a sheet, as [channels][height][width]. */
static struct cln_picture read_sheet(const uint8_t *pixels, struct cln_shape shape, size_t count, size_t columns) {
    static uint8_t bytes[1 << 16];
    struct cln_picture picture;
    if (cln_sheet_write(temporary_path("sheet.png"), pixels, shape, count, columns) != CLN_OK)
        fail_msg("%s", cln_error_message());
    FILE *file = fopen(temporary_path("sheet.png"), "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (decode(&picture, bytes, size) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return picture;
}

static void sheets_have_pictures_in_rows(void **state) {
    (void)state;
    /* Three pictures of 1×2 in two rows. */
    struct cln_picture sheet = read_sheet(ramp, (struct cln_shape){1, 1, 2}, 3, 0);
    static const uint8_t expected[8][10] = {[2] = {[2] = 0, 51, [6] = 102, 255}, [5] = {[2] = 254, 204}};
    assert_int_equal(sheet.shape.channels, 1);
    assert_int_equal(sheet.shape.height, 8);
    assert_int_equal(sheet.shape.width, 10);
    for (int row = 0; row < 8; row++)
        for (int column = 0; column < 10; column++) {
            const bool first = row == 2 && (column % 4 == 2 || column % 4 == 3),
                       second = row == 5 && (column == 2 || column == 3);
            assert_int_equal(bytes_of(&sheet)[row * 10 + column], first || second ? expected[row][column] : 128);
        }
    free(sheet.pixels);
    /* One of three channels and 2×2 pixels; of two channels the first is shown. */
    sheet = read_sheet(ramp, (struct cln_shape){3, 2, 2}, 1, 0);
    assert_int_equal(sheet.shape.channels, 3);
    for (int i = 0; i < 12; i++)
        assert_int_equal(bytes_of(&sheet)[i / 4 * 36 + (i / 2 % 2 + 2) * 6 + i % 2 + 2], ramp[i]);
    free(sheet.pixels);
    sheet = read_sheet(ramp, (struct cln_shape){2, 2, 3}, 1, 0);
    assert_int_equal(sheet.shape.channels, 1);
    assert_int_equal(bytes_of(&sheet)[2 * 7 + 3], ramp[1]);
    free(sheet.pixels);
    /* One column: three rows of 1×2. */
    sheet = read_sheet(ramp, (struct cln_shape){1, 1, 2}, 3, 1);
    assert_int_equal(sheet.shape.height, 11);
    assert_int_equal(sheet.shape.width, 6);
    assert_int_equal(bytes_of(&sheet)[8 * 6 + 3], ramp[5]);
    free(sheet.pixels);
    assert_int_equal(cln_sheet_write(temporary_path("nowhere/sheet.png"), ramp, (struct cln_shape){1, 1, 1}, 1, 0),
                     CLN_IO);
    assert_int_equal(cln_sheet_write(temporary_path("sheet.png"), ramp, (struct cln_shape){1, 65535, 1}, 1, 0),
                     CLN_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_of_every_depth),
        cmocka_unit_test(colours_come_out_as_planes),
        cmocka_unit_test(palettes_are_looked_up),
        cmocka_unit_test(light_ink_is_on_black),
        cmocka_unit_test(dark_ink_is_on_white),
        cmocka_unit_test(the_ground_can_be_chosen),
        cmocka_unit_test(deep_files_can_stay_deep),
        cmocka_unit_test(interlaced_files_are_the_same_pictures),
        cmocka_unit_test(other_chunks_change_nothing),
        cmocka_unit_test(truncation_is_refused_at_every_byte),
        cmocka_unit_test(damage_of_pixels_is_refused_at_every_bit),
        cmocka_unit_test(damaged_transparency_is_refused),
        cmocka_unit_test(bytes_behind_the_end_are_left_out),
        cmocka_unit_test(headers_that_cannot_be_are_refused),
        cmocka_unit_test(too_few_pixels_are_refused),
        cmocka_unit_test(sheets_have_pictures_in_rows),
    };
    const struct CMUnitTest without[] = {cmocka_unit_test(without_libpng_it_is_told)};
    return READS_PNG ? cmocka_run_group_tests(tests, temporary_create, temporary_remove)
                     : cmocka_run_group_tests(without, temporary_create, temporary_remove);
}
