/* Assertions about a status and the message that comes with it. */
#ifndef TESTS_ASSERT_H
#define TESTS_ASSERT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clenet/status.h"

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

#endif
