/* Folded batch norms: the same predictions from fewer layers, and what may not be folded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/random.h"
#include "src/format/fold.h"
#include "src/reference/reference.h"

/* A batch norm that comes first, one and two in a row behind a convolution, one behind an activation, one behind a
 * Flatten, and one behind a linear layer. */
static const char every_place[] =
    "{\"name\": \"places\", \"input\": [2, 5, 4], \"layers\": [{\"type\": \"BatchNorm2d\", \"eps\": 0.5}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 3, \"kernel_size\": [2, 3], \"bias\": false, \"padding\": 1}, "
    "{\"type\": \"BatchNorm2d\"}, {\"type\": \"ReLU\"}, "
    "{\"type\": \"BatchNorm2d\", \"momentum\": 0.25, \"biased_running_variance\": true}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 6, \"kernel_size\": 2, \"groups\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"BatchNorm2d\", \"eps\": 0.01}, {\"type\": \"Tanh\"}, {\"type\": \"Flatten\"}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"Linear\", \"out_features\": 4, \"bias\": false}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"Sigmoid\"}, {\"type\": \"Linear\", \"out_features\": 3}]}";

/* In branches. Of the four batch norms whose layer nothing else reads, none is the first of a branch: what comes before
 * those is read by both branches. */
#define CONV "{\"type\": \"Conv2d\", \"out_channels\": 3, \"kernel_size\": 3, \"padding\": 1}"
#define NORM "{\"type\": \"BatchNorm2d\"}"
static const char branches[] =
    "{\"name\": \"branches\", \"input\": [2, 5, 4], \"layers\": [" CONV ", " NORM
    ", {\"type\": \"Residual\", \"layers\": [" CONV ", " NORM ", {\"type\": \"ReLU\"}, " CONV ", " NORM
    "], \"shortcut\": [" CONV ", " NORM "]}, " NORM ", " CONV ", {\"type\": \"Residual\", \"layers\": [" NORM ", " CONV
    "]}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 4}]}";
/* The same without γ and β: one that stays, one folded, one folded behind another. */
static const char without_affine[] =
    "{\"name\": \"constants\", \"input\": [2, 5, 4], \"layers\": [{\"type\": \"BatchNorm2d\", \"affine\": false}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3, \"padding\": 1, \"groups\": 2}, "
    "{\"type\": \"BatchNorm2d\", \"affine\": false}, {\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, "
    "{\"type\": \"Linear\", \"out_features\": 3, \"bias\": false}, {\"type\": \"BatchNorm1d\"}, "
    "{\"type\": \"BatchNorm1d\", \"affine\": false}]}";

/* Norms of a sample stay as they are, with their weights; the batch norm behind one is not folded, the other is. */
static const char other_norms[] =
    "{\"name\": \"other\", \"input\": [2, 5, 4], \"layers\": [{\"type\": \"LayerNorm\"}, " CONV
    ", {\"type\": \"GroupNorm\", \"num_groups\": 3}, " NORM ", " CONV ", " NORM
    ", {\"type\": \"GroupNorm\", \"num_groups\": 1, \"affine\": false}, {\"type\": \"SiLU\"}, {\"type\": \"Flatten\"}, "
    "{\"type\": \"LayerNorm\"}, {\"type\": \"Linear\", \"out_features\": 4}]}";

static float *make_floats(size_t count) {
    float *floats = calloc(count + 1, sizeof *floats);
    assert_non_null(floats);
    return floats;
}

/* Random values as training leaves them; every third γ is negative, every fifth variance 0. */
static struct cln_checkpoint *make_model(const char *text) {
    struct cln_checkpoint *model = calloc(1, sizeof *model);
    struct cln_random random;
    assert_non_null(model);
    cln_random_seed(&random, 1, CLN_STREAM_CHECK);
    if (cln_network_parse(&model->network, text, strlen(text), "test", NULL) != CLN_OK)
        fail_msg("%s", cln_error_message());
    const struct cln_network *network = model->network;
    model->parameters = make_floats(network->parameter_floats);
    model->running = make_floats(network->running_floats);
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        for (size_t i = 0; i < t->count; i++) {
            float *value = (t->trainable ? model->parameters : model->running) + t->offset + i;
            *value = (float)cln_random_normal(&random);
            if (t->role == CLN_GAMMA)
                *value = (i % 3 == 2 ? -1 : 1) * fabsf(*value);
            if (t->role == CLN_RUNNING_VAR)
                *value = i % 5 == 1 ? 0 : fabsf(*value) + 0.01F;
        }
    return model;
}

static struct cln_checkpoint *fold(const struct cln_checkpoint *model) {
    struct cln_checkpoint *folded;
    if (cln_checkpoint_fold(&folded, model) != CLN_OK)
        fail_msg("%s", cln_error_message());
    return folded;
}

