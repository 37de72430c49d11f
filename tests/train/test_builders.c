/* Training whose kernels builders have built: the same bits, whatever becomes of the builders. This program is its own
 * builder; the word behind its name says what kind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clenet/trainer.h"
#include "tests/assert.h"
#include "tests/engine/support.h"
#include "tests/temporary.h"

static const char tiny_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static const char *self;
static struct cln_network *network;
static struct cln_dataset *data;
static const char frozen[] = "1.*,2.weight";
static char *reference; /* the model's file, built without builders */
static size_t reference_bytes;

enum { MOST_BYTES = 1 << 20 };

static struct cln_trainer_params params_of(const char *const *builder) {
    return (struct cln_trainer_params){.network = network,
                                       .data = data,
                                       .batch_size = 24,
                                       .seed = 3,
                                       .standardize = true,
                                       .session.builder = builder,
                                       .session.no_cache = builder == NULL};
}

/* As a builder: every one leaves a file of its own, so that the test knows that it was there, and another where it has
 * built as it should. */
static int act(const char *kind, const char *folder) {
    char path[600];
    snprintf(path, sizeof path, "%s/%ld", folder, (long)getpid());
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0 || !cln_trainer_builds())
        return 9;
    close(file);
    if (strcmp(kind, "fails") == 0)
        return 3;
    if (strcmp(kind, "crashes") == 0)
        raise(SIGKILL);
    if (strcmp(kind, "hangs") == 0)
        for (;;)
            pause();
    if (strcmp(kind, "idles") == 0 && strstr(getenv("CLENET_BUILDER"), ",build,"))
        return 0; /* only trials are done */
    if (cln_network_parse(&network, tiny_text, strlen(tiny_text), "tiny", NULL) != CLN_OK)
        return 8;
    const char *const builder[] = {self, kind, folder, NULL}; /* a process of the guard starts some in its turn */
    struct cln_trainer_params params = params_of(builder);
    params.freeze = strcmp(kind, "freezes") == 0 ? frozen : NULL;
    enum cln_status status = cln_trainer_build(&params);
    cln_network_destroy(&network);
    if (status != CLN_OK || ocl_live_handles() != 0)
        return 7;
    snprintf(path, sizeof path, "%s.well/%ld", folder, (long)getpid());
    file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return file >= 0 && close(file) == 0 ? 0 : 6;
}

/* The saved model after an epoch. */
static char *train(const struct cln_trainer_params *params, size_t *bytes) {
    struct cln_trainer *trainer = NULL;
    struct cln_epoch epoch;
    char *content = malloc(MOST_BYTES);
    assert_non_null(content);
    assert_ok(cln_trainer_create(&trainer, params));
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_int_equal(epoch.train.samples, data->train.count);
    assert_ok(cln_trainer_save(trainer, temporary_path("model.safetensors")));
    cln_trainer_destroy(&trainer);
    FILE *file = fopen(temporary_path("model.safetensors"), "rb");
    assert_non_null(file);
    *bytes = fread(content, 1, MOST_BYTES, file);
    fclose(file);
    return content;
}

static int begin(void **state) {
    assert_ok(cln_network_parse(&network, tiny_text, strlen(tiny_text), "tiny", NULL));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    const int failed = temporary_create(state);
    const struct cln_trainer_params params = params_of(NULL);
    reference = train(&params, &reference_bytes);
    return failed;
}

static int end(void **state) {
    cln_network_destroy(&network);
    cln_dataset_destroy(&data);
    free(reference);
    return temporary_remove(state);
}

