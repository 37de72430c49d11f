/* The references against values worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/reference/reference.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_near(const double *actual, const double *expected, size_t count, double tolerance) {
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(actual[i] - expected[i]) <= tolerance))
            fail_msg("value %zu is %.17g, not %.17g", i, actual[i], expected[i]);
    }
}

static void test_conv2d_with_stride_and_padding(void **state) {
    (void)state;
    /* 1 2 3        the corners of the padded image, kernel 10 1
     * 4 5 6                                                 100 1000 */
    const double x[] = {1, 2, 3, 4, 5, 6}, weight[] = {10, 1, 100, 1000}, bias[] = {0.5};
    const struct cln_conv2d g = {{1, 2, 3}, {1, 2, 2}, 2, 2, 2, 3, 1, 1, 1, 1, 1, 1, true};
    double z[4];
    cln_reference_conv2d_forward(&g, 1, x, weight, bias, z);
    assert_near(z, (double[]){1000.5, 300.5, 4.5, 60.5}, 4, 0);
    cln_reference_conv2d_forward(&g, 1, x, weight, NULL, z);
    assert_near(z, (double[]){1000, 300, 4, 60}, 4, 0);
}

/* Two groups of one channel each, two outputs per group, taps three columns apart: z[o][c] = w0 x[c] + w1 x[c + 3]. */
static void test_conv2d_with_groups_and_dilation(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, weight[] = {1, 10, 0, 1, 1, 0, 100, 1};
    const struct cln_conv2d g = {{2, 1, 5}, {4, 1, 2}, 1, 2, 1, 1, 0, 0, 1, 3, 2, 1, false};
    double z[8], dx[10], dweight[8];
    cln_reference_conv2d_forward(&g, 1, x, weight, NULL, z);
    assert_near(z, (double[]){41, 52, 4, 5, 6, 7, 609, 710}, 8, 0);
    cln_reference_conv2d_backward(&g, 1, x, weight, (double[]){1, 0, 0, 2, 0, 3, 1, 0}, dx, dweight, NULL);
    assert_near(dx, (double[]){1, 0, 0, 10, 2, 100, 3, 0, 1, 0}, 10, 0);
    assert_near(dweight, (double[]){1, 4, 4, 10, 21, 30, 6, 9}, 8, 0);
}

static void test_linear(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6}, weight[] = {1, 10, 100, -1, 0, 1}, bias[] = {0.5, 0};
    const struct cln_linear g = {3, 2, true};
    double z[4];
    cln_reference_linear_forward(&g, 2, x, weight, bias, z);
    assert_near(z, (double[]){321.5, 2, 654.5, 2}, 4, 0);
}

static const double gamma_2[] = {2, -1}, beta_2[] = {1, 10};

static void test_batchnorm_statistics(void **state) {
    (void)state;
    /* Two channels, two samples of 1×2: 1 3 | 5 7 and 2 2 | 2 2. */
    const double x[] = {1, 3, 2, 2, 5, 7, 2, 2};
    struct cln_batchnorm g = {{2, 1, 2}, 0.1, 0, false};
    double y[8], mean[2], variance[2], running_mean[] = {10, 0}, running_var[] = {1, 1};
    g.eps = 4; /* (σ² + ε) = 9 in the first channel, 4 in the second */
    cln_reference_batchnorm_forward(&g, 2, x, gamma_2, beta_2, y, mean, variance, running_mean, running_var);
    assert_near(mean, (double[]){4, 2}, 2, 0);
    assert_near(variance, (double[]){5, 0}, 2, 0);
    assert_near(y, (double[]){-1, 1 - 2.0 / 3, 10, 10, 1 + 2.0 / 3, 3, 10, 10}, 8, 1e-15);
    assert_near(running_mean, (double[]){9.4, 0.2}, 2, 1e-15);
    cln_reference_batchnorm_forward(&g, 2, x, NULL, NULL, y, NULL, NULL, NULL, NULL);
    assert_near(y, (double[]){-1, -1.0 / 3, 0, 0, 1.0 / 3, 1, 0, 0}, 8, 1e-15);
    assert_near(running_var, (double[]){0.9 + 0.1 * 5 * 4 / 3, 0.9}, 2, 1e-15);

    g.biased_running_variance = true;
    double biased[] = {0, 0};
    cln_reference_batchnorm_forward(&g, 2, x, gamma_2, beta_2, y, NULL, NULL, running_mean, biased);
    assert_near(biased, (double[]){0.5, 0}, 2, 1e-15);
}

