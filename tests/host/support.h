/* What the tests of host/ share: the device under test, and the check that nothing is left alive. */
#ifndef TESTS_HOST_SUPPORT_H
#define TESTS_HOST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/context.h"
#include "host/select.h"
#include "tests/alive.h"

/* Fails the test with the library's own words. */
#define assert_ok(expression)                                                                                          \
    do {                                                                                                               \
        enum cln_status status_ = (expression);                                                                        \
        if (status_)                                                                                                   \
            fail_msg("%s: %s: %s", #expression, cln_status_name(status_), cln_error_message());                        \
    } while (0)

/* The call has to fail with `expected`, and the message has to hold `part`. */
#define assert_fails(expression, expected, part)                                                                       \
    do {                                                                                                               \
        enum cln_status status_ = (expression);                                                                        \
        assert_string_equal(cln_status_name(status_), cln_status_name(expected));                                      \
        assert_message(part);                                                                                          \
    } while (0)

#define assert_message(part)                                                                                           \
    do {                                                                                                               \
        if (!strstr(cln_error_message(), (part)))                                                                      \
            fail_msg("\"%s\" is not in: %s", (part), cln_error_message());                                             \
    } while (0)

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
