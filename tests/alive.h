/* That a test leaves no OpenCL object alive. */
#ifndef TESTS_ALIVE_H
#define TESTS_ALIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/testing.h"

/* Teardown of every test that opens a device. A failed test cannot release what it holds: its own teardown says so, and
 * the tests behind it begin with that number. */
static inline int nothing_alive(void **state) {
    static size_t left_behind;
    (void)state;
    ocl_fault_set(0, 0);
    const size_t before = left_behind;
    left_behind = ocl_live_handles();
    assert_int_equal(left_behind, before);
    return 0;
}

#endif