static void test_batchnorm_keeps_the_digits_of_a_small_deviation(void **state) {
    (void)state;
    /* Mean 2²⁰, deviation 2⁻¹⁰: E[x²] − E[x]² would lose all of it in float32 and 12 digits in float64. */
    const double mean = 1048576, deviation = 1.0 / 1024;
    const double x[] = {mean - deviation, mean + deviation, mean + deviation, mean - deviation};
    const struct cln_batchnorm g = {{1, 1, 1}, 1, 0, true};
    double y[4], running_mean = 0, running_var = 0;
    cln_reference_batchnorm_forward(&g, 4, x, (double[]){1}, (double[]){0}, y, NULL, NULL, &running_mean, &running_var);
    assert_near(y, (double[]){-1, 1, 1, -1}, 4, 0);
    assert_near((double[]){running_mean, running_var}, (double[]){mean, deviation * deviation}, 2, 0);
}

static void test_batchnorm_of_one_number(void **state) {
    (void)state;
    const struct cln_batchnorm g = {{1, 1, 1}, 0.5, 1e-5, false};
    double y, running_mean = 0, running_var = 1;
    cln_reference_batchnorm_forward(&g, 1, (double[]){3}, (double[]){2}, (double[]){7}, &y, NULL, NULL, &running_mean,
                                    &running_var);
    assert_near((double[]){y, running_mean, running_var}, (double[]){7, 1.5, 0.5}, 3, 0);
}

static void test_batchnorm_predicts_from_averages(void **state) {
    (void)state;
    const double x[] = {1, 3, 2, 2, 5, 7, 2, 4}, running_mean[] = {1, 2}, running_var[] = {3, 0};
    const struct cln_batchnorm g = {{2, 1, 2}, 0.1, 1, false};
    double y[8];
    cln_reference_batchnorm_predict(&g, 2, x, gamma_2, beta_2, running_mean, running_var, y);
    assert_near(y, (double[]){1, 3, 10, 10, 5, 7, 10, 8}, 8, 0);
}

/* Each sample's groups have mean 4 and variance 5, then mean 2 and variance 0; (σ² + ε) = 9 and 4. */
static void test_groupnorm(void **state) {
    (void)state;
    const double x[] = {1, 3, 5, 7, 2, 2, 2, 2}, gamma[] = {2, -1, 3, 5}, beta[] = {1, 10, 0, -2};
    const struct cln_groupnorm g = {{4, 1, 2}, 2, 4, true, false};
    double y[8];
    cln_reference_groupnorm_forward(&g, 1, x, gamma, beta, y);
    assert_near(y, (double[]){-1, 1 - 2.0 / 3, 10 - 1.0 / 3, 9, 0, 0, -2, -2}, 8, 1e-15);
    cln_reference_groupnorm_forward(&g, 1, x, NULL, NULL, y);
    assert_near(y, (double[]){-1, -1.0 / 3, 1.0 / 3, 1, 0, 0, 0, 0}, 8, 1e-15);

    /* By element: two samples of four numbers, whose statistics are their own. */
    const struct cln_groupnorm layer = {{2, 1, 2}, 1, 4, true, true};
    cln_reference_groupnorm_forward(&layer, 2, x, gamma, beta, y);
    assert_near(y, (double[]){-1, 10 + 1.0 / 3, 1, 3, 1, 10, 0, -2}, 8, 1e-15);
}