static void nobody_is_left(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Trains twice with one cache, empty at first: the first time there are builders of that kind. */
static void train_with(const char *kind, double seconds) {
    char cache[64], *folder = strdup(temporary_path(kind));
    snprintf(cache, sizeof cache, "%s cache", kind);
    temporary_write(kind, "", 0);
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    char well[64];
    snprintf(well, sizeof well, "%s.well", kind);
    assert_int_equal(mkdir(temporary_path(well), 0700), 0);
    setenv("CLENET_CACHE_DIR", temporary_path(cache), 1);
    const char *const builder[] = {self, kind, folder, NULL};
    struct cln_trainer_params params = params_of(builder);
    params.session.builder_seconds = seconds;
    size_t builders = 0;
    for (int i = 0; i < 2; i++) {
        size_t bytes = 0;
        char *model = train(&params, &bytes);
        assert_int_equal(bytes, reference_bytes);
        assert_memory_equal(model, reference, bytes);
        free(model);
        nobody_is_left();
        builders = i == 0 ? temporary_count(kind) : builders;
        assert_in_range(builders, strcmp(kind, "builds") == 0 ? 2 : 1, 5); /* with the guard's */
        assert_int_equal(temporary_count(kind), builders);
        assert_int_equal(temporary_count(well), strcmp(kind, "builds") == 0 ? builders : 0);
    }
    unsetenv("CLENET_CACHE_DIR");
    free(folder);
}

static void test_builders_change_nothing(void **state) {
    (void)state;
    train_with("builds", 0);
}

static void test_builders_that_end_badly_do_no_harm(void **state) {
    (void)state;
    train_with("fails", 0);
    train_with("crashes", 0);
    train_with("hangs", 0.5);
}

/* How many programs a folder of the cache holds, as files of more than so many bytes, without the files that have the
 * guard's results and the driver's habits. */
static size_t programs_in(const char *folder, int bytes) {
    char command[1200];
    size_t count = 0;
    snprintf(command, sizeof command,
             "find '%s' -name '*.program' -size +%dc ! -exec grep -q -e 'clenet guard' -e 'clenet driver' {} \\; -print"
             " | wc -l",
             temporary_path(folder), bytes);
    FILE *list = popen(command, "r");
    assert_non_null(list);
    assert_int_equal(fscanf(list, "%zu", &count), 1);
    assert_int_equal(pclose(list), 0);
    return count;
}

/* Those that are more than a header. */
static size_t binaries_in(const char *folder) {
    return programs_in(folder, 88);
}

/* The guard and builders build no program that the training does not need. */
static void compare_programs(const char *kind) {
    char well[64], caches[2][64];
    snprintf(well, sizeof well, "%s.well", kind);
    assert_int_equal(mkdir(temporary_path(kind), 0700), 0);
    assert_int_equal(mkdir(temporary_path(well), 0700), 0);
    char *folder = strdup(temporary_path(kind));
    const char *const builder[] = {self, kind, folder, NULL};
    size_t programs[2] = {0}, bytes = 0;
    for (int builds = 0; builds < 2; builds++) {
        struct cln_trainer_params params = params_of(builds ? builder : NULL);
        params.freeze = strcmp(kind, "freezes") == 0 ? frozen : NULL;
        params.stream = strcmp(kind, "streams") == 0;
        params.session.no_cache = false;
        params.session.no_guard = !builds;
        snprintf(caches[builds], sizeof caches[builds], "%s cache %d", kind, builds);
        setenv("CLENET_CACHE_DIR", temporary_path(caches[builds]), 1);
        free(train(&params, &bytes));
        programs[builds] = programs_in(caches[builds], 0);
    }
    unsetenv("CLENET_CACHE_DIR");
    assert_true(programs[0] > 0);
    assert_int_equal(programs[1], programs[0]);
    free(folder);
}

static void test_builders_leave_out_what_is_frozen(void **state) {
    (void)state;
    compare_programs("freezes");
}

/* The size of the ring is a constant of a kernel. */
static void test_builders_know_the_ring(void **state) {
    (void)state;
    compare_programs("streams");
}

/* A trainer whose guard's process has called builders asks the driver for no binary; the next one does. */
static void test_a_first_start_writes_notes(void **state) {
    (void)state;
    assert_int_equal(mkdir(temporary_path("idles"), 0700), 0);
    assert_int_equal(mkdir(temporary_path("idles.well"), 0700), 0);
    char *folder = strdup(temporary_path("idles"));
    const char *const builder[] = {self, "idles", folder, NULL};
    const struct cln_trainer_params params = params_of(builder);
    setenv("CLENET_CACHE_DIR", temporary_path("idles cache"), 1);
    struct ocl_device device;
    size_t bytes = 0, kept = 0, processes = 0;
    assert_ok(ocl_device_find(&device, NULL));
    for (int start = 0; start < 2; start++) {
        free(train(&params, &bytes));
        const size_t binaries = binaries_in("idles cache");
        if (start == 0) {
            assert_int_equal(binaries, 0);
            kept = temporary_count("idles cache");
            processes = temporary_count("idles");
            assert_in_range(temporary_count("idles.well"), 1, processes - 1); /* the others are builders */
        }
        assert_int_equal(temporary_count("idles"), processes);
        if (start > 0 && strstr(device.platform, "Portable")) /* other drivers may hand out none */
            assert_in_range(binaries, 1, kept);
    }
    unsetenv("CLENET_CACHE_DIR");
    free(folder);
}

static void test_a_program_that_is_not_there_does_no_harm(void **state) {
    (void)state;
    const char *const builder[] = {temporary_path("nothing"), NULL};
    const struct cln_trainer_params params = params_of(builder);
    setenv("CLENET_CACHE_DIR", temporary_path("nothing cache"), 1);
    size_t bytes = 0;
    char *model = train(&params, &bytes);
    unsetenv("CLENET_CACHE_DIR");
    assert_int_equal(bytes, reference_bytes);
    assert_memory_equal(model, reference, bytes);
    free(model);
}

static void test_no_cache_no_builders(void **state) {
    (void)state;
    const char *const builder[] = {self, "idle", temporary_path(""), NULL};
    struct cln_trainer_params params = params_of(builder);
    params.session.no_cache = params.session.no_guard = true;
    struct cln_trainer *trainer = NULL;
    const size_t before = temporary_count("");
    assert_ok(cln_trainer_create(&trainer, &params));
    cln_trainer_destroy(&trainer);
    assert_int_equal(temporary_count(""), before);
}

/* Pixels that cannot be read are told at once, and builders ended, however long they would have taken. */
static void test_damaged_pixels_end_builders(void **state) {
    (void)state;
    uint8_t bytes[4096];
    struct cln_dataset *damaged = NULL;
    idx_write_folder("damaged", 2, 2, 28, 28, 3);
    temporary_write("damaged/train-images-idx3-ubyte", bytes, idx_make(bytes, 3, (uint32_t[]){2, 28, 28}, 256) - 1);
    assert_ok(cln_dataset_open(&damaged, &(struct cln_dataset_params){.name = temporary_path("damaged")}));
    const char *const builder[] = {self, "hangs", temporary_path(""), NULL};
    struct cln_trainer_params params = params_of(builder);
    params.data = damaged;
    params.session.builder_seconds = 100000;
    setenv("CLENET_CACHE_DIR", temporary_path("damaged"), 1);
    struct cln_trainer *trainer = NULL;
    assert_fails(cln_trainer_create(&trainer, &params), CLN_INVALID, "byte 1583: truncated");
    unsetenv("CLENET_CACHE_DIR");
    assert_null(trainer);
    nobody_is_left();
    cln_dataset_destroy(&damaged);
}

static void test_building_is_for_builders(void **state) {
    (void)state;
    const struct cln_trainer_params params = params_of(NULL);
    assert_false(cln_trainer_builds());
    assert_fails(cln_trainer_build(&params), CLN_INVALID, "CLENET_BUILDER");
    static const char *const wrong[] = {"", "1x28", "1x28x28x", "a", "1x0x28"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("CLENET_BUILDER", wrong[i], 1);
        assert_fails(cln_trainer_build(&params), CLN_INVALID, "CLENET_BUILDER");
    }
    unsetenv("CLENET_BUILDER");
}

static void test_pixels_go_as_the_device_takes_them(void **state) {
    (void)state;
    struct cln_dataset *own = NULL;
    assert_ok(cln_dataset_load(&own, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    cln_dataset_measure_digest(own); /* goes into the model's file */
    struct cln_trainer_params params = params_of(NULL);
    params.data = own;
    params.release_pixels = true;
    size_t bytes = 0;
    char *model = train(&params, &bytes);
    assert_null(own->train.pixels);
    assert_null(own->test.pixels);
    assert_int_equal(bytes, reference_bytes);
    assert_memory_equal(model, reference, bytes);
    free(model);
    cln_dataset_destroy(&own);
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 2)
        return act(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_builders_change_nothing, nothing_alive),
        cmocka_unit_test_teardown(test_builders_that_end_badly_do_no_harm, nothing_alive),
        cmocka_unit_test_teardown(test_builders_leave_out_what_is_frozen, nothing_alive),
        cmocka_unit_test_teardown(test_builders_know_the_ring, nothing_alive),
        cmocka_unit_test_teardown(test_a_first_start_writes_notes, nothing_alive),
        cmocka_unit_test_teardown(test_a_program_that_is_not_there_does_no_harm, nothing_alive),
        cmocka_unit_test_teardown(test_no_cache_no_builders, nothing_alive),
        cmocka_unit_test_teardown(test_damaged_pixels_end_builders, nothing_alive),
        cmocka_unit_test_teardown(test_building_is_for_builders, nothing_alive),
        cmocka_unit_test_teardown(test_pixels_go_as_the_device_takes_them, nothing_alive),
    };
    return cmocka_run_group_tests_name("builders", tests, begin, end);
}
