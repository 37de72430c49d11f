/* Prepared data sets: what comes back, what is mapped, and which files are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/safetensors.h"
#include "src/data/images.h"
#include "tests/assert.h"
#include "tests/temporary.h"

enum { TRAIN = 6, TEST = 2, CLASSES = 3, EACH = 2 * 3 * 5 };
static const struct cln_shape shape = {2, 3, 5};
static const char *const names[CLASSES] = {"T-shirt/top", "\"ä\"\n", ""};
static const int32_t labels[TRAIN] = {0, 2, 1, 1, 0, 2};
static char path[512];

static int create_folder(void **state) {
    const int failed = temporary_create(state);
    snprintf(path, sizeof path, "%s", temporary_path("set.safetensors"));
    return failed;
}

/* Pixels of any type: 0, 7, 14, … below 251. */
static const void *pixels_of(enum cln_pixel_type type) {
    static uint8_t bytes[TRAIN * EACH];
    static uint16_t words[TRAIN * EACH];
    static float floats[TRAIN * EACH];
    for (int i = 0; i < TRAIN * EACH; i++) {
        bytes[i] = (uint8_t)(7 * i % 251);
        words[i] = (uint16_t)(251 * bytes[i]);
        floats[i] = (float)bytes[i] / 3 - 1;
    }
    return type == CLN_PIXEL_U8 ? (void *)bytes : type == CLN_PIXEL_U16 ? (void *)words : floats;
}

static struct cln_dataset *create(enum cln_pixel_type type, size_t test, bool has_names) {
    struct cln_dataset *data;
    assert_ok(cln_dataset_create(&data, &(struct cln_dataset_arrays){.name = "mine",
                                                                     .shape = shape,
                                                                     .type = type,
                                                                     .class_count = CLASSES + 1 - has_names,
                                                                     .class_names = has_names ? names : NULL,
                                                                     .train = {pixels_of(type), labels, TRAIN},
                                                                     .test = {pixels_of(type), labels, test}}));
    return data;
}

static struct cln_dataset *load(void) {
    struct cln_dataset *data;
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = path}));
    return data;
}

static void write_set(enum cln_pixel_type type, size_t test, bool has_names) {
    struct cln_dataset *data = create(type, test, has_names);
    assert_ok(cln_dataset_write(data, path, NULL));
    cln_dataset_destroy(&data);
}

static void assert_same(const struct cln_images *a, const struct cln_images *b) {
    assert_int_equal(a->count, b->count);
    if (a->count == 0)
        return;
    assert_memory_equal(&a->shape, &b->shape, sizeof a->shape);
    assert_int_equal(a->type, b->type);
    assert_memory_equal(a->pixels, b->pixels, a->count * cln_images_bytes(a));
    assert_memory_equal(a->labels, b->labels, a->count * sizeof *a->labels);
}

static void a_set_comes_back(void **state) {
    (void)state;
    for (int type = 0; type < CLN_PIXEL_TYPE_COUNT; type++)
        for (int has_names = 0; has_names < 2; has_names++)
            for (size_t test = 0; test <= TEST; test += TEST) {
                struct cln_dataset *made = create((enum cln_pixel_type)type, test, has_names);
                made->fit = CLN_FIT_PAD;
                made->ground = CLN_GROUND(1, 2, 3);
                assert_ok(cln_dataset_write(made, path, "{}"));
                struct cln_dataset *data = load();
                assert_string_equal(data->name, "mine");
                assert_int_equal(data->class_count, made->class_count);
                assert_int_equal(data->fit, CLN_FIT_PAD);
                assert_int_equal(data->ground, CLN_GROUND(1, 2, 3));
                for (int k = 0; k < CLASSES && has_names; k++)
                    assert_string_equal(data->class_names[k], names[k]);
                assert_true(has_names || !data->class_names);
                assert_same(&data->train, &made->train);
                assert_same(&data->test, &made->test);
                assert_string_equal(data->digest, made->digest); /* without a look at the pixels */
                data->digest[0] = '\0';
                cln_dataset_measure_digest(data);
                assert_string_equal(data->digest, made->digest);
                cln_dataset_destroy(&data);
                cln_dataset_destroy(&made);
            }
    assert_int_equal(temporary_count(""), 1); /* nothing is left aside */
}

