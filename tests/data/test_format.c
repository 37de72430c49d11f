/* The table of data formats: which folders a format recognises, which paths it names; and that images are read through
 * any format, here one that exists in this file alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/data/images.h"
#include "src/data/known_sets.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const idx_names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte"};

static const char *in_folder(const char *folder, const char *name, const char *ending) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
    return path;
}

/* Writes a file for each of the four names: `endings` has '.' for a plain file, 'z' for a gzipped one, ' ' for none. */
static void write_names(const char *folder, const char *endings) {
    for (size_t i = 0; i < COUNT(idx_names); i++)
        if (endings[i] != ' ')
            temporary_write(in_folder(folder, idx_names[i], endings[i] == 'z' ? ".gz" : ""), "x", 1);
}

static void folders_are_probed(void **state) {
    (void)state;
    static const struct {
        const char *folder, *endings;
        enum cln_found expected;
    } cases[] = {
        {"plain", "....", CLN_FOUND_ALL},    {"gzipped", "zzzz", CLN_FOUND_ALL}, {"mixed", ".z.z", CLN_FOUND_ALL},
        {"first", ".   ", CLN_FOUND_SOME},   {"last", "   z", CLN_FOUND_SOME},   {"three", "z.. ", CLN_FOUND_SOME},
        {"nothing", "    ", CLN_FOUND_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        temporary_write(in_folder(cases[i].folder, "README", ""), "x", 1);
        write_names(cases[i].folder, cases[i].endings);
        const char *folder = temporary_path(cases[i].folder);
        const struct cln_data_format *format;
        if (cln_idx_format.probe(folder) != cases[i].expected)
            fail_msg("%s: %d", cases[i].folder, (int)cln_idx_format.probe(folder));
        if (cases[i].expected == CLN_FOUND_NONE) {
            assert_int_equal(cln_data_format_find(&format, folder), CLN_NOT_FOUND);
            assert_null(format);
            assert_non_null(
                strstr(cln_error_message(), "nothing: no data set: the folder has 1 entry, such as README"));
            assert_non_null(strstr(cln_error_message(), cln_idx_format.kind));
        } else {
            assert_int_equal(cln_data_format_find(&format, folder), CLN_OK);
            assert_ptr_equal(format, &cln_idx_format);
        }
    }
}

static void other_files_are_none_of_the_format(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(idx_names); i++) {
        temporary_write(in_folder("others", idx_names[i], ".png"), "x", 1);
        temporary_write(in_folder("others", idx_names[i], ".gz.part"), "x", 1);
    }
    temporary_write("others/train-images-idx1-ubyte", "x", 1); /* ranks that images and labels have not */
    temporary_write("others/train-labels-idx3-ubyte", "x", 1);
    temporary_write("others/retrain-images-idx3-ubyte", "x", 1); /* a prefix ends with a separator */
    temporary_write("others/data_batch_1.bin", "x", 1);
    temporary_write("others/0/train-images-idx3-ubyte", "x", 1); /* in a folder of the folder */
    assert_int_equal(mkdir(temporary_path("others/train-labels-idx1-ubyte"), 0700), 0);
    assert_int_equal(cln_idx_format.probe(temporary_path("others")), CLN_FOUND_NONE);
    assert_int_equal(cln_idx_format.probe(temporary_path("nowhere")), CLN_FOUND_NONE);
    assert_int_equal(cln_idx_format.probe(temporary_path("others/data_batch_1.bin")), CLN_FOUND_NONE);
    char *deep = calloc(1, CLN_PATH_BYTES + 1);
    assert_non_null(deep);
    memset(deep, 'x', CLN_PATH_BYTES);
    assert_int_equal(cln_idx_format.probe(deep), CLN_FOUND_NONE);
    free(deep);
}

