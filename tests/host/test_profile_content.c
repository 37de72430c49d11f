/* Profiles: values of single layers, and what a faulty file is told. */
#include "tests/host/profiles.h"

static long value_of_layer(const struct ocl_profile *profile, const char *layer, const char *key, const char **origin) {
    size_t count = 0;
    const struct ocl_profile_layer_value *layers = ocl_profile_layers(profile, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(layers[i].layer, layer) == 0 && strcmp(keys[layers[i].key].name, key) == 0) {
            *origin = layers[i].origin;
            return layers[i].value;
        }
    return -1;
}

/* Values of layers by themselves are merged one by one, as all others; setting replaces them. */
static void test_values_of_single_layers(void **state) {
    (void)state;
    struct ocl_profile *profile = NULL;
    const char *origin = "";
    size_t count = 0;
    write_file("user", "wide.json",
               "{\"name\": \"wide\", \"match\": {}, \"values\": {},\n"
               " \"layers\": {\"Linear 3x4\": {\"accumulators\": 5,\n \"winograd\": 1}, \"Linear 1x1\": {}}}");
    write_file("user", "narrow.json",
               "{\"name\": \"narrow\", \"match\": {\"type\": \"cpu\"}, \"values\": {\"lanes\": 9},\n"
               " \"layers\": {\n\"Linear 3x4\": {\n\"winograd\": 2},\n \"Linear 5x6\": {\"accumulators\": 7}}}");
    assert_ok(load(&profile));
    (void)ocl_profile_layers(profile, &count);
    assert_int_equal(count, 3);
    assert_int_equal(value_of_layer(profile, "Linear 3x4", "accumulators", &origin), 5);
    assert_non_null(strstr(origin, "wide.json:2"));
    assert_int_equal(value_of_layer(profile, "Linear 3x4", "winograd", &origin), 2);
    assert_non_null(strstr(origin, "narrow.json:4"));
    assert_int_equal(value_of_layer(profile, "Linear 5x6", "accumulators", &origin), 7);
    assert_int_equal(ocl_profile_value(profile, "lanes"), 9);

    assert_ok(ocl_profile_set_layer(profile, "Linear 5x6", "accumulators", 8));
    assert_ok(ocl_profile_set_layer(profile, "Linear 7x8", "fuse", 0));
    assert_int_equal(value_of_layer(profile, "Linear 5x6", "accumulators", &origin), 8);
    assert_string_equal(origin, "set");
    assert_int_equal(value_of_layer(profile, "Linear 7x8", "fuse", &origin), 0);
    assert_fails(ocl_profile_set_layer(profile, "linear", "fuse", 0), CLN_INVALID, "linear: is no layer; an example");
    assert_fails(ocl_profile_set_layer(profile, "Linear 7x8", "lanes", 8), CLN_INVALID,
                 "lanes: is no value of a layer");
    assert_fails(ocl_profile_set_layer(profile, "Linear 7x8", "fuse", 2), CLN_INVALID, "fuse: 2: has to be an integer");
    ocl_profile_destroy(&profile);

    /* A value for all layers wins over a wider profile's values of single ones, and over no other key's. */
    const char *safe =
        write_file("site", "asked.json", "{\"name\": \"asked\", \"match\": null, \"values\": {\"winograd\": 0}}");
    params.file = safe;
    assert_ok(load(&profile));
    assert_int_equal(value_of_layer(profile, "Linear 3x4", "winograd", &origin), -1);
    assert_int_equal(value_of_layer(profile, "Linear 5x6", "accumulators", &origin), 7);
    assert_int_equal(ocl_profile_value(profile, "winograd"), 0);
    ocl_profile_destroy(&profile);
}

