/* Data sets from folders, by name and made up: what is found where, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/data/images.h"
#include "tests/data/load.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_refused(const char *name, enum cln_status expected, const char *word) {
    assert_load_fails((struct cln_dataset_params){.name = name}, expected, word);
}

static void no_share_of_a_set_with_test_images(void **state) {
    (void)state;
    struct cln_dataset *dataset;
    idx_write_folder("tested", 12, 5, 3, 4, 3);
    const char *const names[] = {"synthetic", "synthetic:100", temporary_path("tested")};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_int_equal(cln_dataset_load(&dataset, &(struct cln_dataset_params){.name = names[i], .test = 0.2}),
                         CLN_INVALID);
        assert_non_null(strstr(cln_error_message(), "the data set has test images of its own"));
    }
}

static void a_folder_is_read(void **state) {
    (void)state;
    idx_write_folder("mine", 12, 5, 3, 4, 3);
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = temporary_path("mine//")});
    assert_string_equal(dataset->name, "mine");
    assert_int_equal(dataset->train.count, 12);
    assert_int_equal(dataset->test.count, 5);
    assert_int_equal(dataset->train.shape.channels, 1);
    assert_int_equal(dataset->train.shape.height, 3);
    assert_int_equal(dataset->test.shape.width, 4);
    assert_int_equal(dataset->class_count, 3);
    assert_null(dataset->class_names);
    assert_int_equal(bytes_of(&dataset->train)[143], 143);
    assert_int_equal(dataset->train.labels[11], 2);
    assert_int_equal(dataset->test.labels[4], 1);
    cln_dataset_destroy(&dataset);
    assert_null(dataset);
    cln_dataset_destroy(&dataset);
    cln_dataset_destroy(NULL);
}

static void write_labels(const char *name, uint32_t count, unsigned classes) {
    uint8_t bytes[512];
    temporary_write(name, bytes, idx_make(bytes, 1, &count, classes));
}

static void halves_that_do_not_fit_are_refused(void **state) {
    (void)state;
    uint8_t bytes[512];
    idx_write_folder("odd", 12, 5, 3, 4, 3);
    char odd[1024];
    snprintf(odd, sizeof(odd), "%s", temporary_path("odd"));
    write_labels("odd/t10k-labels-idx1-ubyte", 4, 3);
    assert_refused(odd, CLN_INVALID, "4 labels for 5 images");
    for (unsigned tested = 2; tested <= 4; tested++) { /* not every class need be tested, nor trained on */
        write_labels("odd/t10k-labels-idx1-ubyte", 5, tested);
        struct cln_dataset *dataset = load((struct cln_dataset_params){.name = odd});
        assert_int_equal(dataset->class_count, tested < 3 ? 3 : tested);
        assert_int_equal(cln_images_check_labels(&dataset->test, "test", (int)tested, "network", "n"), CLN_OK);
        assert_int_equal(cln_images_check_labels(&dataset->test, "test", (int)tested - 1, "network", "n"), CLN_INVALID);
        char expected[128];
        snprintf(expected, sizeof expected,
                 "odd/t10k-labels-idx1-ubyte: byte %u: test image %u (counted from 0) has label %u, but network n has",
                 8 + tested - 1, tested - 1, tested - 1);
        if (!strstr(cln_error_message(), expected))
            fail_msg("no \"%s\" in: %s", expected, cln_error_message());
        cln_dataset_destroy(&dataset);
    }
    assert_int_equal(unlink(temporary_path("odd/t10k-images-idx3-ubyte.gz")), 0);
    assert_refused(odd, CLN_NOT_FOUND, "no file t10k-images-idx3-ubyte");
    temporary_write("odd/t10k-images-idx3-ubyte", bytes, idx_make(bytes, 3, (uint32_t[]){5, 4, 3}, 256));
    assert_refused(odd, CLN_INVALID, "images of 4 x 3, but those for training have 3 x 4");
    temporary_write("odd/t10k-images-idx3-ubyte", bytes, 20);
    assert_refused(odd, CLN_INVALID, "odd/t10k-images-idx3-ubyte: byte 20: truncated");
}

