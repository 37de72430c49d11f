/* Keys, files and folders of the cache: what comes out is what was put in, or nothing. Needs no device. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/program_cache.h"
#include "tests/host/support.h"
#include "tests/temporary.h"

enum { BYTES = 300, HEADER_BYTES = 88, FAKE_KEYS = 8 };

static struct ocl_program_cache *cache_of(const char *name) {
    struct ocl_program_cache *cache = NULL;
    mkdir(temporary_path(name), 0700);
    assert_ok(ocl_program_cache_open(&cache, temporary_path(name)));
    return cache;
}

static struct ocl_program_key key_of(int number) {
    struct ocl_program_key key = {{(uint8_t)number, 0xAB}};
    return key;
}

/* Below the temporary folder, where the file of a key is. */
static const char *file_of(const char *folder, const struct ocl_program_key *key) {
    static char name[256];
    int length = snprintf(name, sizeof name, "%s/", folder);
    for (size_t i = 0; i < sizeof key->bytes; i++)
        length += snprintf(name + length, sizeof name - (size_t)length, "%02x", key->bytes[i]);
    snprintf(name + length, sizeof name - (size_t)length, ".program");
    return name;
}

static void fill(unsigned char *binary, size_t bytes, unsigned seed) {
    for (size_t i = 0; i < bytes; i++)
        binary[i] = (unsigned char)(i * 7 + seed);
}

static bool holds(const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    unsigned char expected[BYTES];
    fill(expected, BYTES, key->bytes[0]);
    size_t bytes = 0;
    unsigned char *binary = ocl_program_cache_read(cache, key, &bytes);
    bool found = binary != NULL;
    if (found) { /* nothing at all, or what was written */
        assert_int_equal(bytes, BYTES);
        assert_memory_equal(binary, expected, BYTES);
    }
    free(binary);
    return found;
}

static void put(const struct ocl_program_cache *cache, const struct ocl_program_key *key) {
    unsigned char binary[BYTES];
    fill(binary, BYTES, key->bytes[0]);
    ocl_program_cache_write(cache, key, binary, BYTES);
}

static void test_keys_tell_everything_apart(void **state) {
    (void)state;
    struct ocl_device devices[9];
    memset(devices, 0, sizeof devices);
    for (size_t i = 0; i < 9; i++)
        strcpy(devices[i].name, "device");
    strcpy(devices[1].name, "devicE");
    strcpy(devices[2].vendor, "v");
    strcpy(devices[3].platform, "v");
    strcpy(devices[4].platform_version, "v");
    strcpy(devices[5].driver_version, "v");
    strcpy(devices[6].device_version, "v");
    const struct {
        int device;
        const char *source, *options;
    } cases[] = {{0, "source", "-D A=1"}, {0, "sourcE", "-D A=1"}, {0, "source", "-D A=2"}, {0, "source-D A=1", ""},
                 {0, "", "source-D A=1"}, {1, "source", "-D A=1"}, {2, "source", "-D A=1"}, {3, "source", "-D A=1"},
                 {4, "source", "-D A=1"}, {5, "source", "-D A=1"}, {6, "source", "-D A=1"}};
    enum { CASES = sizeof cases / sizeof cases[0] };
    struct ocl_program_key keys[CASES], again;
    for (size_t i = 0; i < CASES; i++) {
        ocl_program_key_make(&keys[i], &devices[cases[i].device], cases[i].source, cases[i].options);
        ocl_program_key_make(&again, &devices[cases[i].device], cases[i].source, cases[i].options);
        assert_memory_equal(&keys[i], &again, sizeof again);
        for (size_t k = 0; k < i; k++)
            assert_memory_not_equal(&keys[i], &keys[k], sizeof again);
    }
    /* What is not about code: another number, the same device. */
    ocl_program_key_make(&again, &(struct ocl_device){.name = "device", .device_index = 3}, "source", "-D A=1");
    assert_memory_equal(&again, &keys[0], sizeof again);
}