static double *to_doubles(const float *floats, size_t count) {
    double *doubles = calloc(count + 1, sizeof *doubles);
    assert_non_null(doubles);
    for (size_t i = 0; i < count; i++)
        doubles[i] = (double)floats[i];
    return doubles;
}

enum { SAMPLES = 7 };

/* In float64, so that nothing but the rounding of folded weights is between the two. */
static double *predict(const struct cln_checkpoint *model) {
    const struct cln_network *network = model->network;
    const size_t features = SAMPLES * cln_shape_count(network->input);
    double *x = calloc(features, sizeof *x), *logits = calloc(SAMPLES * (size_t)network->classes, sizeof *logits);
    double *parameters = to_doubles(model->parameters, network->parameter_floats);
    double *running = to_doubles(model->running, network->running_floats);
    struct cln_random random;
    cln_random_seed(&random, 2, CLN_STREAM_CHECK);
    for (size_t i = 0; i < features; i++)
        x[i] = cln_random_uniform(&random);
    assert_int_equal(cln_reference_network_predict(network, SAMPLES, x, parameters, running, logits), CLN_OK);
    free(x);
    free(parameters);
    free(running);
    return logits;
}

/* The initial state is the text of a network, and the number of its layers that folding leaves. */
struct folding {
    const char *text;
    size_t layers;
};
static const struct folding foldings[] = {{every_place, 11}, {branches, 13}, {without_affine, 5}, {other_norms, 10}};

static void test_predicts_the_same(void **state) {
    const struct folding *f = *state;
    struct cln_checkpoint *model = make_model(f->text), *folded = fold(model);
    assert_int_equal(folded->network->layer_count, f->layers);
    double *expected = predict(model), *actual = predict(folded);
    double largest = 0;
    for (int i = 0; i < SAMPLES * model->network->classes; i++) {
        /* A few hundred products, each off by float32's rounding; variances of 0 magnify by 300. */
        if (!(fabs(actual[i] - expected[i]) <= 1e-4 * (1 + fabs(expected[i]))))
            fail_msg("logit %d: %.9g, expected %.9g", i, actual[i], expected[i]);
        largest = fmax(largest, fabs(expected[i] - expected[0]));
    }
    assert_true(largest > 0.1);
    free(expected);
    free(actual);
    cln_checkpoint_destroy(&folded);
    cln_checkpoint_destroy(&model);
}

static const float *values_of(const struct cln_checkpoint *model, const char *name) {
    const struct cln_network *network = model->network;
    for (const struct cln_tensor_info *t = network->tensors; t < network->tensors + network->tensor_count; t++)
        if (strcmp(t->name, name) == 0)
            return (t->trainable ? model->parameters : model->running) + t->offset;
    fail_msg("no tensor %s", name);
    return NULL;
}