/* What cln_dataset_load does, in two halves. */
static void pixels_come_in_the_background(void **state) {
    (void)state;
    struct cln_dataset *dataset = NULL;
    char folder[1024];
    idx_write_folder("behind", 12, 5, 3, 4, 3);
    snprintf(folder, sizeof(folder), "%s", temporary_path("behind"));
    const struct cln_dataset_params params = {.name = folder};
    for (int waits = 0; waits < 3; waits++) {
        assert_int_equal(cln_dataset_open(&dataset, &params), CLN_OK);
        assert_null(dataset->train.pixels);
        assert_int_equal(dataset->train.count, 12);
        assert_int_equal(dataset->test.shape.width, 4);
        assert_int_equal(dataset->class_count, 3);
        assert_int_equal(dataset->test.labels[4], 1);
        for (int i = 0; i < waits; i++)
            assert_int_equal(cln_dataset_wait(dataset), CLN_OK);
        if (waits > 0) {
            assert_int_equal(bytes_of(&dataset->train)[143], 143);
            assert_int_equal(bytes_of(&dataset->test)[59], 59);
        }
        cln_dataset_destroy(&dataset);
    }
    uint8_t bytes[512];
    temporary_write("behind/train-images-idx3-ubyte", bytes, idx_make(bytes, 3, (uint32_t[]){12, 3, 4}, 256) - 1);
    assert_int_equal(cln_dataset_open(&dataset, &params), CLN_OK);
    assert_int_equal(cln_dataset_wait(dataset), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "behind/train-images-idx3-ubyte: byte 159: truncated"));
    cln_dataset_destroy(&dataset);
    assert_non_null(strstr(cln_error_message(), "byte 159"));
    assert_refused(folder, CLN_INVALID, "behind/train-images-idx3-ubyte: byte 159: truncated");
}

static void pixels_are_given_back_piece_by_piece(void **state) {
    (void)state;
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "synthetic:60", .seed = 1});
    const size_t bytes = cln_shape_count(dataset->train.shape);
    uint8_t *before = malloc(60 * bytes);
    assert_non_null(before);
    memcpy(before, dataset->train.pixels, 60 * bytes);
    for (size_t left = 60; left > 0; left -= 20) {
        assert_memory_equal(dataset->train.pixels, before, left * bytes);
        cln_images_keep(&dataset->train, left - 20);
    }
    assert_null(dataset->train.pixels);
    assert_int_equal(dataset->train.count, 60);
    free(before);
    cln_dataset_destroy(&dataset);
}

static void unknown_names_are_refused_with_the_known_ones(void **state) {
    (void)state;
    assert_refused("no-such-set", CLN_NOT_FOUND, "fashion-mnist, mnist, kmnist, emnist-balanced, ");
    assert_refused("", CLN_NOT_FOUND, "fashion-mnist");
    assert_refused("synthetics", CLN_NOT_FOUND, "no such folder");
    assert_refused("synthetic:", CLN_INVALID, "from 1 to");
    assert_refused("synthetic:0", CLN_INVALID, "from 1 to");
    assert_refused("synthetic:-5", CLN_INVALID, "from 1 to");
    assert_refused("synthetic:5x", CLN_INVALID, "from 1 to");
    assert_refused("synthetic:99999999999999999999", CLN_INVALID, "from 1 to");
    assert_refused(temporary_path(""), CLN_NOT_FOUND, "no data set: the folder has ");
}

/* "mnist" has no Debian package, so that only these places can have it: each wins over those behind it. */
static void names_are_searched_in_order(void **state) {
    (void)state;
    static const char *const places[] = {"home/.cache/clenet/mnist", "xdg/clenet/mnist", "here/data/mnist", "own",
                                         "own/mnist"};
    if (access("/usr/share/datasets/mnist", F_OK) == 0)
        skip();
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    setenv("HOME", temporary_path("home"), 1);
    setenv("XDG_CACHE_HOME", temporary_path("xdg"), 1);
    setenv("CLENET_DATA", temporary_path("own"), 1);
    temporary_write("here/data/file", "", 0);
    assert_int_equal(chdir(temporary_path("here")), 0);
    assert_refused("mnist", CLN_NOT_FOUND, "/usr/share/datasets/mnist, ");
    for (size_t i = 0; i < COUNT(places); i++)
        assert_non_null(strstr(cln_error_message(), strncmp(places[i], "here/", 5) == 0 ? places[i] + 5 : places[i]));
    for (uint32_t i = 0; i < COUNT(places); i++) {
        idx_write_folder(places[i], 20 + i, 5, 2, 2, 10);
        struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "mnist", .offline = true});
        assert_int_equal(dataset->train.count, 20 + i);
        assert_int_equal(dataset->class_count, 10);
        assert_string_equal(dataset->name, "mnist");
        assert_string_equal(dataset->class_names[9], "9");
        cln_dataset_destroy(&dataset);
    }
    idx_write_folder("own/mnist", 20, 5, 2, 2, 11);
    assert_refused("mnist", CLN_INVALID,
                   "byte 18: training image 10 (counted from 0) has label 10, but data set mnist has");
    assert_int_equal(unlink(temporary_path("own/mnist/t10k-labels-idx1-ubyte")), 0);
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "mnist", .offline = true});
    assert_int_equal(dataset->train.count, 23); /* an incomplete folder is passed over */
    cln_dataset_destroy(&dataset);
    unsetenv("CLENET_DATA");
    assert_int_equal(chdir(before), 0);
}

