/* Quirks: which driver versions they are for, and what a faulty one is told; with the two small readers below them. */
#include <stdio.h>
#include <string.h>

#include "host/profile_file.h"
#include "src/base/json_place.h"
#include "src/base/version_number.h"
#include "tests/host/support.h"

static const char *const operations[] = {"conv2d", "linear"};
static const struct ocl_profile_params params = {.operations = operations, .operation_count = 2};

static enum cln_status parse(struct ocl_profile_file *out, const char *quirks) {
    char text[1024];
    snprintf(text, sizeof text, "{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"quirks\": %s}", quirks);
    return ocl_profile_file_parse(out, text, "x.json", 0, &params);
}

static void test_versions_are_found(void **state) {
    (void)state;
    static const struct {
        const char *text, *version; /* NULL: none */
    } cases[] = {
        {"3.1", "3.1"},
        {"22.3.6", "22.3.6"},
        {"535.183.01", "535.183.01"},
        {"2023.16.7.0.21_160000", "2023.16.7.0.21_160000"},
        {"1.2 (Jan 12 2024 22:15:51)", "1.2 (Jan 12 2024 22:15:51)"},
        {"3513.0 (HSA1.1,LC)", "3513.0 (HSA1.1,LC)"},
        {"Mesa3D 22.3", "22.3"},
        {"build 7, v10.2-rc1", "10.2-rc1"},
        {"r38p1", "38p1"},
        {"7.", "7."},
        {"unknown", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *found = cln_version_find(cases[i].text);
        if (!cases[i].version)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].version);
    }
}

static void test_versions_are_compared_number_by_number(void **state) {
    (void)state;
    static const char *const rising[] = {"0",    "1.2 (Jan 12)", "3.1+debian",   "3.1.1",      "3.9",
                                         "3.10", "22.3.6",       "535.183.01_x", "535.183.10", "2023.16.7.0.21_160000"};
    enum { COUNT = sizeof rising / sizeof rising[0] };
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < COUNT; b++)
            if (cln_version_compare(rising[a], rising[b]) != (a > b) - (a < b))
                fail_msg("%s and %s", rising[a], rising[b]);
    assert_int_equal(cln_version_compare("3.1", "3.1.0.0"), 0);
    assert_int_equal(cln_version_compare("535.183.01", "535.183.1"), 0);
}

static void test_ranges(void **state) {
    (void)state;
    static const struct {
        const char *driver, *version;
        bool applies;
    } cases[] = {
        {"{}", "3.1", true},
        {"{}", "", true},
        {"{\"from\": \"3.1\"}", "3.1", true},
        {"{\"from\": \"3.1\"}", "3.0.9", false},
        {"{\"below\": \"3.2\"}", "3.1+debian", true},
        {"{\"below\": \"3.2\"}", "3.2", false},
        {"{\"below\": \"3.10\"}", "3.9", true},
        {"{\"from\": \"1.2\", \"below\": \"3.2\"}", "1.2", true},
        {"{\"from\": \"1.2\", \"below\": \"3.2\"}", "1.1.9", false},
        {"{\"from\": \"1.2\", \"below\": \"3.2\"}", "4", false},
        {"{\"below\": \"3.2\"}", "unknown", false},
        {"{\"from\": \"0\"}", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        struct ocl_profile_file file;
        snprintf(text, sizeof text, "[{\"operation\": \"linear\", \"reason\": \"r\", \"driver\": %s}]",
                 cases[i].driver);
        assert_ok(parse(&file, text));
        assert_int_equal(file.quirk_count, 1);
        assert_int_equal(file.quirks[0].operation, 1);
        if (ocl_profile_quirk_applies(&file.quirks[0], cases[i].version) != cases[i].applies)
            fail_msg("%s, driver \"%s\"", cases[i].driver, cases[i].version);
        ocl_profile_file_clear(&file);
    }
}

static void test_faults_name_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *quirks, *message;
    } cases[] = {
        {"7", "x.json:2: quirks: has to be an array"},
        {"[\n7]", "x.json:3: a quirk has to be an object"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\"},\n{\"reason\": \"r\"}]",
         "x.json:3: \"operation\" of a quirk is missing"},
        {"[\n\n{\"operation\": \"linear\"}]", "x.json:4: \"reason\" of a quirk is missing"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\"}, {\n\"operation\": \"pool\", \"reason\": \"r\"}]",
         "x.json:3: operation: has to be an operation: conv2d, linear"},
        {"[{\"operation\": 1, \"reason\": \"r\"}]", "x.json:2: operation: has to be an operation"},
        {"[{\"operation\": \"linear\",\n\"reason\": \"\"}]", "x.json:3: reason: has to be a text that is not empty"},
        {"[{\"operation\": \"linear\",\n\"reason\": \"r\",\n\"link\": 1}]", "x.json:4: link: has to be a text"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\",\n\"until\": \"1\"}]",
         "x.json:3: until: is not known; a quirk has operation, driver, reason, link"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\",\n\"driver\": \"3.1\"}]",
         "x.json:3: driver: has to be an object"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\", \"driver\": {\n\"to\": \"3.1\"}}]",
         "x.json:3: to: is not known in \"driver\"; known are from, below"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\", \"driver\": {\n\"from\": 3.1}}]",
         "x.json:3: from: has to be a version"},
        {"[{\"operation\": \"linear\", \"reason\": \"r\", \"driver\": {\"below\": \"v3\"}}]",
         "x.json:2: below: has to be a version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocl_profile_file file;
        assert_fails(parse(&file, cases[i].quirks), CLN_INVALID, cases[i].message);
    }
}

/* A key may be spelled with escapes, by which its place is not found: then the line is that of what it stands in. */
static void test_a_key_with_escapes_has_a_line_all_the_same(void **state) {
    (void)state;
    struct ocl_profile_file file;
    const char *text =
        "{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"quirk\\u0073\": [{\"operation\": \"linear\", "
        "\"reason\": \"r\"}, {\"operation\": \"none\", \"reason\": \"r\"}]}";
    assert_fails(ocl_profile_file_parse(&file, text, "x.json", 0, &params), CLN_INVALID,
                 "operation: has to be an operation: conv2d, linear");
}

static void test_places_in_json(void **state) {
    (void)state;
    const char *text = "{ \"a\" : [1, {\"b\": \"}]\\\"{\"} , \"c\",[ ] ,-2e3],\n\"b\":\n{\"a\":{}}, \"empty\": []}";
    const char *array = cln_json_value(cln_json_key(text, "a"));
    static const char *const elements[] = {"1,", "{\"b\"", "\"c\"", "[ ]", "-2e3]"};
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        assert_memory_equal(cln_json_element(array, i), elements[i], strlen(elements[i]));
    assert_null(cln_json_element(array, 5));
    assert_null(cln_json_element(cln_json_value(cln_json_key(text, "empty")), 0));
    assert_int_equal(cln_json_line(text, cln_json_key(text, "a")), 1);
    assert_int_equal(cln_json_line(text, cln_json_key(text, "b")), 2);
    assert_int_equal(cln_json_line(text, cln_json_key(cln_json_value(cln_json_key(text, "b")), "a")), 3);
    assert_null(cln_json_key(text, "c"));
    assert_null(cln_json_key(text, "emp"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions_are_found),
        cmocka_unit_test(test_versions_are_compared_number_by_number),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_faults_name_file_and_line),
        cmocka_unit_test(test_a_key_with_escapes_has_a_line_all_the_same),
        cmocka_unit_test(test_places_in_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