static struct ocl_program_key key_with(const char *variable, const char *value) {
    static const struct ocl_device device = {.name = "device"};
    struct ocl_program_key key;
    setenv(variable, value, 1);
    ocl_program_key_make(&key, &device, "source", "");
    unsetenv(variable);
    return key;
}

static void test_keys_tell_compilers_apart(void **state) {
    (void)state;
    const struct ocl_program_key plain = key_with("CLENET_HARMLESS", "1");
    for (size_t i = 0; i < 3; i++) {
        const char *variable = (const char *[]){"POCL_TEST_METHOD", "AMD_TEST_OPTIONS", "OCL_ICD_TEST"}[i];
        const struct ocl_program_key one = key_with(variable, "1"), two = key_with(variable, "2");
        assert_memory_not_equal(&one, &plain, sizeof one);
        assert_memory_not_equal(&two, &plain, sizeof one);
        assert_memory_not_equal(&one, &two, sizeof one);
    }
    const struct ocl_program_key threads = key_with("POCL_DEBUG", "test");
    const char *debug = getenv("POCL_DEBUG");
    if (!debug)
        assert_memory_equal(&threads, &plain, sizeof plain);
    /* In whatever order they were set. */
    setenv("POCL_TEST_A", "1", 1);
    const struct ocl_program_key forwards = key_with("POCL_TEST_B", "2");
    unsetenv("POCL_TEST_A");
    setenv("POCL_TEST_B", "2", 1);
    const struct ocl_program_key backwards = key_with("POCL_TEST_A", "1");
    unsetenv("POCL_TEST_B");
    assert_memory_equal(&forwards, &backwards, sizeof forwards);
}

static void test_folder_follows_the_environment(void **state) {
    (void)state;
    const struct {
        const char *own, *base, *home, *expected;
    } cases[] = {{"a", "/b", "/c", "a"},
                 {NULL, "/b", "/c", "/b/clenet/programs"},
                 {"", "/b", "/c", "/b/clenet/programs"},
                 {NULL, "relative", "/c", "/c/.cache/clenet/programs"},
                 {NULL, NULL, "/c", "/c/.cache/clenet/programs"},
                 {NULL, NULL, "", NULL},
                 {NULL, NULL, NULL, NULL}};
    const char *const names[] = {"CLENET_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
    char *before[3];
    for (size_t i = 0; i < 3; i++)
        before[i] = getenv(names[i]) ? strdup(getenv(names[i])) : NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *values[] = {cases[i].own, cases[i].base, cases[i].home};
        for (size_t k = 0; k < 3; k++)
            (void)(values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]));
        char *folder = ocl_program_cache_folder();
        if (cases[i].expected)
            assert_string_equal(folder, cases[i].expected);
        else
            assert_null(folder);
        free(folder);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)(before[i] ? setenv(names[i], before[i], 1) : unsetenv(names[i]));
        free(before[i]);
    }
}

static void test_damage_is_noticed(void **state) {
    (void)state;
    struct ocl_program_cache *cache = cache_of("damage");
    const struct ocl_program_key key = key_of(1), other = key_of(2);
    assert_false(holds(cache, &key));
    put(cache, &key);
    assert_true(holds(cache, &key));
    assert_false(holds(cache, &other));
    char name[256], *path = strdup(temporary_path(strcpy(name, file_of("damage", &key))));
    FILE *file = fopen(path, "rb");
    unsigned char whole[HEADER_BYTES + BYTES + 2] = {0};
    assert_int_equal(fread(whole, 1, sizeof whole, file), HEADER_BYTES + BYTES);
    fclose(file);

    for (size_t length = 0; length <= HEADER_BYTES + BYTES + 1; length++) {
        temporary_write(name, whole, length);
        assert_int_equal(holds(cache, &key), length == HEADER_BYTES + BYTES);
    }
    for (size_t at = 0; at < HEADER_BYTES + BYTES; at++) {
        for (unsigned bit = 1; bit < 256; bit *= 16) {
            whole[at] ^= (unsigned char)bit;
            temporary_write(name, whole, HEADER_BYTES + BYTES);
            whole[at] ^= (unsigned char)bit;
            if (holds(cache, &key))
                fail_msg("bit %u of byte %zu was flipped, and nobody noticed", bit, at);
        }
    }
    /* A whole file, under another's name. */
    temporary_write(file_of("damage", &other), whole, HEADER_BYTES + BYTES);
    assert_false(holds(cache, &other));
    /* And what was broken is put right by the next write. */
    put(cache, &other);
    put(cache, &key);
    assert_true(holds(cache, &key) && holds(cache, &other));
    free(path);
    ocl_program_cache_close(&cache);
    assert_null(cache);
}

