/* What the shipped profiles make of devices, real ones and made-up, and what a safe variant changes. No device. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "host/embedded.h"
#include "host/gemm.h"
#include "host/profile_private.h"
#include "src/check/cases.h"
#include "src/engine/conv2d.h"
#include "tests/engine/support.h"

static const struct ocl_profile_folders nowhere = {NULL};

static struct ocl_profile_params params_of(const char *file) {
    return (struct ocl_profile_params){.keys = cln_tuning_keys,
                                       .key_count = cln_tuning_key_count,
                                       .operations = cln_operations,
                                       .operation_count = cln_operation_count,
                                       .file = file};
}

/* Limits that stand in nobody's way. */
static struct ocl_device device_of(enum ocl_device_type type, const char *name, const char *vendor,
                                   const char *platform) {
    struct ocl_device device = {.type = type,
                                .compute_units = 16,
                                .native_float_vector = 1,
                                .max_work_group_size = 1024,
                                .max_work_item_sizes = {1024, 1024, 64},
                                .local_memory_bytes = 64 << 10,
                                .driver_version = "1.2"};
    snprintf(device.name, sizeof device.name, "%s", name);
    snprintf(device.vendor, sizeof device.vendor, "%s", vendor);
    snprintf(device.platform, sizeof device.platform, "%s", platform);
    return device;
}

static struct cln_tuning tuning_of(const struct ocl_device *device, const char *file) {
    const struct ocl_profile_params params = params_of(file);
    struct ocl_profile *profile = NULL;
    struct cln_tuning tuning;
    assert_ok(ocl_profile_load_from(&profile, device, &params, &nowhere));
    assert_ok(cln_tuning_create(&tuning, profile, device));
    ocl_profile_destroy(&profile);
    return tuning;
}

static bool is_json(const char *name) {
    const char *suffix = strrchr(name, '.');
    return name[0] != '.' && suffix && strcmp(suffix, ".json") == 0;
}

static void test_every_file_is_shipped_and_right(void **state) {
    (void)state;
    const struct ocl_profile_params params = params_of(NULL);
    size_t count = 0;
    for (const struct ocl_embedded *file = ocl_embedded_devices; file->name; file++, count++) {
        struct ocl_profile_file parsed;
        char name[128];
        assert_ok(ocl_profile_file_parse(&parsed, file->text, file->name, 0, &params));
        snprintf(name, sizeof name, "%s.json", parsed.name);
        assert_string_equal(name, file->name);
        ocl_profile_file_clear(&parsed);
    }
    DIR *folder = opendir(CLN_DEVICES);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        const struct ocl_embedded *file = ocl_embedded_devices;
        while (is_json(entry->d_name) && file->name && strcmp(file->name, entry->d_name) != 0)
            file++;
        if (is_json(entry->d_name)) {
            if (!file->name)
                fail_msg("%s is not in the library", entry->d_name);
            count--;
        }
    }
    closedir(folder);
    assert_int_equal(count, 0);
}

/* As the vendors' drivers call themselves. */
static const struct {
    enum ocl_device_type type;
    const char *name, *vendor, *platform;
    unsigned native_float_vector;
    const char *profile;
    bool measured;
    int vector, lanes, accumulators;
    const char *vector_from; /* the file's name */
} devices[] = {
    {OCL_DEVICE_GPU, "NVIDIA GeForce RTX 3060", "NVIDIA Corporation", "NVIDIA CUDA", 1, "nvidia", true, 1, 32, 24,
     "nvidia"},
    {OCL_DEVICE_GPU, "gfx1030", "Advanced Micro Devices, Inc.", "AMD Accelerated Parallel Processing", 1, "amd", false,
     1, 64, 24, "amd"},
    {OCL_DEVICE_GPU, "AMD Radeon RX 6800 (radeonsi, navi21, LLVM 15.0.7)", "AMD", "rusticl", 1, "amd", false, 1, 64, 24,
     "amd"},
    {OCL_DEVICE_GPU, "Intel(R) UHD Graphics 770", "Intel(R) Corporation", "Intel(R) OpenCL Graphics", 1, "intel-gpu",
     false, 1, 32, 12, "intel-gpu"},
    {OCL_DEVICE_GPU, "Mali-G78", "ARM", "ARM Platform", 4, "arm-mali", false, 4, 64, 8, "arm-mali"},
    {OCL_DEVICE_GPU, "Apple M1", "Apple", "Apple", 1, "apple", false, 1, 32, 12, "apple"},
    {OCL_DEVICE_GPU, "Intel(R) Iris(TM) Plus Graphics 655", "Intel Inc.", "Apple", 1, "apple", false, 1, 32, 12,
     "apple"},
    {OCL_DEVICE_GPU, "Some GPU", "Somebody", "Some platform", 1, "gpu", false, 1, 32, 12, "gpu"},
    {OCL_DEVICE_CPU, "pthread-haswell-AMD EPYC", "AuthenticAMD", "Portable Computing Language", 8, "pocl", true, 8, 8,
     12, "cpu"},
    {OCL_DEVICE_CPU, "pthread-skylake-avx512-AMD EPYC", "AuthenticAMD", "Portable Computing Language", 16, "pocl", true,
     16, 16, 24, "cpu-avx512"},
    {OCL_DEVICE_CPU, "Intel(R) Xeon(R) Gold 6130", "Intel(R) Corporation", "Intel(R) OpenCL", 16, "intel-cpu", true, 16,
     16, 24, "cpu-avx512"},
    {OCL_DEVICE_CPU, "llvmpipe (LLVM 15.0.6, 256 bits)", "Mesa/X.org", "rusticl", 1, "llvmpipe", true, 1, 8, 12,
     "llvmpipe"},
    {OCL_DEVICE_ACCELERATOR, "Some FPGA", "Somebody", "Some platform", 1, "default", false, 1, 1, 12, "default"},
};