/* What a program changes in memory does not reach the file; and pixels can be given back. */
static void pixels_are_mapped_privately(void **state) {
    (void)state;
    write_set(CLN_PIXEL_U8, TEST, true);
    struct cln_dataset *data = load();
    memset(data->train.pixels, 99, TRAIN * EACH);
    cln_images_keep(&data->train, 2);
    assert_int_equal(((uint8_t *)data->train.pixels)[EACH], 99);
    cln_dataset_release_pixels(data);
    assert_null(data->train.pixels);
    cln_dataset_destroy(&data);
    data = load();
    assert_memory_equal(data->train.pixels, pixels_of(CLN_PIXEL_U8), TRAIN * EACH);
    cln_dataset_destroy(&data);
    struct cln_dataset *opened; /* never waited for */
    assert_ok(cln_dataset_open(&opened, &(struct cln_dataset_params){.name = path}));
    assert_int_equal(opened->train.count, TRAIN);
    cln_dataset_destroy(&opened);
}

/* Pages behind the last image that is kept go, those before it stay as they are. */
static void mapped_pixels_are_given_back_in_pages(void **state) {
    (void)state;
    enum { COUNT = 400, SIDE = 50, BYTES = SIDE * SIDE };
    static uint8_t pixels[COUNT * BYTES];
    static const int32_t zeros[COUNT];
    struct cln_dataset *data;
    for (int i = 0; i < COUNT * BYTES; i++)
        pixels[i] = (uint8_t)(i % 253);
    assert_ok(cln_dataset_create(
        &data, &(struct cln_dataset_arrays){.shape = {1, SIDE, SIDE}, .train = {pixels, zeros, COUNT}}));
    assert_ok(cln_dataset_write(data, path, NULL));
    cln_dataset_destroy(&data);
    data = load();
    uint8_t *mapped = data->train.pixels;
    memset(mapped, 1, COUNT * BYTES); /* copies of the file's pages */
    for (size_t left = COUNT; left > 0; left -= 50) {
        cln_images_keep(&data->train, left);
        for (size_t i = 0; i < left * BYTES; i++)
            assert_int_equal(mapped[i], 1);
    }
    assert_memory_equal(mapped + (COUNT - 10) * BYTES, pixels + (COUNT - 10) * BYTES,
                        10 * BYTES); /* the file's again */
    cln_dataset_destroy(&data);
}

/* The kept digest is that of all training images, not of those that are left. */
static void test_images_are_set_aside(void **state) {
    (void)state;
    struct cln_dataset *data, *whole;
    const struct cln_dataset_params params = {.name = path, .test = 0.5};
    write_set(CLN_PIXEL_F32, 0, true);
    whole = load();
    assert_ok(cln_dataset_load(&data, &params));
    assert_int_equal(data->train.count, 3);
    assert_int_equal(data->test.count, 3);
    assert_string_equal(data->digest, "");
    cln_dataset_measure_digest(data);
    assert_string_not_equal(data->digest, whole->digest);
    assert_ok(cln_dataset_write(data, path, NULL));
    struct cln_dataset *again = load();
    assert_same(&again->train, &data->train);
    assert_same(&again->test, &data->test);
    cln_dataset_destroy(&again);
    cln_dataset_destroy(&data);
    cln_dataset_destroy(&whole);
    write_set(CLN_PIXEL_F32, TEST, true);
    assert_int_equal(cln_dataset_load(&data, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "test images of its own"));
}

/* ---- Files of other programs ---- */

/* A file with this half for training and these strings; each array has room for CLN_SAFETENSOR_RANK_MAX tensors. */
static void write_tensors(const struct cln_safetensor *tensors, size_t count,
                          const struct cln_safetensors_metadata *metadata) {
    assert_ok(cln_safetensors_write(path, tensors, count, metadata, metadata ? 1 : 0));
}

static void assert_refused(const char *word) {
    struct cln_dataset *data;
    const enum cln_status status = cln_dataset_load(&data, &(struct cln_dataset_params){.name = path});
    assert_null(data);
    if (status != CLN_INVALID || !strstr(cln_error_message(), word) || !strstr(cln_error_message(), path))
        fail_msg("%s and no \"%s\" in: %s", cln_status_name(status), word, cln_error_message());
}

static const int32_t narrow[] = {1, 0};
static const int64_t wide[] = {1, 0}, huge[] = {1, (int64_t)1 << 32}, odd[] = {1, 4096}, negative[] = {-1, 0};
static const uint8_t octets[2 * 4], bytes_of_labels[] = {1, 0};
static const float usual[2 * 4] = {-1, 2e30F}, infinite[2 * 4] = {[5] = INFINITY};
#define IMAGES(kind, numbers, ...)                                                                                     \
    { "train.images", kind, 4, {2, __VA_ARGS__}, sizeof(numbers) / sizeof *(numbers), numbers }
