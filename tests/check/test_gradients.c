/* Every backward reference against differences of its own forward, with L = Σ dz·z for random dz. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/model/layer.h"
#include "src/reference/reference.h"
#include "tests/check/gradient.h"

/* Steps and tolerances: with values near 1 the differences carry rounding of about 1e-10 and, where the function is
 * curved, an error of about step². */
static const double step = 1e-5, tolerance = 1e-8;

static int windows(int in, int kernel, int stride, int padding, int dilation) {
    return (in + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

/* ---- Affine maps ---- */

struct affine {
    const struct cln_conv2d *conv2d;
    const struct cln_linear *linear; /* one of the two */
    size_t batch, z_count;
    double *x, *weight, *bias, *z;
    const double *dz;
};

static double affine_loss(void *user) {
    struct affine *a = user;
    if (a->conv2d)
        cln_reference_conv2d_forward(a->conv2d, a->batch, a->x, a->weight, a->bias, a->z);
    else
        cln_reference_linear_forward(a->linear, a->batch, a->x, a->weight, a->bias, a->z);
    return dot(a->dz, a->z, a->z_count);
}

static void check_affine(const char *what, struct affine *a, size_t x_count, size_t weight_count, size_t bias_count) {
    struct cln_random random;
    cln_random_seed(&random, x_count * 31 + weight_count, CLN_STREAM_CHECK);
    double *dz = random_array(&random, a->z_count, 0, 1);
    a->x = random_array(&random, x_count, 0, 1);
    a->weight = random_array(&random, weight_count, 0, 1);
    a->bias = random_array(&random, bias_count, 0, 1);
    a->z = random_array(&random, a->z_count, NAN, 1);
    a->dz = dz;
    double *dx = random_array(&random, x_count, NAN, 1), *dweight = random_array(&random, weight_count, NAN, 1);
    double *dbias = random_array(&random, bias_count, NAN, 1);
    if (a->conv2d)
        cln_reference_conv2d_backward(a->conv2d, a->batch, a->x, a->weight, dz, dx, dweight, dbias);
    else
        cln_reference_linear_backward(a->linear, a->batch, a->x, a->weight, dz, dx, dweight, dbias);

    check_gradient(what, affine_loss, a, a->x, dx, x_count, step, tolerance);
    check_gradient(what, affine_loss, a, a->weight, dweight, weight_count, step, tolerance);
    check_gradient(what, affine_loss, a, a->bias, dbias, bias_count, step, tolerance);

    /* Any gradient may be left out. */
    if (a->conv2d)
        cln_reference_conv2d_backward(a->conv2d, a->batch, a->x, a->weight, dz, NULL, NULL, NULL);
    else
        cln_reference_linear_backward(a->linear, a->batch, a->x, a->weight, dz, NULL, NULL, NULL);

    double *arrays[] = {dz, a->x, a->weight, a->bias, a->z, dx, dweight, dbias};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        free(arrays[i]);
}

static void test_conv2d(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t batch;
        struct cln_shape in;
        int out_channels, kernel[2], stride[2], padding[2], dilation[2], groups;
    } cases[] = {
        {"1×1", 1, {1, 1, 1}, 1, {1, 1}, {1, 1}, {0, 0}, {1, 1}, 1},
        {"whole image", 2, {2, 4, 3}, 3, {4, 3}, {1, 1}, {0, 0}, {1, 1}, 1},
        {"not square", 7, {3, 5, 7}, 2, {3, 2}, {1, 1}, {0, 0}, {1, 1}, 1},
        {"padding", 2, {2, 4, 5}, 3, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 1},
        {"padding not square", 1, {1, 3, 4}, 2, {3, 5}, {1, 1}, {0, 2}, {1, 1}, 1},
        {"stride 2, a row and a column unused", 2, {2, 6, 8}, 3, {3, 3}, {2, 2}, {0, 0}, {1, 1}, 1},
        {"stride not square, padded", 2, {2, 7, 6}, 2, {3, 2}, {2, 3}, {1, 1}, {1, 1}, 1},
        {"2 groups", 2, {4, 4, 5}, 6, {3, 2}, {1, 1}, {1, 0}, {1, 1}, 2},
        {"3 groups, stride, dilation", 2, {6, 8, 9}, 3, {3, 2}, {2, 1}, {1, 2}, {2, 3}, 3},
        {"depthwise, multiplier 2", 2, {3, 5, 4}, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, 3},
        {"dilation", 2, {2, 6, 7}, 3, {3, 2}, {1, 1}, {0, 0}, {2, 4}, 1},
        {"stride beyond the kernel", 1, {1, 7, 7}, 2, {2, 2}, {3, 3}, {0, 0}, {1, 1}, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_conv2d g = {
            .in = cases[i].in,
            .out = {cases[i].out_channels,
                    windows(cases[i].in.height, cases[i].kernel[0], cases[i].stride[0], cases[i].padding[0],
                            cases[i].dilation[0]),
                    windows(cases[i].in.width, cases[i].kernel[1], cases[i].stride[1], cases[i].padding[1],
                            cases[i].dilation[1])},
            .kernel_h = cases[i].kernel[0],
            .kernel_w = cases[i].kernel[1],
            .stride_h = cases[i].stride[0],
            .stride_w = cases[i].stride[1],
            .padding_h = cases[i].padding[0],
            .padding_w = cases[i].padding[1],
            .dilation_h = cases[i].dilation[0],
            .dilation_w = cases[i].dilation[1],
            .groups = cases[i].groups,
            .in_per_group = cases[i].in.channels / cases[i].groups,
            .bias = true,
        };
        struct affine a = {.conv2d = &g, .batch = cases[i].batch, .z_count = cases[i].batch * cln_shape_count(g.out)};
        size_t weight_count = (size_t)(g.out.channels * g.in_per_group * g.kernel_h * g.kernel_w);
        check_affine(cases[i].name, &a, a.batch * cln_shape_count(g.in), weight_count, (size_t)g.out.channels);
    }
}

static void test_linear(void **state) {
    (void)state;
    static const struct {
        size_t batch;
        int in, out;
    } cases[] = {{1, 1, 1}, {1, 5, 3}, {2, 3, 8}, {7, 9, 4}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cln_linear g = {cases[i].in, cases[i].out, true};
        struct affine a = {.linear = &g, .batch = cases[i].batch, .z_count = cases[i].batch * (size_t)g.out_features};
        check_affine("linear", &a, a.batch * (size_t)g.in_features, (size_t)(g.in_features * g.out_features),
                     (size_t)g.out_features);
    }
}

/* ---- Batch normalisation ---- */

struct normalisation {
    struct cln_batchnorm g;
    size_t batch;
    double *x, *gamma, *beta, *y, *dy;
};

static double batchnorm_loss(void *user) {
    struct normalisation *b = user;
    cln_reference_batchnorm_forward(&b->g, b->batch, b->x, b->gamma, b->beta, b->y, NULL, NULL, NULL, NULL);
    return dot(b->dy, b->y, b->batch * cln_shape_count(b->g.shape));
}

static void test_batchnorm(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t batch;
        struct cln_shape shape;
        double centre, scale, eps;
        double step, tolerance; /* a thousandth of the deviation; its square, or the mean's rounding */
    } cases[] = {
        {"one feature, two samples", 2, {1, 1, 1}, 0, 1, 1e-2, 1e-4, 1e-6},
        {"features", 7, {5, 1, 1}, 0, 1, 1e-5, 1e-4, 1e-6},
        {"image, one sample", 1, {3, 4, 5}, 0, 1, 1e-5, 1e-4, 1e-6},
        {"image", 2, {2, 3, 1}, 3, 2, 1e-3, 1e-4, 1e-6},
        {"large mean, small deviation", 7, {2, 2, 3}, 1e4, 1e-2, 1e-9, 1e-5, 1e-4},
        {"all equal", 2, {2, 2, 2}, 5, 0, 1e-1, 1e-4, 1e-6},
        {"one number", 1, {2, 1, 1}, 5, 1, 1e-5, 1e-4, 1e-6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct normalisation b = {{cases[i].shape, 0.1, cases[i].eps, false}, .batch = cases[i].batch};
        size_t count = b.batch * cln_shape_count(b.g.shape), channels = (size_t)b.g.shape.channels;
        struct cln_random random;
        cln_random_seed(&random, i, CLN_STREAM_CHECK);
        b.x = random_array(&random, count, cases[i].centre, cases[i].scale);
        b.gamma = random_array(&random, channels, 0, 2);
        b.beta = random_array(&random, channels, 0, 2);
        b.y = random_array(&random, count, NAN, 1);
        b.dy = random_array(&random, count, 0, 1);
        double *dx = random_array(&random, count, NAN, 1);
        double *dgamma = random_array(&random, channels, NAN, 1), *dbeta = random_array(&random, channels, NAN, 1);
        cln_reference_batchnorm_backward(&b.g, b.batch, b.x, b.gamma, b.dy, dx, dgamma, dbeta);

        check_gradient(cases[i].name, batchnorm_loss, &b, b.x, dx, count, cases[i].step, cases[i].tolerance);
        check_gradient(cases[i].name, batchnorm_loss, &b, b.gamma, dgamma, channels, step, tolerance);
        check_gradient(cases[i].name, batchnorm_loss, &b, b.beta, dbeta, channels, step, tolerance);
        cln_reference_batchnorm_backward(&b.g, b.batch, b.x, b.gamma, b.dy, NULL, NULL, NULL);

        double *arrays[] = {b.x, b.gamma, b.beta, b.y, b.dy, dx, dgamma, dbeta};
        for (size_t k = 0; k < sizeof(arrays) / sizeof(arrays[0]); k++)
            free(arrays[k]);
    }
}

/* ---- Activations, pools, loss ---- */

/* A kind of activation with its parameter's default, least and largest value. */
enum { PARAMETERS = 3 };
static struct cln_activation activation_of(int kind, int parameter) {
    const struct cln_layer_type *type = cln_layer_type_of_activation((enum cln_activation_kind)kind);
    struct cln_layer layer;
    assert_non_null(type);
    assert_true(type->option_count <= 1);
    cln_layer_init(&layer, type);
    for (size_t i = 0; i < type->option_count; i++) {
        const struct cln_layer_option *o = &type->options[i];
        cln_layer_option_set(&layer, o, 0, (double[PARAMETERS]){o->initial, o->least, o->most}[parameter]);
    }
    return layer.activation;
}

static void test_activations(void **state) {
    (void)state;
    static const double places[] = {-40, -3.1, -0.7, -1e-3, 1e-3, 0.2, 1, 5, 40};
    for (int i = 0; i < CLN_ACTIVATION_COUNT * PARAMETERS; i++) {
        const struct cln_activation activation = activation_of(i / PARAMETERS, i % PARAMETERS);
        for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
            double above = cln_reference_activation(activation, places[k] + step).value;
            double below = cln_reference_activation(activation, places[k] - step).value;
            double derivative = cln_reference_activation(activation, places[k]).derivative;
            assert_true(fabs(derivative - (above - below) / (2 * step)) <= tolerance * fmax(1, fabs(derivative)));
        }
    }
}

/* The kernels take the maximum of a window before the activation, unless the table says that it is one of its input. */
static void test_monotone_activations(void **state) {
    (void)state;
    for (int i = 0; i < CLN_ACTIVATION_COUNT * PARAMETERS; i++) {
        const struct cln_activation activation = activation_of(i / PARAMETERS, i % PARAMETERS);
        double last = -INFINITY;
        bool is_monotone = true;
        for (int k = -800; k <= 800; k++) {
            const double value = cln_reference_activation(activation, k / 16.0).value;
            is_monotone = is_monotone && value >= last;
            last = value;
        }
        assert_int_equal(is_monotone, !cln_activation_is_of_input(activation.kind));
    }
}

struct pooling {
    struct cln_pool2d g;
    size_t batch;
    double *x, *a, *da;
};

static double pool2d_loss(void *user) {
    struct pooling *p = user;
    cln_reference_pool2d_forward(&p->g, p->batch, p->x, p->a);
    return dot(p->da, p->a, p->batch * cln_shape_count(p->g.out));
}

static void test_pool2d(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t batch;
        struct cln_shape in;
        int kernel[2], stride[2], padding[2];
    } cases[] = {
        {"2×2", 2, {3, 4, 6}, {2, 2}, {2, 2}, {0, 0}},
        {"a row and a column dropped", 1, {2, 5, 7}, {2, 2}, {2, 2}, {0, 0}},
        {"overlapping", 2, {2, 5, 6}, {3, 3}, {1, 2}, {0, 0}},
        {"padded", 7, {1, 4, 5}, {3, 3}, {2, 2}, {1, 1}},
        {"padded, not square", 2, {2, 3, 5}, {2, 4}, {1, 3}, {1, 2}},
        {"gaps between windows", 1, {1, 7, 8}, {2, 1}, {3, 2}, {0, 0}},
        {"whole image", 2, {2, 3, 4}, {3, 4}, {3, 4}, {0, 0}},
    };
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        size_t k = i / 2;
        struct pooling p = {.batch = cases[k].batch};
        p.g = (struct cln_pool2d){
            .kind = i % 2 ? CLN_POOL_MAX : CLN_POOL_AVERAGE,
            .in = cases[k].in,
            .out = {cases[k].in.channels,
                    windows(cases[k].in.height, cases[k].kernel[0], cases[k].stride[0], cases[k].padding[0], 1),
                    windows(cases[k].in.width, cases[k].kernel[1], cases[k].stride[1], cases[k].padding[1], 1)},
            .kernel_h = cases[k].kernel[0],
            .kernel_w = cases[k].kernel[1],
            .stride_h = cases[k].stride[0],
            .stride_w = cases[k].stride[1],
            .padding_h = cases[k].padding[0],
            .padding_w = cases[k].padding[1],
        };
        size_t in_count = p.batch * cln_shape_count(p.g.in), out_count = p.batch * cln_shape_count(p.g.out);
        struct cln_random random;
        cln_random_seed(&random, i, CLN_STREAM_CHECK);
        p.x = random_array(&random, in_count, -2, 1);
        p.a = random_array(&random, out_count, NAN, 1);
        p.da = random_array(&random, out_count, 0, 1);
        double *dx = random_array(&random, in_count, NAN, 1);
        cln_reference_pool2d_backward(&p.g, p.batch, p.x, p.da, dx);
        check_gradient(cases[k].name, pool2d_loss, &p, p.x, dx, in_count, step, tolerance);
        double *arrays[] = {p.x, p.a, p.da, dx};
        for (size_t n = 0; n < sizeof(arrays) / sizeof(arrays[0]); n++)
            free(arrays[n]);
    }
}

