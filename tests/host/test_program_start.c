/* Starting from binaries on disk: whatever is wrong with a file, a folder or a driver, the result is that of a fresh
 * build. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/log.h"
#include "host/buffer.h"
#include "host/program_cache.h"
#include "host/sequence.h"
#include "tests/host/programs.h"
#include "tests/host/support.h"
#include "tests/standin/standin.h"
#include "tests/temporary.h"

enum { HEADER_BYTES = 88, MOST_BYTES = 1 << 24 };

static struct ocl_device device; /* found before any fault is set */
static unsigned warnings;

static int begin(void **state) {
    device = device_under_test();
    return temporary_create(state);
}

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user, (void)message;
    warnings += level == CLN_LOG_WARNING;
}

static struct ocl_program_cache *cache_of(const char *folder) {
    struct ocl_program_cache *cache = NULL;
    assert_ok(ocl_program_cache_open(&cache, temporary_path(folder)));
    return cache;
}

struct trial {
    const char *folder; /* below the temporary folder; NULL: no cache */
    const char *kernel; /* of scale.cl */
    int factor;
    bool only_made; /* and not launched */
    bool replay;    /* as a command buffer where the device has them */
};

/* A whole life that multiplies 2 by 3 and by `factor`. */
static enum cln_status multiply(float *out, const struct trial *trial) {
    const struct ocl_context_params params = {.kernel_folder = TEST_KERNELS,
                                              .replay = trial->replay,
                                              .cache_folder = trial->folder ? temporary_path(trial->folder) : NULL};
    struct ocl_context *context = NULL;
    struct ocl_buffer *buffer = NULL;
    struct ocl_sequence *sequence = NULL;
    struct ocl_constants constants = {0};
    ocl_constants_int(&constants, "FACTOR", trial->factor);
    float x = 2;
    enum cln_status status = ocl_context_create(&context, &device, &params);
    if (!status)
        status = ocl_buffer_create(&buffer, context, sizeof x);
    if (!status)
        status = ocl_buffer_write(buffer, 0, sizeof x, &x);
    if (!status)
        status = ocl_sequence_create(&sequence, context);
    const struct ocl_launch launch = {.source = "scale.cl",
                                      .kernel = trial->kernel ? trial->kernel : "scale",
                                      .constants = &constants,
                                      .args = {OCL_BUFFER(buffer), OCL_BUFFER(buffer), OCL_FLOAT(3), OCL_INT(1)},
                                      .arg_count = 4};
    if (!status)
        status = ocl_sequence_add(sequence, &launch);
    if (!status && !trial->only_made)
        status = ocl_sequence_run(sequence);
    if (!status)
        status = ocl_buffer_read(buffer, 0, sizeof x, out);
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
    ocl_context_destroy(&context);
    return status;
}

static void assert_multiplies(const struct trial *trial) {
    float x = 0;
    assert_ok(multiply(&x, trial));
    assert_true(x == 6 * (float)trial->factor);
}

/* As if nothing were known of the driver: it is asked for the next binary, whatever that costs. */
static void forget_driver(const char *folder) {
    char command[1100];
    snprintf(command, sizeof command, "grep -l 'clenet driver' %s/*.program 2>/dev/null | xargs -r rm",
             temporary_path(folder));
    assert_int_equal(system(command), 0);
}

/* The key of a program of one device is not asked for: its file is the one that comes into being. */
static char *only_file_in(const char *folder) {
    char command[1100], *path = NULL;
    size_t room = 0;
    snprintf(command, sizeof command, "grep -L 'clenet driver' %s/*.program 2>/dev/null", temporary_path(folder));
    FILE *list = popen(command, "r");
    ssize_t length = getline(&path, &room, list);
    pclose(list);
    if (length <= 0) {
        free(path);
        return NULL;
    }
    path[length - 1] = '\0';
    return path;
}

