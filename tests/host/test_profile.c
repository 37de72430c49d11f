/* Profiles: which match, who wins, and what is set. */
#include <stdlib.h>

#include "clenet/log.h"
#include "host/embedded.h"
#include "tests/host/profiles.h"

/* Parses one text and says how narrowly it matches the CPU. */
static int score_of(const char *match) {
    char text[512];
    struct ocl_profile_file file;
    snprintf(text, sizeof text, "{\"name\": \"x\", \"match\": %s, \"values\": {}}", match);
    assert_ok(ocl_profile_file_parse(&file, text, "x.json", 0, &params));
    int score = ocl_profile_file_score(&file, &cpu);
    ocl_profile_file_clear(&file);
    return score;
}

static void test_match(void **state) {
    (void)state;
    /* From the widest to the narrowest. */
    static const char *const wider_first[] = {
        "{}",
        "{\"type\": \"cpu\"}",
        "{\"type\": \"CPU\", \"min_native_float_vector\": 8}",
        "{\"vendor\": \"other|genuine\"}",
        "{\"platform\": \"PORTABLE\", \"type\": \"cpu\"}",
        "{\"platform\": \"portable\", \"vendor\": \"made\", \"type\": \"cpu\", \"min_native_float_vector\": 1}",
        "{\"name\": \"big iron\"}",
        "{\"name\": \"haswell\", \"type\": \"cpu\"}",
        "{\"name\": \"well\", \"platform\": \"portable\", \"vendor\": \"made\", \"min_native_float_vector\": 4}",
    };
    static const char *const not [] = {
        "null",
        "{\"type\": \"gpu\"}",
        "{\"min_native_float_vector\": 9}",
        "{\"name\": \"haswell\", \"type\": \"accelerator\"}",
        "{\"name\": \"haswell\", \"vendor\": \"other\"}",
        "{\"platform\": \"rusticl\"}",
        "{\"vendor\": \"other|another\"}",
    };
    int last = -1;
    for (size_t i = 0; i < sizeof wider_first / sizeof wider_first[0]; i++) {
        int score = score_of(wider_first[i]);
        if (score <= last)
            fail_msg("%s is not narrower than the one before", wider_first[i]);
        last = score;
    }
    assert_true(last <= OCL_PROFILE_MAX_SCORE);
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++)
        if (score_of(not [i]) != -1)
            fail_msg("%s matches", not [i]);
}

static void test_every_shipped_file_parses(void **state) {
    (void)state;
    size_t count = 0;
    for (const struct ocl_embedded *file = ocl_embedded_devices; file->name; file++, count++) {
        struct ocl_profile_file parsed;
        char stem[128];
        assert_ok(ocl_profile_file_parse(&parsed, file->text, file->name, 0, &params));
        snprintf(stem, sizeof stem, "%s.json", parsed.name);
        assert_string_equal(stem, file->name);
        ocl_profile_file_clear(&parsed);
    }
    assert_true(count >= 4);
}

