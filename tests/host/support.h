/* What the tests of host/ share: the device under test, and the check that nothing is left alive. */
#ifndef TESTS_HOST_SUPPORT_H
#define TESTS_HOST_SUPPORT_H

#include "host/context.h"
#include "host/select.h"
#include "tests/alive.h"
#include "tests/assert.h"

/* $CLENET_DEVICE or the best device; a machine without one fails the test, as CI has to have one. */
static inline struct ocl_device device_under_test(void) {
    struct ocl_device device;
    assert_ok(ocl_device_find(&device, NULL));
    return device;
}

/* A context that takes its kernels from tests/host/kernels. */
static inline struct ocl_context *context_under_test(bool timings) {
    struct ocl_device device = device_under_test();
    struct ocl_context_params params = {.timings = timings, .kernel_folder = TEST_KERNELS};
    struct ocl_context *context = NULL;
    assert_ok(ocl_context_create(&context, &device, &params));
    return context;
}

#endif