static void test_faults_name_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\n  \"name\": \"x\",,\n}", "/bad.json:2: "},
        {"", "/bad.json:"},
        {"[]", "/bad.json:1: a profile has to be an object"},
        {"{\"match\": {}, \"values\": {}}", "/bad.json:1: \"name\" is missing"},
        {"{\"name\": \"x\", \"values\": {}}", "/bad.json:1: \"match\" is missing"},
        {"{\"name\": \"x\", \"match\": {}}", "/bad.json:1: \"values\" is missing"},
        {"{\"name\": \"x\",\n\"match\": {},\n\"values\": {},\n\"extra\": 1}",
         "/bad.json:4: extra: is not known; a profile has name, match, measured, note, no_device, values, layers, "
         "quirks"},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {},\n\n \"layers\": []}",
         "/bad.json:3: layers: has to be an object"},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"layers\": {\n\"Lynear 3\": {}}}",
         "/bad.json:3: Lynear 3: is no layer; an example of one is \"Linear 3x4\""},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"layers\": {\n\"Linear 3x4\": 7}}",
         "/bad.json:3: Linear 3x4: has to be an object"},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"layers\": {\"Linear 3x4\": {\n\"lanes\": 8}}}",
         "/bad.json:3: lanes: is not a value of a layer; known are accumulators, slice_cache_kib, winograd, fuse"},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {},\n \"layers\": {\"Linear 3x4\": {\n\"fuse\": 3}}}",
         "/bad.json:3: fuse: has to be an integer from 0 to 1"},
        {"{\"name\": 1, \"match\": {}, \"values\": {}}", "/bad.json:1: name: has to be a text"},
        {"{\"name\": \"\", \"match\": {}, \"values\": {}}", "/bad.json:1: name: has to be a text"},
        {"{\"name\": \"x\",\n\"match\": [],\n\"values\": {}}", "/bad.json:2: match: has to be an object"},
        {"{\"name\": \"x\",\n\"match\": {},\n\"values\": 1}", "/bad.json:3: values: has to be an object"},
        {"{\"name\": \"match\",\n\"match\": {\n\"name\": 3},\n\"values\": {}}", "/bad.json:3: name: has to be a text"},
        {"{\"name\": \"x\",\n\"match\": {\n\"model\": \"y\"},\n\"values\": {}}", "/bad.json:3: model: is not known"},
        {"{\"name\": \"x\",\n\"match\": {\"type\":\n \"tpu\"},\n\"values\": {}}", "/bad.json:2: type: has to be"},
        {"{\"name\": \"x\", \"match\": {\"min_native_float_vector\": 0}, \"values\": {}}", "integer from 1 to 1024"},
        {"{\"name\": \"x\", \"match\": {\"min_native_float_vector\": \"8\"}, \"values\": {}}",
         "integer from 1 to 1024"},
        {"{\"name\": \"x\", \"match\": {}, \"measured\": 7, \"values\": {}}", "measured: has to be a text or null"},
        {"{\"match\": {\n\"name\": \"x\"},\n\"name\": 2, \"values\": {}}", "/bad.json:3: name: has to be a text"},
        {"{\"name\": \"x\", \"match\": {\"vendor\": \"AMD|\"}, \"values\": {}}", "vendor: has an empty part"},
        {"{\"name\": \"x\", \"match\": {}, \"note\": null, \"values\": {}}", "note: has to be a text"},
        {"{\"values\": {\"lanes\": 8,\n\n\"lines\": 8}, \"name\": \"lines\", \"match\": {}}",
         "/bad.json:3: lines: is not a value; known are lanes, vector, accumulators, safe_lanes, max_team, "
         "min_whole_channels, "
         "channel_cache_kib, slice_cache_kib, max_loop_iterations, "
         "local_weights, fma, min_gemm_weights, winograd, fuse, join_launches, command_buffer, unnamed"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"cache\": 8,\n\"slice_cache_kib\": 9}}",
         "/bad.json:2: cache: is the old name of slice_cache_kib, which is given too"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"slice_cache_kib\": 8,\n\"cache\": 9}}",
         "/bad.json:3: cache: is the old name of slice_cache_kib, which is given too"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"vector\": 17}}",
         "/bad.json:2: vector: has to be an integer from 0 to 16"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"vector\": -1}}", "vector: has to be an integer"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"vector\": 1.5}}", "vector: has to be an integer"},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"vector\": null}}", "vector: has to be an integer"},
        {"{\"name\": \"x\", \"match\": {}, \"values\": {\"vector\": 99999999999999999999}}", "/bad.json:1: "},
        {"{\"name\": \"x\", \"match\": {},\n\"values\": {\"vector\": 1,\n\"vector\": 2}}", "/bad.json:3: duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocl_profile *profile = NULL;
        write_file(folders[i % FOLDERS], "bad.json", cases[i].text);
        assert_fails(load(&profile), CLN_INVALID, cases[i].message);
        assert_message(temporary_path(folders[i % FOLDERS]));
        assert_null(profile);
        write_file(folders[i % FOLDERS], "bad.json", "{\"name\": \"good\", \"match\": {}, \"values\": {}}");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_of_single_layers, set_up, temporary_remove),
        cmocka_unit_test_setup_teardown(test_faults_name_file_and_line, set_up, temporary_remove),
    };
    return cmocka_run_group_tests_name("host profile content", tests, NULL, NULL);
}