struct classification {
    size_t batch;
    int classes;
    double *logits, smoothing;
    const double *weights;
    int32_t labels[7];
};

static double classification_loss(void *user) {
    struct classification *c = user;
    return cln_reference_softmax_cross_entropy(c->batch, c->classes, c->logits, c->labels, c->smoothing, c->weights,
                                               NULL, NULL);
}

static void test_softmax_cross_entropy(void **state) {
    (void)state;
    static const struct {
        size_t batch;
        int classes;
        double scale, smoothing;
        bool weighted;
    } cases[] = {{1, 2, 1},       {2, 10, 3},     {7, 10, 30},         {7, 1, 1},
                 {7, 10, 3, 0.1}, {2, 3, 1, 0.9}, {7, 10, 3, 0, true}, {7, 10, 3, 0.2, true}};
    static const double weights[] = {1, 0.5, 2, 0, 3, 1, 0.1, 1, 4, 1};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct classification c = {.batch = cases[i].batch,
                                   .classes = cases[i].classes,
                                   .smoothing = cases[i].smoothing,
                                   .weights = cases[i].weighted ? weights : NULL};
        size_t count = c.batch * (size_t)c.classes;
        struct cln_random random;
        cln_random_seed(&random, i, CLN_STREAM_CHECK);
        c.logits = random_array(&random, count, 0, cases[i].scale);
        for (size_t n = 0; n < c.batch; n++)
            c.labels[n] = (uint8_t)cln_random_below(&random, (uint32_t)c.classes);
        double *dlogits = random_array(&random, count, NAN, 1);
        (void)cln_reference_softmax_cross_entropy(c.batch, c.classes, c.logits, c.labels, c.smoothing, c.weights, NULL,
                                                  dlogits);
        check_gradient("softmax", classification_loss, &c, c.logits, dlogits, count, step, tolerance);
        free(c.logits);
        free(dlogits);
    }
}

