/* Distributions of numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/report/findings.h"

static void test_the_numbers_of_a_distribution(void **state) {
    (void)state;
    const float values[] = {-1, 0, 0, 3};
    const struct cln_distribution d = cln_distribution_of(values, 4);
    double sum = 0;
    for (int i = 0; i < CLN_DISTRIBUTION_BARS; i++)
        sum += d.bars[i];
    assert_true(d.least == -1 && d.most == 3 && d.mean == 0.5 && d.zeros == 0.5 && sum == 4);
    assert_true(fabs(d.deviation - 1.5) < 1e-15);
    assert_true(d.bars[0] == 1 && d.bars[CLN_DISTRIBUTION_BARS / 4] == 2 && d.bars[CLN_DISTRIBUTION_BARS - 1] == 1);
}

static void test_equal_numbers_are_one_bar(void **state) {
    (void)state;
    const float values[] = {2, 2, 2};
    const struct cln_distribution d = cln_distribution_of(values, 3);
    assert_true(d.bars[0] == 3 && d.deviation == 0 && d.zeros == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_numbers_of_a_distribution),
        cmocka_unit_test(test_equal_numbers_are_one_bar),
    };
    return cmocka_run_group_tests_name("report distribution", tests, NULL, NULL);
}
