/* What the tests of the engine share: the device under test, how much of it to check, and that nothing is left alive.
 */
#ifndef TESTS_ENGINE_SUPPORT_H
#define TESTS_ENGINE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/context.h"
#include "host/select.h"
#include "src/engine/tuning.h"
#include "tests/alive.h"
#include "tests/assert.h"

/* $CLENET_CHECK=quick: every operation still, but fewer cases and settings, for devices that are slow to build for. */
static inline bool quick_check(void) {
    const char *value = getenv("CLENET_CHECK");
    return value && strcmp(value, "quick") == 0;
}

/* On $CLENET_DEVICE or the best device; a machine without one fails the test. */
static inline struct ocl_context *context_under_test(void) {
    struct ocl_device device;
    struct ocl_context *context = NULL;
    assert_ok(ocl_device_find(&device, NULL));
    assert_ok(ocl_context_create(&context, &device, NULL));
    return context;
}

#endif
