/* Round numbers at axes. */
#include "src/report/ticks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* All labels, with blanks between. */
static const char *labels(double least, double most, int room, bool whole) {
    static char all[512];
    const struct cln_ticks ticks = cln_ticks_choose(least, most, room, whole);
    size_t used = 0;
    all[0] = '\0';
    for (int i = 0; i < ticks.count; i++) {
        char label[32];
        cln_ticks_label(label, sizeof label, &ticks, i);
        used += (size_t)snprintf(all + used, sizeof all - used, i ? " %s" : "%s", label);
    }
    return all;
}

static void test_ticks_are_round(void **state) {
    (void)state;
    assert_string_equal(labels(0, 1, 6, false), "0.0 0.2 0.4 0.6 0.8 1.0");
    assert_string_equal(labels(0, 1, 5, false), "0.0 0.5 1.0"); /* six are one too many */
    assert_string_equal(labels(0.79, 0.88, 5, false), "0.80 0.82 0.84 0.86 0.88");
    assert_string_equal(labels(0, 54321, 6, false), "0 10000 20000 30000 40000 50000");
    assert_string_equal(labels(-1.5, 1.5, 4, false), "-1 0 1");
    assert_string_equal(labels(0, 3e-7, 4, false), "0 1e-07 2e-07 3e-07");
    assert_string_equal(labels(0, 3e9, 4, false), "0 1e+09 2e+09 3e+09");
}

static void test_epochs_are_whole(void **state) {
    (void)state;
    assert_string_equal(labels(1, 3, 10, true), "1 2 3");
    assert_string_equal(labels(1, 100, 6, true), "20 40 60 80 100");
    assert_string_equal(labels(7, 7, 6, true), "7");
}

static void test_no_more_than_there_is_room_for(void **state) {
    (void)state;
    srand(1);
    for (int i = 0; i < 20000; i++) {
        const double least = (rand() / (double)RAND_MAX - 0.5) * pow(10, rand() % 12 - 6);
        const double most = least + (rand() + 1.0) / RAND_MAX * pow(10, rand() % 12 - 6);
        const int room = 2 + rand() % 10;
        const struct cln_ticks ticks = cln_ticks_choose(least, most, room, i % 2);
        assert_true(ticks.count <= room);
        for (int k = 0; k < ticks.count; k++) {
            assert_true(cln_ticks_value(&ticks, k) >= least - 1e-6 * ticks.step);
            assert_true(cln_ticks_value(&ticks, k) <= most + 1e-6 * ticks.step);
        }
        if (i % 2 == 0 && room >= 4)
            assert_true(ticks.count >= 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ticks_are_round),
        cmocka_unit_test(test_epochs_are_whole),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
    };
    return cmocka_run_group_tests_name("report ticks", tests, NULL, NULL);
}
