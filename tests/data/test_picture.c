/* Files of pictures in the shape that a model takes, and what is said of those that are none. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clenet/picture.h"
#include "tests/data/png_make.h"
#include "tests/temporary.h"

/* Red, green, blue; white, nearly black, and brown. */
static const uint8_t colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 1, 2, 3, 200, 100, 50};
static const uint8_t luma[] = {76, 150, 29, 255, 2, 124}; /* PIL.Image.convert("L"), Pillow 13.0 */

static void write_png(const char *name, const struct png_file *file) {
    uint8_t bytes[1024];
    temporary_write(name, bytes, png_make(bytes, file));
}

static void assert_loads(const char *name, struct cln_shape shape, bool invert, const uint8_t *expected,
                         size_t images) {
    uint8_t *pixels = NULL;
    size_t count = 0;
    if (cln_pictures_load(&pixels, &count, &(struct cln_picture_params){.shape = shape, .invert = invert},
                          temporary_path(name)) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_int_equal(count, images);
    assert_memory_equal(pixels, expected, images * cln_shape_count(shape));
    free(pixels);
}

static void assert_refused(const char *name, enum cln_status expected, const char *reason) {
    uint8_t *pixels = (uint8_t *)1;
    size_t count = 1;
    assert_int_equal(cln_pictures_load(&pixels, &count, &(struct cln_picture_params){{1, 2, 3}}, temporary_path(name)),
                     expected);
    assert_null(pixels);
    assert_int_equal(count, 0);
    const char *const words[] = {name, reason};
    for (size_t i = 0; i < 2; i++)
        if (!strstr(cln_error_message(), words[i]))
            fail_msg("no \"%s\" in: %s", words[i], cln_error_message());
}

static void colours_become_what_the_model_takes(void **state) {
    (void)state;
    static const uint8_t planes[] = {255, 0, 0, 255, 1, 200, 0, 255, 0, 255, 2, 100, 0, 0, 255, 255, 3, 50};
    static const uint8_t inverted[] = {179, 105, 226, 0, 253, 131};
    uint8_t thrice[sizeof planes];
    write_png("colours.png", &(struct png_file){3, 2, 8, PNG_RGB, colours});
    assert_loads("colours.png", (struct cln_shape){3, 2, 3}, false, planes, 1);
    assert_loads("colours.png", (struct cln_shape){1, 2, 3}, false, luma, 1);
    assert_loads("colours.png", (struct cln_shape){1, 2, 3}, true, inverted, 1);
    write_png("grey.png", &(struct png_file){3, 2, 8, PNG_GREY, luma});
    for (size_t i = 0; i < sizeof thrice; i++)
        thrice[i] = luma[i % 6];
    assert_loads("grey.png", (struct cln_shape){3, 2, 3}, false, thrice, 1);
}

static void pictures_are_resized(void **state) {
    (void)state;
    write_png("grey.png", &(struct png_file){3, 2, 8, PNG_GREY, luma});
    assert_loads("grey.png", (struct cln_shape){1, 1, 1}, false, (const uint8_t[]){102}, 1);
    assert_loads("grey.png", (struct cln_shape){1, 1, 1}, true, (const uint8_t[]){153}, 1);
    assert_loads("grey.png", (struct cln_shape){1, 4, 3}, false,
                 (const uint8_t[]){76, 150, 29, 121, 113, 53, 210, 39, 100, 255, 2, 124}, 1);
}

static void damaged_pictures_are_refused(void **state) {
    (void)state;
    uint8_t bytes[1024];
    const size_t size = png_make(bytes, &(struct png_file){3, 2, 8, PNG_GREY, luma});
    temporary_write("short.png", bytes, size - 20);
    assert_refused("short.png", CLN_INVALID, "truncated");
    temporary_write("letter.png", bytes, 1);
    assert_refused("letter.png", CLN_INVALID, "truncated");
}

/* A file with more bytes than the buffer grows by at once, read through a descriptor that stays open. */
static void open_files_are_read(void **state) {
    (void)state;
    const struct cln_shape shape = {1, 300, 400};
    uint8_t *bytes = malloc(1 << 17), *pixels = NULL;
    size_t count;
    assert_non_null(bytes);
    const size_t size = idx_make(bytes, 3, (const uint32_t[]){1, 300, 400}, 251);
    temporary_write("idx", bytes, size);
    const int file = open(temporary_path("idx"), O_RDONLY);
    assert_true(file >= 0);
    assert_int_equal(cln_pictures_read(&pixels, &count, &(struct cln_picture_params){shape}, file, "standard input"),
                     CLN_OK);
    assert_int_equal(count, 1);
    assert_memory_equal(pixels, bytes + 16, size - 16);
    free(pixels);
    /* Now at its end: nothing is left. */
    assert_int_equal(cln_pictures_read(&pixels, &count, &(struct cln_picture_params){shape}, file, "standard input"),
                     CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "standard input: the file is empty"));
    assert_null(pixels);
    assert_int_equal(close(file), 0);
    assert_int_equal(cln_pictures_read(&pixels, &count, &(struct cln_picture_params){shape}, file, "standard input"),
                     CLN_IO);
    free(bytes);
}