/* The cache's file, but for its binary: as if the driver had handed out another one. */
static void replace_binary(const char *folder, const char *path, const unsigned char *binary, size_t bytes) {
    struct ocl_program_cache *cache = cache_of(folder);
    struct ocl_program_key key;
    const char *digits = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof key.bytes; i++)
        assert_int_equal(sscanf(digits + 2 * i, "%2hhx", &key.bytes[i]), 1);
    ocl_program_cache_write(cache, &key, binary, bytes);
    ocl_program_cache_close(&cache);
}

static unsigned char *binary_of(const char *path, size_t *bytes) {
    unsigned char *content = malloc(MOST_BYTES);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(content, 1, MOST_BYTES, file);
    fclose(file);
    assert_in_range(count, HEADER_BYTES + 1, MOST_BYTES - 1);
    *bytes = count - HEADER_BYTES;
    memmove(content, content + HEADER_BYTES, *bytes);
    return content;
}

/* False where the driver hands out no binaries, so that there is but a note; PoCL's does. */
static bool driver_has_binaries(const char *folder) {
    char *path = only_file_in(folder);
    struct stat info;
    bool has = path != NULL && stat(path, &info) == 0 && info.st_size > HEADER_BYTES;
    free(path);
    if (!has && strstr(device.platform, "Portable"))
        fail_msg("PoCL hands out binaries, and none was kept");
    return has;
}

