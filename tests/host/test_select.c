/* Selection over made-up machines. */
#include <stdlib.h>
#include <string.h>

#include "tests/host/support.h"

#define DEVICE(p, d, kind, unified, units, device_name, platform_name)                                                 \
    {                                                                                                                  \
        .platform_index = p, .device_index = d, .type = kind, .unified_memory = unified, .compute_units = units,       \
        .native_float_vector = 1, .name = device_name, .platform = platform_name,                                      \
        .device_version = "OpenCL 1.2 made up", .available = true, .opencl_major = 1, .opencl_minor = 2                \
    }

/* A workstation: the discrete GPU has fewer units than the integrated one, and two of the cards are equal. */
static const struct ocl_device machine[] = {
    DEVICE(0, 0, OCL_DEVICE_CPU, true, 64, "cpu-haswell-Big Iron", "Portable Computing Language"),
    DEVICE(1, 0, OCL_DEVICE_GPU, true, 96, "Onboard Graphics 770", "Acme OpenCL Graphics"),
    DEVICE(2, 0, OCL_DEVICE_GPU, false, 32, "Gamma 7900", "Gamma Accelerated Processing"),
    DEVICE(2, 1, OCL_DEVICE_GPU, false, 48, "Gamma 7950", "Gamma Accelerated Processing"),
    DEVICE(2, 2, OCL_DEVICE_GPU, false, 48, "Gamma 7950", "Gamma Accelerated Processing"),
    DEVICE(3, 0, OCL_DEVICE_ACCELERATOR, false, 500, "Fabric One", "Weave"),
    DEVICE(4, 10, OCL_DEVICE_OTHER, false, 900, "Curiosity", "Weave"),
};
enum { COUNT = sizeof machine / sizeof machine[0] };

static void test_choices(void **state) {
    (void)state;
    static const struct {
        const char *selector;
        size_t index;
    } cases[] = {
        {NULL, 3},   {"", 3},         {"gpu", 3},  {"GPU", 3},    {"cpu", 0},       {"accelerator", 5},
        {"0:0", 0},  {"2:2", 4},      {"4:10", 6}, {"7900", 2},   {"gamma 795", 3}, {"onboard", 1},
        {"acme", 1}, {"PORTABLE", 0}, {"iron", 0}, {"fabric", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t index = 99;
        assert_ok(ocl_device_select(&index, machine, COUNT, cases[i].selector));
        if (index != cases[i].index)
            fail_msg("\"%s\" chose %zu and not %zu", cases[i].selector, index, cases[i].index);
    }
}

/* Each round takes the best away: the order of types, then of width, then of the list. */
static void test_default_order(void **state) {
    (void)state;
    static const size_t order[COUNT] = {3, 4, 2, 1, 5, 0, 6};
    struct ocl_device devices[COUNT];
    memcpy(devices, machine, sizeof machine);
    for (size_t i = 0; i < COUNT; i++) {
        size_t index = 99;
        assert_ok(ocl_device_select(&index, devices, COUNT, NULL));
        assert_int_equal(index, order[i]);
        devices[index].available = false;
    }
    size_t index;
    assert_fails(ocl_device_select(&index, devices, COUNT, NULL), CLN_NO_DEVICE, "2:1 Gamma 7950");
}

/* A compute unit may be a SIMD lane or a core with sixteen of them. */
static void test_width_counts(void **state) {
    (void)state;
    struct ocl_device devices[] = {
        DEVICE(0, 0, OCL_DEVICE_CPU, true, 8, "software rasteriser", "Weave"),
        DEVICE(1, 0, OCL_DEVICE_CPU, true, 2, "two cores", "Portable Computing Language"),
    };
    devices[1].native_float_vector = 16;
    strcpy(devices[1].platform_version, "OpenCL 3.0 PoCL made up");
    size_t index = 99;
    assert_ok(ocl_device_select(&index, devices, 2, NULL));
    assert_int_equal(index, 1);
    assert_ok(ocl_device_select(&index, devices, 2, "pocl"));
    assert_int_equal(index, 1);
}

static void test_ambiguous_part_lists_what_fits(void **state) {
    (void)state;
    size_t index;
    assert_fails(ocl_device_select(&index, machine, COUNT, "gamma"), CLN_INVALID, "2:0 Gamma 7900");
    assert_message("2:2 Gamma 7950");
    assert_null(strstr(cln_error_message(), "Onboard"));
}

static void test_nothing_fits(void **state) {
    (void)state;
    static const char *const selectors[] = {"9:0", "2:3", "4:1", "no such card", "2:", "2:0 ", ":", "gpux"};
    for (size_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
        size_t index;
        assert_fails(ocl_device_select(&index, machine, COUNT, selectors[i]), CLN_NO_DEVICE, "3:0 Fabric One (Weave)");
        assert_message(selectors[i]);
    }
    size_t index;
    assert_fails(ocl_device_select(&index, machine, 1, "gpu"), CLN_NO_DEVICE, "0:0 cpu-haswell");
    assert_fails(ocl_device_select(&index, NULL, 0, NULL), CLN_NO_DEVICE, "none");
}

/* Such devices are passed over, and told about where they were asked for by number. */
static void test_unusable_devices(void **state) {
    (void)state;
    struct ocl_device devices[COUNT];
    memcpy(devices, machine, sizeof machine);
    devices[3].available = false;
    devices[4].opencl_minor = 1;
    size_t index;
    assert_ok(ocl_device_select(&index, devices, COUNT, NULL));
    assert_int_equal(index, 2);
    assert_fails(ocl_device_select(&index, devices, COUNT, "2:1"), CLN_NO_DEVICE, "cannot be used");
    assert_fails(ocl_device_select(&index, devices, COUNT, "2:2"), CLN_NO_DEVICE, "OpenCL 1.2");
    assert_fails(ocl_device_select(&index, devices, COUNT, "7950"), CLN_NO_DEVICE, "not usable");
    assert_ok(ocl_device_select(&index, devices, COUNT, "gamma"));
    assert_int_equal(index, 2);
    devices[0].opencl_major = 3;
    devices[0].opencl_minor = 0;
    assert_ok(ocl_device_select(&index, devices, COUNT, "0:0"));
    assert_int_equal(index, 0);
}

static void test_list_that_is_too_long_for_the_message(void **state) {
    (void)state;
    enum { MANY = 200 };
    struct ocl_device *devices = calloc(MANY, sizeof *devices);
    assert_non_null(devices);
    for (unsigned i = 0; i < MANY; i++) {
        devices[i] = machine[0];
        devices[i].device_index = i;
        memset(devices[i].name, 'x', sizeof devices[i].name - 1);
    }
    size_t index;
    assert_fails(ocl_device_select(&index, devices, MANY, "gpu"), CLN_NO_DEVICE, "xxx");
    free(devices);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_default_order),
        cmocka_unit_test(test_width_counts),
        cmocka_unit_test(test_ambiguous_part_lists_what_fits),
        cmocka_unit_test(test_nothing_fits),
        cmocka_unit_test(test_unusable_devices),
        cmocka_unit_test(test_list_that_is_too_long_for_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