static void test_the_right_profile_wins(void **state) {
    (void)state;
    const struct ocl_profile_params params = params_of(NULL);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        struct ocl_device device = device_of(devices[i].type, devices[i].name, devices[i].vendor, devices[i].platform);
        device.native_float_vector = devices[i].native_float_vector;
        struct ocl_profile *profile = NULL;
        struct cln_tuning tuning;
        char origin[64];
        assert_ok(ocl_profile_load_from(&profile, &device, &params, &nowhere));
        assert_ok(cln_tuning_create(&tuning, profile, &device));
        print_message("  %s: %s\n", devices[i].name, ocl_profile_name(profile));
        assert_string_equal(ocl_profile_name(profile), devices[i].profile);
        assert_int_equal(ocl_profile_measured(profile) != NULL, devices[i].measured);
        assert_int_equal(tuning.vector, devices[i].vector);
        assert_int_equal(tuning.lanes, devices[i].lanes);
        assert_int_equal(tuning.accumulators, devices[i].accumulators);
        snprintf(origin, sizeof origin, "devices/%s.json:", devices[i].vector_from);
        assert_memory_equal(ocl_profile_origin(profile, "vector"), origin, strlen(origin));
        ocl_profile_destroy(&profile);
    }
}

static void test_every_key_has_a_value(void **state) {
    (void)state;
    const struct ocl_device device = device_of(OCL_DEVICE_GPU, "x", "x", "x");
    const struct cln_tuning tuning = tuning_of(&device, NULL);
    for (size_t i = 0; i < cln_tuning_key_count; i++)
        assert_in_range(cln_tuning_value(&tuning, cln_tuning_keys[i].name), 0, cln_tuning_keys[i].max);
    assert_int_equal(tuning.max_loop_iterations, INT_MAX);
    assert_int_equal(cln_tuning_value(&tuning, "max_loop_iterations"), 0);
    assert_int_equal(cln_tuning_value(&tuning, "lanes"), 32);
    assert_int_equal(cln_tuning_value(&tuning, "min_groups"), 8 * 16);
}

static void test_operations_are_those_that_are_checked(void **state) {
    (void)state;
    unsigned all = 0;
    size_t count = 0;
    for (; cln_check_operation(count); count++)
        all |= cln_operation(cln_check_operation(count));
    assert_int_equal(count, cln_operation_count);
    assert_int_equal(all, (1u << count) - 1);
    assert_int_equal(cln_operation("conv2d.cl"), cln_operation("conv2d"));
}

static void test_groups_shrink_to_one_work_item(void **state) {
    (void)state;
    const struct ocl_device gpu = device_of(OCL_DEVICE_GPU, "x", "x", "x");
    struct cln_tuning tuning = tuning_of(&gpu, NULL);
    assert_int_equal(tuning.max_team, 8);
    for (int team = 4; team >= 1; team /= 2) {
        assert_true(cln_tuning_shrink(&tuning));
        assert_int_equal(tuning.max_team, team);
        assert_int_equal(tuning.lanes, 32);
    }
    for (int lanes = 16; lanes >= 1; lanes /= 2) {
        assert_true(cln_tuning_shrink(&tuning));
        assert_int_equal(tuning.lanes, lanes);
    }
    assert_false(cln_tuning_shrink(&tuning));
    assert_int_equal(tuning.lanes, 1);
}