static void test_activations(void **state) {
    (void)state;
    static const struct {
        struct cln_activation activation;
        double y, value, derivative;
    } cases[] = {
        {{CLN_IDENTITY}, -3, -3, 1},
        {{CLN_SIGMOID}, 0, 0.5, 0.25},
        {{CLN_SIGMOID}, -1000, 0, 0},
        {{CLN_SIGMOID}, 1000, 1, 0},
        {{CLN_RELU}, -2, 0, 0},
        {{CLN_RELU}, 0, 0, 0},
        {{CLN_RELU}, 3, 3, 1},
        {{CLN_LEAKY_RELU, 0.25}, -2, -0.5, 0.25},
        {{CLN_LEAKY_RELU, 0.25}, 0, 0, 0.25},
        {{CLN_LEAKY_RELU, 0.25}, 3, 3, 1},
        {{CLN_ELU, 2}, -1, 2 * (0.36787944117144233 - 1), 2 * 0.36787944117144233},
        {{CLN_ELU, 2}, 0, 0, 2},
        {{CLN_ELU, 2}, 3, 3, 1},
        {{CLN_ELU, 2}, -1000, -2, 0},
        {{CLN_HARDSWISH}, -4, 0, 0},
        {{CLN_HARDSWISH}, -3, 0, 0},
        {{CLN_HARDSWISH}, -1.5, -0.375, 0},
        {{CLN_HARDSWISH}, 0, 0, 0.5},
        {{CLN_HARDSWISH}, 1.5, 1.125, 1},
        {{CLN_HARDSWISH}, 3, 3, 1},
        {{CLN_HARDSWISH}, 7, 7, 1},
        {{CLN_SILU}, 0, 0, 0.5},
        {{CLN_SILU}, 0.69314718055994531, 0.69314718055994531 * 2 / 3, 2.0 / 3 + 0.69314718055994531 * 2 / 9},
        {{CLN_SILU}, -0.69314718055994531, -0.69314718055994531 / 3, 1.0 / 3 - 0.69314718055994531 * 2 / 9},
        {{CLN_SILU}, -1000, 0, 0},
        {{CLN_SILU}, 1000, 1000, 1},
        {{CLN_GELU}, 0, 0, 0.5},
        {{CLN_GELU}, 1, 0.84134474606854295, 0.84134474606854295 + 0.24197072451914337},
        {{CLN_GELU}, -1, -0.15865525393145705, 0.15865525393145705 - 0.24197072451914337},
        {{CLN_GELU}, -1000, 0, 0},
        {{CLN_GELU}, 1000, 1000, 1},
        {{CLN_GELU, 1}, 0, 0, 0.5},
        {{CLN_GELU, 1}, 1, 0.84119199060827676, 1.0829640838457826},
        {{CLN_GELU, 1}, -1, -0.15880800939172324, -0.082964083845782610},
        {{CLN_GELU, 1}, -1000, 0, 0},
        {{CLN_TANH}, 0, 0, 1},
        {{CLN_TANH}, 0.5, 0.46211715726000975, 0.7864477329659274},
        {{CLN_TANH}, -1000, -1, 0},
    };
    bool has_case[CLN_ACTIVATION_COUNT] = {false};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct cln_reference_point point = cln_reference_activation(cases[i].activation, cases[i].y);
        assert_near((double[]){point.value, point.derivative}, (double[]){cases[i].value, cases[i].derivative}, 2,
                    1e-15);
        has_case[cases[i].activation.kind] = true;
    }
    for (int kind = 0; kind < CLN_ACTIVATION_COUNT; kind++)
        assert_true(has_case[kind]);
}

static void test_max_pool_gives_ties_to_the_first(void **state) {
    (void)state;
    /* 5 5 1      overlapping windows of 2×2; the last row is dropped. All negative in the padded case below. */
    const double x[] = {5, 5, 1, 5, 5, 5, 9, 9, 9}, da[] = {1, 10};
    const struct cln_pool2d g = {CLN_POOL_MAX, {1, 3, 3}, {1, 1, 2}, 2, 2, 2, 1, 0, 0};
    double a[2], dx[9];
    cln_reference_pool2d_forward(&g, 1, x, a);
    assert_near(a, (double[]){5, 5}, 2, 0);
    cln_reference_pool2d_backward(&g, 1, x, da, dx);
    assert_near(dx, (double[]){1, 10, 0, 0, 0, 0, 0, 0, 0}, 9, 0);
}