static void test_shipped_files_serve_every_type(void **state) {
    (void)state;
    static const struct {
        enum ocl_device_type type;
        const char *name;
    } cases[] = {{OCL_DEVICE_CPU, "cpu"},
                 {OCL_DEVICE_GPU, "gpu"},
                 {OCL_DEVICE_ACCELERATOR, "default"},
                 {OCL_DEVICE_OTHER, "default"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocl_device device = {.name = "x", .type = cases[i].type, .native_float_vector = 1};
        struct ocl_profile *profile = NULL;
        assert_ok(ocl_profile_load_from(&profile, &device, &params, &(struct ocl_profile_folders){NULL}));
        assert_string_equal(ocl_profile_name(profile), cases[i].name);
        assert_int_equal(ocl_profile_value(profile, "unnamed"), -3);
        assert_string_equal(ocl_profile_origin(profile, "unnamed"), "built-in");
        ocl_profile_destroy(&profile);
        assert_null(profile);
        ocl_profile_destroy(&profile);
    }
}

/* Values come one by one from the narrowest file that names them; among equals the user's folder wins. */
static void test_merging(void **state) {
    (void)state;
    write_file(folders[USER], "a.json",
               "{\"name\": \"mine\", \"match\": {\"type\": \"cpu\"},\n\"values\": {\n\"lanes\": 11}}");
    write_file(folders[SITE], "b.json",
               "{\"name\": \"site\", \"match\": {\"type\": \"cpu\"}, \"values\": {\"lanes\": 22, \"vector\": 2}}");
    write_file(folders[INSTALLED], "c.json",
               "{\"name\": \"narrow\", \"match\": {\"name\": \"iron\"}, \"values\": {\"min_gemm_weights\": 1}}");
    write_file(folders[USER], "d.json",
               "{\"name\": \"wide\", \"match\": {}, \"values\": {\"min_gemm_weights\": 0, \"unnamed\": 5}}");
    write_file(folders[USER], "e.json",
               "{\"name\": \"other\", \"match\": {\"type\": \"gpu\"}, \"values\": {\"lanes\": 99}}");
    write_file(folders[USER], "ignored.txt", "not a profile");
    struct ocl_profile *profile = NULL;
    assert_ok(load(&profile));
    assert_string_equal(ocl_profile_name(profile), "narrow");
    assert_int_equal(ocl_profile_value(profile, "lanes"), 11);
    assert_int_equal(ocl_profile_value(profile, "vector"), 2);
    assert_int_equal(ocl_profile_value(profile, "min_gemm_weights"), 1);
    assert_int_equal(ocl_profile_value(profile, "unnamed"), 5);
    assert_non_null(strstr(ocl_profile_origin(profile, "lanes"), "/a.json:3"));
    assert_non_null(strstr(ocl_profile_origin(profile, "min_gemm_weights"), "/c.json:1"));
    assert_string_equal(ocl_profile_origin(profile, "fma"), "built-in");
    ocl_profile_destroy(&profile);
}

/* Among equals the later layer wins: shipped, installed, the site's, the user's, asked for. */
static void test_layers(void **state) {
    (void)state;
    struct ocl_profile *profile = NULL;
    const char *text = "{\"name\": \"here\", \"match\": {\"type\": \"cpu\"}, \"values\": {\"accumulators\": 9}}";
    for (int i = 0; i < FOLDERS; i++) {
        const char *path = write_file(folders[i], "z.json", text);
        assert_ok(load(&profile));
        assert_memory_equal(ocl_profile_origin(profile, "accumulators"), path, strlen(path));
        ocl_profile_destroy(&profile);
    }
    params.file = write_file(folders[SITE], "asked.text", text);
    assert_ok(load(&profile));
    assert_memory_equal(ocl_profile_origin(profile, "accumulators"), params.file, strlen(params.file));
    ocl_profile_destroy(&profile);
}

/* Of all files that match, wide or narrow, where the driver is of the versions. */
static void test_quirks_add_up(void **state) {
    (void)state;
    write_file(folders[INSTALLED], "a.json",
               "{\"name\": \"wide\", \"match\": {}, \"values\": {}, \"quirks\": [\n"
               "{\"operation\": \"linear\", \"driver\": {\"below\": \"3.2\"}, \"reason\": \"is slow\"},\n"
               "{\"operation\": \"conv2d\", \"driver\": {\"from\": \"3.2\"}, \"reason\": \"was mended\"}]}");
    write_file(folders[USER], "b.json",
               "{\"name\": \"narrow\", \"match\": {\"name\": \"iron\"}, \"values\": {}, \"quirks\": [\n\n"
               "{\"operation\": \"conv2d\", \"reason\": \"is wrong\", \"link\": \"https://example.org/1\"}]}");
    write_file(folders[USER], "c.json",
               "{\"name\": \"other\", \"match\": {\"type\": \"gpu\"}, \"values\": {}, \"quirks\": [\n"
               "{\"operation\": \"conv2d\", \"reason\": \"elsewhere\"}]}");
    struct ocl_profile *profile = NULL;
    size_t count = 0;
    params.file = "narrow"; /* which matches, too, and still counts once */
    assert_ok(load(&profile));
    const struct ocl_profile_quirk *quirks = ocl_profile_quirks(profile, &count);
    assert_int_equal(count, 2);
    assert_string_equal(operations[quirks[0].operation], "linear");
    assert_string_equal(quirks[0].reason, "is slow");
    assert_null(quirks[0].link);
    assert_non_null(strstr(quirks[0].origin, "/a.json:2"));
    assert_string_equal(operations[quirks[1].operation], "conv2d");
    assert_string_equal(quirks[1].link, "https://example.org/1");
    assert_non_null(strstr(quirks[1].origin, "/b.json:3"));
    ocl_profile_destroy(&profile);
}

static void test_installed_file_replaces_the_shipped_one(void **state) {
    (void)state;
    write_file(folders[INSTALLED], "pocl.json",
               "{\"name\": \"replaced\", \"match\": {\"type\": \"gpu\"}, \"values\": {}}");
    struct ocl_profile *profile = NULL;
    assert_ok(load(&profile));
    assert_string_equal(ocl_profile_name(profile), "cpu");
    ocl_profile_destroy(&profile);
}

static void test_profile_asked_for_wins(void **state) {
    (void)state;
    write_file(folders[USER], "a.json",
               "{\"name\": \"mine\", \"match\": {\"name\": \"iron\"}, \"values\": {\"lanes\": 11}}");
    const char *path =
        write_file(folders[SITE], "asked.text", "{\"name\": \"asked\", \"match\": null, \"values\": {\"lanes\": 7}}");
    struct ocl_profile *profile = NULL;
    params.file = path;
    assert_ok(load(&profile));
    assert_string_equal(ocl_profile_name(profile), "asked");
    assert_int_equal(ocl_profile_value(profile, "lanes"), 7);
    assert_memory_equal(ocl_profile_origin(profile, "lanes"), path, strlen(path));
    assert_string_equal(ocl_profile_origin(profile, "lanes") + strlen(path), ":1");
    ocl_profile_destroy(&profile);

    params.file = "safe";
    assert_ok(load(&profile));
    assert_string_equal(ocl_profile_name(profile), "safe");
    assert_int_equal(ocl_profile_value(profile, "vector"), 1);
    ocl_profile_destroy(&profile);

    params.file = "nobody";
    assert_fails(load(&profile), CLN_NOT_FOUND, "\"nobody\"");
    assert_message("safe");
    params.file = "./nobody.json";
    assert_fails(load(&profile), CLN_NOT_FOUND, "./nobody.json");
    assert_null(profile);
}

static void test_set(void **state) {
    (void)state;
    struct ocl_profile *profile = NULL;
    assert_ok(load(&profile));
    assert_ok(ocl_profile_set(profile, "lanes", 48));
    assert_int_equal(ocl_profile_value(profile, "lanes"), 48);
    assert_fails(ocl_profile_set(profile, "lanes", 1025), CLN_INVALID,
                 "lanes: 1025: has to be an integer from 0 to 1024");
    assert_fails(ocl_profile_set(profile, "unnamed", -6), CLN_INVALID, "-5 to 5");
    assert_int_equal(ocl_profile_value(profile, "lanes"), 48);
    ocl_profile_destroy(&profile);
}

static void test_user_folder_is_found(void **state) {
    (void)state;
    const char *before = getenv("XDG_CONFIG_HOME");
    char *kept = before ? strdup(before) : NULL;
    write_file(folders[USER], "clenet/devices/a.json",
               "{\"name\": \"at home\", \"match\": {\"name\": \"iron\"}, \"values\": {}}");
    setenv("XDG_CONFIG_HOME", temporary_path(folders[USER]), 1);
    struct ocl_profile *profile = NULL;
    assert_ok(ocl_profile_load(&profile, &cpu, &params));
    assert_string_equal(ocl_profile_name(profile), "at home");
    ocl_profile_destroy(&profile);
    if (kept)
        setenv("XDG_CONFIG_HOME", kept, 1);
    else
        unsetenv("XDG_CONFIG_HOME");
    free(kept);
}

static char logged[4096];
static int logged_count;

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    assert_int_equal(level, CLN_LOG_WARNING);
    logged_count++;
    snprintf(logged, sizeof logged, "%s", message);
}