#define LABELS(kind, numbers)                                                                                          \
    { "train.labels", kind, 1, {2}, 2, numbers }
#define GOOD IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_I64, wide)

static void files_with_the_tensors_alone_are_read(void **state) {
    (void)state;
    static const struct cln_safetensor files[][2] = {
        {IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_I64, wide)},
        {IMAGES(CLN_F32, usual, 4, 1, 1), LABELS(CLN_I32, narrow)},
        {IMAGES(CLN_U8, octets, 2, 1, 2), LABELS(CLN_U8, bytes_of_labels)},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        write_tensors(files[i], 2, NULL);
        struct cln_dataset *data = load();
        assert_string_equal(data->name, "set.safetensors");
        assert_int_equal(data->class_count, 2);
        assert_null(data->class_names);
        assert_int_equal(data->train.labels[0], 1);
        assert_int_equal(data->test.count, 0);
        assert_int_equal(cln_shape_count(data->train.shape), 4);
        assert_string_equal(data->digest, "");
        assert_memory_equal(data->train.pixels, files[i][0].data, 2 * cln_images_bytes(&data->train));
        cln_dataset_destroy(&data);
    }
}

static void other_files_are_refused(void **state) {
    (void)state;
    static const struct {
        struct cln_safetensor tensors[4];
        const char *word;
        struct cln_safetensors_metadata metadata;
    } cases[] = {
        {{IMAGES(CLN_U8, octets, 1, 2, 2)}, "no tensor \"train.labels\""},
        {{LABELS(CLN_I64, wide)}, "no tensor \"train.images\""},
        {{GOOD, {"test.labels", CLN_I64, 1, {2}, 2, wide}}, "no tensor \"test.images\""},
        {{GOOD, {"test.images", CLN_U8, 4, {1, 1, 2, 2}, 4, octets}}, "no tensor \"test.labels\""},
        {{GOOD, {"test.images", CLN_U8, 4, {2, 1, 1, 2}, 4, octets}, {"test.labels", CLN_I64, 1, {2}, 2, wide}},
         "\"test.images\": images of 1 x 2, but those for training have 2 x 2"},
        {{IMAGES(CLN_I64, wide, 1, 1, 1), LABELS(CLN_I64, wide)}, "type I64: pixels are U8, U16 or F32"},
        {{{"train.images", CLN_U8, 3, {2, 2, 2}, 8, octets}, LABELS(CLN_I64, wide)}, "3 dimensions instead of 4"},
        {{{"train.images", CLN_U8, 4, {2, 0, 2, 2}, 0, octets}, LABELS(CLN_I64, wide)}, "dimension 1 is 0"},
        {{{"train.images", CLN_U8, 4, {0, 1, 2, 2}, 0, octets}, {"train.labels", CLN_I64, 1, {0}, 0, wide}},
         "has no image"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), {"train.labels", CLN_I64, 1, {1}, 1, wide}},
         "1 dimensions and 1 labels: 2 images need one label each"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), {"train.labels", CLN_I64, 2, {2, 1}, 2, wide}}, "2 dimensions"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_F32, usual)}, "type F32: labels are I64, I32 or U8"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_I64, huge)}, "image 1 (counted from 0) has label 4294967296"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_I64, odd)}, "training image 1 (counted from 0) has label 4096"},
        {{IMAGES(CLN_U8, octets, 1, 2, 2), LABELS(CLN_I64, negative)},
         "training image 0 (counted from 0) has label -1"},
        {{GOOD}, "training image 0 (counted from 0) has label 1, but data set", {"classes", "1"}},
        {{GOOD}, "has 1 classes", {"classes", "[\"a\"]"}},
        {{GOOD}, "\"classes\" is no list of names and no number", {"classes", "[]"}},
        {{GOOD}, "\"classes\" is no list of names and no number", {"classes", "4097"}},
        {{GOOD}, "name 1 is not a string", {"classes", "[\"a\",2]"}},
        {{GOOD}, "metadata \"classes\": ", {"classes", "[\"a\""}},
        {{GOOD}, "no SHA-256", {"digest", "00"}},
        {{GOOD}, "metadata \"fit\": 'tight' is unknown", {"fit", "tight"}},
        {{GOOD}, "metadata \"ground\": 'blue' is unknown", {"ground", "blue"}},
        {{IMAGES(CLN_F32, infinite, 1, 2, 2), LABELS(CLN_I64, wide)},
         "\"train.images\": image 1 (counted from 0): pixel 1 is inf"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        while (count < 4 && cases[i].tensors[count].name)
            count++;
        write_tensors(cases[i].tensors, count, cases[i].metadata.key ? &cases[i].metadata : NULL);
        assert_refused(cases[i].word);
    }
}

