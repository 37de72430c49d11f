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

#include "clenet/checkpoint.h"
#include "clenet/log.h"
#include "src/format/safetensors.h"
#include "tests/temporary.h"

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

/* ---- Training points ---- */

static float first_moments[1024], second_moments[1024];

static struct cln_training_point sample_point(void) {
    for (size_t i = 0; i < 1024; i++) {
        first_moments[i] = cosf((float)i);
        second_moments[i] = first_moments[i] * first_moments[i];
    }
    return (struct cln_training_point){
        .optimizer = {CLN_ADAM, 0.1 + 0.2, 0.9, 0.999, 1e-8, 0, 1e-4},
        .batch_size = 33,
        .seed = UINT64_MAX,
        .data = "fashion-mnist",
        .digest = "00aa",
        .samples = 1000,
        .epochs = 3,
        .steps = 130,
        .position = 99,
        .batches = 3,
        .hits = 17,
        .loss_sum = 1.0F / 3,
        .loss_carry = -1e-9F,
        .shuffle = {UINT64_MAX - 1, 3},
        .init = {5, UINT64_MAX},
        .best_accuracy = 2.0 / 3,
        .moments = {first_moments, second_moments},
    };
}

static void write_point(const struct cln_training_point *point) {
    struct cln_checkpoint checkpoint = sample();
    static char texts[3][16] = {"T-shirt/top", "\"quoted\"", "Жук"};
    char *names[] = {texts[0], texts[1], texts[2]};
    checkpoint.training = (struct cln_training_point *)point;
    checkpoint.class_names = names;
    checkpoint.image = (struct cln_shape){1, 2, 3};
    if (cln_checkpoint_write(path, &checkpoint) != CLN_OK)
        fail_msg("%s", cln_error_message());
    cln_network_destroy(&checkpoint.network);
}