/* Strict arithmetic has blocks of 8 or 16 lanes, and neither teams nor what sums in another order. */
static void test_strict_leaves_no_choice_of_sums(void **state) {
    (void)state;
    static const struct {
        enum ocl_device_type type;
        size_t largest_group;
        const char *values;
        int vector, lanes;
    } cases[] = {
        {OCL_DEVICE_CPU, 4096, "vector=8,lanes=8,winograd=2", 8, 8},
        {OCL_DEVICE_CPU, 4096, "vector=16,lanes=16", 16, 16},
        {OCL_DEVICE_CPU, 4096, "vector=4,lanes=4", 8, 8},
        {OCL_DEVICE_GPU, 256, "vector=1,lanes=32,max_team=4,min_gemm_weights=1", 1, 16},
        {OCL_DEVICE_GPU, 256, "vector=4,lanes=128", 4, 16},
        {OCL_DEVICE_GPU, 8, "vector=1,lanes=32", 8, 8},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocl_device device = device_of(cases[i].type, "x", "x", "x");
        struct ocl_profile *profile = NULL;
        struct cln_tuning tuning;
        device.max_work_group_size = cases[i].largest_group;
        assert_ok(cln_tuning_profile(&profile, &device, NULL));
        assert_ok(cln_tuning_set(profile, cases[i].values));
        assert_ok(cln_tuning_set(profile, "strict=1"));
        assert_ok(cln_tuning_create(&tuning, profile, &device));
        ocl_profile_destroy(&profile);
        assert_int_equal(tuning.vector, cases[i].vector);
        assert_int_equal(tuning.lanes, cases[i].lanes);
        assert_int_equal(tuning.max_team, 1);
        assert_int_equal(tuning.winograd, CLN_WINOGRAD_NEVER);
        assert_int_equal(tuning.min_gemm_weights, 0);
        while (cln_tuning_shrink(&tuning))
            assert_int_equal(tuning.lanes, cases[i].lanes);
        assert_int_equal(tuning.vector, cases[i].lanes);
    }
}

static void test_safe_narrows_blocks_and_leaves_the_rest(void **state) {
    (void)state;
    const struct ocl_device gpu = device_of(OCL_DEVICE_GPU, "x", "x", "x");
    const struct cln_tuning before = tuning_of(&gpu, NULL);
    struct cln_tuning tuning = before;
    cln_tuning_make_safe(&tuning, 0);
    assert_int_equal(tuning.lanes, 32);
    cln_tuning_make_safe(&tuning, cln_operation("conv2d"));
    assert_int_equal(tuning.safe, cln_operation("conv2d"));
    assert_int_equal(tuning.lanes, 16);
    assert_int_equal(tuning.vector, 1);
    assert_int_equal(tuning.min_gemm_weights > 0, ocl_gemm_available());
    cln_tuning_make_safe(&tuning, cln_operation("linear"));
    assert_int_equal(tuning.safe, cln_operation("conv2d") | cln_operation("linear"));
    assert_false(tuning.min_gemm_weights);

    const struct ocl_device cpu = device_of(OCL_DEVICE_CPU, "x", "x", "x");
    tuning = tuning_of(&cpu, NULL);
    cln_tuning_make_safe(&tuning, cln_operation("copy"));
    assert_int_equal(tuning.lanes, 1);

    /* Its compiler takes long for vectors. */
    static const struct {
        const char *values;
        int lanes, safe;
    } cases[] = {{"", 8, 2}, {"vector=4,lanes=16", 16, 4}, {"safe_lanes=1", 8, 1}, {"strict=1", 16, 16}};
    const struct ocl_device llvmpipe = device_of(OCL_DEVICE_CPU, "llvmpipe (LLVM 15.0.6)", "Mesa", "rusticl");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocl_profile *profile = NULL;
        assert_ok(cln_tuning_profile(&profile, &llvmpipe, NULL));
        assert_ok(cln_tuning_set(profile, cases[i].values));
        assert_ok(cln_tuning_create(&tuning, profile, &llvmpipe));
        ocl_profile_destroy(&profile);
        assert_int_equal(tuning.lanes, cases[i].lanes);
        cln_tuning_make_safe(&tuning, cln_operation("conv2d"));
        assert_int_equal(tuning.lanes, cases[i].safe);
    }
}

