/* IDX files as they should be, and every way in which they can be broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "clenet/log.h"
#include "src/data/idx.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum cln_status read_all(const char *name, uint8_t **pixels, size_t *count, struct cln_shape *shape) {
    struct cln_idx *file = NULL;
    enum cln_pixel_type type;
    void *bytes = NULL;
    enum cln_status status = cln_idx_open_images(&file, temporary_path(name), count, shape, &type);
    if (status == CLN_OK) {
        assert_int_equal(type, CLN_PIXEL_U8);
        status = cln_idx_read(&file, &bytes);
    }
    *pixels = bytes;
    assert_null(file);
    return status;
}

static enum cln_status read_images(const char *name) {
    uint8_t *pixels = (uint8_t *)1;
    size_t count;
    struct cln_shape shape;
    enum cln_status status = read_all(name, &pixels, &count, &shape);
    if (status != CLN_OK)
        assert_null(pixels);
    free(pixels);
    return status;
}

/* The message names the file, the byte and the reason. */
static void assert_refused(const char *name, const char *byte, const char *reason) {
    assert_int_equal(read_images(name), CLN_INVALID);
    const char *const words[] = {name, byte, reason};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!strstr(cln_error_message(), words[i]))
            fail_msg("no \"%s\" in: %s", words[i], cln_error_message());
    }
}

