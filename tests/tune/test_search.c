/* The search's dimensions on made-up devices: everything it would try can be run there, and nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "src/tune/race.h"
#include "src/tune/search.h"

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
    ocl_profile_destroy(&profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_tried_can_be_run),
        cmocka_unit_test(test_a_cpu_is_tried_with_vectors_and_a_gpu_with_groups_first),
        cmocka_unit_test(test_teams_are_tried_where_blocks_have_groups),
        cmocka_unit_test(test_groups_keep_to_the_device),
        cmocka_unit_test(test_values_are_read_as_written),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