static void test_max_pool_never_takes_the_padding(void **state) {
    (void)state;
    const double x[] = {-4, -3, -2, -1};
    const struct cln_pool2d g = {CLN_POOL_MAX, {1, 2, 2}, {1, 2, 2}, 2, 2, 2, 2, 1, 1};
    double a[4];
    cln_reference_pool2d_forward(&g, 1, x, a);
    assert_near(a, x, 4, 0);
}

static void test_average_pool_counts_the_padding(void **state) {
    (void)state;
    const double x[] = {4, 8, 12, 16}, da[] = {4, 8, 12, 16};
    const struct cln_pool2d g = {CLN_POOL_AVERAGE, {1, 2, 2}, {1, 2, 2}, 2, 2, 2, 2, 1, 1};
    double a[4], dx[4];
    cln_reference_pool2d_forward(&g, 1, x, a);
    assert_near(a, (double[]){1, 2, 3, 4}, 4, 0);
    cln_reference_pool2d_backward(&g, 1, x, da, dx);
    assert_near(dx, (double[]){1, 2, 3, 4}, 4, 0);
}

static void test_dropout(void **state) {
    (void)state;
    enum { BATCH = 50, CHANNELS = 7, PLANE = 6, ELEMENTS = CHANNELS * PLANE };
    static double x[BATCH * ELEMENTS], y[BATCH * ELEMENTS], again[BATCH * ELEMENTS];
    const struct cln_shape shape = {CHANNELS, 2, 3};
    const struct cln_reference_draw draw = {42, 7, 3};
    for (size_t i = 0; i < BATCH * ELEMENTS; i++)
        x[i] = 1 + (double)i;
    for (int by_channel = 0; by_channel < 2; by_channel++) {
        const struct cln_dropout g = {0.25, by_channel};
        size_t dropped = 0, changed = 0;
        cln_reference_dropout(&g, shape, BATCH, &draw, x, y);
        for (size_t i = 0; i < BATCH * ELEMENTS; i++) {
            assert_true(y[i] == 0 || fabs(y[i] - x[i] / 0.75) < 1e-12 * x[i]);
            dropped += y[i] == 0;
            if (by_channel) /* all of a channel, or nothing */
                assert_int_equal(y[i] == 0, y[i / PLANE * PLANE] == 0);
        }
        assert_true(fabs((double)dropped / (BATCH * ELEMENTS) - 0.25) < 0.05);
        /* Seed, step and layer each draw others. */
        const struct cln_reference_draw others[] = {{43, 7, 3}, {42, 8, 3}, {42, 7, 4}};
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            cln_reference_dropout(&g, shape, BATCH, &others[k], x, again);
            changed += memcmp(y, again, sizeof y) != 0;
        }
        assert_int_equal(changed, 3);
        cln_reference_dropout(&g, shape, 1, &draw, x, again); /* a sample's numbers do not depend on the others */
        assert_memory_equal(y, again, ELEMENTS * sizeof *y);
    }
}

static void test_softmax_cross_entropy(void **state) {
    (void)state;
    /* All equal: log 3; far apart: no overflow; the first of equal logits is the guess. */
    const double logits[] = {7, 7, 7, 1000, -1000, 0};
    size_t hits = 99;
    double dlogits[6];
    double loss = cln_reference_softmax_cross_entropy(2, 3, logits, (int32_t[]){0, 0}, 0, NULL, &hits, dlogits);
    assert_near(&loss, (double[]){log(3) / 2}, 1, 1e-15);
    assert_int_equal(hits, 2);
    assert_near(dlogits, (double[]){-1.0 / 3, 1.0 / 6, 1.0 / 6, 0, 0, 0}, 6, 1e-15);

    loss = cln_reference_softmax_cross_entropy(2, 3, logits, (int32_t[]){1, 1}, 0, NULL, &hits, dlogits);
    assert_near(&loss, (double[]){log(3) / 2 + 1000}, 1, 1e-12);
    assert_int_equal(hits, 0);
    assert_near(dlogits, (double[]){1.0 / 6, -1.0 / 3, 1.0 / 6, 0.5, -0.5, 0}, 6, 1e-15);

    /* Smoothing 0.3: the target is 0.8 for the label, 0.1 for the others. */
    loss =
        cln_reference_softmax_cross_entropy(1, 3, (double[]){0, log(2), 0}, (int32_t[]){1}, 0.3, NULL, &hits, dlogits);
    assert_near(&loss, (double[]){log(4) - 0.8 * log(2)}, 1, 1e-15);
    assert_near(dlogits, (double[]){0.25 - 0.1, 0.5 - 0.8, 0.25 - 0.1}, 3, 1e-15);
}