static void a_missing_file_is_named(void **state) {
    (void)state;
    for (size_t missing = 0; missing < COUNT(idx_names); missing++) {
        char folder[32], word[64];
        snprintf(folder, sizeof folder, "lacks-%zu", missing);
        idx_write_folder(folder, 4, 4, 2, 2, 2);
        assert_true(unlink(temporary_path(in_folder(folder, idx_names[missing], ""))) == 0 ||
                    unlink(temporary_path(in_folder(folder, idx_names[missing], ".gz"))) == 0);
        for (int which = 0; which < 2; which++) {
            const bool is_whole = (int)missing / 2 != which;
            struct cln_opened half = {.state = NULL};
            const enum cln_status status =
                cln_idx_format.open(&half, &(struct cln_source){temporary_path(folder), NULL}, (enum cln_half)which);
            assert_int_equal(status, is_whole ? CLN_OK : CLN_NOT_FOUND);
            assert_true((half.state != NULL) == is_whole);
            snprintf(word, sizeof word, "no file %s, plain or .gz", idx_names[missing]);
            if (is_whole)
                cln_idx_format.close(half.state);
            else
                assert_non_null(strstr(cln_error_message(), word));
        }
    }
}

struct paths {
    char list[64][512];
    size_t count;
};

static void note(void *user, const char *path) {
    struct paths *paths = user;
    assert_true(paths->count < COUNT(paths->list));
    snprintf(paths->list[paths->count++], sizeof paths->list[0], "%s", path);
}

static bool has(const struct paths *paths, const char *path) {
    for (size_t i = 0; i < paths->count; i++)
        if (strcmp(paths->list[i], path) == 0)
            return true;
    return false;
}

/* Beside all that may be read there is nothing else: `clenet` refuses to write over these paths. */
static void every_path_is_told(void **state) {
    (void)state;
    static struct paths folder, set;
    cln_idx_format.each_file(note, &folder, "some/folder");
    assert_int_equal(folder.count, 8);
    setenv("CLENET_DATA", "/base", 1);
    cln_data_each_file(note, &set, "mnist");
    unsetenv("CLENET_DATA");
    assert_true(set.count >= 4 * 8); /* of four places at least: the caches need variables */
    for (size_t i = 0; i < COUNT(idx_names); i++)
        for (int gzipped = 0; gzipped < 2; gzipped++) {
            const char *ending = gzipped ? ".gz" : "";
            assert_true(has(&folder, in_folder("some/folder", idx_names[i], ending)));
            assert_true(has(&set, in_folder("/base/mnist", idx_names[i], ending)));
            assert_true(has(&set, in_folder("/base", idx_names[i], ending)));
            assert_true(has(&set, in_folder("/usr/share/datasets/mnist", idx_names[i], ending)));
        }
}

/* A downloaded set is one that its format takes for whole, but for those that come in archives. */
static void downloads_are_whole_sets(void **state) {
    (void)state;
    const struct cln_known_set *set;
    size_t seen = 0, whole = 0;
    for (; (set = cln_known_set_at(seen)); seen++) {
        char folder[32], path[256];
        snprintf(folder, sizeof folder, "set-%zu", seen);
        snprintf(path, sizeof path, "%s", temporary_path(in_folder(folder, set->file, "")));
        for (size_t i = 0; i < set->file_count && !set->inside; i++) {
            assert_int_not_equal(set->format->probe(path), CLN_FOUND_ALL);
            temporary_write(in_folder(folder, set->files[i].name, ""), "x", 1);
        }
        assert_true(set->format->probe(path) == (set->file_count > 0 && !set->inside ? CLN_FOUND_ALL : CLN_FOUND_NONE));
        whole += set->format->probe(path) == CLN_FOUND_ALL;
        assert_ptr_equal(cln_known_set_find(set->name), set);
        assert_true(set->class_count > 0 || !set->class_names);
    }
    assert_true(whole >= 3 && seen >= 12);
}

/* ---- A format of three channels that reads no files ---- */

enum { MADE_IMAGES = 5 };
static const struct cln_shape made_shape = {3, 2, 2};
static int opened, closed;
static bool labels_fail, pixels_fail;

