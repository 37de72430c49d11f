/* Lists of pictures as images of one shape: sizes, channels, depth, damage, and paths that are not to be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clenet/log.h"
#include "src/data/picture_fit.h"
#include "src/data/picture_list.h"
#include "tests/data/jpeg_make.h"
#include "tests/data/png_make.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t rows[64 * 64 * 8];

static void write_png(const char *name, const struct png_file *file) {
    static uint8_t bytes[1 << 16];
    temporary_write(name, bytes, png_make(bytes, file));
}

/* All samples are `value`. */
static void write_plain(const char *name, uint32_t height, uint32_t width, enum png_colour colour, int depth,
                        int value) {
    memset(rows, value, sizeof rows);
    write_png(name, &(struct png_file){width, height, depth, colour, rows});
}

static struct cln_picture_list *list_of(const struct cln_dataset_params *params, const char *const *names,
                                        size_t count) {
    struct cln_picture_list *list;
    assert_int_equal(cln_picture_list_create(&list, temporary_path(""), params), CLN_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(cln_picture_list_add(list, names[i], (int32_t)(100 + i)), CLN_OK);
    return list;
}

static void *read_list(struct cln_opened *opened, struct cln_picture_list *list) {
    struct cln_block block = {0};
    *opened = (struct cln_opened){0};
    if (cln_picture_list_open(list, opened) != CLN_OK || cln_picture_list_read_pixels(&block, list) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return block.bytes;
}

static void pictures_are_in_their_order(void **state) {
    (void)state;
    enum { PICTURES = 500 };
    static char text[PICTURES][16];
    static const char *names[PICTURES];
    for (int i = 0; i < PICTURES; i++) {
        snprintf(text[i], sizeof text[i], "many/%d.png", i);
        names[i] = text[i];
        write_plain(names[i], 3, 2, PNG_GREY, 8, i * 7 % 256);
    }
    struct cln_picture_list *list = list_of(&(struct cln_dataset_params){0}, names, PICTURES);
    struct cln_opened opened;
    int32_t *labels;
    uint8_t *pixels = read_list(&opened, list);
    assert_int_equal(cln_picture_list_read_labels(&labels, list), CLN_OK);
    assert_int_equal(opened.count, PICTURES);
    assert_memory_equal(&opened.shape, (&(struct cln_shape){1, 3, 2}), sizeof opened.shape);
    assert_int_equal(opened.type, CLN_PIXEL_U8);
    for (int i = 0; i < PICTURES; i++) {
        assert_int_equal(pixels[i * 6], i * 7 % 256);
        assert_int_equal(pixels[i * 6 + 5], i * 7 % 256);
        assert_int_equal(labels[i], 100 + i);
    }
    free(labels);
    free(pixels);
    cln_picture_list_destroy(&list);
}

static void sizes_have_to_agree_or_be_given(void **state) {
    (void)state;
    static const char *const names[] = {"a.png", "b.png", "c.png"};
    write_plain("a.png", 4, 6, PNG_GREY, 8, 10);
    write_plain("b.png", 4, 6, PNG_GREY, 8, 20);
    write_plain("c.png", 8, 2, PNG_GREY, 8, 30);
    struct cln_picture_list *list = list_of(&(struct cln_dataset_params){0}, names, 3);
    struct cln_opened opened;
    assert_int_equal(cln_picture_list_open(list, &opened), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "a.png has 4x6, c.png has 8x2 (height x width)"));
    assert_non_null(strstr(cln_error_message(), "--size HxW"));
    cln_picture_list_destroy(&list);
    list = list_of(&(struct cln_dataset_params){.height = 3, .width = 5}, names, 3);
    uint8_t *pixels = read_list(&opened, list);
    assert_memory_equal(&opened.shape, (&(struct cln_shape){1, 3, 5}), sizeof opened.shape);
    for (int i = 0; i < 3 * 15; i++)
        assert_int_equal(pixels[i], 10 * (i / 15 + 1));
    free(pixels);
    cln_picture_list_destroy(&list);
}

/* A colour file makes all of them coloured, whatever its pixels are. */
static void channels_are_the_most_or_given(void **state) {
    (void)state;
    static const char *const names[] = {"grey.png", "rgb.png"};
    write_plain("grey.png", 2, 2, PNG_GREY, 8, 10);
    write_png("rgb.png",
              &(struct png_file){2, 2, 8, PNG_RGB, (const uint8_t[]){255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 0}});
    static const uint8_t grey[] = {10, 10, 10, 10, 76, 76, 150, 0};
    static const uint8_t colours[] = {10,  10,  10, 10, 10, 10, 10,  10, 10, 10, 10, 10,
                                      255, 255, 0,  0,  0,  0,  255, 0,  0,  0,  0,  0};
    for (int channels = 0; channels <= 3; channels++) {
        if (channels == 2)
            continue;
        struct cln_picture_list *list = list_of(&(struct cln_dataset_params){.channels = channels}, names, 2);
        struct cln_opened opened;
        uint8_t *pixels = read_list(&opened, list);
        assert_int_equal(opened.shape.channels, channels == 1 ? 1 : 3);
        assert_memory_equal(pixels, channels == 1 ? grey : colours, channels == 1 ? sizeof grey : sizeof colours);
        free(pixels);
        cln_picture_list_destroy(&list);
    }
}

static void depth_stays_where_all_have_it(void **state) {
    (void)state;
    static const char *const names[] = {"deep.png", "deeper.png", "flat.png"};
    write_plain("deep.png", 2, 2, PNG_GREY, 16, 0x12);
    write_plain("deeper.png", 2, 2, PNG_GREY, 16, 0x34);
    write_plain("flat.png", 2, 2, PNG_GREY, 8, 0x56);
    for (int given = 0; given < 2; given++) {
        const struct cln_dataset_params params = {.height = given * 3, .width = given * 3, .channels = given};
        struct cln_picture_list *list = list_of(&params, names, 2);
        struct cln_opened opened;
        uint16_t *deep = read_list(&opened, list);
        const size_t pixels = cln_shape_count(opened.shape);
        assert_int_equal(opened.type, CLN_PIXEL_U16);
        for (size_t i = 0; i < 2 * pixels; i++)
            assert_int_equal(deep[i], i < pixels ? 0x1212 : 0x3434);
        free(deep);
        cln_picture_list_destroy(&list);
        list = list_of(&params, names, 3);
        uint8_t *mixed = read_list(&opened, list);
        assert_int_equal(opened.type, CLN_PIXEL_U8);
        for (size_t i = 0; i < 3 * pixels; i++)
            assert_int_equal(mixed[i], i < pixels ? 0x12 : i < 2 * pixels ? 0x34 : 0x56);
        free(mixed);
        cln_picture_list_destroy(&list);
    }
}

/* ---- Damage ---- */

static char said[4096];

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    assert_int_equal(level, CLN_LOG_WARNING);
    strncat(said, message, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static const char *const damaged[] = {"ok1.png",     "empty.png", "text.jpg",  "cut.png",
                                      "nowhere.png", "ok2.png",   "folder.png"};

static void write_damaged(void) {
    static uint8_t bytes[1 << 12];
    write_plain("ok1.png", 2, 3, PNG_GREY, 8, 1);
    write_plain("ok2.png", 2, 3, PNG_GREY, 8, 2);
    temporary_write("empty.png", "", 0);
    temporary_write("text.jpg", "text", 4);
    temporary_write("folder.png/file", "x", 1);
    const size_t size = png_make(bytes, &(struct png_file){3, 2, 8, PNG_GREY, rows});
    temporary_write("cut.png", bytes, size - 20); /* with a whole header */
}

static void a_damaged_picture_is_named(void **state) {
    (void)state;
    static const char *const reasons[] = {NULL,
                                          "/empty.png: the file is empty",
                                          "/text.jpg: neither a PNG nor a JPEG",
                                          "/cut.png: PNG: byte ",
                                          "/nowhere.png: No such file",
                                          NULL,
                                          "/folder.png: this is no file"};
    write_damaged();
    for (size_t i = 0; i < COUNT(damaged); i++) {
        const char *const names[] = {damaged[0], damaged[i], damaged[5]};
        struct cln_picture_list *list = list_of(&(struct cln_dataset_params){0}, names, 3);
        struct cln_opened opened;
        struct cln_block block = {0};
        enum cln_status status = cln_picture_list_open(list, &opened);
        if (status == CLN_OK)
            status = cln_picture_list_read_pixels(&block, list);
        assert_true((status == CLN_OK) == (reasons[i] == NULL));
        if (reasons[i] &&
            (!strstr(cln_error_message(), reasons[i]) || !strstr(cln_error_message(), "(--skip-damaged ")))
            fail_msg("no \"%s\" in: %s", reasons[i], cln_error_message());
        free(block.bytes);
        cln_picture_list_destroy(&list);
    }
}

static void damaged_pictures_can_be_left_out(void **state) {
    (void)state;
    write_damaged();
    for (int given = 0; given < 2; given++) {
        const struct cln_dataset_params params = {
            .skip_damaged = true, .height = given * 2, .width = given * 3, .channels = given};
        struct cln_picture_list *list = list_of(&params, damaged, COUNT(damaged));
        struct cln_opened opened;
        int32_t *labels;
        said[0] = '\0';
        cln_log_set_handler(on_log, NULL);
        uint8_t *pixels = read_list(&opened, list);
        cln_log_set_handler(NULL, NULL);
        assert_int_equal(opened.count, 2);
        assert_int_equal(cln_picture_list_read_labels(&labels, list), CLN_OK);
        assert_true(labels[0] == 100 && labels[1] == 105);
        assert_true(pixels[5] == 1 && pixels[6] == 2 && pixels[11] == 2);
        assert_string_equal(cln_picture_list_path(list, 1), "ok2.png");
        assert_int_equal(cln_picture_list_origin(list, 1), 5);
        assert_non_null(strstr(said, ": 5 of 7 pictures are damaged and left out:\n"));
        assert_non_null(strstr(said, "/cut.png: PNG: byte "));
        assert_null(strstr(said, "more"));
        free(labels);
        free(pixels);
        cln_picture_list_destroy(&list);
    }
}

static void nothing_but_damage_is_an_error(void **state) {
    (void)state;
    static const char *const names[] = {"empty.png", "cut.png"};
    write_damaged();
    struct cln_picture_list *list = list_of(&(struct cln_dataset_params){.skip_damaged = true}, names, 2);
    struct cln_opened opened;
    assert_int_equal(cln_picture_list_open(list, &opened), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "none of 2 pictures can be read; the first: "));
    cln_picture_list_destroy(&list);
    list = list_of(&(struct cln_dataset_params){0}, names, 0);
    assert_int_equal(cln_picture_list_open(list, &opened), CLN_INVALID);
    cln_picture_list_destroy(&list);
}

static void ten_damaged_pictures_are_named(void **state) {
    (void)state;
    const char *names[14] = {"ok1.png"};
    for (size_t i = 1; i < COUNT(names); i++)
        names[i] = "empty.png";
    write_damaged();
    struct cln_picture_list *list = list_of(&(struct cln_dataset_params){.skip_damaged = true}, names, COUNT(names));
    struct cln_opened opened;
    said[0] = '\0';
    cln_log_set_handler(on_log, NULL);
    free(read_list(&opened, list));
    cln_log_set_handler(NULL, NULL);
    assert_non_null(strstr(said, "13 of 14"));
    assert_non_null(strstr(said, "  and 3 more\n"));
    cln_picture_list_destroy(&list);
}

/* ---- Paths ---- */

static void paths_stay_in_the_folder(void **state) {
    (void)state;
    static const struct {
        const char *path, *reason; /* NULL: it stays there */
    } cases[] = {
        {"in/a.png", NULL},
        {"in/../in/a.png", " .."},
        {"..", " .."},
        {"../clenet/a.png", " .."},
        {"/etc/passwd", "relative"},
        {"in/..a.png", NULL},
        {"a..png", NULL},
        {"in/none.png", NULL},
        {"in/here.png", NULL},
        {"in/away.png", "symbolic link"},
        {"away/hosts", "symbolic link"},
    };
    write_plain("in/a.png", 2, 2, PNG_GREY, 8, 1);
    (void)!symlink("a.png", temporary_path("in/here.png"));
    (void)!symlink("/etc/passwd", temporary_path("in/away.png"));
    (void)!symlink("/etc", temporary_path("away"));
    struct cln_picture_list *list = list_of(&(struct cln_dataset_params){0}, NULL, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const enum cln_status status = cln_picture_list_check_path(list, cases[i].path);
        assert_int_equal(status, cases[i].reason ? CLN_INVALID : CLN_OK);
        if (cases[i].reason &&
            (!strstr(cln_error_message(), cases[i].reason) || !strstr(cln_error_message(), cases[i].path)))
            fail_msg("no \"%s\" in: %s", cases[i].reason, cln_error_message());
    }
    cln_picture_list_destroy(&list);
    assert_int_equal(cln_picture_list_create(&list, temporary_path("nowhere"), &(struct cln_dataset_params){0}),
                     CLN_IO);
    assert_null(list);
}

/* ---- Fits ---- */

/* A picture of two rows and four columns, of 8 and of 16 bits, as 4×4, 2×2 and so on. */
static void fits_are_as_described(void **state) {
    (void)state;
    static const struct {
        int height, width;
        enum cln_fit fit;
        int ground;
        uint8_t expected[32];
    } cases[] = {
        {2, 2, CLN_FIT_CROP, CLN_GROUND_AUTO, {20, 30, 60, 70}},
        {2, 3, CLN_FIT_CROP, CLN_GROUND_AUTO, {10, 20, 30, 50, 60, 70}}, /* an odd column is cut off on the right */
        {4, 4, CLN_FIT_PAD, CLN_GROUND(9, 9, 9), {9, 9, 9, 9, 10, 20, 30, 40, 50, 60, 70, 80, 9, 9, 9, 9}},
        {5, 4, CLN_FIT_PAD, CLN_GROUND_AUTO, {0, 0, 0, 0, 10, 20, 30, 40, 50, 60, 70, 80}}, /* two rows are below */
        {2, 2, CLN_FIT_PAD, CLN_GROUND(0, 255, 0), {37, 53, 150, 150}},
        {1, 4, CLN_FIT_CROP, CLN_GROUND_AUTO, {10, 20, 30, 40}},
        {2, 6, CLN_FIT_PAD, CLN_GROUND(255, 255, 255), {255, 10, 20, 30, 40, 255, 255, 50, 60, 70, 80, 255}},
        {2, 4, CLN_FIT_PAD, CLN_GROUND_AUTO, {10, 20, 30, 40, 50, 60, 70, 80}},
    };
    uint8_t bytes[8] = {10, 20, 30, 40, 50, 60, 70, 80};
    uint16_t words[8];
    for (int i = 0; i < 8; i++)
        words[i] = (uint16_t)(bytes[i] * 257);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct cln_fitting fitting = {{1, cases[i].height, cases[i].width}, cases[i].fit, cases[i].ground};
        uint8_t flat[32];
        uint16_t deep[32];
        const struct cln_picture small = {{1, 2, 4}, CLN_PIXEL_U8, bytes}, large = {{1, 2, 4}, CLN_PIXEL_U16, words};
        assert_int_equal(cln_picture_fit(flat, &small, &fitting), CLN_OK);
        assert_int_equal(cln_picture_fit(deep, &large, &fitting), CLN_OK);
        for (int k = 0; k < cases[i].height * cases[i].width; k++)
            if (flat[k] != cases[i].expected[k] || abs(deep[k] - 257 * flat[k]) > 128)
                fail_msg("%zu: pixel %d is %d and %d, not %d", i, k, flat[k], deep[k], cases[i].expected[k]);
    }
}

