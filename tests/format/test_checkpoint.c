/* Checkpoints: back and forth, damaged files, tensors and metadata that do not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/data/safetensors.h"
#include "src/format/checkpoint.h"
#include "tests/data/temporary.h"

static const char network_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 2, 3], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 2, "
    "\"kernel_size\": [1, 2]}, {\"type\": \"BatchNorm2d\"}, {\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, "
    "{\"type\": \"Linear\", \"out_features\": 3}]}";

static char path[512];

static int create_folder(void **state) {
    int failed = temporary_create(state);
    snprintf(path, sizeof(path), "%s", temporary_path("model.safetensors"));
    return failed;
}

/* ---- A checkpoint to write ---- */

static float parameters[1024], running[1024], mean[6], deviation[6];

static struct cln_network *parse_network(const char *text) {
    struct cln_network *network;
    if (cln_network_parse(&network, text, strlen(text), "test", NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return network;
}

static struct cln_checkpoint sample(void) {
    struct cln_checkpoint checkpoint = {.network = parse_network(network_text),
                                        .parameters = parameters,
                                        .running = running,
                                        .batches_tracked = 1234567890123,
                                        .mean = mean,
                                        .inverse_deviation = deviation};
    assert_true(checkpoint.network->parameter_floats <= 1024 && checkpoint.network->running_floats <= 1024);
    for (size_t i = 0; i < 1024; i++) {
        parameters[i] = sinf((float)i) * powf(10, (float)(i % 60) - 30);
        running[i] = 1 / (float)(i + 3);
    }
    parameters[0] = -0.0F;
    for (size_t i = 0; i < 6; i++) {
        mean[i] = 1 / (float)(i + 7);
        deviation[i] = i ? 3e7F / (float)i : 0;
    }
    return checkpoint;
}

static void write_sample(void) {
    struct cln_checkpoint checkpoint = sample();
    if (cln_checkpoint_write(path, &checkpoint) != CLN_OK)
        fail_msg("%s", cln_error_message());
    cln_network_destroy(&checkpoint.network);
}

static void assert_sample(const struct cln_checkpoint *actual) {
    struct cln_checkpoint expected = sample();
    const struct cln_network *network = expected.network;
    assert_string_equal(actual->network->name, "tiny");
    assert_int_equal(actual->network->tensor_count, network->tensor_count);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        const float *from = t->trainable ? parameters : running;
        const float *to = t->trainable ? actual->parameters : actual->running;
        assert_memory_equal(to + t->offset, from + t->offset, t->count * sizeof(float));
    }
    cln_network_destroy(&expected.network);
}

static void test_comes_back_to_the_bit(void **state) {
    (void)state;
    write_sample();
    struct cln_checkpoint *checkpoint;
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_OK);
    assert_sample(checkpoint);
    assert_int_equal(checkpoint->batches_tracked, 1234567890123);
    assert_int_equal(checkpoint->resize, 0);
    assert_memory_equal(checkpoint->mean, mean, sizeof(mean));
    assert_memory_equal(checkpoint->inverse_deviation, deviation, sizeof(deviation));
    cln_checkpoint_destroy(&checkpoint);
    assert_null(checkpoint);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_resize_comes_back(void **state) {
    (void)state;
    struct cln_checkpoint written = sample();
    cln_network_destroy(&written.network);
    written.network = parse_network("{\"input\": [1, 5, 5], \"layers\": [{\"type\": \"Flatten\"}, "
                                    "{\"type\": \"Linear\", \"out_features\": 2}]}");
    written.resize = 5;
    written.mean = written.inverse_deviation = NULL;
    assert_int_equal(cln_checkpoint_write(path, &written), CLN_OK);
    struct cln_checkpoint *checkpoint;
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_OK);
    assert_int_equal(checkpoint->resize, 5);
    assert_null(checkpoint->mean);
    assert_null(checkpoint->inverse_deviation);
    cln_checkpoint_destroy(&checkpoint);

    written.resize = 4; /* contradicts the network's input */
    assert_int_equal(cln_checkpoint_write(path, &written), CLN_OK);
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "resize"));
    cln_network_destroy(&written.network);
}

static void test_names_are_those_of_pytorch(void **state) {
    (void)state;
    write_sample();
    struct cln_safetensors *file;
    assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
    static const char *const names[] = {
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "4.weight", "4.bias"};
    assert_int_equal(file->tensor_count, sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < file->tensor_count; i++)
        assert_string_equal(file->tensors[i].name, names[i]);
    assert_int_equal(cln_safetensors_find(file, "1.num_batches_tracked")->rank, 0);
    assert_int_equal(cln_safetensors_find(file, "0.weight")->rank, 4);
    assert_null(cln_safetensors_find(file, "0.weigh"));
    assert_non_null(cln_safetensors_metadata(file, "clenet"));
    assert_non_null(strstr(cln_safetensors_metadata(file, "network"), "tiny"));
    cln_safetensors_destroy(&file);
}