static void test_notes_stand_for_binaries_that_are_elsewhere(void **state) {
    (void)state;
    struct ocl_program_cache *cache = cache_of("notes");
    const struct ocl_program_key key = key_of(1), other = key_of(2);
    assert_false(ocl_program_cache_knows(cache, &key));
    ocl_program_cache_note(cache, &key);
    assert_true(ocl_program_cache_knows(cache, &key));
    assert_false(ocl_program_cache_knows(cache, &other));
    assert_false(holds(cache, &key));
    put(cache, &key);
    assert_true(holds(cache, &key));
    ocl_program_cache_note(cache, &key); /* which is less than what is there */
    assert_true(holds(cache, &key));
    ocl_program_cache_note(cache, &other);
    assert_int_equal(ocl_program_cache_measure(cache).programs, 2);
    assert_int_equal(temporary_count("notes"), 2);
    ocl_program_cache_trim(cache, 0);
    assert_false(ocl_program_cache_knows(cache, &other));
    ocl_program_cache_close(&cache);
}

static void test_only_own_plain_files_are_read(void **state) {
    (void)state;
    struct ocl_program_cache *cache = cache_of("own");
    const struct ocl_program_key key = key_of(3);
    char *path = strdup(temporary_path(file_of("own", &key))), *aside = strdup(temporary_path("own/elsewhere"));
    put(cache, &key);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(chmod(path, i ? 0602 : 0620), 0);
        assert_false(holds(cache, &key));
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(holds(cache, &key));
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_false(holds(cache, &key));
        assert_int_equal(chown(path, 0, 0), 0);
    }
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(aside, path), 0);
    assert_false(holds(cache, &key));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_false(holds(cache, &key));
    put(cache, &key); /* cannot be replaced */
    assert_int_equal(temporary_count("own"), 2);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(holds(cache, &key)); /* and does not wait for a writer */
    put(cache, &key);
    assert_true(holds(cache, &key));
    free(path);
    free(aside);
    ocl_program_cache_close(&cache);
}

static void test_foreign_folders_are_refused(void **state) {
    (void)state;
    struct ocl_program_cache *cache = NULL;
    char *path = strdup(temporary_path("foreign"));
    assert_fails(ocl_program_cache_open(&cache, path), CLN_NOT_FOUND, path);
    assert_int_equal(mkdir(path, 0700), 0);
    const struct {
        mode_t mode;
        bool fits;
    } modes[] = {{0700, true}, {0755, true}, {0770, false}, {0707, false}, {0777, false}, {01777, false}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path, modes[i].mode), 0);
        if (modes[i].fits)
            assert_ok(ocl_program_cache_open(&cache, path));
        else
            assert_fails(ocl_program_cache_open(&cache, path), CLN_INVALID, "CLENET_CACHE_DIR");
        ocl_program_cache_close(&cache);
    }
    assert_int_equal(chmod(path, 0755), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65534), 0);
    assert_fails(ocl_program_cache_open(&cache, geteuid() == 0 ? path : "/usr"), CLN_INVALID, "another user");
    temporary_write("file", "", 0);
    assert_fails(ocl_program_cache_open(&cache, temporary_path("file")), CLN_IO, "file");
    assert_null(cache);
    free(path);
}

static void set_age(const char *folder, const struct ocl_program_key *key, long seconds) {
    struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(AT_FDCWD, temporary_path(file_of(folder, key)), times, 0), 0);
}