static void test_a_second_start_takes_the_binary(void **state) {
    (void)state;
    assert_multiplies(&(struct trial){.folder = "first", .factor = 5});
    assert_multiplies(&(struct trial){.folder = "second", .factor = 7});
    if (!driver_has_binaries("first"))
        skip();
    struct stat info;
    assert_int_equal(stat(temporary_path("first"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_multiplies(&(struct trial){.folder = "first", .factor = 5});
    assert_int_equal(programs_in("first"), 1);

    /* Under the name of the first, the binary of the second: what comes out tells which one ran. */
    char *first = only_file_in("first"), *second = only_file_in("second");
    size_t bytes = 0;
    unsigned char *binary = binary_of(second, &bytes);
    replace_binary("first", first, binary, bytes);
    float x = 0;
    assert_ok(multiply(&x, &(struct trial){.folder = "first", .factor = 5}));
    assert_true(x == 6 * 7);
    /* A file that fails its digest is passed over, and replaced. */
    for (int known = 0; known < 2; known++) {
        assert_int_equal(truncate(first, (off_t)bytes), 0);
        if (!known)
            forget_driver("first");
        assert_multiplies(&(struct trial){.folder = "first", .factor = 5});
        assert_multiplies(&(struct trial){.folder = "first", .factor = 5});
        assert_int_equal(stat(first, &info), 0);
        assert_true(info.st_size > (off_t)bytes || (known && info.st_size == HEADER_BYTES));
    }
    free(binary);
    free(first);
    free(second);
}

static void test_only_what_ran_is_kept(void **state) {
    (void)state;
    float x;
    assert_ok(multiply(&x, &(struct trial){.folder = "idle", .factor = 1, .only_made = true}));
    assert_int_equal(temporary_count("idle"), 0);
}

static void test_what_ran_as_a_command_buffer_is_kept(void **state) {
    (void)state;
    assert_multiplies(&(struct trial){.folder = "launched", .factor = 3});
    for (int start = 0; start < 2; start++) {
        assert_multiplies(&(struct trial){.folder = "replayed", .factor = 3, .replay = true});
        assert_int_equal(programs_in("replayed"), programs_in("launched"));
    }
}

/* A binary that is whole, of the right name, and of no use. */
static void test_useless_binaries_are_replaced(void **state) {
    (void)state;
    assert_multiplies(&(struct trial){.folder = "useless", .factor = 2});
    if (strcmp(device.platform, "rusticl") == 0) {
        print_message("rusticl ends the process over bytes it does not know: only our digest protects its users\n");
        return;
    }
    if (!driver_has_binaries("useless"))
        skip();
    char *path = only_file_in("useless");
    size_t bytes = 0;
    unsigned char *good = binary_of(path, &bytes);
    unsigned char garbage[1000];
    memset(garbage, 0xA5, sizeof garbage);
    const struct {
        const unsigned char *binary;
        size_t bytes;
    } cases[] = {{garbage, 1}, {garbage, sizeof garbage}, {(const unsigned char *)"", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        replace_binary("useless", path, cases[i].binary, cases[i].bytes);
        forget_driver("useless");
        assert_multiplies(&(struct trial){.folder = "useless", .factor = 2});
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_true(info.st_size > (off_t)sizeof garbage);
    }
    /* A name that neither binary nor source has stays an error, told as ever. */
    float x;
    assert_fails(multiply(&x, &(struct trial){.folder = "useless", .factor = 2, .kernel = "missing"}), CLN_DEVICE,
                 "missing");
    free(good);
    free(path);
}

/* A binary of the right name from which the driver makes a program, but not the kernel. */
static void test_a_binary_without_the_kernel_is_replaced(void **state) {
    (void)state;
    struct ocl_context *context = NULL;
    struct ocl_sequence *sequence = NULL;
    struct ocl_buffer *buffer = NULL;
    const struct ocl_context_params params = {.kernel_folder = TEST_KERNELS,
                                              .cache_folder = temporary_path("kernelless")};
    assert_ok(ocl_context_create(&context, &device, &params));
    assert_ok(ocl_buffer_create(&buffer, context, 16));
    assert_ok(ocl_sequence_create(&sequence, context));
    struct ocl_constants constants = {0};
    ocl_constants_int(&constants, "A_NUMBER", 1);
    ocl_constants_float(&constants, "A_FLOAT", 2);
    ocl_constants_word(&constants, "A_WORD", "sqrt");
    const struct ocl_launch launch = {.source = "constants.cl",
                                      .kernel = "constants",
                                      .constants = &constants,
                                      .args = {OCL_BUFFER(buffer)},
                                      .arg_count = 1};
    assert_ok(ocl_sequence_add(sequence, &launch));
    assert_ok(ocl_sequence_run(sequence));
    ocl_sequence_destroy(&sequence);
    ocl_buffer_destroy(&buffer);
    ocl_context_destroy(&context);
    assert_multiplies(&(struct trial){.folder = "kernelled", .factor = 4});
    if (!driver_has_binaries("kernelless"))
        skip();
    char *other = only_file_in("kernelless"), *path = only_file_in("kernelled");
    size_t bytes = 0;
    unsigned char *binary = binary_of(other, &bytes);
    replace_binary("kernelled", path, binary, bytes);
    forget_driver("kernelled");
    assert_multiplies(&(struct trial){.folder = "kernelled", .factor = 4});
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true((size_t)info.st_size != HEADER_BYTES + bytes);
    free(binary);
    free(other);
    free(path);
}

static void test_unusable_folders_do_no_harm(void **state) {
    (void)state;
    temporary_write("blocked", "", 0);
    cln_log_set_handler(on_log, NULL);
    warnings = 0;
    assert_multiplies(&(struct trial){.folder = "blocked", .factor = 2});
    assert_multiplies(&(struct trial){.folder = "blocked/below", .factor = 2});
    assert_int_equal(warnings, 0);
    assert_int_equal(mkdir(temporary_path("open"), 0700), 0);
    assert_int_equal(chmod(temporary_path("open"), 0777), 0);
    assert_multiplies(&(struct trial){.folder = "open", .factor = 2});
    assert_int_equal(warnings, 1);
    assert_int_equal(temporary_count("open"), 0);
    /* No writing, though root may. */
    assert_int_equal(mkdir(temporary_path("sealed"), 0500), 0);
    assert_multiplies(&(struct trial){.folder = "sealed", .factor = 2});
    assert_int_equal(warnings, 1);
    cln_log_set_handler(NULL, NULL);
}

/* The n-th call fails, for every `step`-th n: from an empty cache, from a filled one. Whatever else may come of it, the
 * cache is no reason to fail: the life ends as often without it. */
static void fail_calls(const char *folder, size_t step) {
    enum { NO_CACHE, EMPTY, FILLED, WAYS };
    size_t failures[WAYS] = {0}, calls[WAYS];
    struct trial trial = {.factor = 9};
    assert_int_equal(mkdir(temporary_path(folder), 0700), 0);
    for (int way = 0; way < WAYS; way++) {
        float x = 0;
        trial.folder = way == NO_CACHE ? NULL : folder;
        ocl_fault_set(0, 0);
        if (way == FILLED)
            assert_multiplies(&trial);
        ocl_fault_set(0, 0);
        assert_multiplies(&trial);
        calls[way] = ocl_fault_calls();
        for (size_t n = 1; n <= calls[way]; n += step) {
            struct ocl_program_cache *cache = cache_of(folder);
            if (way == EMPTY)
                ocl_program_cache_trim(cache, 0);
            ocl_program_cache_close(&cache);
            cln_fail(CLN_INTERRUPTED, "untouched");
            x = 0;
            ocl_fault_set(n, -5);
            enum cln_status status = multiply(&x, &trial);
            ocl_fault_set(0, 0);
            failures[way] += status != CLN_OK;
            assert_int_equal(ocl_live_handles(), 0);
            if (status == CLN_OK)
                assert_true(x == 6 * 9);
            else
                assert_string_not_equal(cln_error_message(), "untouched");
        }
    }
    if (step == 1) {
        assert_in_range(failures[NO_CACHE], 10, calls[NO_CACHE]);
        assert_int_equal(failures[EMPTY], failures[NO_CACHE]);
        assert_in_range(failures[FILLED], 10, failures[NO_CACHE]);
    }
}

static void test_every_call_may_fail(void **state) {
    (void)state;
    fail_calls("faults", 1);
}

static void test_some_calls_may_fail(void **state) {
    (void)state;
    fail_calls("some faults", 7);
}

/* The kernel "scale" of tests/host/kernels. */
static void scale(const struct standin_launch *launch) {
    float *y = launch->arguments[0];
    const float *x = launch->arguments[1], factor = *(float *)launch->arguments[2];
    const char *constant = strstr(launch->options, "-D FACTOR=");
    for (int i = 0; i < *(int *)launch->arguments[3]; i++)
        y[i] = x[i] * factor * (constant ? (float)atoi(constant + strlen("-D FACTOR=")) : 1);
}

/* With the argument "standin": faults, of every call, on the stand-in for a driver. */
int main(int argc, char **argv) {
    const bool on_standin = argc > 1 && strcmp(argv[1], "standin") == 0;
    const struct CMUnitTest faults[] = {cmocka_unit_test_teardown(test_every_call_may_fail, nothing_alive)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_second_start_takes_the_binary, nothing_alive),
        cmocka_unit_test_teardown(test_only_what_ran_is_kept, nothing_alive),
        cmocka_unit_test_teardown(test_what_ran_as_a_command_buffer_is_kept, nothing_alive),
        cmocka_unit_test_teardown(test_useless_binaries_are_replaced, nothing_alive),
        cmocka_unit_test_teardown(test_a_binary_without_the_kernel_is_replaced, nothing_alive),
        cmocka_unit_test_teardown(test_unusable_folders_do_no_harm, nothing_alive),
        cmocka_unit_test_teardown(test_some_calls_may_fail, nothing_alive),
    };
    if (!on_standin)
        return cmocka_run_group_tests_name("program start", tests, begin, temporary_remove);
    standin_open()->set_kernel("scale", scale);
    return cmocka_run_group_tests_name("faults of a program's start", faults, begin, temporary_remove);
}
