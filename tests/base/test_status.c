/* Messages, their limits, and notices. */
#include "clenet/log.h"
#include "clenet/status.h"

#include <stdio.h>
#include <string.h>

#include "tests/assert.h"

static void test_message_is_kept(void **state) {
    (void)state;
    assert_int_equal(cln_fail(CLN_IO, "%s at %d", "file", 7), CLN_IO);
    assert_string_equal(cln_error_message(), "file at 7");
}

static void test_prefix_goes_in_front(void **state) {
    (void)state;
    cln_fail(CLN_IO, "inner");
    assert_int_equal(cln_fail_within(CLN_INVALID, "outer %d", 1), CLN_INVALID);
    assert_string_equal(cln_error_message(), "outer 1: inner");
}

static void test_message_may_quote_itself(void **state) {
    (void)state;
    cln_fail(CLN_IO, "first");
    cln_fail(CLN_IO, "second after %s", cln_error_message());
    assert_string_equal(cln_error_message(), "second after first");
}

static void test_long_message_is_cut(void **state) {
    (void)state;
    cln_fail(CLN_IO, "%100000s", "x");
    size_t length = strlen(cln_error_message());
    assert_in_range(length, 1000, 99999);
    cln_fail_within(CLN_IO, "prefix");
    assert_int_equal(strncmp(cln_error_message(), "prefix: ", 8), 0);
    assert_in_range(strlen(cln_error_message()), length, length);
}

static void test_every_code_has_a_name(void **state) {
    (void)state;
    for (int a = CLN_OK; a <= CLN_INTERRUPTED; a++) {
        assert_string_not_equal(cln_status_name((enum cln_status)a), "unknown");
        for (int b = CLN_OK; b < a; b++)
            assert_string_not_equal(cln_status_name((enum cln_status)a), cln_status_name((enum cln_status)b));
    }
    assert_string_equal(cln_status_name((enum cln_status)99), "unknown");
}

static void keep(void *user, enum cln_log_level level, const char *message) {
    snprintf(user, 64, "%d %s", (int)level, message);
}

static void test_log_reaches_the_handler(void **state) {
    (void)state;
    char kept[64] = "nothing";
    cln_log(CLN_LOG_WARNING, "to nobody");
    cln_log_set_handler(keep, kept);
    cln_log(CLN_LOG_INFO, "value %d", 3);
    cln_log_set_handler(NULL, NULL);
    cln_log(CLN_LOG_INFO, "to nobody again");
    assert_string_equal(kept, "1 value 3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_is_kept),          cmocka_unit_test(test_prefix_goes_in_front),
        cmocka_unit_test(test_message_may_quote_itself), cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_every_code_has_a_name),    cmocka_unit_test(test_log_reaches_the_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
