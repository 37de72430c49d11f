/* The search's dimensions on made-up devices: everything it would try can be run there, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/tune/race.h"
#include "src/tune/search.h"
#include "src/tune/tune.h"

static struct ocl_device device_of(enum ocl_device_type type, unsigned native, size_t group, uint64_t local) {
    return (struct ocl_device){.name = "made up",
                               .vendor = "nobody",
                               .platform = "nowhere",
                               .type = type,
                               .available = true,
                               .compute_units = 4,
                               .native_float_vector = native,
                               .max_work_group_size = group,
                               .max_work_item_sizes = {group, group, group},
                               .global_memory_bytes = UINT64_C(1) << 30,
                               .max_alloc_bytes = UINT64_C(1) << 28,
                               .local_memory_bytes = local};
}

static struct cln_tuning tuning_of(const struct ocl_device *device) {
    struct ocl_profile *profile = NULL;
    struct cln_tuning tuning;
    assert_int_equal(cln_tuning_profile(&profile, device, NULL), CLN_OK);
    assert_int_equal(cln_tuning_create(&tuning, profile, device), CLN_OK);
    ocl_profile_destroy(&profile);
    return tuning;
}

/* Number of values of all dimensions; each makes a tuning that has it, and that is not the one there is. */
static size_t check_device(const struct ocl_device *device, bool gemm) {
    const struct cln_tuning now = tuning_of(device);
    size_t count = 0;
    for (size_t n = 0; n < cln_search_dimensions(); n++) {
        struct cln_search_dimension d;
        cln_search_dimension(&d, n, device, &now, gemm);
        count += d.count;
        for (size_t i = 0; i < d.count; i++) {
            struct ocl_profile *profile = NULL;
            struct cln_tuning tuning;
            bool other = false;
            assert_int_equal(cln_tuning_profile(&profile, device, NULL), CLN_OK);
            for (size_t k = 0; k < CLN_SEARCH_KEYS && d.keys[k]; k++) {
                assert_int_equal(ocl_profile_set(profile, d.keys[k], d.values[i][k]), CLN_OK);
                other = other || cln_tuning_value(&now, d.keys[k]) != d.values[i][k];
            }
            assert_int_equal(cln_tuning_create(&tuning, profile, device), CLN_OK);
            for (size_t k = 0; k < CLN_SEARCH_KEYS && d.keys[k]; k++)
                if (strcmp(d.keys[k], "min_gemm_weights") != 0) /* a build may be without it */
                    assert_int_equal(cln_tuning_value(&tuning, d.keys[k]), d.values[i][k]);
            assert_true(other || d.base);
            for (size_t j = 0; j < i; j++)
                assert_memory_not_equal(d.values[i], d.values[j], sizeof d.values[i]);
            ocl_profile_destroy(&profile);
        }
    }
    return count;
}

static void test_what_is_tried_can_be_run(void **state) {
    (void)state;
    const struct ocl_device avx2 = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18),
                            gpu = device_of(OCL_DEVICE_GPU, 1, 1024, 1 << 15),
                            small = device_of(OCL_DEVICE_GPU, 4, 64, 1 << 14),
                            single = device_of(OCL_DEVICE_ACCELERATOR, 16, 1, 0);
    assert_true(check_device(&avx2, true) > 30);
    assert_true(check_device(&gpu, false) > 30);
    assert_true(check_device(&small, true) > 20);
    assert_true(check_device(&single, true) > 15);
}

static const struct cln_search_dimension *shapes_of(const struct ocl_device *device) {
    static struct cln_search_dimension d;
    const struct cln_tuning now = tuning_of(device);
    cln_search_dimension(&d, 0, device, &now, false);
    assert_string_equal(d.keys[1], "lanes");
    return &d;
}

static void test_a_cpu_is_tried_with_vectors_and_a_gpu_with_groups_first(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18),
                            gpu = device_of(OCL_DEVICE_GPU, 1, 1024, 1 << 15);
    const struct cln_search_dimension *d = shapes_of(&cpu);
    assert_int_equal(d->values[0][0], d->values[0][1]); /* a work-item to a block */
    d = shapes_of(&gpu);
    assert_true(d->values[0][1] > d->values[0][0]);
}

