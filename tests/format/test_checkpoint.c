/* Checkpoints: back and forth, damaged files, and tensors that do not fit. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/format/support.h"

static void test_comes_back_to_the_bit(void **state) {
    (void)state;
    write_sample();
    struct cln_checkpoint *checkpoint;
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
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
    assert_ok(cln_checkpoint_write(path, &written));
    struct cln_checkpoint *checkpoint;
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    assert_int_equal(checkpoint->resize, 5);
    assert_null(checkpoint->mean);
    assert_null(checkpoint->inverse_deviation);
    cln_checkpoint_destroy(&checkpoint);

    written.resize = 4; /* contradicts the network's input */
    assert_ok(cln_checkpoint_write(path, &written));
    assert_fails(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID, "resize");
    cln_network_destroy(&written.network);
}

static void test_names_are_those_of_pytorch(void **state) {
    (void)state;
    write_sample();
    struct cln_safetensors *file;
    assert_ok(cln_safetensors_read(&file, path));
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
    assert_ok(cln_safetensors_read(&file, path));
    struct cln_safetensor tensors[16];
    size_t count = file->tensor_count;
    memcpy(tensors, file->tensors, count * sizeof(tensors[0]));
    change(tensors, &count);
    assert_ok(cln_safetensors_write(path, tensors, count, file->metadata, file->metadata_count));
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

static void make_bytes(struct cln_safetensor *tensors, size_t *count) {
    static const unsigned char zeros[12];
    (void)count;
    tensors[0].dtype = CLN_U8;
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

static void spoil_three(struct cln_safetensor *tensors, size_t *count) {
    transpose(tensors, count);
    leave_out_bias(tensors, count);
    add_unknown(tensors, count);
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
        {make_bytes, {"\"0.weight\"", "U8, not F32, F64, F16 or BF16"}},
        {spoil_three,
         {"3 tensors do not fit network tiny:\n  tensor \"0.weight\" has shape", "\n  tensor \"5.weight\" is not"}},
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
            assert_message(cases[i].messages[k]);
    }
    struct cln_checkpoint *checkpoint;
    write_changed(leave_out_count);
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    assert_int_equal(checkpoint->batches_tracked, 0);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_file_of_another_program(void **state) {
    (void)state;
    write_sample();
    struct cln_safetensors *file;
    struct cln_checkpoint *checkpoint;
    assert_ok(cln_safetensors_read(&file, path));
    assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, NULL, 0));
    cln_safetensors_destroy(&file);

    struct cln_network *network = parse_network(network_text);
    assert_ok(cln_checkpoint_read(&checkpoint, path, network));
    cln_network_destroy(&network); /* the checkpoint has its own */
    assert_sample(checkpoint);
    cln_checkpoint_destroy(&checkpoint);

    assert_ok(cln_network_load(&network, "lenet", NULL));
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, network), CLN_INVALID);
    assert_null(checkpoint);
    cln_network_destroy(&network);
}

/* What a module that holds the network, or one for several devices, puts before its names. */
static void test_names_with_a_common_beginning(void **state) {
    (void)state;
    struct cln_network *network = parse_network(network_text);
    for (int k = 0; k < 2; k++) {
        write_sample();
        struct cln_safetensors *file;
        struct cln_checkpoint *checkpoint;
        assert_ok(cln_safetensors_read(&file, path));
        char names[16][64];
        for (size_t i = 0; i < file->tensor_count; i++) {
            snprintf(names[i], sizeof(names[i]), "%snet.%s", k && i == 3 ? "a" : "", file->tensors[i].name);
            file->tensors[i].name = names[i];
        }
        assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, NULL, 0));
        cln_safetensors_destroy(&file);
        if (k == 0) {
            assert_ok(cln_checkpoint_read(&checkpoint, path, network));
            assert_sample(checkpoint);
            cln_checkpoint_destroy(&checkpoint);
        } else {
            assert_fails(cln_checkpoint_read(&checkpoint, path, network), CLN_INVALID, "\"0.weight\" is missing");
        }
    }
    cln_network_destroy(&network);
}

static void make_half(struct cln_safetensor *tensors, size_t *count) {
    static const uint16_t half[4] = {0x3c00, 0xc100, 0x0001, 0x7bff}, brain[2] = {0x3f80, 0xc049};
    static const double wide[2] = {1e-300, 1.0 / 3};
    (void)count;
    tensors[0].dtype = CLN_F16;
    tensors[0].data = half;
    tensors[1].dtype = CLN_BF16;
    tensors[1].data = brain;
    tensors[2].dtype = CLN_F64;
    tensors[2].data = wide;
}

static void test_other_widths_become_float32(void **state) {
    (void)state;
    write_changed(make_half);
    struct cln_checkpoint *checkpoint;
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    static const float half[] = {1, -2.5F, 0x1p-24F, 65504}, brain[] = {1, -3.140625F}, wide[] = {0, 1.0F / 3};
    const struct cln_tensor_info *t = checkpoint->network->tensors;
    assert_memory_equal(checkpoint->parameters + t[0].offset, half, sizeof(half));
    assert_memory_equal(checkpoint->parameters + t[1].offset, brain, sizeof(brain));
    assert_memory_equal(checkpoint->parameters + t[2].offset, wide, sizeof(wide));
    cln_checkpoint_destroy(&checkpoint);
}

static void test_nan_is_not_written(void **state) {
    (void)state;
    write_sample();
    struct cln_checkpoint checkpoint = sample();
    parameters[checkpoint.network->tensors[1].offset] = NAN;
    assert_fails(cln_checkpoint_write(path, &checkpoint), CLN_NUMERIC, "0.bias");
    cln_network_destroy(&checkpoint.network);

    struct cln_checkpoint *old;
    assert_ok(cln_checkpoint_read(&old, path, NULL));
    cln_checkpoint_destroy(&old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_to_the_bit),       cmocka_unit_test(test_resize_comes_back),
        cmocka_unit_test(test_names_are_those_of_pytorch),  cmocka_unit_test(test_every_cut_of_a_file_is_refused),
        cmocka_unit_test(test_any_byte_may_be_wrong),       cmocka_unit_test(test_tensors_that_do_not_fit_are_named),
        cmocka_unit_test(test_file_of_another_program),     cmocka_unit_test(test_names_with_a_common_beginning),
        cmocka_unit_test(test_other_widths_become_float32), cmocka_unit_test(test_nan_is_not_written),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, create_folder, temporary_remove);
}
