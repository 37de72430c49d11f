/* Arrays of NumPy: what a header can say, which shapes are pictures, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/data/load.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A file of version 1 with this header and body. */
static void write_npy(const char *name, const char *header, const void *body, size_t size) {
    uint8_t bytes[1024] = "\x93NUMPY\1";
    const size_t length = strlen(header);
    bytes[8] = (uint8_t)length;
    memcpy(bytes + 10, header, length);
    memcpy(bytes + 10 + length, body, size);
    temporary_write(name, bytes, 10 + length + size);
}

static void write_array(const char *name, const char *dtype, const char *shape, const void *body, size_t size) {
    char header[256];
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }   \n", dtype, shape);
    write_npy(name, header, body, size);
}

static const uint8_t counting[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,
                                   19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
                                   38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55};

static void write_labels(const char *folder, const char *dtype, const char *shape, const void *body, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "%s/y_train.npy", folder);
    write_array(name, dtype, shape, body, size);
}

static struct cln_dataset *load_path(const char *path) {
    return load((struct cln_dataset_params){.name = temporary_path(path)});
}

static void shapes_are_pictures_or_vectors(void **state) {
    (void)state;
    static const struct {
        const char *shape;
        size_t size;
        struct cln_shape expected;
        uint8_t second; /* the second value of the first image */
    } cases[] = {
        {"(2, 3, 4)", 24, {1, 3, 4}, 1},    {"(2, 2, 3, 3)", 36, {3, 2, 3}, 3}, {"(2, 2, 4, 1)", 16, {1, 2, 4}, 1},
        {"(2, 3, 2, 4)", 48, {3, 2, 4}, 1}, {"(2, 1, 2, 4)", 16, {1, 2, 4}, 1}, {"(2, 3, 2, 1)", 12, {1, 3, 2}, 1},
        {"(2L, 7L)", 14, {7, 1, 1}, 1},
    };
    write_labels("shapes", "|u1", "(2,)", "\1", 2);
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_array("shapes/x_train.npy", "|u1", cases[i].shape, counting, cases[i].size);
        struct cln_dataset *dataset = load_path("shapes");
        const struct cln_shape shape = dataset->train.shape, expected = cases[i].expected;
        assert_int_equal(dataset->train.count, 2);
        assert_int_equal(dataset->test.count, 0);
        if (shape.channels != expected.channels || shape.height != expected.height || shape.width != expected.width)
            fail_msg("%s: %dx%dx%d", cases[i].shape, shape.channels, shape.height, shape.width);
        assert_int_equal(bytes_of(&dataset->train)[1], cases[i].second);
        assert_int_equal(dataset->train.labels[0], 1);
        cln_dataset_destroy(&dataset);
    }
}

static void numbers_of_all_kinds_are_read(void **state) {
    (void)state;
    static const struct {
        const char *dtype;
        uint8_t body[16];
        size_t size;
        enum cln_pixel_type type;
        float first;
    } pixels[] = {
        {"<u2", {1, 2, 0, 0}, 4, CLN_PIXEL_U16, 513},
        {">u2", {1, 2, 0, 0}, 4, CLN_PIXEL_U16, 258},
        {"<f4", {0, 0, 0x20, 0xc0, 0, 0, 0, 0}, 8, CLN_PIXEL_F32, -2.5f},
        {">f4", {0xc0, 0x20, 0, 0, 0, 0, 0, 0}, 8, CLN_PIXEL_F32, -2.5f},
        {"<f8", {[6] = 4, 0xc0}, 16, CLN_PIXEL_F32, -2.5f},
        {">f8", {0xc0, 4}, 16, CLN_PIXEL_F32, -2.5f},
    };
    write_labels("kinds", "<i8", "(2, 1)", (const int64_t[]){1, 300}, 16);
    for (size_t i = 0; i < COUNT(pixels); i++) {
        write_array("kinds/x_train.npy", pixels[i].dtype, "(2, 1)", pixels[i].body, pixels[i].size);
        struct cln_dataset *dataset = load_path("kinds");
        assert_int_equal(dataset->train.type, pixels[i].type);
        assert_int_equal(dataset->train.labels[1], 300);
        assert_int_equal(dataset->class_count, 301);
        const float first = dataset->train.type == CLN_PIXEL_U16 ? *(const uint16_t *)dataset->train.pixels
                                                                 : *(const float *)dataset->train.pixels;
        assert_true(first == pixels[i].first);
        cln_dataset_destroy(&dataset);
    }
    static const struct {
        const char *dtype;
        uint8_t body[16];
        size_t size;
    } labels[] = {{"|i1", {1, 2}, 2},
                  {"|u1", {1, 2}, 2},
                  {">i2", {0, 1, 0, 2}, 4},
                  {"<u4", {1, 0, 0, 0, 2}, 8},
                  {">u8", {[7] = 1, [15] = 2}, 16}};
    for (size_t i = 0; i < COUNT(labels); i++) {
        write_labels("kinds", labels[i].dtype, "(2,)", labels[i].body, labels[i].size);
        struct cln_dataset *dataset = load_path("kinds");
        assert_int_equal(dataset->train.labels[0], 1);
        assert_int_equal(dataset->train.labels[1], 2);
        cln_dataset_destroy(&dataset);
    }
}

