/* Times as people say them. */
#include "src/base/duration.h"

#include "tests/assert.h"

static void test_times(void **state) {
    const struct {
        double seconds;
        int decimals;
        const char *text;
    } cases[] = {
        {0, 1, "0.0 s"},
        {3.24, 1, "3.2 s"},
        {3.24, 0, "3 s"},
        {59.94, 1, "59.9 s"},
        {59.96, 1, "1 min"},
        {59.6, 0, "1 min"},
        {60, 1, "1 min"},
        {80.4, 1, "1 min 20 s"},
        {119.6, 1, "2 min"},
        {3599.4, 1, "59 min 59 s"},
        {3599.6, 1, "1 h"},
        {7200 + 300, 1, "2 h 5 min"},
        {7200 + 290, 0, "2 h 5 min"},
        {3 * 86400.0, 1, "72 h"},
        {1e300, 1, "277777777 h 47 min"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLN_DURATION_BYTES];
        assert_string_equal(cln_duration(text, cases[i].seconds, cases[i].decimals, "s"), cases[i].text);
    }
}

static void test_the_word_for_seconds_is_the_callers(void **state) {
    char text[CLN_DURATION_BYTES];
    (void)state;
    assert_string_equal(cln_duration(text, 0.55, 2, "sec"), "0.55 sec");
    assert_string_equal(cln_duration(text, 80, 1, "sec"), "1 min 20 s");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_the_word_for_seconds_is_the_callers),
    };
    return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