static enum cln_status made_open(struct cln_opened *half, const struct cln_source *source, enum cln_half which) {
    if (strcmp(source->path, "nowhere") == 0)
        return cln_fail(CLN_NOT_FOUND, "nothing there");
    opened++;
    *half =
        (struct cln_opened){.state = &opened, .count = which == CLN_HALF_TRAIN ? MADE_IMAGES : 1, .shape = made_shape};
    return CLN_OK;
}

/* Runs in threads, where cmocka cannot assert. */
static enum cln_status made_pixels(struct cln_block *pixels, void *half) {
    const size_t count = MADE_IMAGES * cln_shape_count(made_shape);
    if (pixels_fail || half != &opened)
        return cln_fail(CLN_INVALID, half == &opened ? "made-up: damaged pixels" : "made-up: not what was opened");
    uint8_t *bytes = pixels->bytes = malloc(count);
    for (size_t i = 0; bytes && i < count; i++)
        bytes[i] = (uint8_t)i;
    return bytes ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "made-up: no memory");
}

static enum cln_status made_labels(int32_t **labels, void *half) {
    assert_ptr_equal(half, &opened);
    if (labels_fail)
        return cln_fail(CLN_INVALID, "made-up: damaged labels");
    *labels = malloc(MADE_IMAGES * sizeof **labels);
    for (int i = 0; *labels && i < MADE_IMAGES; i++)
        (*labels)[i] = i;
    return *labels ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "made-up: no memory");
}

static void made_label_place(char place[CLN_PLACE_BYTES], const void *half, size_t index) {
    assert_ptr_equal(half, &opened);
    snprintf(place, CLN_PLACE_BYTES, "made-up: record %zu", index);
}

static void made_shape_place(char place[CLN_PLACE_BYTES], const void *half) {
    assert_ptr_equal(half, &opened);
    snprintf(place, CLN_PLACE_BYTES, "made-up: sizes");
}

static void made_close(void *half) {
    assert_ptr_equal(half, &opened);
    closed++;
}

static const struct cln_data_format made = {
    .contents = "nothing",
    .open = made_open,
    .read_labels = made_labels,
    .read_pixels = made_pixels,
    .locate_label = made_label_place,
    .locate_shape = made_shape_place,
    .close = made_close,
};

static void assert_message(const char *word) {
    if (!strstr(cln_error_message(), word))
        fail_msg("no \"%s\" in: %s", word, cln_error_message());
}

static enum cln_status open_made(struct cln_images *images, const char *path, enum cln_half half) {
    struct cln_opened result;
    return cln_images_open(images, &result, &made, &(struct cln_source){path, NULL}, half);
}

static void images_are_read_through_any_format(void **state) {
    (void)state;
    struct cln_images images = {0};
    opened = closed = 0;
    assert_int_equal(open_made(&images, "here", CLN_HALF_TRAIN), CLN_OK);
    assert_int_equal(images.count, MADE_IMAGES);
    assert_int_equal(images.shape.channels, 3);
    assert_null(images.pixels);
    assert_int_equal(images.labels[4], 4);
    for (int i = 0; i < 2; i++)
        assert_int_equal(cln_images_wait(&images), CLN_OK);
    assert_int_equal(bytes_of(&images)[59], 59);
    assert_int_equal(cln_images_check_labels(&images, "training", 5, "network", "n"), CLN_OK);
    assert_int_equal(cln_images_check_labels(&images, "training", 3, "network", "n"), CLN_INVALID);
    assert_message("made-up: record 3: training image 3 (counted from 0) has label 3, but network n has 3 classes");
    assert_int_equal(cln_images_check_shape(&images, &(struct cln_images){.shape = made_shape}), CLN_OK);
    static const struct {
        struct cln_shape training;
        const char *word;
        enum cln_pixel_type type;
    } odd[] = {{{1, 2, 2}, "made-up: sizes: images of 3 channels, but those for training have 1"},
               {{3, 2, 4}, "made-up: sizes: images of 2 x 2, but those for training have 2 x 4"},
               {{3, 1, 2}, "made-up: sizes: images of 2 x 2, but those for training have 1 x 2"},
               {{3, 2, 2}, "made-up: sizes: pixels of type uint8, but those for training of float32", CLN_PIXEL_F32}};
    for (size_t i = 0; i < COUNT(odd); i++) {
        const struct cln_images training = {.shape = odd[i].training, .type = odd[i].type};
        assert_int_equal(cln_images_check_shape(&images, &training), CLN_INVALID);
        assert_message(odd[i].word);
    }
    assert_int_equal(closed, 0);
    cln_images_free(&images);
    assert_int_equal(opened, 1);
    assert_int_equal(closed, 1);
}

