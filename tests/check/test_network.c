/* The whole-network reference against what PyTorch computed in float64, and against differences of itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/reference/reference.h"
#include "tests/check/gradient.h"
#include "tests/golden/golden.h"

/* Both sides compute in float64; gradients and final weights are stored as float32. */
static const double double_tolerance = 1e-11, single_tolerance = 6e-8;
/* Adam divides by √v: where a gradient is near ε, float64's own rounding is magnified. */
static const double adam_tolerance = 1e-7;

struct training {
    struct cln_safetensors *golden;
    struct cln_network *network;
    double *pixels; /* of all steps */
    const int32_t *labels;
    struct cln_safetensors *images;
    double *parameters, *running, *moments[2], *expected, *expected_running;
    struct cln_reference_step step;
};

static double *zeros(size_t count) {
    double *values = calloc(count + 1, sizeof(*values));
    assert_non_null(values);
    return values;
}

static void training_begin(struct training *t, enum cln_golden_set set) {
    t->golden = golden_open(set);
    t->network = golden_network(set);
    t->images = golden_open(CLN_GOLDEN_BN_LENET);
    t->labels = golden_labels(t->images);
    size_t pixel_count = GOLDEN_STEPS * GOLDEN_BATCH * cln_shape_count(t->network->input);
    t->pixels = zeros(pixel_count);
    for (size_t i = 0; i < pixel_count; i++)
        t->pixels[i] = golden_images(t->images)[i] / 255.0;
    t->parameters = zeros(t->network->parameter_floats);
    t->expected = zeros(t->network->parameter_floats);
    t->running = zeros(t->network->running_floats);
    t->expected_running = zeros(t->network->running_floats);
    t->moments[0] = zeros(t->network->parameter_floats);
    t->moments[1] = zeros(t->network->parameter_floats);
    t->step.gradients = zeros(t->network->parameter_floats);
    t->step.logits = zeros(GOLDEN_BATCH * (size_t)t->network->classes);
    golden_state(t->golden, "initial", t->network, t->parameters, t->running);
}

static void training_end(struct training *t) {
    double *arrays[] = {t->pixels,   t->parameters,       t->running,        t->moments[0], t->moments[1],
                        t->expected, t->expected_running, t->step.gradients, t->step.logits};
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        free(arrays[i]);
    cln_safetensors_destroy(&t->golden);
    cln_safetensors_destroy(&t->images);
    cln_network_destroy(&t->network);
}

static void assert_near(const char *what, const double *actual, const double *expected, size_t count, double relative,
                        double absolute) {
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(actual[i] - expected[i]) <= relative * fabs(expected[i]) + absolute))
            fail_msg("%s: value %zu is %.12g, PyTorch's %.12g", what, i, actual[i], expected[i]);
    }
}

static void run_step(struct training *t, size_t step) {
    const double *x = t->pixels + step * GOLDEN_BATCH * cln_shape_count(t->network->input);
    if (cln_reference_network_step(t->network, GOLDEN_BATCH, x, t->labels + step * GOLDEN_BATCH, t->parameters,
                                   t->running, &t->step) != CLN_OK)
        fail_msg("%s", cln_error_message());
}

static void check_adam(enum cln_golden_set set, bool has_final) {
    struct training t = {0};
    training_begin(&t, set);
    double losses[GOLDEN_STEPS], hits[GOLDEN_STEPS];
    golden_values(t.golden, "", "loss", GOLDEN_STEPS, losses);
    golden_values(t.golden, "", "hits", GOLDEN_STEPS, hits);
    const struct cln_optimizer_params adam = {.kind = CLN_ADAM, .lr = 0.001, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    for (size_t step = 0; step < GOLDEN_STEPS; step++) {
        run_step(&t, step);
        assert_near("loss", &t.step.loss, &losses[step], 1, double_tolerance, 0);
        assert_int_equal(t.step.hits, (size_t)hits[step]);
        if (step == 0) {
            golden_state(t.golden, "gradient", t.network, t.expected, NULL);
            assert_near("gradient", t.step.gradients, t.expected, t.network->parameter_floats, single_tolerance, 1e-15);
        }
        cln_reference_optimizer_step(&adam, step + 1, t.network->parameter_floats, t.step.gradients, t.parameters,
                                     t.moments);
    }
    if (has_final) {
        golden_state(t.golden, "final", t.network, t.expected, t.expected_running);
        assert_near("weights after Adam", t.parameters, t.expected, t.network->parameter_floats, single_tolerance,
                    adam_tolerance);
        assert_near("running statistics", t.running, t.expected_running, t.network->running_floats, single_tolerance,
                    double_tolerance);
    }
    double logits[GOLDEN_BATCH * 10];
    golden_values(t.golden, "", "logits", GOLDEN_BATCH * 10, logits);
    assert_int_equal(
        cln_reference_network_predict(t.network, GOLDEN_BATCH, t.pixels, t.parameters, t.running, t.step.logits),
        CLN_OK);
    assert_near("logits", t.step.logits, logits, GOLDEN_BATCH * 10, double_tolerance, double_tolerance);
    training_end(&t);
}

static void test_bn_lenet(void **state) {
    (void)state;
    check_adam(CLN_GOLDEN_BN_LENET, true);
}

static void test_lenet(void **state) {
    (void)state;
    check_adam(CLN_GOLDEN_LENET, false);
}

static void test_mixed(void **state) {
    (void)state;
    check_adam(CLN_GOLDEN_MIXED, true);
}

static void test_bn_lenet_with_sgd(void **state) {
    (void)state;
    struct training t = {0};
    training_begin(&t, CLN_GOLDEN_BN_LENET);
    double losses[GOLDEN_STEPS];
    golden_values(t.golden, "sgd", "loss", GOLDEN_STEPS, losses);
    const struct cln_optimizer_params sgd = {.kind = CLN_SGD, .lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4};
    for (size_t step = 0; step < GOLDEN_STEPS; step++) {
        run_step(&t, step);
        assert_near("loss", &t.step.loss, &losses[step], 1, double_tolerance, 0);
        cln_reference_optimizer_step(&sgd, step + 1, t.network->parameter_floats, t.step.gradients, t.parameters,
                                     t.moments);
    }
    golden_state(t.golden, "sgd.final", t.network, t.expected, t.expected_running);
    assert_near("weights after SGD", t.parameters, t.expected, t.network->parameter_floats, single_tolerance,
                double_tolerance);
    assert_near("running statistics", t.running, t.expected_running, t.network->running_floats, single_tolerance,
                double_tolerance);
    training_end(&t);
}

static double network_loss(void *user) {
    struct training *t = user;
    struct cln_reference_step step = {0};
    if (cln_reference_network_step(t->network, 3, t->pixels, t->labels, t->parameters, NULL, &step) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return step.loss;
}

static void test_gradients_by_differences(void **state) {
    (void)state;
    struct training t = {0};
    training_begin(&t, CLN_GOLDEN_MIXED);
    assert_int_equal(cln_reference_network_step(t.network, 3, t.pixels, t.labels, t.parameters, t.running, &t.step),
                     CLN_OK);
    /* A step small enough that no maximum and no ReLU switches over; rounding is then about 1e-9. */
    check_gradient("mixed", network_loss, &t, t.parameters, t.step.gradients, t.network->parameter_floats, 1e-7, 1e-6);
    training_end(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bn_lenet),
        cmocka_unit_test(test_lenet),
        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_bn_lenet_with_sgd),
        cmocka_unit_test(test_gradients_by_differences),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