/* The ground around an opaque picture continues its edge. */
static void padding_goes_by_the_edge(void **state) {
    (void)state;
    uint8_t ink[3 * 5] = {255, 255, 255, 255, 255, 255, 0, 0, 0, 255, 255, 255, 255, 255, 255}, out[5 * 5];
    const struct cln_fitting fitting = {{1, 5, 5}, CLN_FIT_PAD, CLN_GROUND_AUTO};
    for (int inverted = 0; inverted < 2; inverted++) {
        assert_int_equal(cln_picture_fit(out, &(struct cln_picture){{1, 3, 5}, CLN_PIXEL_U8, ink}, &fitting), CLN_OK);
        assert_int_equal(out[0], inverted ? 0 : 255);
        assert_int_equal(out[24], inverted ? 0 : 255);
        for (size_t i = 0; i < COUNT(ink); i++)
            ink[i] = (uint8_t)(255 - ink[i]);
    }
}

/* Extreme pictures take neither much memory nor time. */
static void a_line_fits_a_square(void **state) {
    (void)state;
    static uint8_t line[3 * 8192], out[3 * 32 * 32];
    memset(line, 77, sizeof line);
    for (int lying = 0; lying < 2; lying++)
        for (int fit = CLN_FIT_STRETCH; fit <= CLN_FIT_PAD; fit++) {
            const struct cln_picture picture = {{3, lying ? 1 : 8192, lying ? 8192 : 1}, CLN_PIXEL_U8, line};
            const struct cln_fitting fitting = {{3, 32, 32}, (enum cln_fit)fit, CLN_GROUND(77, 77, 77)};
            memset(out, 0, sizeof out);
            assert_int_equal(cln_picture_fit(out, &picture, &fitting), CLN_OK);
            for (size_t i = 0; i < sizeof out; i++)
                assert_int_equal(out[i], 77);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_stay_in_the_folder),
        cmocka_unit_test(fits_are_as_described),
        cmocka_unit_test(padding_goes_by_the_edge),
        cmocka_unit_test(a_line_fits_a_square),
        /* With libpng only. */
        cmocka_unit_test(pictures_are_in_their_order),
        cmocka_unit_test(sizes_have_to_agree_or_be_given),
        cmocka_unit_test(channels_are_the_most_or_given),
        cmocka_unit_test(depth_stays_where_all_have_it),
        cmocka_unit_test(a_damaged_picture_is_named),
        cmocka_unit_test(damaged_pictures_can_be_left_out),
        cmocka_unit_test(nothing_but_damage_is_an_error),
        cmocka_unit_test(ten_damaged_pictures_are_named),
    };
    enum { OF_ANY = 4 };
    return _cmocka_run_group_tests("picture_list", tests, READS_PNG ? COUNT(tests) : OF_ANY, temporary_create,
                                   temporary_remove);
}
