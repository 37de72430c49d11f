/* The parts of steps, as a meter sums them up. Times are never compared with a clock's: only with each other. */
#include "src/base/part_meter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/base/clock.h"

static void spend(double seconds) {
    for (const double end = cln_clock_seconds() + seconds; cln_clock_seconds() < end;)
        ;
}

/* A step of so many exchanges of 100 bytes; returns what it has taken as the clock says. */
static double step(struct cln_part_meter *m, size_t exchanges) {
    const double begin = cln_clock_seconds();
    cln_part_meter_begin(m);
    for (size_t i = 0; i < exchanges; i++) {
        spend(2e-4);
        assert_int_equal(cln_part_meter_enter(m, CLN_PART_WAITING), CLN_PART_COMPUTE);
        spend(1e-4);
        assert_int_equal(cln_part_meter_enter(m, CLN_PART_EXCHANGE), CLN_PART_WAITING);
        spend(1e-4);
        cln_part_meter_exchanged(m, 100);
        assert_int_equal(cln_part_meter_enter(m, CLN_PART_COMPUTE), CLN_PART_EXCHANGE);
    }
    spend(2e-4);
    cln_part_meter_end(m);
    return cln_clock_seconds() - begin;
}

static void test_parts(void **state) {
    (void)state;
    struct cln_part_meter m = {.steps = 0};
    double all = 0, stretches = 0;
    for (int i = 0; i < 3; i++)
        all += step(&m, 2);
    assert_true(m.steps == 3 && m.exchanges == 6 && m.bytes == 600 && m.kept == 3 && m.columns == 3);
    assert_true(m.seconds[CLN_PART_COMPUTE] >= 18e-4 && m.seconds[CLN_PART_EXCHANGE] >= 6e-4);
    assert_true(m.seconds[CLN_PART_WAITING] >= 6e-4);
    assert_true(m.seconds[CLN_PART_COMPUTE] + m.seconds[CLN_PART_EXCHANGE] + m.seconds[CLN_PART_WAITING] <= all);
    for (size_t i = 0; i < m.kept * m.columns; i++) {
        assert_true(m.stretches[i] >= 2e-4);
        stretches += m.stretches[i];
    }
    assert_true(fabs(stretches - m.seconds[CLN_PART_COMPUTE]) <= 1e-9);
    step(&m, 1); /* counted, but not kept: it has other stretches */
    assert_true(m.steps == 4 && m.exchanges == 7 && m.kept == 3);
    step(&m, CLN_PART_STRETCHES + 3);
    assert_true(m.steps == 5 && m.kept == 3);
    cln_part_meter_free(&m);
    assert_true(m.steps == 0 && !m.stretches);
}

static void test_more_than_a_row_has(void **state) {
    (void)state;
    struct cln_part_meter m = {.steps = 0};
    double stretches = 0;
    step(&m, CLN_PART_STRETCHES + 3);
    assert_true(m.kept == 1 && m.columns == CLN_PART_STRETCHES);
    for (size_t i = 0; i < m.columns; i++)
        stretches += m.stretches[i];
    assert_true(fabs(stretches - m.seconds[CLN_PART_COMPUTE]) <= 1e-9);
    for (size_t i = 0; i < CLN_PART_STEPS; i++) {
        cln_part_meter_begin(&m);
        cln_part_meter_end(&m);
    }
    assert_true(m.kept == 1 && m.steps == CLN_PART_STEPS + 1);
    cln_part_meter_free(&m);
}

static void test_no_meter_and_no_step(void **state) {
    (void)state;
    struct cln_part_meter m = {.steps = 0};
    cln_part_meter_begin(NULL);
    assert_int_equal(cln_part_meter_enter(NULL, CLN_PART_WAITING), CLN_PART_COMPUTE);
    cln_part_meter_exchanged(NULL, 1);
    cln_part_meter_end(NULL);
    cln_part_meter_enter(&m, CLN_PART_EXCHANGE); /* between steps */
    cln_part_meter_exchanged(&m, 1);
    cln_part_meter_end(&m);
    assert_true(m.steps == 0 && m.bytes == 0 && m.seconds[CLN_PART_EXCHANGE] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_more_than_a_row_has),
        cmocka_unit_test(test_no_meter_and_no_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
