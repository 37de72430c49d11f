/* The plan's arithmetic that needs no device: how a launch's work is split. */
#include <limits.h>
#include <math.h>

#include "src/engine/plan.h"
#include "tests/engine/support.h"

static int splits(int min_groups, int max_loop_iterations, int total, int others, double iterations) {
    const struct cln_plan plan = {.tuning = {.min_groups = min_groups, .max_loop_iterations = max_loop_iterations}};
    return cln_plan_splits(&plan, total, others, iterations);
}

static void test_splits(void **state) {
    (void)state;
    static const struct {
        int min_groups, limit, total, others;
        double iterations;
        int parts;
    } cases[] = {
        {1, INT_MAX, 10, 1, 3, 1},    /* one part is enough */
        {8, INT_MAX, 10, 1, 3, 8},    /* for min_groups */
        {8, INT_MAX, 10, 3, 3, 3},    /* of three groups each */
        {80, INT_MAX, 10, 1, 3, 10},  /* no more parts than units */
        {1, 30, 10, 1, 3, 1},         /* exactly the limit */
        {1, 29, 10, 1, 3, 2},         /* 9 units would be allowed */
        {1, 10, 10, 1, 3, 4},         /* parts of 3 units: three parts would be of 4, 12 iterations */
        {1, 11, 10, 1, 3, 4},         /* as before: only whole units count */
        {1, 12, 10, 1, 3, 3},         /* parts of 4 units */
        {7, 10, 10, 1, 3, 7},         /* min_groups asks for more than the limit */
        {1, 2, 10, 1, 3, 10},         /* a unit alone is over the limit */
        {1, 50000, 24, 1, 20000, 12}, /* pairs of rows */
        {1, 50000, 24, 1, 1e12, 24},  {1, 1, 1, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            splits(cases[i].min_groups, cases[i].limit, cases[i].total, cases[i].others, cases[i].iterations),
            cases[i].parts);
}

/* No part is over the limit unless a unit alone is, and one part fewer would break a limit. */
static void test_splits_keep_the_limits(void **state) {
    (void)state;
    for (int limit = 1; limit <= 40; limit++)
        for (int total = 1; total <= 30; total++)
            for (int iterations = 1; iterations <= 12; iterations++)
                for (int min_groups = 1; min_groups <= 9; min_groups += 4) {
                    const int parts = splits(min_groups, limit, total, 2, iterations);
                    assert_in_range(parts, 1, total);
                    assert_true(parts == total ||
                                (cln_ceil_div(total, parts) * iterations <= limit && 2 * parts >= min_groups));
                    assert_true(parts == 1 || cln_ceil_div(total, parts - 1) * iterations > limit ||
                                2 * (parts - 1) < min_groups);
                }
}

/* Chains: work-items with a block for themselves, loops without a limit, and blocks enough for all units or little
 * work. An eighth of min_groups is the number of units. */
static void test_chains(void **state) {
    (void)state;
    static const struct {
        int lanes, vector, min_groups, limit, blocks;
        double flops;
        bool chains;
    } cases[] = {
        {8, 8, 16, INT_MAX, 4, 1e12, true},   {8, 8, 16, INT_MAX, 3, 1e12, false}, {8, 8, 16, INT_MAX, 1, 1e6, true},
        {8, 8, 128, INT_MAX, 31, 1e9, false}, {8, 8, 128, INT_MAX, 32, 1e9, true}, {8, 8, 4, INT_MAX, 2, 1e9, true},
        {32, 1, 16, INT_MAX, 4, 1e6, false},  {8, 8, 16, 65535, 4, 1e6, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_plan plan = {.tuning = {.lanes = cases[i].lanes,
                                           .vector = cases[i].vector,
                                           .min_groups = cases[i].min_groups,
                                           .max_loop_iterations = cases[i].limit},
                                .blocks = cases[i].blocks};
        cln_plan_chain(&plan, cases[i].flops);
        assert_int_equal(plan.chains, cases[i].chains);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_splits_keep_the_limits),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