static void what_is_no_array_of_images_is_refused(void **state) {
    (void)state;
#define HEADER(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}\n"
    static const struct {
        const char *header, *word;
    } images[] = {
        {HEADER("'|O'", "False", "(2,)"), "pickled Python objects (dtype |O), which can run any code"},
        {HEADER("'<f4'", "True", "(2, 3, 4)"), "Fortran order: clenet reads C order, which numpy.ascontiguousarray"},
        {HEADER("[('a', '<f4')]", "False", "(2,)"), "a structured array"},
        {HEADER("'<f2'", "False", "(2, 3, 4)"), "dtype <f2: clenet reads integers, float32 and float64"},
        {HEADER("'<U3'", "False", "(2,)"), "dtype <U3"},
        {HEADER("'<i8'", "False", "(2, 3, 4)"), "pixels of signed 64 bits, of which nobody says what is white"},
        {HEADER("'|i1'", "False", "(2, 3, 4)"), "pixels of signed 8 bits"},
        {HEADER("'|u1'", "False", "(2, 4, 4, 2)"), "shape (2, 4, 4, 2): neither the last dimension nor the second"},
        {HEADER("'|u1'", "False", "(2,)"), "one dimension: images have two"},
        {HEADER("'|u1'", "False", "()"), "0 dimensions: from 1 to 4, clenet's limit"},
        {HEADER("'|u1'", "False", "(2, 1, 1, 1, 1)"), "5 dimensions: from 1 to 4, clenet's limit"},
        {HEADER("'|u1'", "False", "(0, 3)"), "dimension 0 has 0 elements"},
        {HEADER("'|u1'", "False", "(2, 99999999999)"), "dimension 1 has 99999999999 elements"},
        {HEADER("'|u1'", "False", "(2, 4097, 1)"), "2 images of 1x4097x1: at most"},
        {HEADER("'|u1'", "False", "(3, 4)"), "y_train.npy: 2 labels for 3 images"},
        {HEADER("'|u1'", "False", "(2, 99)"), "x_train.npy: byte"},
        {HEADER("'|u1'", "Maybe", "(2, 3)"), "a header that NumPy does not write"},
        {"{'descr': '|u1', 'shape': (2, 3)}", "a header that NumPy does not write"},
        {"{'descr': '|u1', 'shape': (2, 3", "a header that NumPy does not write"},
        {"", "a header that NumPy does not write"},
    };
    char folder[256];
    snprintf(folder, sizeof folder, "%s", temporary_path("odd"));
    const struct cln_dataset_params params = {.name = folder};
    write_labels("odd", "|u1", "(2,)", "\1", 2);
    for (size_t i = 0; i < COUNT(images); i++) {
        write_npy("odd/x_train.npy", images[i].header, counting, sizeof counting);
        assert_load_fails(params, CLN_INVALID, images[i].word);
    }
    static const struct {
        const char *dtype, *shape, *word;
        size_t size;
    } labels[] = {
        {"|u1", "(2, 10)", "y_train.npy: 10 numbers for each of 2 images, as one-hot vectors", 20},
        {"<f4", "(2,)", "y_train.npy: labels of float32: they have to be integers", 8},
        {"|u1", "(3,)", "y_train.npy: 3 labels for 2 images", 3},
        {"<i8", "(2,)", "y_train.npy: label 0 (counted from 0) is no class: it does not fit into 32 bits", 16},
        {"|u1", "(2,)", "y_train.npy: byte 72: truncated, 73 bytes were expected", 1},
    };
    write_array("odd/x_train.npy", "|u1", "(2, 3)", counting, 6);
    for (size_t i = 0; i < COUNT(labels); i++) {
        write_labels("odd", labels[i].dtype, labels[i].shape, counting + 36, labels[i].size);
        assert_load_fails(params, CLN_INVALID, labels[i].word);
    }
    write_labels("odd", "<i8", "(2,)", (const int64_t[]){3, -((int64_t)1 << 32)}, 16);
    assert_load_fails(params, CLN_INVALID, "y_train.npy: label 1 (counted from 0) is no class");
    write_labels("odd", "|u1", "(2,)", "\1", 2);
    write_array("odd/x_train.npy", "<f4", "(2, 1)", (const uint8_t[]){0, 0, 0, 0, 0, 0, 0x80, 0x7f}, 8);
    assert_load_fails(params, CLN_INVALID, "a pixel that is not finite");
    temporary_write("odd/x_train.npy", "\x93NUMPX\1\0\1\0{", 11);
    assert_load_fails(params, CLN_INVALID, "x_train.npy: byte 0: no .npy file of NumPy's");
    temporary_write("odd/x_train.npy", "\x93NUMPY\4\0\1\0{", 11);
    assert_load_fails(params, CLN_INVALID, "x_train.npy: byte 6: version 4 of .npy");
    temporary_write("odd/x_train.npy", "\x93NUMPY\2\0\1\0\0\1{", 13);
    assert_load_fails(params, CLN_INVALID, "a header of 16777217 bytes: at most 65536, clenet's limit");
}