/* ---- Files that lie ---- */

static void test_every_cut_of_a_file_is_refused(void **state) {
    (void)state;
    write_sample();
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    for (off_t bytes = info.st_size - 1; bytes >= 0; bytes--) {
        assert_int_equal(truncate(path, bytes), 0);
        struct cln_checkpoint *checkpoint;
        assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID);
        assert_null(checkpoint);
    }
}

/* Any byte may be wrong: it must be refused or read, never crash. Sanitizers watch. */
static void test_any_byte_may_be_wrong(void **state) {
    (void)state;
    write_sample();
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    unsigned char original[4096];
    size_t bytes = fread(original, 1, sizeof(original), stream);
    assert_true(bytes > 1000 && bytes < sizeof(original));
    size_t refused = 0;
    for (size_t i = 0; i < bytes; i++) {
        unsigned char wrong = (unsigned char)(original[i] ^ (1U << (i % 8)));
        fseek(stream, (long)i, SEEK_SET);
        fwrite(&wrong, 1, 1, stream);
        fflush(stream);
        struct cln_checkpoint *checkpoint;
        if (cln_checkpoint_read(&checkpoint, path, NULL) == CLN_OK)
            cln_checkpoint_destroy(&checkpoint);
        else
            refused++;
        assert_null(checkpoint);
        fseek(stream, (long)i, SEEK_SET);
        fwrite(&original[i], 1, 1, stream);
    }
    fclose(stream);
    assert_true(refused > 100);
}

/* ---- Checkpoints that do not fit ---- */

/* Writes the sample's tensors after `change` was made to them. */
static void write_changed(void (*change)(struct cln_safetensor *tensors, size_t *count)) {
    write_sample();
    struct cln_safetensors *file;
    assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
    struct cln_safetensor tensors[16];
    size_t count = file->tensor_count;
    memcpy(tensors, file->tensors, count * sizeof(tensors[0]));
    change(tensors, &count);
    assert_int_equal(cln_safetensors_write(path, tensors, count, file->metadata, file->metadata_count), CLN_OK);
    cln_safetensors_destroy(&file);
}

static void leave_out_bias(struct cln_safetensor *tensors, size_t *count) {
    tensors[1] = tensors[--*count];
}

static void leave_out_count(struct cln_safetensor *tensors, size_t *count) {
    tensors[6] = tensors[--*count];
}

static void add_unknown(struct cln_safetensor *tensors, size_t *count) {
    tensors[(*count)++] = (struct cln_safetensor){.name = "5.weight", .count = 1, .data = parameters};
}

static void add_foreign_count(struct cln_safetensor *tensors, size_t *count) {
    static const int64_t one = 1;
    tensors[(*count)++] = (struct cln_safetensor){"0.num_batches_tracked", CLN_I64, .count = 1, .data = &one};
}

static void make_double(struct cln_safetensor *tensors, size_t *count) {
    static const double zeros[12];
    (void)count;
    tensors[0].dtype = CLN_F64;
    tensors[0].data = zeros;
}

static void transpose(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    tensors[0].dims[2] = 2;
    tensors[0].dims[3] = 1;
}

static void flatten(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    tensors[0].rank = 1;
    tensors[0].dims[0] = tensors[0].count;
}

static void lower_rank(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    tensors[1].rank = 2;
    tensors[1].dims[1] = 1;
}

static float bad_pair[2];

static void put_nan(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    bad_pair[1] = NAN;
    tensors[2].data = bad_pair;
}

static void put_infinity(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    bad_pair[1] = -INFINITY;
    tensors[4].data = bad_pair;
}

static void put_negative_variance(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    bad_pair[1] = -1;
    tensors[5].data = bad_pair;
}

static void put_negative_count(struct cln_safetensor *tensors, size_t *count) {
    static const int64_t negative = -1;
    (void)count;
    tensors[6].data = &negative;
}

static void put_float_count(struct cln_safetensor *tensors, size_t *count) {
    (void)count;
    tensors[6].dtype = CLN_F32;
}

