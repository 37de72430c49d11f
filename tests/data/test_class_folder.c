/* Class folders: which folders are data sets, which classes and pictures they have, and what is said of others. */
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

#include "clenet/log.h"
#include "src/data/format.h"
#include "src/data/images.h"
#include "tests/data/png_make.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char said[4096];

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user, (void)level;
    strncat(said, message, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

/* A picture of 2×2 pixels of one value. */
static void put(const char *folder, const char *name, int value) {
    char path[512];
    uint8_t bytes[256], rows[4];
    memset(rows, value, sizeof rows);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    temporary_write(path, bytes, png_make(bytes, &(struct png_file){2, 2, 8, PNG_GREY, rows}));
}

static enum cln_status load(struct cln_dataset **out, const char *folder) {
    said[0] = '\0';
    cln_log_set_handler(on_log, NULL);
    const enum cln_status status = cln_dataset_load(out, &(struct cln_dataset_params){.name = temporary_path(folder)});
    cln_log_set_handler(NULL, NULL);
    return status;
}

static struct cln_dataset *load_well(const char *folder) {
    struct cln_dataset *data;
    if (load(&data, folder) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return data;
}

static void assert_said(const char *text, const char *word) {
    if (!strstr(text, word))
        fail_msg("no \"%s\" in: %s", word, text);
}

static void folders_are_probed(void **state) {
    (void)state;
    static const struct {
        const char *folder, *file; /* NULL: a folder alone */
        enum cln_found expected;
    } cases[] = {
        {"p1", "a/x.png", CLN_FOUND_ALL},       {"p2", "a/b/c/x.JPEG", CLN_FOUND_ALL},
        {"p3", "train/a/x.jpg", CLN_FOUND_ALL}, {"p4", "x.png", CLN_FOUND_SOME},
        {"p5", "a/x.txt", CLN_FOUND_NONE},      {"p6", "train/a/x.txt", CLN_FOUND_SOME},
        {"p7", ".a/x.png", CLN_FOUND_NONE},     {"p8", "a/.x.png", CLN_FOUND_NONE},
        {"p9", "a/png", CLN_FOUND_NONE},        {"p10", "a/x.png/y", CLN_FOUND_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        put(cases[i].folder, cases[i].file, 1);
        if (cln_class_folder_format.probe(temporary_path(cases[i].folder)) != cases[i].expected)
            fail_msg("%s", cases[i].file);
    }
    assert_int_equal(cln_class_folder_format.probe(temporary_path("nowhere")), CLN_FOUND_NONE);
    assert_int_equal(cln_class_folder_format.probe(temporary_path("p1/a/x.png")), CLN_FOUND_NONE);
}

static void classes_and_pictures_are_sorted(void **state) {
    (void)state;
    static const uint8_t values[] = {1, 2, 3, 4, 5, 6, 7};
    static const int labels[] = {0, 0, 0, 1, 2, 2, 2};
    put("sorted", "B/z.png", 1); /* capitals come first */
    put("sorted", "B/z/0.png", 2);
    put("sorted", "B/z0.png", 3);
    put("sorted", "a/x.PNG", 4);
    put("sorted", "b/10.png", 5);
    put("sorted", "b/9.png", 6);
    put("sorted", "b/\xff\n.png", 7);
    struct cln_dataset *data = load_well("sorted");
    assert_int_equal(data->train.count, COUNT(values));
    assert_int_equal(data->test.count, 0);
    assert_int_equal(data->class_count, 3);
    assert_string_equal(data->class_names[0], "B");
    assert_string_equal(data->class_names[2], "b");
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_int_equal(bytes_of(&data->train)[4 * i], values[i]);
        assert_int_equal(data->train.labels[i], labels[i]);
    }
    assert_string_equal(said, "");
    cln_dataset_destroy(&data);
}

static void halves_have_the_same_classes(void **state) {
    (void)state;
    static const char *const tests[] = {"test", "val", "valid", "validation"};
    for (size_t i = 0; i < COUNT(tests); i++) {
        char folder[32], half[64];
        snprintf(folder, sizeof folder, "halves%zu", i);
        snprintf(half, sizeof half, "%s/%s", folder, tests[i]);
        put(folder, "train/a/1.png", 1);
        put(folder, "train/b/1.png", 2);
        put(half, "b/1.png", 3); /* without images of a */
        struct cln_dataset *data = load_well(folder);
        assert_int_equal(data->class_count, 2);
        assert_int_equal(data->train.count, 2);
        assert_int_equal(data->test.count, 1);
        assert_int_equal(data->test.labels[0], 1);
        assert_int_equal(bytes_of(&data->test)[0], 3);
        snprintf(half, sizeof half, "%s are taken for test images", tests[i]);
        assert_true((strstr(said, half) != NULL) == (i > 0));
        cln_dataset_destroy(&data);
    }
    put("halves0", "val/a/1.png", 4);
    put("halves0", "other/a/1.png", 4);
    struct cln_dataset *data = load_well("halves0");
    assert_int_equal(data->test.count, 1);
    assert_said(said, "/val: this folder is left out");
    assert_said(said, "/other: this folder is left out");
    cln_dataset_destroy(&data);
}

/* Files make a folder of this name a class. */
static void a_class_may_be_called_train(void **state) {
    (void)state;
    put("vehicles", "train/1.png", 1);
    put("vehicles", "car/1.png", 2);
    put("vehicles", "test/1.png", 3);
    struct cln_dataset *data = load_well("vehicles");
    assert_int_equal(data->class_count, 3);
    assert_string_equal(data->class_names[2], "train");
    assert_int_equal(data->test.count, 0);
    cln_dataset_destroy(&data);
}

static void other_files_are_left_out_and_told(void **state) {
    (void)state;
    put("others", "a/1.png", 1);
    temporary_write("others/a/Thumbs.db", "x", 1);
    temporary_write("others/a/.DS_Store", "x", 1);
    temporary_write("others/a/1.txt", "x", 1);
    put("others", "2.png", 2); /* of no class */
    struct cln_dataset *data = load_well("others");
    assert_int_equal(data->train.count, 1);
    assert_said(said, "others: left out what is no picture in a class folder: 4 entries, such as ");
    cln_dataset_destroy(&data);
}

static void links_are_followed(void **state) {
    (void)state;
    put("elsewhere", "a/1.png", 1);
    put("elsewhere", "a/2.png", 2);
    put("links", "b/1.png", 3);
    assert_int_equal(symlink("../elsewhere/a", temporary_path("links/a")), 0);
    assert_int_equal(symlink("../../elsewhere/a/2.png", temporary_path("links/b/2.png")), 0);
    assert_int_equal(symlink(".", temporary_path("links/b/loop")), 0);
    assert_int_equal(symlink("../..", temporary_path("links/b/farther")), 0);
    struct cln_dataset *data = load_well("links");
    assert_int_equal(data->class_count, 2);
    assert_int_equal(data->train.count, 4); /* links to folders within a class are passed over */
    cln_dataset_destroy(&data);
}

static void wrong_folders_are_told(void **state) {
    (void)state;
    struct cln_dataset *data;
    put("bare", "train/a/1.png", 1);
    put("bare", "test/a/1.png", 1);
    put("bare", "test/c/1.png", 1);
    assert_int_equal(load(&data, "bare"), CLN_INVALID);
    assert_said(cln_error_message(), "bare/test: no folder train for training has this class c");
    put("empty", "a/1.png", 1);
    temporary_write("empty/b/notes.txt", "x", 1);
    assert_int_equal(load(&data, "empty"), CLN_INVALID);
    assert_said(cln_error_message(), "empty/b: the class has no picture (*.png, *.jpg, *.jpeg; 1 other files)");
    put("flat", "1.png", 1);
    assert_int_equal(load(&data, "flat"), CLN_INVALID);
    assert_said(cln_error_message(), "flat: the pictures are in no folder of a class");
    put("untrained", "test/a/1.png", 1);
    assert_int_equal(load(&data, "untrained"), CLN_NOT_FOUND);
    assert_said(cln_error_message(), "untrained: it has a folder test, but no folder train");
    put("broken", "a/1.png", 1);
    assert_int_equal(symlink("nowhere", temporary_path("broken/a/2.png")), 0);
    assert_int_equal(load(&data, "broken"), CLN_NOT_FOUND);
    assert_said(cln_error_message(), "/broken/a/2.png: No such file");
}

static void count(void *user, const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    ++*(int *)user;
}

static void every_picture_is_a_file_that_is_read(void **state) {
    (void)state;
    int files = 0;
    put("told", "train/a/1.png", 1);
    put("told", "test/a/b/1.png", 1);
    cln_data_format_each_file(count, &files, temporary_path("told"));
    assert_int_equal(files, 2);
}

static void images_can_be_set_aside_for_tests(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d/%02d.png", i % 2, i);
        put("aside", name, i);
    }
    struct cln_dataset *data;
    assert_int_equal(
        cln_dataset_load(&data, &(struct cln_dataset_params){.name = temporary_path("aside"), .test = 0.25}), CLN_OK);
    assert_int_equal(data->train.count, 30);
    assert_int_equal(data->test.count, 10);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(bytes_of(&data->test)[4 * i] % 2, data->test.labels[i]);
    cln_dataset_destroy(&data);
    put("aside", "2/1.png", 1); /* the only one of its class */
    assert_int_equal(
        cln_dataset_load(&data, &(struct cln_dataset_params){.name = temporary_path("aside"), .test = 0.25}),
        CLN_INVALID);
    assert_said(cln_error_message(), "class 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_probed),
        cmocka_unit_test(every_picture_is_a_file_that_is_read),
        /* With libpng only. */
        cmocka_unit_test(classes_and_pictures_are_sorted),
        cmocka_unit_test(halves_have_the_same_classes),
        cmocka_unit_test(a_class_may_be_called_train),
        cmocka_unit_test(other_files_are_left_out_and_told),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(wrong_folders_are_told),
        cmocka_unit_test(images_can_be_set_aside_for_tests),
    };
    enum { OF_ANY = 2 };
    return _cmocka_run_group_tests("class_folder", tests, READS_PNG ? COUNT(tests) : OF_ANY, temporary_create,
                                   temporary_remove);
}