static void test_the_oldest_go_first(void **state) {
    (void)state;
    struct ocl_program_cache *cache = cache_of("trim");
    struct ocl_program_key keys[6];
    for (int i = 0; i < 6; i++) {
        keys[i] = key_of(i);
        put(cache, &keys[i]);
        set_age("trim", &keys[i], 100 - i);
    }
    temporary_write("trim/README", "mine", 4);
    temporary_write("trim/0123.program", "mine", 4);
    char aside[300];
    snprintf(aside, sizeof aside, "%s.123-0", file_of("trim", &keys[0]));
    temporary_write(aside, "half", 4);
    struct ocl_program_cache_usage usage = ocl_program_cache_measure(cache);
    assert_int_equal(usage.programs, 6);
    assert_int_equal(usage.bytes, 6 * (HEADER_BYTES + BYTES) + 4);
    ocl_program_cache_trim(cache, OCL_PROGRAM_CACHE_BYTES);
    assert_int_equal(temporary_count("trim"), 9);

    assert_true(holds(cache, &keys[0])); /* used: the newest now */
    ocl_program_cache_trim(cache, 3 * (HEADER_BYTES + BYTES) + 4);
    for (int i = 0; i < 6; i++)
        assert_int_equal(holds(cache, &keys[i]), i == 0 || i >= 4);
    assert_int_equal(temporary_count("trim"), 6);

    struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, temporary_path(aside), old, 0), 0);
    ocl_program_cache_trim(cache, OCL_PROGRAM_CACHE_BYTES); /* its writer is long dead */
    assert_int_equal(temporary_count("trim"), 5);
    ocl_program_cache_trim(cache, 0);
    assert_int_equal(temporary_count("trim"), 2); /* what is not the cache's */
    assert_int_equal(ocl_program_cache_measure(cache).programs, 0);
    ocl_program_cache_close(&cache);
}

/* Every process writes and reads the same files; what is read must be whole. */
static void test_processes_do_not_disturb_each_other(void **state) {
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 200 };
    struct ocl_program_cache *cache = cache_of("processes");
    pid_t children[PROCESSES];
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        if (children[p] == 0) {
            int torn = 0;
            for (int i = 0; i < ROUNDS; i++) {
                const struct ocl_program_key key = key_of(i % FAKE_KEYS);
                unsigned char expected[BYTES];
                fill(expected, BYTES, key.bytes[0]);
                put(cache, &key);
                size_t bytes = 0;
                unsigned char *binary = ocl_program_cache_read(cache, &key, &bytes);
                torn += !binary || bytes != BYTES || memcmp(binary, expected, BYTES) != 0;
                free(binary);
            }
            _exit(torn > 0);
        }
    }
    for (int p = 0; p < PROCESSES; p++) {
        int ended = -1;
        assert_int_equal(waitpid(children[p], &ended, 0), children[p]);
        assert_int_equal(ended, 0);
    }
    assert_int_equal(temporary_count("processes"), FAKE_KEYS);

    /* The name that this process would write under is in use: by one of the same number elsewhere. */
    const struct ocl_program_key key = key_of(FAKE_KEYS);
    char aside[300];
    snprintf(aside, sizeof aside, "%s.%ld-0", file_of("processes", &key), (long)getpid());
    temporary_write(aside, "taken", 5);
    put(cache, &key);
    struct stat info;
    assert_int_equal(stat(temporary_path(aside), &info), 0);
    assert_int_equal(info.st_size, 5);
    assert_true(holds(cache, &key));
    ocl_program_cache_close(&cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_tell_everything_apart),
        cmocka_unit_test(test_keys_tell_compilers_apart),
        cmocka_unit_test(test_folder_follows_the_environment),
        cmocka_unit_test(test_damage_is_noticed),
        cmocka_unit_test(test_notes_stand_for_binaries_that_are_elsewhere),
        cmocka_unit_test(test_only_own_plain_files_are_read),
        cmocka_unit_test(test_foreign_folders_are_refused),
        cmocka_unit_test(test_the_oldest_go_first),
        cmocka_unit_test(test_processes_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests_name("program cache", tests, temporary_create, temporary_remove);
}
