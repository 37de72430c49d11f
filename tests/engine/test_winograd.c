/* How a convolution is filtered, which needs no device: the choice keeps its limits. */
#include <limits.h>

#include "src/engine/winograd.h"
#include "tests/engine/support.h"

static struct cln_plan plan_of(int vector, int batch_size) {
    return (struct cln_plan){.tuning = {.vector = vector,
                                        .lanes = vector,
                                        .accumulators = vector == 16 ? 24 : 12,
                                        .min_groups = 16,
                                        .max_loop_iterations = INT_MAX,
                                        .slice_cache_kib = 384,
                                        .winograd = CLN_WINOGRAD_ALWAYS},
                             .batch_size = batch_size,
                             .blocks = cln_ceil_div(batch_size, vector)};
}

static struct cln_conv2d geometry_of(int in, int height, int width, int out, int kernel, int padding) {
    const struct cln_shape z = {out, height + 2 * padding - kernel + 1, width + 2 * padding - kernel + 1};
    return (struct cln_conv2d){.in = {in, height, width},
                               .out = z,
                               .kernel_h = kernel,
                               .kernel_w = kernel,
                               .stride_h = 1,
                               .stride_w = 1,
                               .padding_h = padding,
                               .padding_w = padding,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .groups = 1,
                               .in_per_group = in};
}

/* Vectors of private memory, as kernels/winograd.cl declares it. */
static double vectors_of(const struct cln_winograd *w) {
    const struct cln_conv2d *g = &w->geometry;
    const int width = w->part == CLN_CONV2D_DATA ? g->in.width : g->out.width;
    const double tiles = cln_ceil_div(width, w->points + 1 - g->kernel_w);
    const double rows = (w->rows + g->kernel_h - 1) * tiles;
    const int partial = w->tile_positions > 0 ? w->rows * (int)tiles % w->tile_positions : 0;
    const double padded = rows + (partial > 0 ? w->tile_positions - partial : 0);
    const double sums = (double)w->out_channels * w->in_channels * g->kernel_h;
    return w->points * (w->part == CLN_CONV2D_WEIGHTS ? sums + w->in_channels * rows + w->out_channels * w->rows * tiles
                                                      : w->in_channels * padded);
}

/* Whether not even the smallest ranges fit half of the private memory, with any number of points. */
static bool is_without_room(const struct cln_plan *plan, const struct cln_conv2d *g, enum cln_conv2d_part part) {
    for (int points = 4; points <= 8; points += 2) {
        struct cln_winograd w = {.part = part, .geometry = *g, .points = points, .rows = 1, .in_channels = 1};
        if (points + 1 - g->kernel_w < 2)
            continue;
        if (part == CLN_CONV2D_DATA) {
            w.geometry.in = g->out;
            w.geometry.out = g->in;
        }
        if (part != CLN_CONV2D_WEIGHTS)
            w.in_channels = w.geometry.in.channels;
        w.out_channels = cln_min(g->out.channels, cln_max(1, plan->tuning.accumulators / g->kernel_h));
        if (vectors_of(&w) * (double)sizeof(float) * plan->tuning.lanes <= 512.0 * plan->tuning.slice_cache_kib)
            return false;
    }
    return true;
}

static void check(const struct cln_plan *plan, const struct cln_conv2d *g, enum cln_conv2d_part part) {
    const struct cln_winograd w = cln_winograd_choose(plan, g, part);
    const struct cln_shape out = w.geometry.out;
    if (w.points == 0) {
        assert_true(is_without_room(plan, g, part));
        return;
    }
    assert_in_range(w.points, 4, 8);
    assert_int_equal(w.points % 2, 0);
    assert_true(w.points + 1 - g->kernel_w >= 2);
    assert_true(w.cycles > 0 && w.cycles < 1e12);
    assert_in_range(w.rows, 1, out.height);
    assert_true(w.tile_channels >= 1 && w.tile_positions >= 1);
    assert_int_equal(w.out_channels % w.tile_channels, 0);
    assert_true(vectors_of(&w) * (double)sizeof(float) * plan->tuning.lanes <= 1024.0 * plan->tuning.slice_cache_kib);
    if (part == CLN_CONV2D_WEIGHTS) {
        assert_true(w.tile_channels == 1 || w.tile_channels * g->kernel_h <= plan->tuning.accumulators);
        assert_in_range(w.block_slices, 1, plan->blocks);
        assert_in_range(w.row_slices, 1, out.height);
        assert_in_range(w.in_channels, 1, g->in.channels);
    } else {
        assert_true(w.tile_channels * w.tile_positions <= plan->tuning.accumulators);
        assert_int_equal(w.in_channels, w.geometry.in.channels);
    }
}