static void images_part_with_labels_pixels_and_places(void **state) {
    (void)state;
    uint32_t stay[] = {0, 2, 3}, moved[] = {1, 4};
    const struct cln_split split = {stay, moved, 3, 2};
    struct cln_images from = {0}, to = {0};
    opened = closed = 0;
    assert_int_equal(open_made(&from, "here", CLN_HALF_TRAIN), CLN_OK);
    assert_int_equal(cln_images_part(&from, &to, &split), CLN_OK);
    assert_int_equal(cln_images_wait(&from), CLN_OK);
    assert_int_equal(cln_images_part_pixels(&from, &to, &split), CLN_OK);
    assert_int_equal(from.count, 3);
    assert_int_equal(to.count, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(from.labels[i], stay[i]);
        for (size_t k = 0; k < 12; k++)
            assert_int_equal(bytes_of(&from)[i * 12 + k], stay[i] * 12 + k);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(to.labels[i], moved[i]);
        for (size_t k = 0; k < 12; k++)
            assert_int_equal(bytes_of(&to)[i * 12 + k], moved[i] * 12 + k);
    }
    assert_int_equal(cln_images_check_labels(&to, "test", 4, "network", "n"), CLN_INVALID);
    assert_message("made-up: record 4: test image 1 (counted from 0) has label 4");
    assert_int_equal(cln_images_check_labels(&from, "training", 3, "network", "n"), CLN_INVALID);
    assert_message("made-up: record 3: training image 2 (counted from 0) has label 3");
    cln_images_free(&to);
    assert_int_equal(closed, 0);
    cln_images_free(&from);
    assert_int_equal(closed, 1);
}

static void failures_of_a_format_are_told(void **state) {
    (void)state;
    for (int fails = 0; fails < 4; fails++) { /* bit 0: labels, bit 1: pixels */
        struct cln_images images = {0};
        opened = closed = 0;
        labels_fail = fails & 1;
        pixels_fail = fails & 2;
        assert_int_equal(open_made(&images, "here", CLN_HALF_TEST), labels_fail ? CLN_INVALID : CLN_OK);
        if (labels_fail)
            assert_message("made-up: damaged labels");
        if (fails != 1) /* without waiting, too, all is freed and closed */
            assert_int_equal(cln_images_wait(&images), pixels_fail ? CLN_INVALID : CLN_OK);
        if (pixels_fail)
            assert_message("made-up: damaged pixels");
        cln_images_free(&images);
        assert_int_equal(opened, 1);
        assert_int_equal(closed, 1);
    }
    labels_fail = pixels_fail = false;
    struct cln_images images = {0};
    opened = closed = 0;
    assert_int_equal(open_made(&images, "nowhere", CLN_HALF_TRAIN), CLN_NOT_FOUND);
    assert_message("nothing there");
    assert_null(images.reader);
    assert_int_equal(cln_images_wait(&images), CLN_OK);
    cln_images_free(&images);
    assert_int_equal(closed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_probed),
        cmocka_unit_test(other_files_are_none_of_the_format),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(every_path_is_told),
        cmocka_unit_test(downloads_are_whole_sets),
        cmocka_unit_test(images_are_read_through_any_format),
        cmocka_unit_test(images_part_with_labels_pixels_and_places),
        cmocka_unit_test(failures_of_a_format_are_told),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
