/* The sentence that names what holds training back, from made-up numbers: a device of 100 GFLOP/s and 10 GB/s. */
#include "src/bench/bottleneck.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct cln_peak peak = {.flops = 100e9, .bytes = 10e9};

static void test_roofline(void **state) {
    (void)state;
    static const struct {
        struct ocl_timing row;
        double share;
        bool memory;
    } cases[] = {
        {{.seconds = 1, .flops = 50e9, .bytes = 1e9}, 0.5, false}, /* 50 flops per byte: the ridge is at 10 */
        {{.seconds = 1, .flops = 5e9, .bytes = 5e9}, 0.5, true},
        {{.seconds = 0.25, .bytes = 5e9}, 2, true}, /* out of a cache */
        {{.seconds = 2, .flops = 100e9}, 0.5, false},
        {{.seconds = 1}, 0, false},
        {{.flops = 1}, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double error = fabs(cln_roofline_share(&cases[i].row, &peak) - cases[i].share);
        assert_true(error <= 1e-12);
        assert_int_equal(cln_memory_bound(&cases[i].row, &peak), cases[i].memory);
    }
}

#define ARITHMETIC(name, s)                                                                                            \
    { .label = name, .seconds = (s), .flops = 50e9 * (s) }
#define TRAFFIC(name, s)                                                                                               \
    { .label = name, .seconds = (s), .bytes = 8e9 * (s) }

static void test_sentence(void **state) {
    (void)state;
    static const struct {
        struct ocl_timing rows[3]; /* most time first */
        size_t count;
        double gaps;
        const char *expected;
    } cases[] = {
        {{ARITHMETIC("conv", 4), TRAFFIC("adam", 3)},
         2,
         3,
         "launch-bound: 30 % of the step is gaps between launches: raise the batch size"},
        {{ARITHMETIC("conv", 4), TRAFFIC("adam", 3), ARITHMETIC("linear", 2)},
         3,
         1,
         "compute: conv takes 40 % of the step, at 50 % of the peak"},
        {{TRAFFIC("adam", 4), ARITHMETIC("conv", 3), ARITHMETIC("linear", 2)},
         3,
         1,
         "memory: adam takes 40 % of the step, at 80 % of the copy bandwidth"},
        {{ARITHMETIC("conv", 4), TRAFFIC("adam", 3.5), TRAFFIC("spread", 2.5)},
         3,
         0,
         "memory-bound: 60 % of the step moves data, most of it adam with 35 %, at 80 % of the copy bandwidth"},
        {{ARITHMETIC("conv", 10)}, 1, 0, "compute: conv takes 100 % of the step, at 50 % of the peak"},
        {{{.label = "statistics", .seconds = 8}, ARITHMETIC("conv", 2)},
         2,
         0,
         "compute: statistics takes 80 % of the step"}, /* nothing was counted */
        {{{.label = ""}}, 0, 0, ""},
        {{{.label = "conv"}}, 1, 0, ""}, /* no time was measured */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocl_timeline_totals totals = {.gap_seconds = cases[i].gaps};
        char text[256] = "nothing was written";
        for (size_t k = 0; k < cases[i].count; k++)
            totals.busy_seconds += cases[i].rows[k].seconds;
        cln_bottleneck(text, sizeof text, &peak, cases[i].rows, cases[i].count, &totals);
        assert_string_equal(text, cases[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roofline),
        cmocka_unit_test(test_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