static void test_choices_keep_the_limits(void **state) {
    (void)state;
    static const int vectors[] = {1, 2, 4, 8, 16}, channels[] = {1, 3, 6, 16, 33, 64}, sizes[] = {7, 8, 12, 28, 33};
    for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
        for (int batch = 1; batch <= 256; batch *= 16)
            for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
                for (size_t o = 0; o < sizeof channels / sizeof *channels; o++)
                    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                        for (int kernel = 2; kernel <= 7; kernel++) {
                            const struct cln_plan plan = plan_of(vectors[v], batch);
                            const struct cln_conv2d g =
                                geometry_of(channels[i], sizes[s], sizes[s], channels[o], kernel, kernel % 3);
                            for (int part = 0; part < CLN_CONV2D_PART_COUNT; part++)
                                if (g.padding_h < kernel)
                                    check(&plan, &g, (enum cln_conv2d_part)part);
                        }
}

static void test_what_is_not_filtered(void **state) {
    (void)state;
    static const struct {
        const char *why;
        int kernel, padding, stride_h, stride_w, lanes, limit, cache;
        enum cln_winograd_use use;
        int groups, dilation_h, dilation_w; /* 0 stands for 1 */
    } cases[] = {
        {"a kernel of one column", 1, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"a kernel of eight", 8, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"padding as wide as the kernel", 3, 3, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"a stride down", 3, 0, 2, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"a stride across", 3, 0, 1, 2, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"groups", 3, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS, 2},
        {"a dilation down", 3, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS, 0, 2},
        {"a dilation across", 3, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_ALWAYS, 0, 0, 2},
        {"several work-items to a block", 3, 0, 1, 1, 16, INT_MAX, 384, CLN_WINOGRAD_ALWAYS},
        {"loops are cut off", 3, 0, 1, 1, 8, 50000, 384, CLN_WINOGRAD_ALWAYS},
        {"no room", 3, 0, 1, 1, 8, INT_MAX, 1, CLN_WINOGRAD_ALWAYS},
        {"not wanted", 3, 0, 1, 1, 8, INT_MAX, 384, CLN_WINOGRAD_NEVER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int part = 0; part < CLN_CONV2D_PART_COUNT; part++) {
            struct cln_plan plan = plan_of(8, 32);
            struct cln_conv2d g = geometry_of(4, 17, 17, 4, cases[i].kernel, cases[i].padding);
            assert_int_not_equal(cln_winograd_choose(&plan,
                                                     &(struct cln_conv2d){.in = {4, 17, 17},
                                                                          .out = {4, 15, 15},
                                                                          .kernel_h = 3,
                                                                          .kernel_w = 3,
                                                                          .stride_h = 1,
                                                                          .stride_w = 1,
                                                                          .dilation_h = 1,
                                                                          .dilation_w = 1,
                                                                          .groups = 1,
                                                                          .in_per_group = 4},
                                                     (enum cln_conv2d_part)part)
                                     .points,
                                 0);
            g.stride_h = cases[i].stride_h;
            g.stride_w = cases[i].stride_w;
            g.groups = cln_max(1, cases[i].groups);
            g.dilation_h = cln_max(1, cases[i].dilation_h);
            g.dilation_w = cln_max(1, cases[i].dilation_w);
            plan.tuning.lanes = cases[i].lanes;
            plan.tuning.max_loop_iterations = cases[i].limit;
            plan.tuning.slice_cache_kib = cases[i].cache;
            plan.tuning.winograd = cases[i].use;
            if (cln_winograd_choose(&plan, &g, (enum cln_conv2d_part)part).points != 0)
                fail_msg("part %d is filtered in spite of this: %s", part, cases[i].why);
        }
}

static void test_large_layers(void **state) {
    (void)state;
    static const int layers[][4] = {{512, 64, 64, 512}, {3, 4096, 4096, 64}, {2048, 7, 7, 2048}};
    const struct cln_plan plan = plan_of(16, 256);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (int part = 0; part < CLN_CONV2D_PART_COUNT; part++) {
            const struct cln_conv2d g = geometry_of(layers[i][0], layers[i][1], layers[i][2], layers[i][3], 3, 1);
            check(&plan, &g, (enum cln_conv2d_part)part);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices_keep_the_limits),
        cmocka_unit_test(test_what_is_not_filtered),
        cmocka_unit_test(test_large_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