static void test_a_training_point_comes_back_to_the_bit(void **state) {
    (void)state;
    struct cln_training_point written = sample_point();
    write_point(&written);
    struct cln_checkpoint *checkpoint;
    if (cln_checkpoint_read(&checkpoint, path, NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    assert_sample(checkpoint);
    assert_string_equal(checkpoint->class_names[1], "\"quoted\"");
    assert_string_equal(checkpoint->class_names[2], "Жук");
    assert_int_equal(checkpoint->image.width, 3);
    const struct cln_network *network = checkpoint->network;
    struct cln_training_point *read = checkpoint->training;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++) {
        if (!t->trainable)
            continue;
        assert_memory_equal(read->moments[0] + t->offset, first_moments + t->offset, t->count * sizeof(float));
        assert_memory_equal(read->moments[1] + t->offset, second_moments + t->offset, t->count * sizeof(float));
    }
    /* All else at once: the file of what was read is the file it was read from. */
    char again[520];
    snprintf(again, sizeof(again), "%s.again", path);
    assert_int_equal(cln_checkpoint_write(again, checkpoint), CLN_OK);
    static unsigned char files[2][1 << 15];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        FILE *stream = fopen(i ? again : path, "rb");
        assert_non_null(stream);
        bytes[i] = fread(files[i], 1, sizeof(files[i]), stream);
        fclose(stream);
    }
    assert_true(bytes[0] > 2000 && bytes[0] < sizeof(files[0]));
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(files[0], files[1], bytes[0]);
    assert_true(read->seed == UINT64_MAX && read->loss_carry == -1e-9F && read->optimizer.lr == 0.1 + 0.2);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_optimizers_have_the_moments_they_need(void **state) {
    (void)state;
    static const struct {
        enum cln_optimizer_kind kind;
        double momentum;
        int moments;
        const char *name;
    } cases[] = {{CLN_SGD, 0, 0, NULL},
                 {CLN_SGD, 0.9, 1, "optimizer.momentum_buffer.4.bias"},
                 {CLN_ADAM, 0, 2, "optimizer.exp_avg_sq.0.weight"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_training_point point = sample_point();
        point.optimizer.kind = cases[i].kind;
        point.optimizer.momentum = cases[i].momentum;
        point.moments[0] = cases[i].moments > 0 ? first_moments : NULL;
        point.moments[1] = cases[i].moments > 1 ? second_moments : NULL;
        write_point(&point);
        struct cln_safetensors *file;
        assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
        assert_int_equal(file->tensor_count, 9 + 6 * cases[i].moments);
        if (cases[i].name)
            assert_non_null(cln_safetensors_find(file, cases[i].name));
        cln_safetensors_destroy(&file);
        struct cln_checkpoint *checkpoint;
        assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_OK);
        assert_int_equal(checkpoint->training->moments[0] != NULL, cases[i].moments > 0);
        assert_int_equal(checkpoint->training->moments[1] != NULL, cases[i].moments > 1);
        cln_checkpoint_destroy(&checkpoint);
    }
}

static void test_training_points_that_lie_are_refused(void **state) {
    (void)state;
    const struct cln_training_point good = sample_point();
    for (int i = 0; i < 10; i++) {
        struct cln_training_point point = good;
        switch (i) {
        case 0:
            point.position = point.samples + 1;
            break;
        case 1:
            point.batches = 0;
            break;
        case 2:
            point.hits = 100;
            break;
        case 3:
            point.batch_size = 65537;
            break;
        case 4:
            point.shuffle[1] = 2;
            break;
        case 5:
            point.optimizer.lr = -1;
            break;
        case 6:
            point.best_accuracy = 1.5;
            break;
        case 7:
            point.epochs = -1;
            break;
        case 8:
            point.steps = 2;
            break;
        default:
            point.samples = 0;
            point.position = 0;
        }
        write_point(&point);
        struct cln_checkpoint *checkpoint;
        if (cln_checkpoint_read(&checkpoint, path, NULL) != CLN_INVALID || checkpoint)
            fail_msg("case %d is not refused", i);
        assert_non_null(strstr(cln_error_message(), "\"training\": "));
    }
    second_moments[1] = -1;
    struct cln_checkpoint checkpoint = sample();
    struct cln_training_point point = good;
    checkpoint.training = &point;
    assert_int_equal(cln_checkpoint_write(path, &checkpoint), CLN_NUMERIC);
    assert_non_null(strstr(cln_error_message(), "optimizer.exp_avg_sq.0.weight"));
    point.moments[0] = NULL;
    assert_int_equal(cln_checkpoint_write(path, &checkpoint), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "optimizer.exp_avg.0.weight"));
    cln_network_destroy(&checkpoint.network);
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
        struct cln_safetensors_metadata metadata[3]; /* beside the version */
        const char *message;
    } cases[] = {
        {{{"x", ""}, {"x1", ""}, {"x2", ""}}, "does not contain its network"},
        {{{"network", "{}"}, {"x", ""}, {"x1", ""}}, "metadata \"network\""},
        {{{"network", network_text}, {"mean", six}, {"x", ""}}, "without the other"},
        {{{"network", network_text}, {"mean", six}, {"inverse_deviation", "[1,2,3,4,5]"}}, "list of 6 numbers"},
        {{{"network", network_text}, {"mean", six}, {"inverse_deviation", "{}"}}, "list of 6 numbers"},
        {{{"network", network_text}, {"mean", "[1,2,3,4,5,"}, {"inverse_deviation", six}}, "\"mean\" is not JSON"},
        {{{"network", network_text}, {"mean", "[1,2,3,4,5,1e300]"}, {"inverse_deviation", six}}, "value 5"},
        {{{"network", network_text}, {"mean", "[1,2,null,4,5,6]"}, {"inverse_deviation", six}}, "value 2"},
        {{{"network", network_text}, {"resize", "2"}, {"x", ""}}, "\"resize\" is not the side length"},
        {{{"network", network_text}, {"resize", ""}, {"x", ""}}, "\"resize\""},
        {{{"network", network_text}, {"image", "[1, 3, 3]"}, {"x", ""}}, "\"image\" is of 3×3 pixels"},
        {{{"network", network_text}, {"image", "[3, 2, 3]"}, {"x", ""}}, "\"image\" is not [1, height, width]"},
        {{{"network", network_text}, {"image", "[1, 2, 99999999999]"}, {"x", ""}}, "\"image\" is not"},
        {{{"network", network_text}, {"classes", "[\"a\", \"b\"]"}, {"x", ""}}, "list of 3 names"},
        {{{"network", network_text}, {"classes", "[\"a\", \"b\", 3]"}, {"x", ""}}, "name 2 is not a string"},
        {{{"network", network_text}, {"training", "{}"}, {"x", ""}}, "\"training\": "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_sample();
        struct cln_safetensors *file;
        struct cln_checkpoint *checkpoint;
        assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
        const struct cln_safetensors_metadata metadata[4] = {
            {"clenet", "0.1.0"}, cases[i].metadata[0], cases[i].metadata[1], cases[i].metadata[2]};
        assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 4), CLN_OK);
        cln_safetensors_destroy(&file);
        assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID);
        if (!strstr(cln_error_message(), cases[i].message))
            fail_msg("message \"%s\" lacks \"%s\"", cln_error_message(), cases[i].message);
    }
}

