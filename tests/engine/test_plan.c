/* The plan's arithmetic that needs no device: how a launch's work is split. */
#include <limits.h>
#include <math.h>

#include "src/engine/conv2d_tiles.h"
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

static struct cln_conv2d convolution(struct cln_shape in, int out, int kernel_h, int kernel_w, int stride, int padding,
                                     int groups) {
    const struct cln_shape z = {out, (in.height + 2 * padding - kernel_h) / stride + 1,
                                (in.width + 2 * padding - kernel_w) / stride + 1};
    return (struct cln_conv2d){.in = in,
                               .out = z,
                               .kernel_h = kernel_h,
                               .kernel_w = kernel_w,
                               .stride_h = stride,
                               .stride_w = stride,
                               .padding_h = padding,
                               .padding_w = padding,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .groups = groups,
                               .in_per_group = in.channels / groups};
}

static double iterations_of(const struct cln_conv2d_tiles *t) {
    return fmax(fmax(t->forward_iterations, t->moment_iterations), fmax(t->data_iterations, t->weight_iterations));
}

/* No work-item of a convolution makes more iterations than the limit, unless nothing can be divided further. What
 * strict arithmetic sums apart stays the same. */
static void check_convolution(const struct cln_conv2d *g, const struct cln_conv2d_tiles *t,
                              const struct cln_conv2d_tiles *unlimited, const struct cln_tuning *tuning) {
    const int limit = tuning->max_loop_iterations;
    assert_true(t->forward_iterations <= limit || (t->forward_channels == 1 && t->forward_columns == 1 &&
                                                   t->forward_rows == 1 && t->forward_ranges == g->out.width));
    assert_true(t->data_iterations <= limit ||
                (t->data_channels == 1 && t->data_columns == g->stride_w && t->data_rows == 1 &&
                 t->data_ranges == cln_ceil_div(g->in.width, g->stride_w)));
    assert_true(t->weight_iterations <= limit ||
                (t->weight_channels == 1 && t->weight_taps == 1 && t->tap_ranges == g->kernel_h * g->kernel_w));
    assert_true(t->forward_ranges == 1 || t->moments_apart);
    assert_true(t->moments_apart || t->moment_rows == t->forward_rows);
    if (tuning->strict) {
        assert_int_equal(t->moment_rows, unlimited->moment_rows);
        assert_int_equal(t->block_slices, unlimited->block_slices);
        assert_int_equal(t->row_slices, unlimited->row_slices);
    }
}

static void test_convolutions_keep_the_limit(void **state) {
    (void)state;
    enum { LLVMPIPE = 50000 };
    static const struct {
        struct cln_shape in;
        int out, kernel_h, kernel_w, stride, padding, groups;
        bool is_giant; /* too large for 50,000 iterations */
    } cases[] = {
        {{1, 28, 28}, 6, 5, 5, 1, 0, 1, false},      {{64, 64, 64}, 64, 3, 3, 1, 1, 1, false},
        {{512, 14, 14}, 512, 3, 3, 1, 1, 1, false},  {{512, 4, 4}, 512, 3, 3, 1, 1, 1, false},
        {{256, 14, 14}, 256, 5, 5, 1, 2, 1, false},  {{512, 7, 7}, 512, 7, 7, 1, 0, 1, false},
        {{4, 2, 400}, 64, 1, 64, 1, 0, 1, false},    {{3, 224, 224}, 64, 7, 7, 2, 3, 1, false},
        {{3, 224, 224}, 96, 11, 11, 4, 2, 1, false}, {{512, 28, 28}, 512, 3, 3, 1, 1, 512, false},
        {{2048, 7, 7}, 512, 1, 1, 1, 0, 1, false},   {{1, 64, 64}, 8, 64, 64, 1, 0, 1, false},
        {{1, 2, 33}, 13, 1, 17, 1, 0, 1, false},     {{256, 64, 64}, 4, 64, 64, 1, 0, 1, true},
        {{8192, 9, 9}, 8192, 3, 3, 1, 0, 1, true},
    };
    static const int limits[] = {INT_MAX, 200000, LLVMPIPE, 5000, 700, 50}, batches[] = {1, 64, 1000};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < 2 * sizeof batches / sizeof *batches; k++) {
            const struct cln_conv2d g = convolution(cases[i].in, cases[i].out, cases[i].kernel_h, cases[i].kernel_w,
                                                    cases[i].stride, cases[i].padding, cases[i].groups);
            struct cln_plan plan = {.tuning = {.lanes = 8,
                                               .vector = 1,
                                               .accumulators = 12,
                                               .min_groups = 16,
                                               .max_team = 1,
                                               .slice_cache_kib = 384,
                                               .strict = k % 2},
                                    .batch_size = batches[k / 2],
                                    .blocks = cln_ceil_div(batches[k / 2], 8)};
            struct cln_conv2d_tiles unlimited = {0};
            for (size_t l = 0; l < sizeof limits / sizeof *limits; l++) {
                plan.tuning.max_loop_iterations = limits[l];
                const struct cln_conv2d_tiles t = cln_conv2d_tiles(&plan, &g);
                if (limits[l] == INT_MAX)
                    unlimited = t;
                check_convolution(&g, &t, &unlimited, &plan.tuning);
                if (limits[l] == INT_MAX)
                    assert_true(t.forward_ranges == 1 && t.data_ranges == 1 && t.tap_ranges == 1 && !t.moments_apart);
                if (limits[l] == LLVMPIPE)
                    assert_int_equal(iterations_of(&t) > LLVMPIPE, cases[i].is_giant);
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_convolutions_keep_the_limit),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_splits_keep_the_limits),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