static void test_class_weights(void **state) {
    (void)state;
    /* Softmax 1/3 each, then 1/4, 1/2, 1/4; labels 0 and 1 of weights 1 and 3: the sum is 4. */
    const double logits[] = {7, 7, 7, 0, log(2), 0}, weights[] = {1, 3, 0};
    const int32_t labels[] = {0, 1};
    double d[6];
    double loss = cln_reference_softmax_cross_entropy(2, 3, logits, labels, 0, weights, NULL, d);
    assert_near(&loss, (double[]){(log(3) + 3 * log(2)) / 4}, 1, 1e-15);
    assert_near(d, (double[]){-2.0 / 12, 1.0 / 12, 1.0 / 12, 3.0 / 16, -3.0 / 8, 3.0 / 16}, 6, 1e-15);

    /* Smoothing 0.3: 0.1 of each class's weight; the weights are 4 together. */
    loss = cln_reference_softmax_cross_entropy(2, 3, logits, labels, 0.3, weights, NULL, d);
    assert_near(&loss, (double[]){(0.7 * (log(3) + 3 * log(2)) + 0.1 * (4 * log(3) + log(4) + 3 * log(2))) / 4}, 1,
                1e-15);
    assert_near(d,
                (double[]){(1.1 / 3 - 0.8) / 4, (1.1 / 3 - 0.3) / 4, 1.1 / 12, (2.5 / 4 - 0.1) / 4, (2.5 / 2 - 2.4) / 4,
                           2.5 / 16},
                6, 1e-15);

    /* No label counts. */
    loss = cln_reference_softmax_cross_entropy(2, 3, logits, (int32_t[]){2, 2}, 0.3, weights, NULL, d);
    assert_near(&loss, (double[]){0}, 1, 0);
    assert_near(d, (double[6]){0}, 6, 0);
}

static void test_adam(void **state) {
    (void)state;
    /* Under a constant gradient both corrected moments are g and g² at every step. */
    const struct cln_optimizer_params o = {.kind = CLN_ADAM, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .eps = 0.5};
    double parameter[] = {1, 1, 1}, m[3] = {0}, v[3] = {0};
    const double gradient[] = {2, -0.5, 0};
    for (size_t t = 1; t <= 3; t++) {
        cln_reference_optimizer_step(&o, t, 3, gradient, parameter, (double *[]){m, v});
        double steps = (double)t * 0.1;
        assert_near(parameter, (double[]){1 - steps * 2 / 2.5, 1 + steps * 0.5 / 1, 1}, 3, 1e-14);
    }
    assert_near(m, (double[]){2 * (1 - 0.9 * 0.9 * 0.9), -0.5 * (1 - 0.9 * 0.9 * 0.9), 0}, 3, 1e-15);

    /* weight_decay 0.5 at p = 4: the gradient becomes 1 + 2. */
    const struct cln_optimizer_params decayed = {
        .kind = CLN_ADAM, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.5};
    double p = 4, m1 = 0, v1 = 0;
    cln_reference_optimizer_step(&decayed, 1, 1, (double[]){1}, &p, (double *[]){&m1, &v1});
    assert_near((double[]){p, m1, v1}, (double[]){3.9, 0.3, 0.009}, 3, 1e-15);
}

static void test_sgd(void **state) {
    (void)state;
    const struct cln_optimizer_params o = {.kind = CLN_SGD, .lr = 0.1, .momentum = 0.5, .weight_decay = 0.25};
    double p = 4, buffer = NAN; /* what the buffer holds before the first step does not count */
    cln_reference_optimizer_step(&o, 1, 1, (double[]){1}, &p, (double *[]){&buffer, NULL});
    assert_near((double[]){p, buffer}, (double[]){3.8, 2}, 2, 1e-15);
    cln_reference_optimizer_step(&o, 2, 1, (double[]){0}, &p, (double *[]){&buffer, NULL});
    assert_near((double[]){p, buffer}, (double[]){3.8 - 0.195, 1.95}, 2, 1e-15);
}