static void fashion_mnist_is_as_published(void **state) {
    (void)state;
    if (access("/usr/share/datasets/fashion-mnist", F_OK) != 0)
        skip();
    static const int32_t first_labels[] = {9, 0, 0, 3, 0, 2, 7, 2, 5, 5};
    struct cln_dataset *dataset = load((struct cln_dataset_params){.offline = true});
    size_t counts[10] = {0};
    assert_int_equal(dataset->train.count, 60000);
    assert_int_equal(dataset->test.count, 10000);
    assert_int_equal(dataset->train.shape.height, 28);
    assert_int_equal(dataset->class_count, 10);
    assert_string_equal(dataset->class_names[9], "Ankle boot");
    assert_memory_equal(dataset->train.labels, first_labels, sizeof(first_labels));
    for (size_t i = 0; i < dataset->train.count; i++)
        counts[dataset->train.labels[i]]++;
    for (size_t i = 0; i < COUNT(counts); i++)
        assert_int_equal(counts[i], 6000);
    cln_dataset_destroy(&dataset);
}

static uint64_t fnv1a(const uint8_t *bytes, size_t count) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static void synthetic_bytes_depend_on_the_seed_alone(void **state) {
    (void)state;
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "synthetic", .seed = 1});
    assert_int_equal(dataset->train.count, 6000);
    assert_int_equal(dataset->test.count, 1000);
    assert_int_equal(dataset->class_count, 10);
    assert_true(fnv1a(dataset->train.pixels, 6000 * 784) == 0x5cf67815587f0b00u);
    assert_true(fnv1a(dataset->test.pixels, 1000 * 784) == 0xe350980002b19ed5u);
    struct cln_dataset *other = load((struct cln_dataset_params){.name = "synthetic:600", .seed = 2});
    assert_int_equal(other->train.count, 600);
    assert_int_equal(other->test.count, 100);
    assert_memory_not_equal(other->train.pixels, dataset->train.pixels, 600 * 784);
    cln_dataset_destroy(&other);
    cln_dataset_destroy(&dataset);
    dataset = load((struct cln_dataset_params){.name = "synthetic:1"});
    assert_int_equal(dataset->train.count, 1);
    assert_int_equal(dataset->test.count, 1);
    cln_dataset_destroy(&dataset);
}

static int nearest_class(const double *means, const uint8_t *pixels) {
    double least = -1;
    int nearest = 0;
    for (int c = 0; c < 10; c++) {
        double distance = 0;
        for (int i = 0; i < 784; i++) {
            double difference = means[c * 784 + i] - pixels[i];
            distance += difference * difference;
        }
        if (least < 0 || distance < least) {
            least = distance;
            nearest = c;
        }
    }
    return nearest;
}

/* Classes of about equal size, told apart by the nearest mean image often, but far from always. */
static void synthetic_classes_can_be_learnt(void **state) {
    (void)state;
    struct cln_dataset *dataset = load((struct cln_dataset_params){.name = "synthetic", .seed = 3});
    double *means = calloc(10 * 784, sizeof(*means));
    size_t counts[10] = {0}, hits = 0;
    assert_non_null(means);
    for (size_t n = 0; n < dataset->train.count; n++) {
        uint8_t label = dataset->train.labels[n];
        assert_in_range(label, 0, 9);
        counts[label]++;
        for (size_t i = 0; i < 784; i++)
            means[label * 784 + i] += bytes_of(&dataset->train)[n * 784 + i];
    }
    for (size_t i = 0; i < 10 * 784; i++)
        means[i] /= (double)counts[i / 784];
    for (size_t n = 0; n < dataset->test.count; n++)
        hits += (size_t)nearest_class(means, bytes_of(&dataset->test) + n * 784) == (size_t)dataset->test.labels[n];
    for (size_t c = 0; c < 10; c++)
        assert_in_range(counts[c], 500, 700);
    assert_in_range(hits, 600, 950);
    free(means);
    cln_dataset_destroy(&dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_share_of_a_set_with_test_images),
        cmocka_unit_test(a_folder_is_read),
        cmocka_unit_test(halves_that_do_not_fit_are_refused),
        cmocka_unit_test(pixels_come_in_the_background),
        cmocka_unit_test(pixels_are_given_back_piece_by_piece),
        cmocka_unit_test(unknown_names_are_refused_with_the_known_ones),
        cmocka_unit_test(names_are_searched_in_order),
        cmocka_unit_test(fashion_mnist_is_as_published),
        cmocka_unit_test(synthetic_bytes_depend_on_the_seed_alone),
        cmocka_unit_test(synthetic_classes_can_be_learnt),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