static void test_tensors_that_do_not_fit_are_named(void **state) {
    (void)state;
    static const struct {
        void (*change)(struct cln_safetensor *tensors, size_t *count);
        const char *messages[2];
    } cases[] = {
        {leave_out_bias, {"\"0.bias\"", "missing"}},
        {add_unknown, {"\"5.weight\"", "not one of network tiny"}},
        {add_foreign_count, {"\"0.num_batches_tracked\"", "not one of network tiny"}},
        {make_double, {"\"0.weight\"", "F64"}},
        {transpose, {"\"0.weight\"", "shape [2, 1, 2, 1], but the network needs [2, 1, 1, 2]"}},
        {flatten, {"\"0.weight\"", "shape [4]"}},
        {lower_rank, {"\"0.bias\"", "shape [2, 1]"}},
        {put_nan, {"\"1.weight\"", "value 1 is not finite"}},
        {put_infinity, {"\"1.running_mean\"", "value 1 is not finite"}},
        {put_negative_variance, {"\"1.running_var\"", "never negative"}},
        {put_negative_count, {"\"1.num_batches_tracked\"", "not a count"}},
        {put_float_count, {"\"1.num_batches_tracked\"", "not a count"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_changed(cases[i].change);
        struct cln_checkpoint *checkpoint;
        if (cln_checkpoint_read(&checkpoint, path, NULL) != CLN_INVALID || checkpoint)
            fail_msg("case %zu is not refused", i);
        for (int k = 0; k < 2; k++)
            if (!strstr(cln_error_message(), cases[i].messages[k]))
                fail_msg("message \"%s\" lacks \"%s\"", cln_error_message(), cases[i].messages[k]);
    }
    struct cln_checkpoint *checkpoint;
    write_changed(leave_out_count);
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_OK);
    assert_int_equal(checkpoint->batches_tracked, 0);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_metadata_that_does_not_fit_is_named(void **state) {
    (void)state;
    static const char six[] = "[1,2,3,4,5,6]";
    static const struct {
        struct cln_safetensors_metadata metadata[3];
        const char *message;
    } cases[] = {
        {{{"x", ""}, {"x1", ""}, {"x2", ""}}, "does not say which network"},
        {{{"network", "{}"}, {"x", ""}, {"x1", ""}}, "metadata \"network\""},
        {{{"network", network_text}, {"mean", six}, {"x", ""}}, "without the other"},
        {{{"network", network_text}, {"mean", six}, {"inverse_deviation", "[1,2,3,4,5]"}}, "list of 6 numbers"},
        {{{"network", network_text}, {"mean", six}, {"inverse_deviation", "{}"}}, "list of 6 numbers"},
        {{{"network", network_text}, {"mean", "[1,2,3,4,5,"}, {"inverse_deviation", six}}, "list of 6 numbers"},
        {{{"network", network_text}, {"mean", "[1,2,3,4,5,1e300]"}, {"inverse_deviation", six}}, "value 5"},
        {{{"network", network_text}, {"mean", "[1,2,null,4,5,6]"}, {"inverse_deviation", six}}, "value 2"},
        {{{"network", network_text}, {"resize", "2"}, {"x", ""}}, "\"resize\" is \"2\""},
        {{{"network", network_text}, {"resize", ""}, {"x", ""}}, "\"resize\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_sample();
        struct cln_safetensors *file;
        struct cln_checkpoint *checkpoint;
        assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
        assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, cases[i].metadata, 3), CLN_OK);
        cln_safetensors_destroy(&file);
        assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID);
        if (!strstr(cln_error_message(), cases[i].message))
            fail_msg("message \"%s\" lacks \"%s\"", cln_error_message(), cases[i].message);
    }
}

static void test_file_of_another_program(void **state) {
    (void)state;
    write_sample();
    struct cln_safetensors *file;
    struct cln_checkpoint *checkpoint;
    assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
    assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, NULL, 0), CLN_OK);
    cln_safetensors_destroy(&file);

    struct cln_network *network = parse_network(network_text);
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, network), CLN_OK);
    cln_network_destroy(&network); /* the checkpoint has its own */
    assert_sample(checkpoint);
    cln_checkpoint_destroy(&checkpoint);

    assert_int_equal(cln_network_load(&network, "lenet", NULL), CLN_OK);
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, network), CLN_INVALID);
    assert_null(checkpoint);
    cln_network_destroy(&network);
}

static void test_nan_is_not_written(void **state) {
    (void)state;
    write_sample();
    struct cln_checkpoint checkpoint = sample();
    parameters[checkpoint.network->tensors[1].offset] = NAN;
    assert_int_equal(cln_checkpoint_write(path, &checkpoint), CLN_NUMERIC);
    assert_non_null(strstr(cln_error_message(), "0.bias"));
    cln_network_destroy(&checkpoint.network);

    struct cln_checkpoint *old;
    assert_int_equal(cln_checkpoint_read(&old, path, NULL), CLN_OK);
    cln_checkpoint_destroy(&old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_to_the_bit),
        cmocka_unit_test(test_resize_comes_back),
        cmocka_unit_test(test_names_are_those_of_pytorch),
        cmocka_unit_test(test_every_cut_of_a_file_is_refused),
        cmocka_unit_test(test_any_byte_may_be_wrong),
        cmocka_unit_test(test_tensors_that_do_not_fit_are_named),
        cmocka_unit_test(test_metadata_that_does_not_fit_is_named),
        cmocka_unit_test(test_file_of_another_program),
        cmocka_unit_test(test_nan_is_not_written),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, create_folder, temporary_remove);
}