static void test_teams_are_tried_where_blocks_have_groups(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18),
                            gpu = device_of(OCL_DEVICE_GPU, 1, 256, 1 << 15);
    const struct cln_tuning one = tuning_of(&cpu), several = tuning_of(&gpu);
    struct cln_search_dimension d;
    cln_search_dimension(&d, 1, &cpu, &one, false);
    assert_string_equal(d.keys[0], "max_team");
    assert_int_equal(d.count, 0);
    cln_search_dimension(&d, 1, &gpu, &several, false); /* 32 lanes in teams of 1, 2 and 4; 8 is what there is */
    assert_int_equal(d.count, 3);
}

static void test_groups_keep_to_the_device(void **state) {
    (void)state;
    const struct ocl_device small = device_of(OCL_DEVICE_GPU, 1, 16, 1 << 14);
    const struct cln_search_dimension *d = shapes_of(&small);
    for (size_t i = 0; i < d->count; i++)
        assert_true(d->values[i][1] / d->values[i][0] <= 16);
}

/* Every value to try for a layer by itself can be set, and is another than the layer has. */
static void test_layers_are_tried_by_themselves(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18);
    const struct cln_tuning now = tuning_of(&cpu);
    const struct cln_stage stages[] = {{.affine = CLN_AFFINE_CONV2D,
                                        .conv2d = {{6, 12, 12}, {16, 12, 12}, 5, 5, 1, 1, 2, 2, 1, 1, 1, 6, true},
                                        .normalise = true,
                                        .pool.kind = CLN_POOL_MAX,
                                        .first_layer = 3},
                                       {.affine = CLN_AFFINE_CONV2D,
                                        .conv2d = {{6, 12, 12}, {16, 6, 6}, 5, 5, 2, 2, 2, 2, 1, 1, 1, 6, true},
                                        .first_layer = 3},
                                       {.affine = CLN_AFFINE_LINEAR, .linear = {256, 120, true}},
                                       {.affine = CLN_AFFINE_NONE}};
    static const size_t dimensions[] = {4, 2, 2, 0};
    for (size_t s = 0; s < sizeof stages / sizeof *stages; s++) {
        size_t tried = 0;
        for (size_t n = 0; n < cln_search_layer_dimensions(); n++) {
            struct cln_search_dimension d;
            cln_search_layer_dimension(&d, n, &stages[s], &now);
            tried += d.count > 0;
            for (size_t i = 0; i < d.count; i++) {
                struct ocl_profile *profile = NULL;
                struct cln_tuning tuning;
                assert_int_equal(cln_tuning_profile(&profile, &cpu, NULL), CLN_OK);
                assert_int_equal(ocl_profile_set_layer(profile, d.layer, d.keys[0], d.values[i][0]), CLN_OK);
                assert_int_equal(cln_tuning_create(&tuning, profile, &cpu), CLN_OK);
                const struct cln_tuning own = cln_tuning_of_stage(&tuning, &stages[s]);
                assert_int_equal(cln_tuning_value(&own, d.keys[0]), d.values[i][0]);
                assert_int_not_equal(cln_tuning_value(&now, d.keys[0]), d.values[i][0]);
                ocl_profile_destroy(&profile);
            }
        }
        assert_int_equal(tried, dimensions[s]);
    }
}

/* Every value that a layer may have by itself is tried for it. */
static void test_every_value_of_a_layer_has_a_dimension(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18);
    const struct cln_tuning now = tuning_of(&cpu);
    const struct cln_stage stage = {.affine = CLN_AFFINE_NONE};
    for (size_t k = 0; k < cln_tuning_key_count; k++) {
        size_t found = 0;
        for (size_t n = 0; n < cln_search_layer_dimensions(); n++) {
            struct cln_search_dimension d;
            cln_search_layer_dimension(&d, n, &stage, &now);
            found += strcmp(d.keys[0], cln_tuning_keys[k].name) == 0;
        }
        assert_int_equal(found, cln_tuning_keys[k].per_layer);
    }
}

