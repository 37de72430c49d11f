/* CIFAR's binary files, a few records each. */
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

enum { PICTURE = 3072, RECORDS = 2 };

/* RECORDS records of one or two labels; every pixel of a record is its first label + `shade`. */
static size_t make(uint8_t *out, size_t label_bytes, uint8_t first, uint8_t second, uint8_t shade) {
    for (size_t i = 0; i < RECORDS; i++) {
        uint8_t *record = out + i * (label_bytes + PICTURE);
        record[0] = (uint8_t)(first + i);
        record[label_bytes - 1] = label_bytes == 2 ? (uint8_t)(second + i) : record[0];
        memset(record + label_bytes, (int)(first + i) + shade, PICTURE);
    }
    return RECORDS * (label_bytes + PICTURE);
}

static void write_cifar10(const char *folder) {
    static uint8_t bytes[RECORDS * (PICTURE + 2)];
    char name[64];
    for (uint8_t i = 0; i <= 5; i++) {
        snprintf(name, sizeof name, i < 5 ? "%s/data_batch_%d.bin" : "%s/test_batch.bin", folder, i + 1);
        temporary_write(name, bytes, make(bytes, 1, i, 0, 100));
    }
    snprintf(name, sizeof name, "%s/batches.meta.txt", folder);
    temporary_write(name, "c0\nc1\nc2\nc3\nc4\nc5\nc6\nc7\nc8\nc9\n\n", 31);
}

static const char *names_of(size_t count) {
    static char text[1024];
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "n%zu\r\n", i);
    return text;
}

static void write_cifar100(const char *folder) {
    static uint8_t bytes[RECORDS * (PICTURE + 2)];
    char name[64];
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s.bin", folder, i == 0 ? "train" : "test");
        temporary_write(name, bytes, make(bytes, 2, 18, 98, 0));
        snprintf(name, sizeof name, "%s/%s_label_names.txt", folder, i == 0 ? "fine" : "coarse");
        temporary_write(name, names_of(i == 0 ? 100 : 20), strlen(names_of(i == 0 ? 100 : 20)));
    }
}

static void cifar10_is_read(void **state) {
    (void)state;
    write_cifar10("here");
    write_cifar10("above/cifar-10-batches-bin");
    static const char *const paths[] = {"here", "above", "above/cifar-10-batches-bin", "here/data_batch_1.bin"};
    for (size_t i = 0; i < 4; i++) {
        struct cln_dataset *dataset = load((struct cln_dataset_params){.name = temporary_path(paths[i])});
        assert_int_equal(dataset->train.count, 10);
        assert_int_equal(dataset->test.count, 2);
        assert_int_equal(dataset->train.shape.channels, 3);
        assert_int_equal(dataset->train.shape.width, 32);
        assert_int_equal(dataset->train.labels[9], 5);
        assert_int_equal(bytes_of(&dataset->train)[10 * PICTURE - 1], 105);
        assert_int_equal(bytes_of(&dataset->train)[8 * PICTURE], 104);
        assert_int_equal(dataset->class_count, 10);
        assert_string_equal(dataset->class_names[9], "c9");
        cln_dataset_destroy(&dataset);
    }
    setenv("CLENET_DATA", temporary_path("above"), 1);
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "cifar10", .offline = true});
    assert_string_equal(dataset->class_names[0], "c0");
    cln_dataset_destroy(&dataset);
    unsetenv("CLENET_DATA");
}

static void cifar100_has_two_kinds_of_labels(void **state) {
    (void)state;
    static const struct {
        const char *label;
        int classes, second;
    } cases[] = {{NULL, 100, 99}, {"fine", 100, 99}, {"coarse", 20, 19}};
    write_cifar100("hundred");
    for (size_t i = 0; i < 3; i++) {
        struct cln_dataset *dataset =
            load((struct cln_dataset_params){.name = temporary_path("hundred"), .label = cases[i].label});
        assert_int_equal(dataset->class_count, cases[i].classes);
        assert_int_equal(dataset->train.labels[1], cases[i].second);
        assert_int_equal(bytes_of(&dataset->train)[PICTURE], 19);
        assert_string_equal(dataset->class_names[1], "n1");
        cln_dataset_destroy(&dataset);
    }
}

static void damage_is_named(void **state) {
    (void)state;
    static uint8_t bytes[RECORDS * (PICTURE + 2)];
    struct cln_dataset_params params = {.name = NULL};
    write_cifar10("odd");
    write_cifar100("odd100");
    char folder[256];
    snprintf(folder, sizeof folder, "%s", temporary_path("odd"));
    params.name = temporary_path("odd100");
    params.label = "rough";
    assert_load_fails(params, CLN_INVALID, "odd100: --label rough: CIFAR-100 has fine and coarse");
    params.name = folder;
    params.asked = CLN_ASKED_LABEL;
    assert_load_fails(params, CLN_INVALID, "odd: --label has no effect: this data set has no choice of labels");
    params.asked = 0;
    params.label = NULL;
    size_t size = make(bytes, 1, 9, 0, 0);
    temporary_write("odd/data_batch_3.bin", bytes, size);
    assert_load_fails(
        params, CLN_INVALID,
        "data_batch_3.bin: byte 3073: training image 5 (counted from 0) has label 10, but data set odd has "
        "10 classes");
    temporary_write("odd/data_batch_3.bin", bytes, size - 1);
    assert_load_fails(params, CLN_INVALID, "data_batch_3.bin: byte 6145: truncated, 6146 bytes were expected");
    temporary_write("odd/data_batch_3.bin", bytes, 0);
    assert_load_fails(params, CLN_INVALID, "data_batch_3.bin: byte 0: the file is empty");
    temporary_write("odd/data_batch_3.bin", bytes, PICTURE + 1);
    temporary_write("odd/batches.meta.txt", "one\ntwo\n", 8);
    assert_load_fails(params, CLN_INVALID, "batches.meta.txt: 2 names for 10 classes");
    assert_int_equal(remove(temporary_path("odd/test_batch.bin")), 0);
    write_cifar10("odd");
    assert_int_equal(remove(temporary_path("odd/test_batch.bin")), 0);
    assert_load_fails(params, CLN_NOT_FOUND, "odd: no file test_batch.bin");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cifar10_is_read),
        cmocka_unit_test(cifar100_has_two_kinds_of_labels),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