/* ---- Group normalisation ---- */

struct group_normalisation {
    struct cln_groupnorm g;
    size_t batch;
    double *x, *gamma, *beta, *y, *dy;
};

static double groupnorm_loss(void *user) {
    struct group_normalisation *n = user;
    cln_reference_groupnorm_forward(&n->g, n->batch, n->x, n->gamma, n->beta, n->y);
    return dot(n->dy, n->y, n->batch * cln_shape_count(n->g.shape));
}

static void test_groupnorm(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t batch;
        struct cln_groupnorm g;
    } cases[] = {
        {"groups", 3, {{6, 2, 3}, 3, 1e-3, true, false}},
        {"one group", 1, {{2, 3, 3}, 1, 1e-5, true, false}},
        {"a group per channel", 2, {{3, 2, 2}, 3, 1e-2, true, false}},
        {"features", 3, {{6, 1, 1}, 2, 1e-2, true, false}},
        {"by element", 2, {{2, 3, 2}, 1, 1e-3, true, true}},
        {"one number per group", 2, {{3, 1, 1}, 3, 1e-2, true, false}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct group_normalisation n = {.g = cases[i].g, .batch = cases[i].batch};
        const size_t whole = cln_shape_count(n.g.shape), count = n.batch * whole;
        const size_t weights = n.g.by_element ? whole : (size_t)n.g.shape.channels;
        struct cln_random random;
        cln_random_seed(&random, i, CLN_STREAM_CHECK);
        n.x = random_array(&random, count, 0, 1);
        n.gamma = random_array(&random, weights, 0, 2);
        n.beta = random_array(&random, weights, 0, 2);
        n.y = random_array(&random, count, NAN, 1);
        n.dy = random_array(&random, count, 0, 1);
        double *dx = random_array(&random, count, NAN, 1);
        double *dgamma = random_array(&random, weights, NAN, 1), *dbeta = random_array(&random, weights, NAN, 1);
        cln_reference_groupnorm_backward(&n.g, n.batch, n.x, n.gamma, n.dy, dx, dgamma, dbeta);
        check_gradient(cases[i].name, groupnorm_loss, &n, n.x, dx, count, 1e-4, 1e-6);
        check_gradient(cases[i].name, groupnorm_loss, &n, n.gamma, dgamma, weights, step, tolerance);
        check_gradient(cases[i].name, groupnorm_loss, &n, n.beta, dbeta, weights, step, tolerance);
        cln_reference_groupnorm_backward(&n.g, n.batch, n.x, NULL, n.dy, NULL, NULL, NULL);
        double *arrays[] = {n.x, n.gamma, n.beta, n.y, n.dy, dx, dgamma, dbeta};
        for (size_t k = 0; k < sizeof(arrays) / sizeof(arrays[0]); k++)
            free(arrays[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv2d),      cmocka_unit_test(test_linear),
        cmocka_unit_test(test_batchnorm),   cmocka_unit_test(test_groupnorm),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_monotone_activations),
        cmocka_unit_test(test_pool2d),      cmocka_unit_test(test_softmax_cross_entropy),
    };
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