/* A training point whose metadata has `to` in place of `from`. */
static enum cln_status read_point_with(struct cln_checkpoint **checkpoint, const char *from, const char *to) {
    const struct cln_training_point point = sample_point();
    struct cln_safetensors *file;
    char text[2048];
    write_point(&point);
    assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
    const char *training = cln_safetensors_metadata(file, "training"), *at = strstr(training, from);
    assert_non_null(at);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - training), training, to, at + strlen(from));
    const struct cln_safetensors_metadata metadata[] = {
        {"clenet", "0.1.0"}, {"network", network_text}, {"training", text}};
    assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 3), CLN_OK);
    cln_safetensors_destroy(&file);
    return cln_checkpoint_read(checkpoint, path, NULL);
}

static void test_an_optimizer_has_its_numbers(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *message; /* NULL: it is read */
    } cases[] = {
        {"\"name\":\"adam\"", "\"name\":\"nix\"", "there is no optimizer \"nix\""},
        {"\"name\":\"adam\",", "", "\"optimizer\" has no \"name\""},
        {"\"beta1\":", "\"beta3\":", "\"optimizer\" has no number \"beta1\""},
        {"\"eps\":", "\"eps\":\"x\",\"other\":", "\"optimizer\" has no number \"eps\""},
        {"\"beta1\":", "\"beta1\":5,\"other\":", "out of range"},
        {"\"momentum\":", "\"other\":", NULL}, /* Adam has none */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_checkpoint *checkpoint;
        const enum cln_status status = read_point_with(&checkpoint, cases[i].from, cases[i].to);
        assert_int_equal(status, cases[i].message ? CLN_INVALID : CLN_OK);
        if (cases[i].message && !strstr(cln_error_message(), cases[i].message))
            fail_msg("message \"%s\" lacks \"%s\"", cln_error_message(), cases[i].message);
        cln_checkpoint_destroy(&checkpoint);
    }
    struct cln_checkpoint checkpoint = sample();
    struct cln_training_point point = sample_point();
    checkpoint.training = &point;
    point.optimizer.kind = CLN_OPTIMIZER_COUNT;
    assert_int_equal(cln_checkpoint_write(path, &checkpoint), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "optimizer: there is no kind"));
    cln_network_destroy(&checkpoint.network);
}

/* A sample with other metadata, of which `version` is clenet's, or NULL. */
static enum cln_status read_with(struct cln_checkpoint **checkpoint, const char *version, const char *key,
                                 const char *value, const struct cln_network *network) {
    struct cln_safetensors *file;
    write_sample();
    const struct cln_safetensors_metadata metadata[] = {{key, value}, {"clenet", version}};
    assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
    assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, version ? 2 : 1), CLN_OK);
    cln_safetensors_destroy(&file);
    return cln_checkpoint_read(checkpoint, path, network);
}

/* Strings are clenet's where "clenet" says so, whatever their names. */
static void test_strings_of_others_are_not_ours(void **state) {
    (void)state;
    static const char *const strings[][2] = {
        {"network", "resnet"},      {"network", "{}"},         {"classes", "3"},   {"classes", "[\"a\", \"b\", \"c\"]"},
        {"mean", "0.2860"},         {"mean", "[1,2,3,4,5,6]"}, {"resize", "32"},   {"image", "shoe.png"},
        {"inverse_deviation", "x"}, {"training", "true"},      {"training", "{}"}, {"optimizer", "adam"},
    };
    static const char *const versions[] = {NULL, "", "yes", "1", "v0.1.0", "0.1.0 of something", "-1.0"};
    struct cln_network *network = parse_network(network_text);
    struct cln_checkpoint *checkpoint;
    for (size_t v = 0; v < sizeof(versions) / sizeof(versions[0]); v++)
        for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
            if (read_with(&checkpoint, versions[v], strings[i][0], strings[i][1], network) != CLN_OK)
                fail_msg("%s: %s", strings[i][0], cln_error_message());
            assert_null(checkpoint->class_names);
            assert_null(checkpoint->mean);
            assert_null(checkpoint->training);
            assert_int_equal(checkpoint->resize, 0);
            assert_int_equal(checkpoint->image.channels, 0);
            cln_checkpoint_destroy(&checkpoint);
        }
    cln_network_destroy(&network);
    assert_int_equal(read_with(&checkpoint, NULL, "network", "resnet", NULL), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "does not contain its network: name the network"));
    assert_int_equal(read_with(&checkpoint, NULL, "network", network_text, NULL), CLN_OK); /* nothing else says it */
    cln_checkpoint_destroy(&checkpoint);
}

