/* Sets of IDX files that share a folder, and what is odd about MNIST's relatives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clenet/log.h"
#include "src/data/known_sets.h"
#include "tests/data/load.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { IMAGES = 4 };

/* Images of 2×3 whose pixels count on, and the labels `first` to `first` + 3. `name` has "%s-%s" for both words. */
static void write_half(const char *format, const char *half, uint8_t first) {
    uint8_t bytes[64], labels[] = {0, 0, 8, 1, 0, 0, 0, IMAGES, first, first + 1, first + 2, first + 3};
    char name[128];
    snprintf(name, sizeof name, format, half, "images", 3);
    temporary_write(name, bytes, idx_make(bytes, 3, (uint32_t[]){IMAGES, 2, 3}, 256));
    snprintf(name, sizeof name, format, half, "labels", 1);
    temporary_write(name, labels, sizeof labels);
}

static void write_set(const char *format, const char *test, uint8_t first) {
    write_half(format, "train", first);
    write_half(format, test, first);
}

static struct cln_dataset *load_path(const char *path) {
    return load((struct cln_dataset_params){.name = temporary_path(path)});
}

static void names_of_relatives_are_known(void **state) {
    (void)state;
    static const char *const formats[] = {"a/%s-%s-idx%d-ubyte", "b/%s-%s.idx%d-ubyte", "c/mine-%s-%s-idx%d-ubyte"};
    static const char *const folders[] = {"a", "b", "c"};
    for (size_t i = 0; i < COUNT(formats); i++) {
        write_set(formats[i], i == 1 ? "t10k" : "test", 3);
        struct cln_dataset *dataset = load_path(folders[i]);
        assert_int_equal(dataset->train.count, IMAGES);
        assert_int_equal(dataset->test.labels[3], 6);
        assert_int_equal(bytes_of(&dataset->train)[23], 23);
        cln_dataset_destroy(&dataset);
    }
    assert_load_fails(
        (struct cln_dataset_params){.name = temporary_path("a"), .label = "last", .asked = CLN_ASKED_LABEL},
        CLN_INVALID, "a: --label has no effect: this data set has no choice of labels");
}

static void count_notices(void *user, enum cln_log_level level, const char *message) {
    assert_int_equal(level, CLN_LOG_INFO);
    assert_non_null(strstr(message, "the pictures of EMNIST are transposed"));
    ++*(int *)user;
}

static void emnist_is_turned_upright(void **state) {
    (void)state;
    static const uint8_t upright[] = {6, 9, 7, 10, 8, 11};
    int told = 0;
    write_set("emnist/emnist-letters-%s-%s-idx%d-ubyte", "test", 1);
    cln_log_set_handler(count_notices, &told);
    struct cln_dataset *dataset = load_path("emnist");
    cln_log_set_handler(NULL, NULL);
    assert_int_equal(told, 1);
    assert_int_equal(dataset->train.shape.height, 3);
    assert_int_equal(dataset->train.shape.width, 2);
    assert_memory_equal(bytes_of(&dataset->train) + 6, upright, sizeof upright);
    assert_int_equal(dataset->train.labels[0], 0);
    assert_int_equal(dataset->class_count, 4);
    cln_dataset_destroy(&dataset);
    write_half("emnist/emnist-letters-%s-%s-idx%d-ubyte", "test", 0);
    assert_load_fails((struct cln_dataset_params){.name = temporary_path("emnist")}, CLN_INVALID,
                      "emnist-letters-test-labels-idx1-ubyte: byte 8: label 0: those of emnist-letters-… count from 1");
    write_set("emnist/emnist-digits-%s-%s-idx%d-ubyte", "test", 0);
    dataset = load_path("emnist/emnist-digits-test-labels-idx1-ubyte"); /* any file stands for its set */
    assert_int_equal(dataset->train.labels[0], 0);
    assert_int_equal(dataset->train.shape.height, 3);
    cln_dataset_destroy(&dataset);
}