static void test_layers_that_stay_keep_all_they_had(void **state) {
    (void)state;
    static const char *const names[] = {"0.weight",  "0.bias", "0.running_mean", "0.running_var", "1.weight", "1.bias",
                                        "3.weight",  "3.bias", "3.running_mean", "3.running_var", "4.weight", "4.bias",
                                        "7.weight",  "7.bias", "7.running_mean", "7.running_var", "8.weight", "8.bias",
                                        "10.weight", "10.bias"};
    struct cln_checkpoint *model = make_model(every_place), *folded = fold(model);
    const struct cln_network *network = folded->network;
    assert_string_equal(network->name, "places");
    assert_int_equal(network->layer_count, 11);
    assert_int_equal(network->tensor_count, sizeof names / sizeof *names);
    for (size_t i = 0; i < network->tensor_count; i++)
        assert_string_equal(network->tensors[i].name, names[i]);
    assert_true(network->layers[0].batchnorm.eps == 0.5);
    assert_true(network->layers[3].batchnorm.momentum == 0.25);
    assert_true(network->layers[3].batchnorm.biased_running_variance);
    assert_int_equal(network->layers[1].conv2d.padding_h, 1);
    static const char *const same[][2] = {{"0.weight", "0.weight"},           {"3.weight", "4.weight"},
                                          {"3.running_var", "4.running_var"}, {"7.running_mean", "10.running_mean"},
                                          {"10.weight", "14.weight"},         {"10.bias", "14.bias"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_memory_equal(values_of(folded, same[i][0]), values_of(model, same[i][1]), 2 * sizeof(float));
    cln_checkpoint_destroy(&folded);
    cln_checkpoint_destroy(&model);
}

static void test_formula(void **state) {
    (void)state;
    struct cln_checkpoint *model = make_model(
        "{\"input\": [1], \"layers\": [{\"type\": \"Linear\", \"out_features\": 2}, {\"type\": \"BatchNorm1d\", "
        "\"eps\": 0.25}]}");
    static const float weight[] = {3, -5}, bias[] = {2, 7}, gamma[] = {4, -6}, beta[] = {10, 20}, mean[] = {1, -3},
                       variance[] = {0.75F, 3.75F}; /* with eps: 1 and 4 */
    static const float expected_weight[] = {12, 15}, expected_bias[] = {14, -10};
    const float *const values[] = {weight, bias, gamma, beta, mean, variance};
    assert_int_equal(model->network->tensor_count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct cln_tensor_info *t = &model->network->tensors[i];
        memcpy((t->trainable ? model->parameters : model->running) + t->offset, values[i], sizeof weight);
    }
    struct cln_checkpoint *folded = fold(model);
    assert_int_equal(folded->network->tensor_count, 2);
    assert_int_equal(folded->network->running_floats, 0);
    assert_memory_equal(folded->parameters + folded->network->tensors[0].offset, expected_weight, sizeof weight);
    assert_memory_equal(folded->parameters + folded->network->tensors[1].offset, expected_bias, sizeof bias);
    cln_checkpoint_destroy(&folded);
    cln_checkpoint_destroy(&model);
}

static void test_without_batch_norms_nothing_changes(void **state) {
    (void)state;
    struct cln_checkpoint *model =
        make_model("{\"name\": \"plain\", \"input\": [3, 4, 4], \"layers\": [{\"type\": \"Conv2d\", "
                   "\"out_channels\": 2, \"kernel_size\": 3, \"bias\": false}, {\"type\": "
                   "\"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 2}]}");
    struct cln_checkpoint *folded = fold(model);
    char *text, *was;
    assert_int_equal(cln_network_text(&text, folded->network), CLN_OK);
    assert_int_equal(cln_network_text(&was, model->network), CLN_OK);
    assert_string_equal(text, was);
    assert_memory_equal(folded->parameters, model->parameters, model->network->parameter_floats * sizeof(float));
    free(text);
    free(was);
    cln_checkpoint_destroy(&folded);
    cln_checkpoint_destroy(&model);
}

static void test_the_rest_comes_along(void **state) {
    (void)state;
    static const char *const classes[] = {"boot", "bag", "Kleid \xC3\xA4"};
    struct cln_training_point training = {.batch_size = 8};
    struct cln_checkpoint *model = make_model(every_place);
    model->batches_tracked = 12345678901;
    model->resize = 5;
    model->image = (struct cln_shape){2, 10, 8};
    model->mean = make_floats(40);
    model->inverse_deviation = make_floats(40);
    model->mean[39] = 3;
    model->inverse_deviation[0] = 4;
    model->class_names = calloc(3, sizeof *model->class_names);
    for (size_t i = 0; i < 3; i++)
        model->class_names[i] = strdup(classes[i]);
    model->training = &training;
    struct cln_checkpoint *folded = fold(model);
    assert_true(folded->batches_tracked == 12345678901);
    assert_int_equal(folded->resize, 5);
    assert_memory_equal(&folded->image, &model->image, sizeof model->image);
    assert_memory_equal(folded->mean, model->mean, 40 * sizeof(float));
    assert_memory_equal(folded->inverse_deviation, model->inverse_deviation, 40 * sizeof(float));
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(folded->class_names[i], classes[i]);
    assert_null(folded->training);
    cln_checkpoint_destroy(&folded);
    model->training = NULL;
    cln_checkpoint_destroy(&model);
}

static void test_what_is_not_finite_is_refused(void **state) {
    (void)state;
    struct cln_checkpoint *model =
        make_model("{\"name\": \"steep\", \"input\": [1], \"layers\": [{\"type\": \"Linear\", \"out_features\": 2}, "
                   "{\"type\": \"BatchNorm1d\", \"eps\": 1e-12}]}");
    struct cln_checkpoint *folded = model;
    const struct cln_tensor_info *weight = &model->network->tensors[0], *variance = &model->network->tensors[5];
    model->parameters[weight->offset + 1] = 1e38F;
    model->running[variance->offset + 1] = 0;
    assert_int_equal(cln_checkpoint_fold(&folded, model), CLN_NUMERIC);
    assert_null(folded);
    assert_non_null(strstr(cln_error_message(), "network steep"));
    assert_non_null(strstr(cln_error_message(), "channel 1"));
    cln_checkpoint_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        {"every place", test_predicts_the_same, NULL, NULL, (void *)(uintptr_t)&foldings[0]},
        {"branches", test_predicts_the_same, NULL, NULL, (void *)(uintptr_t)&foldings[1]},
        {"without γ and β", test_predicts_the_same, NULL, NULL, (void *)(uintptr_t)&foldings[2]},
        {"other norms", test_predicts_the_same, NULL, NULL, (void *)(uintptr_t)&foldings[3]},
        cmocka_unit_test(test_layers_that_stay_keep_all_they_had),
        cmocka_unit_test(test_formula),
        cmocka_unit_test(test_without_batch_norms_nothing_changes),
        cmocka_unit_test(test_the_rest_comes_along),
        cmocka_unit_test(test_what_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