static void halves_are_found_by_their_names(void **state) {
    (void)state;
    static const char *const names[][4] = {
        {"x_train", "y_train", "x_test", "y_test"},
        {"X_train", "y_train", "X_test", "y_test"},
        {"train_images", "train_labels", "test_images", "test_labels"},
        {"images", "labels", NULL, NULL},
    };
    char name[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        for (size_t file = 0; file < 4 && names[i][file]; file++) {
            snprintf(name, sizeof name, "names%zu/%s.npy", i, names[i][file]);
            write_array(name, "|u1", file % 2 == 0 ? "(2, 3)" : "(2,)", counting + file / 2, file % 2 == 0 ? 6 : 2);
        }
        snprintf(name, sizeof name, "names%zu", i);
        struct cln_dataset *dataset = load_path(name);
        assert_int_equal(dataset->test.count, names[i][2] ? 2 : 0);
        if (dataset->test.count > 0)
            assert_int_equal(bytes_of(&dataset->test)[5], 6);
        cln_dataset_destroy(&dataset);
    }
    assert_int_equal(remove(temporary_path("names0/y_test.npy")), 0);
    assert_load_fails((struct cln_dataset_params){.name = temporary_path("names0")}, CLN_NOT_FOUND,
                      "names0: no y_test.npy is in it");
    assert_int_equal(remove(temporary_path("names3/images.npy")), 0);
    assert_load_fails((struct cln_dataset_params){.name = temporary_path("names3")}, CLN_NOT_FOUND,
                      "names3: no images.npy is in it");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_pictures_or_vectors),
        cmocka_unit_test(numbers_of_all_kinds_are_read),
        cmocka_unit_test(what_is_no_array_of_images_is_refused),
        cmocka_unit_test(halves_are_found_by_their_names),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
