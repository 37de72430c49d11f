/* The metadata of checkpoints: an entry that does not fit is named, strings of other programs are ignored, and a file
 * of a later version gives a warning. */
#include "clenet/log.h"
#include "tests/format/support.h"

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
        {{{"network", network_text}, {"pictures", "[]"}, {"x", ""}}, "\"pictures\" is not an object"},
        {{{"network", network_text}, {"pictures", "{\"fit\": \"squash\"}"}, {"x", ""}}, "\"fit\" is unknown"},
        {{{"network", network_text}, {"pictures", "{\"ground\": \"#12345\"}"}, {"x", ""}}, "\"ground\" is unknown"},
        {{{"network", network_text}, {"pictures", "{\"pixels\": 3}"}, {"x", ""}}, "\"pixels\" is unknown"},
        {{{"network", network_text}, {"pictures", "{\"mirror\": true}"}, {"x", ""}}, "\"mirror\" is unknown"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_sample();
        struct cln_safetensors *file;
        struct cln_checkpoint *checkpoint;
        assert_ok(cln_safetensors_read(&file, path));
        const struct cln_safetensors_metadata metadata[4] = {
            {"clenet", "0.1.0"}, cases[i].metadata[0], cases[i].metadata[1], cases[i].metadata[2]};
        assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, 4));
        cln_safetensors_destroy(&file);
        assert_fails(cln_checkpoint_read(&checkpoint, path, NULL), CLN_INVALID, cases[i].message);
    }
}

/* Reads the sample after its metadata was replaced by `key`: `value` and, unless `version` is NULL, "clenet":
 * `version`.
 */
static enum cln_status read_with(struct cln_checkpoint **checkpoint, const char *version, const char *key,
                                 const char *value, const struct cln_network *network) {
    struct cln_safetensors *file;
    write_sample();
    const struct cln_safetensors_metadata metadata[] = {{key, value}, {"clenet", version}};
    assert_ok(cln_safetensors_read(&file, path));
    assert_ok(cln_safetensors_write(path, file->tensors, file->tensor_count, metadata, version ? 2 : 1));
    cln_safetensors_destroy(&file);
    return cln_checkpoint_read(checkpoint, path, network);
}

/* A string is read as clenet's own only if the file names a version of clenet, whatever the string's key. */
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
    assert_message("does not contain its network: name the network");
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata_that_does_not_fit_is_named),
        cmocka_unit_test(test_strings_of_others_are_not_ours),
        cmocka_unit_test(test_later_versions_are_told),
    };
    return cmocka_run_group_tests_name("metadata", tests, create_folder, temporary_remove);
}