static void test_nesterov(void **state) {
    (void)state;
    const struct cln_optimizer_params o = {.kind = CLN_SGD, .lr = 0.1, .momentum = 0.5, .nesterov = 1};
    double p = 4, buffer = NAN;
    cln_reference_optimizer_step(&o, 1, 1, (double[]){2}, &p, (double *[]){&buffer, NULL});
    assert_near((double[]){p, buffer}, (double[]){4 - 0.1 * (2 + 0.5 * 2), 2}, 2, 1e-15);
    cln_reference_optimizer_step(&o, 2, 1, (double[]){1}, &p, (double *[]){&buffer, NULL});
    assert_near((double[]){p, buffer}, (double[]){3.7 - 0.1 * (1 + 0.5 * 2), 2}, 2, 1e-15);
}

static void test_adamw(void **state) {
    (void)state;
    /* The gradient alone gives the moments; the decay takes lr·0.5 of p. */
    const struct cln_optimizer_params o = {
        .kind = CLN_ADAMW, .lr = 0.1, .beta1 = 0.9, .beta2 = 0.999, .weight_decay = 0.5};
    double p = 4, m = 0, v = 0;
    cln_reference_optimizer_step(&o, 1, 1, (double[]){3}, &p, (double *[]){&m, &v});
    assert_near((double[]){p, m, v}, (double[]){4 - 0.1 * 0.5 * 4 - 0.1, 0.3, 0.009}, 3, 1e-14);
}

static void test_rmsprop(void **state) {
    (void)state;
    const struct cln_optimizer_params o = {
        .kind = CLN_RMSPROP, .lr = 0.1, .alpha = 0.75, .eps = 0.5, .momentum = 0.5, .weight_decay = 0.25};
    double p = 4, v = 0, buffer = 0;
    cln_reference_optimizer_step(&o, 1, 1, (double[]){1}, &p, (double *[]){&v, &buffer}); /* g = 2, √v = 1 */
    assert_near((double[]){p, v, buffer}, (double[]){4 - 0.1 * 2 / 1.5, 1, 2 / 1.5}, 3, 1e-15);
}

static void test_clip(void **state) {
    (void)state;
    const double gradients[] = {3, 0, -4}; /* norm 5 */
    const double factors[] = {cln_reference_clip(1, 3, gradients), cln_reference_clip(5.1, 3, gradients),
                              cln_reference_clip(0, 3, gradients), cln_reference_clip(1e-6, 3, (double[]){0, 1e-6, 0}),
                              cln_reference_clip(1, 3, (double[]){0, 0, 0})};
    assert_near(factors, (double[]){1 / 5.000001, 1, 1, 0.5, 1}, 5, 1e-15);
}

static void test_average(void **state) {
    (void)state;
    double averages[] = {7, 7};
    cln_reference_average(0.75, 1, 2, (double[]){3, -1}, averages);
    assert_near(averages, (double[]){3, -1}, 2, 0);
    cln_reference_average(0.75, 2, 2, (double[]){5, -1}, averages);
    assert_near(averages, (double[]){3.5, -1}, 2, 1e-15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d_with_stride_and_padding),
        cmocka_unit_test(test_conv2d_with_groups_and_dilation),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_batchnorm_statistics),
        cmocka_unit_test(test_batchnorm_keeps_the_digits_of_a_small_deviation),
        cmocka_unit_test(test_batchnorm_of_one_number),
        cmocka_unit_test(test_batchnorm_predicts_from_averages),
        cmocka_unit_test(test_groupnorm),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_max_pool_gives_ties_to_the_first),
        cmocka_unit_test(test_max_pool_never_takes_the_padding),
        cmocka_unit_test(test_average_pool_counts_the_padding),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_softmax_cross_entropy),
        cmocka_unit_test(test_class_weights),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_nesterov),
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_rmsprop),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_average),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