static void assert_three_images(const char *name) {
    uint8_t *pixels;
    size_t count;
    struct cln_shape shape;
    if (read_all(name, &pixels, &count, &shape) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(count, 3);
    assert_int_equal(shape.channels, 1);
    assert_int_equal(shape.height, 4);
    assert_int_equal(shape.width, 5);
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(pixels[i], i);
    free(pixels);
}

static size_t three_images(uint8_t *bytes) {
    return idx_make(bytes, 3, (uint32_t[]){3, 4, 5}, 256);
}

static void plain_and_gzipped_files_read_alike(void **state) {
    (void)state;
    uint8_t bytes[128];
    size_t count = three_images(bytes);
    temporary_write("plain", bytes, count);
    temporary_write_gzip("zipped.gz", bytes, count);
    temporary_write_gzip("zipped-without-ending", bytes, count);
    assert_three_images("plain");
    assert_three_images("zipped.gz");
    assert_three_images("zipped-without-ending");
}

static void labels_are_read(void **state) {
    (void)state;
    uint8_t bytes[128];
    struct cln_idx_labels found;
    temporary_write("labels", bytes, idx_make(bytes, 1, (uint32_t[]){100}, 10));
    assert_int_equal(cln_idx_read_labels(&found, temporary_path("labels")), CLN_OK);
    assert_int_equal(found.count, 100);
    assert_int_equal(found.labels[99], 9);
    assert_int_equal(found.at + 99 * found.step, 107);
    free(found.labels);
    assert_refused("labels", "byte 0", "0x00000801 instead of 0x00000803");
}

static void missing_and_unreadable_files_say_so(void **state) {
    (void)state;
    assert_int_equal(read_images("nowhere"), CLN_NOT_FOUND);
    assert_non_null(strstr(cln_error_message(), "nowhere"));
    assert_int_equal(read_images(""), CLN_IO); /* a folder */
}

static void truncation_is_refused_at_every_byte(void **state) {
    (void)state;
    uint8_t bytes[128];
    size_t count = three_images(bytes);
    temporary_write("short", bytes, 0);
    assert_refused("short", "byte 0", "empty");
    for (size_t kept = 1; kept < count; kept++) {
        char byte[64];
        snprintf(byte, sizeof(byte), "byte %zu: truncated", kept);
        temporary_write("short", bytes, kept);
        assert_refused("short", byte, kept < 16 ? "16 bytes were expected" : "76 bytes were expected");
    }
}

static size_t read_file(const char *name, uint8_t *bytes, size_t room) {
    FILE *file = fopen(temporary_path(name), "rb");
    assert_non_null(file);
    size_t count = fread(bytes, 1, room, file);
    fclose(file);
    return count;
}

static void gzip_truncation_is_refused_at_every_byte(void **state) {
    (void)state;
    uint8_t bytes[128], zipped[256];
    temporary_write_gzip("whole.gz", bytes, three_images(bytes));
    size_t count = read_file("whole.gz", zipped, sizeof(zipped));
    for (size_t kept = 0; kept < count; kept++) {
        temporary_write("short.gz", zipped, kept);
        assert_refused("short.gz", "byte ", "");
    }
}

/* Each bit of a gzipped file: refused, or one that does not matter (time, system, flags that change nothing). */
static void gzip_damage_never_gives_other_pixels(void **state) {
    (void)state;
    uint8_t bytes[128], zipped[256];
    temporary_write_gzip("whole.gz", bytes, three_images(bytes));
    size_t count = read_file("whole.gz", zipped, sizeof(zipped)), refused = 0;
    for (size_t bit = 0; bit < 8 * count; bit++) {
        zipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        temporary_write("damaged.gz", zipped, count);
        enum cln_status status = read_images("damaged.gz");
        if (status == CLN_OK)
            assert_three_images("damaged.gz");
        else
            assert_int_equal(status, CLN_INVALID);
        refused += status != CLN_OK;
        zipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 8 * (count - 10));
}

static void keep_warning(void *user, enum cln_log_level level, const char *message) {
    assert_int_equal(level, CLN_LOG_WARNING);
    snprintf(user, 256, "%s", message);
}

/* Other readers take such files, too; but the header may be what is wrong. */
static void trailing_bytes_are_left_out_and_told(void **state) {
    (void)state;
    static uint8_t bytes[3 << 20];
    static const struct {
        size_t more;
        const char *told;
    } cases[] = {{1, "byte 76: 1 bytes more"}, {5000, "byte 76: 5000 bytes more"}, {2 << 20, "byte 76: at least"}};
    const size_t count = three_images(bytes);
    char warning[256];
    cln_log_set_handler(keep_warning, warning);
    for (size_t i = 0; i < COUNT(cases); i++) {
        warning[0] = '\0';
        temporary_write("long", bytes, count + cases[i].more);
        assert_three_images("long");
        assert_non_null(strstr(warning, cases[i].told));
        temporary_write_gzip("long.gz", bytes, count + cases[i].more);
        assert_three_images("long.gz");
    }
    cln_log_set_handler(NULL, NULL);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* Room for 1 GiB: a file that announces 4 must be refused without asking for them. (The address sanitizer needs more
 * than that for itself.) Returns the limit as it was. */
static struct rlimit limit_memory(void) {
    struct rlimit before;
    getrlimit(RLIMIT_DATA, &before);
#ifndef __SANITIZE_ADDRESS__
    struct rlimit low = {.rlim_cur = (rlim_t)1 << 30, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_DATA, &low), 0);
#endif
    return before;
}

static void lying_headers_are_refused(void **state) {
    (void)state;
    static const struct {
        uint8_t header[16];
        const char *byte, *reason;
    } cases[] = {
        {{0, 0, 8, 1, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 0", "magic number 0x00000801"},
        {{0, 0, 9, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5},
         "byte 2",
         "images of type byte: they have to be ubyte, short,"},
        {{0, 0, 10, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 0", "magic number 0x00000a03"},
        {{0, 0, 12, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 2", "images of type int"},
        {{0, 0, 8, 5, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 0", "magic number 0x00000805"},
        {{3, 8, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 0", "magic number 0x03080000"},
        {{0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 4", "count of 0"},
        {{0, 0, 8, 3, 1, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 4", "from 1 to 16777216"},
        {{0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 4, 0, 0, 0, 5}, "byte 4", "count of 4294967295"},
        {{0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5}, "byte 8", "side of 0"},
        {{0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 16, 1, 0, 0, 0, 5}, "byte 8", "side of 4097"},
        {{0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 128, 0, 0, 0}, "byte 12", "side of 2147483648"},
        {{0, 0, 8, 3, 1, 0, 0, 0, 0, 0, 16, 0, 0, 0, 16, 0}, "byte 4", "limit is 4294967296"},
        {{0, 0, 8, 3, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 16, 0}, "byte 76", "4294967312 bytes were expected"},
    };
    uint8_t bytes[128];
    size_t count = three_images(bytes);
    struct rlimit limit = limit_memory();
    for (size_t i = 0; i < COUNT(cases); i++) {
        memcpy(bytes, cases[i].header, sizeof(cases[i].header));
        temporary_write("lying", bytes, count);
        assert_refused("lying", cases[i].byte, cases[i].reason);
        temporary_write_gzip("lying.gz", bytes, count);
        assert_refused("lying.gz", cases[i].byte, i + 1 < COUNT(cases) ? cases[i].reason : "expected");
    }
    setrlimit(RLIMIT_DATA, &limit); /* as it was */
}

/* Bodies around the sizes in which memory grows. */
static void sizes_around_the_chunk_are_read_whole(void **state) {
    (void)state;
    static const uint32_t counts[] = {1023, 1024, 1025, 2048, 3072, 4097};
    uint8_t *bytes = malloc(16 + 4097 * 1024), *pixels;
    assert_non_null(bytes);
    for (size_t i = 0; i < COUNT(counts); i++) {
        struct cln_shape shape;
        size_t count, size = idx_make(bytes, 3, (uint32_t[]){counts[i], 32, 32}, 253);
        temporary_write("big", bytes, size);
        assert_int_equal(read_all("big", &pixels, &count, &shape), CLN_OK);
        assert_int_equal(count, counts[i]);
        assert_memory_equal(pixels, bytes + 16, size - 16);
        free(pixels);
        temporary_write("big", bytes, size - 1);
        assert_refused("big", "truncated", "expected");
    }
    free(bytes);
}

/* Writes a file of two images of 1×3 of one type, out of the bytes of the elements. */
static enum cln_status read_elements(float values[6], uint8_t code, const uint8_t *elements, size_t bytes) {
    uint8_t file[128] = {0, 0, code, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3};
    struct cln_idx *idx = NULL;
    struct cln_shape shape;
    enum cln_pixel_type type;
    size_t count;
    void *pixels = NULL;
    memcpy(file + 16, elements, 6 * bytes);
    temporary_write("elements", file, 16 + 6 * bytes);
    assert_int_equal(cln_idx_open_images(&idx, temporary_path("elements"), &count, &shape, &type), CLN_OK);
    const enum cln_status status = cln_idx_read(&idx, &pixels);
    for (size_t i = 0; i < 6 && pixels; i++)
        values[i] = type == CLN_PIXEL_U16 ? ((uint16_t *)pixels)[i] : ((float *)pixels)[i];
    free(pixels);
    return status;
}

static void pixels_of_more_bits_are_read(void **state) {
    (void)state;
    static const uint8_t shorts[12] = {0, 0, 0, 1, 1, 0, 0x7f, 0xff, 0x80, 0, 0xff, 0xff},
                         floats[24] = {0, 0, 0, 0, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0},
                         doubles[48] = {[8] = 0x3f, 0xf0, [16] = 0xc0, 0x04};
    float v[6];
    assert_int_equal(read_elements(v, 0x0B, shorts, 2), CLN_OK);
    assert_true(v[1] == 1 && v[2] == 256 && v[3] == 32767 && v[4] == 32768 && v[5] == 65535);
    assert_int_equal(read_elements(v, 0x0D, floats, 4), CLN_OK);
    assert_true(v[0] == 0 && v[1] == 1 && v[2] == -2.5f);
    assert_int_equal(read_elements(v, 0x0E, doubles, 8), CLN_OK);
    assert_true(v[0] == 0 && v[1] == 1 && v[2] == -2.5f);
    static const uint8_t odd[][48] = {{[16] = 0x7f, 0x80}, {[16] = 0x7f, 0xc0}, {[16] = 0x7f, 0xe0}};
    for (size_t i = 0; i < COUNT(odd); i++) { /* infinite, not a number, more than float32 holds */
        assert_int_equal(read_elements(v, i < 2 ? 0x0D : 0x0E, odd[i], i < 2 ? 4 : 8), CLN_INVALID);
        assert_non_null(strstr(cln_error_message(), "elements: byte 32: a pixel that is not finite"));
    }
}

static void channels_are_read(void **state) {
    (void)state;
    uint8_t bytes[128], *pixels;
    struct cln_shape shape;
    size_t count;
    temporary_write("colours", bytes, idx_make(bytes, 4, (uint32_t[]){2, 3, 4, 2}, 256));
    assert_int_equal(read_all("colours", &pixels, &count, &shape), CLN_OK);
    assert_true(count == 2 && shape.channels == 3 && shape.height == 4 && shape.width == 2);
    assert_int_equal(pixels[47], 47);
    free(pixels);
}

static void labels_of_all_integers_are_read(void **state) {
    (void)state;
    static const struct {
        uint8_t file[40];
        size_t size, at, step;
    } cases[] = {
        {{0, 0, 8, 1, 0, 0, 0, 2, 7, 200}, 10, 8, 1},
        {{0, 0, 9, 1, 0, 0, 0, 2, 7, 0xff}, 10, 8, 1},
        {{0, 0, 11, 1, 0, 0, 0, 2, 0, 7, 1, 0}, 12, 8, 2},
        {{0, 0, 12, 1, 0, 0, 0, 2, 0, 0, 0, 7, 0, 1, 0, 0}, 16, 8, 4},
        {{0, 0, 12, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 7, 9, 9, 9, 9, 0xff, 0xff, 0xff, 0xff, 9, 9, 9, 9}, 28, 12, 8},
    };
    static const int32_t second[] = {200, -1, 256, 65536, -1};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cln_idx_labels found;
        temporary_write("integers", cases[i].file, cases[i].size);
        if (cln_idx_read_labels(&found, temporary_path("integers")) != CLN_OK)
            fail_msg("%s", cln_error_message());
        assert_true(found.count == 2 && found.labels[0] == 7 && found.labels[1] == second[i]);
        assert_true(found.at == cases[i].at && found.step == cases[i].step);
        free(found.labels);
    }
    struct cln_idx_labels found;
    temporary_write("floats", (uint8_t[]){0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0}, 12);
    assert_int_equal(cln_idx_read_labels(&found, temporary_path("floats")), CLN_INVALID);
    assert_null(found.labels);
    assert_non_null(strstr(cln_error_message(), "floats: byte 2: labels of type float: they have to be ubyte, byte,"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_gzipped_files_read_alike),
        cmocka_unit_test(labels_are_read),
        cmocka_unit_test(missing_and_unreadable_files_say_so),
        cmocka_unit_test(truncation_is_refused_at_every_byte),
        cmocka_unit_test(gzip_truncation_is_refused_at_every_byte),
        cmocka_unit_test(gzip_damage_never_gives_other_pixels),
        cmocka_unit_test(trailing_bytes_are_left_out_and_told),
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(pixels_of_more_bits_are_read),
        cmocka_unit_test(channels_are_read),
        cmocka_unit_test(labels_of_all_integers_are_read),
        cmocka_unit_test(sizes_around_the_chunk_are_read_whole),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