/* What is settled for all layers is settled for one: no filtering where it cannot be, none where winograd is safe. */
static void test_values_of_layers_are_settled(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18),
                            gpu = device_of(OCL_DEVICE_GPU, 1, 1024, 1 << 15);
    const struct cln_stage conv = {.affine = CLN_AFFINE_CONV2D,
                                   .conv2d = {{6, 12, 12}, {16, 8, 8}, 5, 5, 1, 1, 0, 0, 1, 1, 1, 6, true}};
    static const char values[] = "winograd=0,Conv2d 6x12x12 16x5x5:winograd=2,Conv2d 6x12x12 16x5x5:accumulators=0";
    for (int i = 0; i < 2; i++) {
        struct ocl_profile *profile = NULL;
        struct cln_tuning tuning;
        assert_int_equal(cln_tuning_profile(&profile, i ? &gpu : &cpu, NULL), CLN_OK);
        assert_int_equal(cln_tuning_set(profile, values), CLN_OK);
        assert_int_equal(cln_tuning_create(&tuning, profile, i ? &gpu : &cpu), CLN_OK);
        ocl_profile_destroy(&profile);
        assert_int_equal(cln_tuning_of_stage(&tuning, &conv).winograd, i ? CLN_WINOGRAD_NEVER : CLN_WINOGRAD_ALWAYS);
        assert_true(cln_tuning_of_stage(&tuning, &conv).accumulators >= 12);
        assert_int_equal(cln_tuning_filters(&tuning), i == 0);
        cln_tuning_make_safe(&tuning, cln_operation("winograd"));
        assert_int_equal(cln_tuning_of_stage(&tuning, &conv).winograd, CLN_WINOGRAD_NEVER);
        assert_false(cln_tuning_filters(&tuning));
    }
}

/* The profile that tune writes has the values of single layers, too. */
static void test_values_of_layers_are_written(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18);
    static const char *const expected[] = {"\"layers\": {", "\"Linear 256x120\": {", "\"Conv2d 6x12x12 16x5x5\": {",
                                           "\"accumulators\": 7", "\"winograd\": 1"};
    char *text = NULL;
    assert_int_equal(cln_tuned_profile(&text, &cpu, NULL,
                                       "Linear 256x120:accumulators=7,lanes=8,Conv2d 6x12x12 16x5x5:winograd=1,"
                                       "Linear 256x120:slice_cache_kib=96",
                                       "today"),
                     CLN_OK);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_non_null(strstr(text, expected[i]));
    free(text);
    assert_int_equal(cln_tuned_profile(&text, &cpu, NULL, "lanes=8", "today"), CLN_OK);
    assert_null(strstr(text, "layers"));
    free(text);
}