/* With a digest the numbers were looked at when the file was written. */
static void a_digest_vouches_for_the_pixels(void **state) {
    (void)state;
    static const struct cln_safetensor tensors[] = {IMAGES(CLN_F32, infinite, 1, 2, 2), LABELS(CLN_I64, wide)};
    const struct cln_safetensors_metadata metadata = {
        "digest", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};
    write_tensors(tensors, 2, &metadata);
    struct cln_dataset *data = load();
    assert_string_equal(data->digest, metadata.value);
    assert_int_equal(cln_dataset_write(data, temporary_path("other"), NULL), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "training image 1 (counted from 0): pixel 1 is inf"));
    cln_dataset_destroy(&data);
}

static void damaged_files_are_refused(void **state) {
    (void)state;
    static uint8_t bytes[4096];
    write_set(CLN_PIXEL_U8, TEST, true);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(size < sizeof bytes);
    const size_t header = 8 + bytes[0] + 256U * bytes[1];
    for (size_t left = header; left < size; left += 5) {
        temporary_write("set.safetensors", bytes, left);
        assert_refused(left == header ? "outside of the file's 0 bytes" : "outside of the file's");
    }
    temporary_write("set.safetensors", bytes, header - 1);
    assert_refused("does not fit into");
    temporary_write("set.safetensors", bytes, size + 1);
    assert_refused("the last 1 bytes belong to no tensor");
    /* Numbers of two bytes at an odd place. */
    static const char text[] = "{\"train.images\":{\"dtype\":\"U16\",\"shape\":[1,1,1,1],\"data_offsets\":[1,3]},"
                               "\"train.labels\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    memset(bytes, 0, sizeof bytes);
    bytes[0] = (uint8_t)strlen(text);
    memcpy(bytes + 8, text, strlen(text));
    temporary_write("set.safetensors", bytes, 8 + strlen(text) + 3);
    assert_refused(strlen(text) % 2 == 0 ? "no multiple of its numbers' 2 bytes" : "");
}

static void files_are_recognised(void **state) {
    (void)state;
    static const char model[] = "\x02\0\0\0\0\0\0\0{}";
    static const struct {
        const char *bytes;
        size_t size;
        enum cln_found found;
    } cases[] = {
        {model, sizeof model - 1, CLN_FOUND_SOME},
        {"", 0, CLN_FOUND_NONE},
        {model, 8, CLN_FOUND_NONE},
        {"{\"train.images\": 1}", 19, CLN_FOUND_NONE},
        {"\x40\0\0\0\0\0\0\0 \"train.images\"", 23, CLN_FOUND_NONE},
        {"\x40\0\0\0\0\0\0\0{\"train.images\"", 23, CLN_FOUND_ALL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        temporary_write("set.safetensors", cases[i].bytes, cases[i].size);
        assert_int_equal(cln_prepared_format.probe(path), cases[i].found);
    }
    assert_int_equal(cln_prepared_format.probe(temporary_path("")), CLN_FOUND_NONE);
    assert_int_equal(cln_prepared_format.probe(temporary_path("none")), CLN_FOUND_NONE);
    temporary_write("set.safetensors", model, sizeof model - 1);
    assert_refused("no tensor \"train.images\"");
}

static void writing_that_fails_is_told(void **state) {
    (void)state;
    struct cln_dataset *data = create(CLN_PIXEL_U8, TEST, true);
    assert_int_equal(cln_dataset_write(data, temporary_path(""), NULL), CLN_INVALID);
    assert_int_equal(cln_dataset_write(data, temporary_path("none/set"), NULL), CLN_IO);
    cln_dataset_release_pixels(data);
    assert_int_equal(cln_dataset_write(data, path, NULL), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "not in memory"));
    cln_dataset_destroy(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_comes_back),
        cmocka_unit_test(pixels_are_mapped_privately),
        cmocka_unit_test(mapped_pixels_are_given_back_in_pages),
        cmocka_unit_test(test_images_are_set_aside),
        cmocka_unit_test(files_with_the_tensors_alone_are_read),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(a_digest_vouches_for_the_pixels),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(files_are_recognised),
        cmocka_unit_test(writing_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, create_folder, temporary_remove);
}