static void idx_files_give_all_their_images(void **state) {
    (void)state;
    uint8_t bytes[128], thrice[36], inverted[12];
    const size_t size = idx_make(bytes, 3, (const uint32_t[]){2, 2, 3}, 256);
    temporary_write("plain", bytes, size);
    temporary_write_gzip("zipped", bytes, size);
    for (uint8_t i = 0; i < 12; i++) {
        inverted[i] = 255 - i;
        for (size_t c = 0; c < 3; c++)
            thrice[i / 6 * 18 + c * 6 + i % 6] = i;
    }
    const char *const names[] = {"plain", "zipped"};
    for (size_t i = 0; i < 2; i++) {
        assert_loads(names[i], (struct cln_shape){1, 2, 3}, false, bytes + 16, 2);
        assert_loads(names[i], (struct cln_shape){1, 2, 3}, true, inverted, 2);
        assert_loads(names[i], (struct cln_shape){3, 2, 3}, false, thrice, 2);
        assert_loads(names[i], (struct cln_shape){1, 1, 1}, false, (const uint8_t[]){3, 9}, 2);
    }
}

static void what_is_no_picture_is_told(void **state) {
    (void)state;
    uint8_t bytes[128];
    const size_t size = idx_make(bytes, 3, (const uint32_t[]){2, 2, 3}, 256);
    assert_refused("nowhere", CLN_NOT_FOUND, "No such file");
    assert_refused("", CLN_IO, "directory");
    temporary_write("empty", bytes, 0);
    assert_refused("empty", CLN_INVALID, "empty");
    temporary_write("text", "a text", 6);
    assert_refused("text", CLN_INVALID, "neither a PNG nor a JPEG nor an IDX file");
    temporary_write("labels", bytes, idx_make(bytes, 1, (const uint32_t[]){4}, 256));
    assert_refused("labels", CLN_INVALID, "no IDX file of images");
    idx_make(bytes, 3, (const uint32_t[]){2, 2, 3}, 256);
    temporary_write("short", bytes, size - 1);
    assert_refused("short", CLN_INVALID, "truncated");
    temporary_write("zipped", (const uint8_t[]){0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x63}, 11);
    assert_refused("zipped", CLN_INVALID, "gzip");
}

static void shapes_that_no_picture_has_are_refused(void **state) {
    (void)state;
    static const struct cln_shape shapes[] = {{0, 2, 3}, {2, 2, 3}, {4, 2, 3}, {1, 0, 3}, {1, 2, -1}};
    uint8_t bytes[128], *pixels;
    size_t count;
    temporary_write("plain", bytes, idx_make(bytes, 3, (const uint32_t[]){2, 2, 3}, 256));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        assert_int_equal(
            cln_pictures_load(&pixels, &count, &(struct cln_picture_params){shapes[i]}, temporary_path("plain")),
            CLN_INVALID);
        assert_null(pixels);
        assert_non_null(strstr(cln_error_message(), "1 channel or 3"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_files_are_read),
        cmocka_unit_test(idx_files_give_all_their_images),
        cmocka_unit_test(what_is_no_picture_is_told),
        cmocka_unit_test(shapes_that_no_picture_has_are_refused),
        /* With libpng only. */
        cmocka_unit_test(colours_become_what_the_model_takes),
        cmocka_unit_test(pictures_are_resized),
        cmocka_unit_test(damaged_pictures_are_refused),
    };
    enum { PNG_TESTS = 3 };
    return _cmocka_run_group_tests("picture", tests, sizeof tests / sizeof *tests - (READS_PNG ? 0 : PNG_TESTS),
                                   temporary_create, temporary_remove);
}