static void test_quirks_make_operations_safe(void **state) {
    (void)state;
    char path[] = "/tmp/clenet-quirk-XXXXXX";
    const int file = mkstemp(path);
    const char text[] = "{\"name\": \"q\", \"match\": null, \"values\": {\"lanes\": 64}, \"quirks\": [\n"
                        "{\"operation\": \"linear\", \"driver\": {\"below\": \"1.3\"}, \"reason\": \"wrong\"},\n"
                        "{\"operation\": \"adam\", \"driver\": {\"from\": \"1.3\"}, \"reason\": \"wrong\"}]}";
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    struct ocl_device device = device_of(OCL_DEVICE_GPU, "x", "x", "x");
    struct cln_tuning tuning = tuning_of(&device, path);
    assert_int_equal(tuning.safe, cln_operation("linear"));
    assert_int_equal(tuning.lanes, 16);
    assert_false(tuning.min_gemm_weights);
    strcpy(device.driver_version, "unknown");
    tuning = tuning_of(&device, path);
    assert_int_equal(tuning.safe, 0);
    assert_int_equal(tuning.lanes, 64);
    unlink(path);
}

/* Sides and kernels are numbers in a file: a plan for the largest ones takes no longer than one for a picture. */
static void test_planning_takes_no_longer_for_large_numbers(void **state) {
    (void)state;
    static const struct {
        int width, kernel, stride;
    } cases[] = {{131072, 65535, 1}, {1 << 28, 1 << 16, 1 << 16}, {1 << 28, 4096, 1}, {1 << 28, 1, 1}};
    struct ocl_context *context = context_under_test();
    struct cln_plan plan = {.context = context, .batch_size = 256, .blocks = 16};
    plan.tuning = (struct cln_tuning){.vector = 16,
                                      .lanes = 16,
                                      .max_team = 1,
                                      .accumulators = 24,
                                      .min_groups = 16,
                                      .min_whole_channels = 6,
                                      .max_loop_iterations = INT_MAX,
                                      .slice_cache_kib = 384};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int width = cases[i].width, kernel = cases[i].kernel, stride = cases[i].stride;
        const struct cln_conv2d g = {.in = {4, 1, width},
                                     .out = {4, 1, (width - kernel) / stride + 1},
                                     .kernel_h = 1,
                                     .kernel_w = kernel,
                                     .stride_h = 1,
                                     .stride_w = stride,
                                     .dilation_h = 1,
                                     .dilation_w = 1,
                                     .groups = 1,
                                     .in_per_group = 4};
        const clock_t start = clock();
        assert_true(cln_conv2d_slices(&plan, &g) > 0);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (!(seconds < 0.5))
            fail_msg("%d wide, kernel %d, stride %d: %.1f s to plan", width, kernel, stride, seconds);
    }
    ocl_context_destroy(&context);
}

/* devices/README.md has the table of tuning values, row by row as cln_tuning_keys says it. */
static void test_every_value_is_documented_as_its_row_says(void **state) {
    (void)state;
    static char readme[1 << 16];
    FILE *stream = fopen(CLN_DEVICES "/README.md", "r");
    assert_non_null(stream);
    readme[fread(readme, 1, sizeof readme - 1, stream)] = '\0';
    fclose(stream);
    char row[1024];
    char expected[1 << 14] =
        "| value | from | to | default | 0 means | meaning |\n| --- | ---: | ---: | ---: | --- | --- |\n";
    for (const struct ocl_profile_key *key = cln_tuning_keys; key < cln_tuning_keys + cln_tuning_key_count; key++) {
        assert_true(key->value >= key->min && key->value <= key->max);
        assert_int_equal(key->zero != NULL, key->min <= 0);
        snprintf(row, sizeof row, "| `%s` | %ld | %ld | %ld | %s | %s |\n", key->name, key->min, key->max, key->value,
                 key->zero ? key->zero : "", key->meaning);
        strncat(expected, row, sizeof expected - strlen(expected) - 1);
    }
    char *table = strstr(readme, "| value |");
    assert_non_null(table);
    char *end = strstr(table, "\n\n");
    assert_non_null(end);
    end[1] = '\0';
    assert_string_equal(table, expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value_is_documented_as_its_row_says),
        cmocka_unit_test(test_every_file_is_shipped_and_right),
        cmocka_unit_test(test_the_right_profile_wins),
        cmocka_unit_test(test_every_key_has_a_value),
        cmocka_unit_test(test_operations_are_those_that_are_checked),
        cmocka_unit_test(test_groups_shrink_to_one_work_item),
        cmocka_unit_test(test_strict_leaves_no_choice_of_sums),
        cmocka_unit_test(test_safe_narrows_blocks_and_leaves_the_rest),
        cmocka_unit_test_teardown(test_planning_takes_no_longer_for_large_numbers, nothing_alive),
        cmocka_unit_test(test_quirks_make_operations_safe),
    };
    return cmocka_run_group_tests_name("tuning", tests, NULL, NULL);
}