static void test_texts_of_layers(void **state) {
    (void)state;
    static const struct cln_stage stages[] = {
        {.affine = CLN_AFFINE_CONV2D, .conv2d = {{6, 12, 12}, {16, 8, 8}, 5, 5, 1, 1, 0, 0, 1, 1, 1, 6, true}},
        {.affine = CLN_AFFINE_CONV2D, .conv2d = {{3, 32, 30}, {8, 16, 15}, 3, 1, 2, 2, 1, 0, 1, 1, 1, 3, false}},
        {.affine = CLN_AFFINE_CONV2D, .conv2d = {{3, 32, 30}, {8, 16, 15}, 3, 3, 1, 1, 1, 1, 1, 1, 1, 3, false}},
        {.affine = CLN_AFFINE_CONV2D, .conv2d = {{8, 9, 9}, {16, 5, 9}, 3, 3, 1, 1, 0, 1, 2, 1, 4, 2, false}},
        {.affine = CLN_AFFINE_CONV2D, .conv2d = {{8, 9, 9}, {8, 7, 7}, 3, 3, 1, 1, 0, 0, 1, 1, 8, 1, false}},
        {.affine = CLN_AFFINE_LINEAR, .linear = {256, 120, true}},
    };
    static const char *const texts[] = {"Conv2d 6x12x12 16x5x5",
                                        "Conv2d 3x32x30 8x3x1 stride 2x2 padding 1x0",
                                        "Conv2d 3x32x30 8x3x3 padding 1x1",
                                        "Conv2d 8x9x9 16x3x3 padding 0x1 dilation 2x1 groups 4",
                                        "Conv2d 8x9x9 8x3x3 groups 8",
                                        "Linear 256x120"};
    static const char *const others[] = {"",
                                         "Conv2d",
                                         "Conv2d 6x12x12",
                                         "Conv2d 6x12x12 16x5x5 ",
                                         "Conv2d 06x12x12 16x5x5",
                                         "Conv2d 6x12x12 16x5x5 stride 1x1",
                                         "Conv2d 6x12x12 16x5x5 padding 1x1 stride 2x2",
                                         "Linear 256",
                                         "Linear 256x120x3",
                                         "linear 256x120",
                                         "Linear -5x120",
                                         "Conv2d 6x12x12 16x5x5 padding -1x2",
                                         "Conv2d 6x12x12 16x5x5 stride 0x0",
                                         "Conv2d 6x12x12 16x5x5 groups 1",
                                         "Conv2d 6x12x12 16x5x5 groups 0",
                                         "Conv2d 6x12x12 16x5x5 groups 2 dilation 2x2",
                                         "Conv2d 6x12x12 16x5x5 groups 2x2",
                                         "Conv2d 6x12x12 16x5x5 dilation 1x1",
                                         "Conv2d 6x12x12 16x5x5 dilation 0x0",
                                         "Linear 99999999999x120"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[CLN_LAYER_TEXT];
        cln_layer_text(text, &stages[i]);
        assert_string_equal(text, texts[i]);
        assert_true(cln_is_layer_text(text));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (cln_is_layer_text(others[i]))
            fail_msg("\"%s\" is taken for a layer", others[i]);
}

static void test_values_are_read_as_written(void **state) {
    (void)state;
    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, 8, 4096, 1 << 18);
    struct ocl_profile *profile = NULL;
    assert_int_equal(cln_tuning_profile(&profile, &cpu, NULL), CLN_OK);
    assert_int_equal(cln_tuning_set(profile, ""), CLN_OK);
    assert_int_equal(cln_tuning_set(profile, "vector=4,lanes=16"), CLN_OK);
    assert_int_equal(ocl_profile_value(profile, "vector"), 4);
    assert_int_equal(ocl_profile_value(profile, "lanes"), 16);
    assert_int_equal(cln_tuning_set(profile, "vector=400"), CLN_INVALID);
    assert_int_equal(cln_tuning_set(profile, "vector"), CLN_INVALID);
    assert_int_equal(cln_tuning_set(profile, "=3"), CLN_INVALID);
    struct cln_tuning tuning;
    const struct cln_stage conv = {.affine = CLN_AFFINE_CONV2D,
                                   .conv2d = {{6, 12, 12}, {16, 8, 8}, 5, 5, 1, 1, 0, 0, 1, 1, 1, 6, true}},
                           linear = {.affine = CLN_AFFINE_LINEAR, .linear = {256, 120, true}};
    assert_int_equal(cln_tuning_set(profile, "accumulators=9,Conv2d 6x12x12 16x5x5:accumulators=7,vector=8,"
                                             "Linear 256x120:slice_cache_kib=96,lanes=8,Conv2d 6x12x12 16x5x5:fuse=0"),
                     CLN_OK);
    assert_int_equal(cln_tuning_create(&tuning, profile, &cpu), CLN_OK);
    assert_int_equal(tuning.accumulators, 9);
    assert_int_equal(tuning.fuse, 1);
    assert_int_equal(cln_tuning_of_stage(&tuning, &conv).accumulators, 7);
    assert_int_equal(cln_tuning_of_stage(&tuning, &conv).fuse, 0);
    assert_int_equal(cln_tuning_of_stage(&tuning, &linear).accumulators, 9);
    assert_int_equal(cln_tuning_of_stage(&tuning, &linear).slice_cache_kib, 96);
    assert_int_equal(cln_tuning_set(profile, "Conv2d 6x12x12:fuse=0"), CLN_INVALID);
    assert_int_equal(cln_tuning_set(profile, "Linear 256x120:lanes=8"), CLN_INVALID);
    assert_int_equal(cln_tuning_set(profile, "Linear 256x120:=8"), CLN_INVALID);
    ocl_profile_destroy(&profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_tried_can_be_run),
        cmocka_unit_test(test_a_cpu_is_tried_with_vectors_and_a_gpu_with_groups_first),
        cmocka_unit_test(test_teams_are_tried_where_blocks_have_groups),
        cmocka_unit_test(test_groups_keep_to_the_device),
        cmocka_unit_test(test_layers_are_tried_by_themselves),
        cmocka_unit_test(test_every_value_of_a_layer_has_a_dimension),
        cmocka_unit_test(test_values_of_layers_are_settled),
        cmocka_unit_test(test_values_of_layers_are_written),
        cmocka_unit_test(test_texts_of_layers),
        cmocka_unit_test(test_values_are_read_as_written),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