static void keep_warning(void *user, enum cln_log_level level, const char *message) {
    assert_int_equal(level, CLN_LOG_WARNING);
    snprintf(user, 512, "%s", message);
}

static void test_later_versions_are_told(void **state) {
    (void)state;
    static const struct {
        const char *version;
        bool is_newer;
    } cases[] = {{"0.0.9", false}, {"0.1.0", false}, {"0.99.0", true}, {"7.0", true}, {"7.1.0-rc2", true}};
    struct cln_checkpoint *checkpoint;
    char warning[512];
    cln_log_set_handler(keep_warning, warning);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        warning[0] = '\0';
        assert_int_equal(read_with(&checkpoint, cases[i].version, "network", network_text, NULL), CLN_OK);
        cln_checkpoint_destroy(&checkpoint);
        assert_true((strstr(warning, "which is newer than this one") != NULL) == cases[i].is_newer);
        assert_int_equal(read_with(&checkpoint, cases[i].version, "network", "{\"kind\": 2}", NULL), CLN_INVALID);
        assert_true((strstr(cln_error_message(), "which is newer than this one") != NULL) == cases[i].is_newer);
    }
    warning[0] = '\0';
    assert_int_equal(read_with(&checkpoint, "yes", "network", network_text, NULL), CLN_OK);
    assert_non_null(strstr(warning, "\"clenet\" is \"yes\", not a version"));
    cln_checkpoint_destroy(&checkpoint);
    cln_log_set_handler(NULL, NULL);
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

/* What a module that holds the network, or one for several devices, puts before its names. */
static void test_names_with_a_common_beginning(void **state) {
    (void)state;
    struct cln_network *network = parse_network(network_text);
    for (int k = 0; k < 2; k++) {
        write_sample();
        struct cln_safetensors *file;
        struct cln_checkpoint *checkpoint;
        assert_int_equal(cln_safetensors_read(&file, path), CLN_OK);
        char names[16][64];
        for (size_t i = 0; i < file->tensor_count; i++) {
            snprintf(names[i], sizeof(names[i]), "%snet.%s", k && i == 3 ? "a" : "", file->tensors[i].name);
            file->tensors[i].name = names[i];
        }
        assert_int_equal(cln_safetensors_write(path, file->tensors, file->tensor_count, NULL, 0), CLN_OK);
        cln_safetensors_destroy(&file);
        if (k == 0) {
            assert_int_equal(cln_checkpoint_read(&checkpoint, path, network), CLN_OK);
            assert_sample(checkpoint);
            cln_checkpoint_destroy(&checkpoint);
        } else {
            assert_int_equal(cln_checkpoint_read(&checkpoint, path, network), CLN_INVALID);
            assert_non_null(strstr(cln_error_message(), "\"0.weight\" is missing"));
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
    assert_int_equal(cln_checkpoint_read(&checkpoint, path, NULL), CLN_OK);
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
        cmocka_unit_test(test_a_training_point_comes_back_to_the_bit),
        cmocka_unit_test(test_optimizers_have_the_moments_they_need),
        cmocka_unit_test(test_an_optimizer_has_its_numbers),
        cmocka_unit_test(test_training_points_that_lie_are_refused),
        cmocka_unit_test(test_resize_comes_back),
        cmocka_unit_test(test_names_are_those_of_pytorch),
        cmocka_unit_test(test_every_cut_of_a_file_is_refused),
        cmocka_unit_test(test_any_byte_may_be_wrong),
        cmocka_unit_test(test_tensors_that_do_not_fit_are_named),
        cmocka_unit_test(test_metadata_that_does_not_fit_is_named),
        cmocka_unit_test(test_strings_of_others_are_not_ours),
        cmocka_unit_test(test_later_versions_are_told),
        cmocka_unit_test(test_file_of_another_program),
        cmocka_unit_test(test_names_with_a_common_beginning),
        cmocka_unit_test(test_other_widths_become_float32),
        cmocka_unit_test(test_nan_is_not_written),
    };
    return cmocka_run_group_tests_name("checkpoint", tests, create_folder, temporary_remove);
}
