/* What the drivers of this machine say has to be whole and sane. */
#include "host/device.h"

#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/device_limits.h"
#include "tests/host/support.h"

static void assert_trimmed(const char *text) {
    size_t length = strlen(text);
    assert_true(length > 0);
    assert_true(text[0] != ' ' && text[length - 1] != ' ' && text[length - 1] != '\n');
}

static void test_devices_are_described(void **state) {
    (void)state;
    struct ocl_device *devices = NULL;
    size_t count = 0;
    assert_ok(ocl_devices_list(&devices, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct ocl_device *d = &devices[i];
        assert_trimmed(d->name);
        assert_trimmed(d->platform);
        assert_trimmed(d->vendor);
        assert_int_equal(strncmp(d->device_version, "OpenCL ", 7), 0);
        assert_true(d->opencl_major >= 1 && d->opencl_major < 10);
        assert_true(d->compute_units > 0 && d->native_float_vector > 0);
        assert_true(d->max_work_group_size > 0);
        for (int k = 0; k < 3; k++)
            assert_true(d->max_work_item_sizes[k] > 0);
        assert_true(d->max_alloc_bytes > 0 && d->max_alloc_bytes <= d->global_memory_bytes);
        if (!ocl_limits_text()) /* which may be for none */
            assert_true(d->local_memory_bytes > 0 && d->constant_buffer_bytes > 0);
        assert_non_null(d->platform_id);
        assert_non_null(d->device_id);
        for (size_t k = 0; k < i; k++)
            assert_false(devices[k].platform_index == d->platform_index && devices[k].device_index == d->device_index);
    }
    free(devices);
}

static void test_environment_selects(void **state) {
    (void)state;
    const char *present = getenv("CLENET_DEVICE");
    char *before = present ? strdup(present) : NULL;
    struct ocl_device device;
    setenv("CLENET_DEVICE", "99:99", 1);
    assert_fails(ocl_device_find(&device, NULL), CLN_NO_DEVICE, "CLENET_DEVICE: there is no device 99:99");
    assert_fails(ocl_device_find(&device, "98:98"), CLN_NO_DEVICE, "there is no device 98:98");
    assert_null(strstr(cln_error_message(), "CLENET_DEVICE"));
    unsetenv("CLENET_DEVICE");
    assert_ok(ocl_device_find(&device, NULL));
    if (before)
        setenv("CLENET_DEVICE", before, 1);
    free(before);
}

static void test_no_driver_says_what_to_install(void **state) {
    (void)state;
    struct ocl_device *devices;
    size_t count;
    ocl_fault_set(1, -1001);
    assert_fails(ocl_devices_list(&devices, &count), CLN_NO_DEVICE, "apt-get install pocl-opencl-icd");
    assert_message("clinfo -l");
    assert_null(devices);
    assert_int_equal(count, 0);
}

/* Whichever query fails: a list without that platform, device or value, or an error; never a crash. */
static void test_every_query_may_fail(void **state) {
    (void)state;
    struct ocl_device *devices;
    size_t count, calls, failures = 0;
    ocl_fault_set(0, 0);
    assert_ok(ocl_devices_list(&devices, &count));
    free(devices);
    calls = ocl_fault_calls();
    assert_true(calls > 10);
    for (size_t n = 1; n <= calls; n++) {
        ocl_fault_set(n, -5);
        enum cln_status status = ocl_devices_list(&devices, &count);
        failures += status != CLN_OK;
        assert_true(status == CLN_OK ? count > 0 && devices : count == 0 && !devices);
        free(devices);
    }
    assert_true(failures > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_devices_are_described, nothing_alive),
        cmocka_unit_test_teardown(test_environment_selects, nothing_alive),
        cmocka_unit_test_teardown(test_no_driver_says_what_to_install, nothing_alive),
        cmocka_unit_test_teardown(test_every_query_may_fail, nothing_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