/* The value is taken, and the program is told of the new name once, however often it reads the file. */
static void test_old_name_is_taken_with_a_warning(void **state) {
    (void)state;
    const char *path = write_file(folders[USER], "old.json",
                                  "{\"name\": \"old\", \"match\": {},\n\"values\": {\n\"shared_cache\": 77}}");
    char expected[2048];
    snprintf(expected, sizeof expected, "%s:3: \"shared_cache\" is now called \"channel_cache_kib\"", path);
    cln_log_set_handler(on_log, NULL);
    for (int i = 0; i < 2; i++) {
        struct ocl_profile *profile = NULL;
        assert_ok(load(&profile));
        assert_int_equal(ocl_profile_value(profile, "channel_cache_kib"), 77);
        ocl_profile_destroy(&profile);
    }
    cln_log_set_handler(NULL, NULL);
    assert_int_equal(logged_count, 1);
    assert_string_equal(logged, expected);
}

int main(void) {
#define WITH_FOLDERS(test) cmocka_unit_test_setup_teardown(test, set_up, temporary_remove)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_every_shipped_file_parses),
        cmocka_unit_test(test_shipped_files_serve_every_type),
        WITH_FOLDERS(test_merging),
        WITH_FOLDERS(test_layers),
        WITH_FOLDERS(test_quirks_add_up),
        WITH_FOLDERS(test_installed_file_replaces_the_shipped_one),
        WITH_FOLDERS(test_profile_asked_for_wins),
        WITH_FOLDERS(test_old_name_is_taken_with_a_warning),
        WITH_FOLDERS(test_set),
        WITH_FOLDERS(test_user_folder_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
