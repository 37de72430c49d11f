/* Data sets from a program's own arrays. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clenet/dataset.h"

enum { COUNT = 3, PIXELS = 4 };
static const float floats[COUNT * PIXELS] = {0, -1, 2.5F, 1e30F, 4, 5, 6, 7, 8, 9, 10, 11};
static const int32_t labels[COUNT] = {0, 300, 1};

static struct cln_dataset_arrays sample(void) {
    return (struct cln_dataset_arrays){
        .shape = {1, 2, 2}, .type = CLN_PIXEL_F32, .train = {floats, labels, COUNT}, .test = {floats, labels, 1}};
}

static void arrays_are_copied(void **state) {
    (void)state;
    struct cln_dataset_arrays arrays = sample();
    struct cln_dataset *data;
    char first[] = "first";
    const char *names[301] = {first};
    for (int i = 1; i < 301; i++)
        names[i] = "x";
    arrays.class_names = names;
    assert_int_equal(cln_dataset_create(&data, &arrays), CLN_OK);
    first[0] = 'F';
    assert_string_equal(data->name, "arrays");
    assert_int_equal(data->class_count, 301);
    assert_string_equal(data->class_names[0], "first");
    assert_int_equal(data->train.type, CLN_PIXEL_F32);
    assert_ptr_not_equal(data->train.pixels, floats);
    assert_memory_equal(data->train.pixels, floats, sizeof floats);
    assert_int_equal(data->train.labels[1], 300);
    assert_int_equal(data->test.count, 1);
    assert_int_equal(cln_dataset_wait(data), CLN_OK);
    cln_dataset_measure_digest(data);
    char digest[65];
    memcpy(digest, data->digest, sizeof digest);
    cln_dataset_destroy(&data);

    int32_t others[COUNT] = {0, 300 - 256, 1}; /* the same lowest bytes are another digest */
    arrays.train.labels = others;
    arrays.class_count = 301;
    assert_int_equal(cln_dataset_create(&data, &arrays), CLN_OK);
    cln_dataset_measure_digest(data);
    assert_string_not_equal(data->digest, digest);
    cln_dataset_destroy(&data);
}

static void assert_refused(const struct cln_dataset_arrays *arrays, const char *word) {
    struct cln_dataset *data;
    assert_int_equal(cln_dataset_create(&data, arrays), CLN_INVALID);
    assert_null(data);
    if (!strstr(cln_error_message(), word))
        fail_msg("no \"%s\" in: %s", word, cln_error_message());
}

static void wrong_arrays_are_refused(void **state) {
    (void)state;
    struct cln_dataset_arrays arrays = sample();
    arrays.train.count = 0;
    assert_refused(&arrays, "none for training");
    arrays = sample();
    arrays.train.labels = NULL;
    assert_refused(&arrays, "3 training images without labels");
    arrays = sample();
    arrays.test.pixels = NULL;
    assert_refused(&arrays, "1 test images without pixels");
    arrays = sample();
    arrays.shape.width = 0;
    assert_refused(&arrays, "a shape of 1 x 2 x 0");
    arrays = sample();
    arrays.type = CLN_PIXEL_TYPE_COUNT;
    assert_refused(&arrays, "unknown type of pixels 3");
    arrays = sample();
    arrays.class_count = 300;
    assert_refused(&arrays, "training image 1 (counted from 0) has label 300");
    int32_t others[COUNT] = {0, -1, 1};
    arrays = sample();
    arrays.train.labels = others;
    assert_refused(&arrays, "training image 1 (counted from 0) has label -1");
    others[1] = INT32_MAX;
    assert_refused(&arrays, "has label 2147483647");
    float bad[COUNT * PIXELS] = {0};
    bad[6] = NAN;
    arrays = sample();
    arrays.train.pixels = bad;
    assert_refused(&arrays, "training image 1 (counted from 0): pixel 2 is nan");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_copied),
        cmocka_unit_test(wrong_arrays_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