static void several_sets_are_told_apart(void **state) {
    (void)state;
    write_set("both/%s-%s-idx%d-ubyte", "t10k", 0);
    write_set("both/emnist-mnist-%s-%s-idx%d-ubyte", "test", 4);
    write_half("both/half-%s-%s-idx%d-ubyte", "train", 0); /* not whole: does not count */
    assert_load_fails(
        (struct cln_dataset_params){.name = temporary_path("both")}, CLN_INVALID,
        "both: several data sets, those of train-images-idx3-ubyte, emnist-mnist-train-images-idx3-ubyte: "
        "pass the path of one of these files");
    struct cln_dataset *dataset = load_path("both/train-images-idx3-ubyte");
    assert_int_equal(dataset->train.labels[0], 0);
    cln_dataset_destroy(&dataset);
    dataset = load_path("both/emnist-mnist-train-images-idx3-ubyte");
    assert_int_equal(dataset->train.labels[0], 4);
    cln_dataset_destroy(&dataset);
    setenv("CLENET_DATA", temporary_path("both"), 1);
    dataset = load((struct cln_dataset_params){.name = "emnist-mnist", .offline = true});
    assert_string_equal(dataset->name, "emnist-mnist");
    assert_int_equal(dataset->train.labels[0], 4);
    assert_string_equal(dataset->class_names[9], "9");
    cln_dataset_destroy(&dataset);
    unsetenv("CLENET_DATA");
    assert_load_fails((struct cln_dataset_params){.name = temporary_path("both/half-train-images-idx3-ubyte")},
                      CLN_NOT_FOUND, "both: no file half-t10k-images-idx3-ubyte, plain or .gz");
}

static void test_images_may_be_set_aside_instead(void **state) {
    (void)state;
    write_half("alone/%s-%s-idx%d-ubyte", "train", 0);
    char path[256];
    snprintf(path, sizeof path, "%s", temporary_path("alone"));
    assert_load_fails((struct cln_dataset_params){.name = path}, CLN_NOT_FOUND, "no file t10k-images-idx3-ubyte");
    temporary_write("alone/train-labels-idx1-ubyte", (uint8_t[]){0, 0, 8, 1, 0, 0, 0, IMAGES, 0, 0, 1, 1}, 12);
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = path, .test = 0.5});
    assert_int_equal(dataset->train.count, 2);
    assert_int_equal(dataset->test.count, 2);
    cln_dataset_destroy(&dataset);
    temporary_write("alone/t10k-labels-idx1-ubyte", "x", 1);
    assert_load_fails((struct cln_dataset_params){.name = path, .test = 0.5}, CLN_NOT_FOUND,
                      "no file t10k-images-idx3-ubyte");
}

static void labels_in_columns_are_read(void **state) {
    (void)state;
    uint8_t labels[12 + 4 * 8 * IMAGES] = {0, 0, 12, 2, 0, 0, 0, IMAGES, 0, 0, 0, 8};
    for (uint8_t i = 0; i < IMAGES; i++)
        for (uint8_t column = 0; column < 8; column++)
            labels[12 + 32 * i + 4 * column + 3] = column == 0 ? i : 99;
    write_set("qmnist/qmnist-%s-%s-idx%d-ubyte", "test", 0);
    temporary_write_gzip("qmnist/qmnist-train-labels-idx2-int.gz", labels, sizeof labels);
    labels[12 + 32 + 2] = 1; /* label 257 */
    temporary_write_gzip("qmnist/qmnist-test-labels-idx2-int.gz", labels, sizeof labels);
    assert_int_equal(remove(temporary_path("qmnist/qmnist-train-labels-idx1-ubyte")), 0);
    assert_int_equal(remove(temporary_path("qmnist/qmnist-test-labels-idx1-ubyte")), 0);
    struct cln_dataset *dataset = load_path("qmnist");
    assert_int_equal(dataset->train.labels[3], 3);
    assert_int_equal(dataset->class_count, 258);
    cln_dataset_destroy(&dataset);
    setenv("CLENET_DATA", temporary_path(""), 1);
    assert_load_fails((struct cln_dataset_params){.name = "qmnist"}, CLN_INVALID,
                      "qmnist-test-labels-idx2-int.gz: byte 44: test image 1 (counted from 0) has label 257");
    setenv("CLENET_DATA", "/nowhere", 1);
    setenv("XDG_CACHE_HOME", temporary_path("cache"), 1);
    setenv("HOME", temporary_path("home"), 1);
    assert_load_fails(
        (struct cln_dataset_params){.name = "qmnist", .offline = true}, CLN_NOT_FOUND,
        "not downloaded, as that is forbidden (offline); set CLENET_DATA or pass a folder with its files");
    unsetenv("CLENET_DATA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_relatives_are_known), cmocka_unit_test(emnist_is_turned_upright),
        cmocka_unit_test(several_sets_are_told_apart),  cmocka_unit_test(test_images_may_be_set_aside_instead),
        cmocka_unit_test(labels_in_columns_are_read),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
