/* The predictor: what it says of images is what an evaluation finds, however they are cut into batches, and no more of
 * them are on the device than a batch. */
#include <math.h>
#include <stdio.h>

#include "clenet/predictor.h"
#include "src/train/logits.h"
#include "tests/engine/support.h"
#include "tests/pixels.h"
#include "tests/temporary.h"

enum { CLASSES = 10, IMAGES = 64, PIXELS = 28 * 28 };

static struct cln_network *network, *resized;
static struct cln_dataset *data; /* 64 images to train on, 10 to test */

static int begin(void **state) {
    static const char text[] =
        "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
        "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
        "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";
    assert_ok(cln_network_parse(&network, text, strlen(text), "tiny", NULL));
    assert_ok(cln_network_parse(&resized, text, strlen(text), "tiny",
                                &(struct cln_network_params){.height = 32, .width = 32}));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    return temporary_create(state);
}

static int end(void **state) {
    cln_network_destroy(&network);
    cln_network_destroy(&resized);
    cln_dataset_destroy(&data);
    return temporary_remove(state);
}

/* A model after two epochs, as a file has it, and what evaluating it gave. */
static struct cln_checkpoint *train(int resize, bool standardize, struct cln_metrics *metrics, size_t *confusion) {
    const struct cln_trainer_params params = {.network = resize > 0 ? resized : network,
                                              .data = data,
                                              .batch_size = 16,
                                              .resize = resize,
                                              .standardize = standardize,
                                              .session.no_guard = true,
                                              .session.no_cache = true};
    struct cln_trainer *trainer = NULL;
    struct cln_checkpoint *model = NULL;
    struct cln_epoch epoch;
    assert_ok(cln_trainer_create(&trainer, &params));
    for (int i = 0; i < 2; i++)
        assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_ok(cln_trainer_evaluate(trainer, metrics, confusion));
    assert_ok(cln_trainer_save(trainer, temporary_path("model.safetensors")));
    cln_trainer_destroy(&trainer);
    assert_ok(cln_checkpoint_read(&model, temporary_path("model.safetensors"), NULL));
    return model;
}

static struct cln_predictor *predictor_of(const struct cln_checkpoint *model, int batch_size) {
    const struct cln_predictor_params params = {
        .model = model, .batch_size = batch_size, .session.no_cache = true, .image = {1, 28, 28}};
    struct cln_predictor *predictor = NULL;
    assert_ok(cln_predictor_create(&predictor, &params));
    assert_non_null(strstr(cln_predictor_device(predictor), "profile"));
    return predictor;
}

static size_t best_of(const float *p) {
    size_t best = 0;
    for (size_t k = 1; k < CLASSES; k++)
        best = p[k] > p[best] ? k : best;
    return best;
}

/* The loss is the mean of −log p[label], and every image is taken for the class that the evaluation took it for. */
static void check_against_evaluation(int resize, bool standardize) {
    struct cln_metrics metrics;
    size_t confusion[CLASSES * CLASSES];
    float p[10 * CLASSES];
    struct cln_checkpoint *model = train(resize, standardize, &metrics, confusion);
    struct cln_predictor *predictor = predictor_of(model, 0);
    double loss = 0;
    assert_int_equal(data->test.count, 10);
    for (size_t i = 0; i < 10 * CLASSES; i++)
        p[i] = NAN;
    assert_ok(cln_predictor_run(predictor, bytes_of(&data->test), 10, p));
    for (size_t n = 0; n < 10; n++) {
        const uint8_t label = data->test.labels[n];
        double sum = 0;
        for (size_t k = 0; k < CLASSES; k++)
            sum += p[n * CLASSES + k];
        assert_true(fabs(sum - 1) <= 1e-6); /* ten values, rounded to float32 */
        loss -= log(p[n * CLASSES + label]) / 10;
        assert_true(confusion[label * CLASSES + best_of(p + n * CLASSES)]-- > 0);
    }
    assert_true(fabs(loss - metrics.loss) <= 1e-5 * fmax(1, metrics.loss));
    cln_predictor_destroy(&predictor);
    assert_null(predictor);
    cln_checkpoint_destroy(&model);
}

static void test_predicts_as_an_evaluation_does(void **state) {
    (void)state;
    check_against_evaluation(0, false);
    check_against_evaluation(0, true);
    check_against_evaluation(32, false);
    check_against_evaluation(32, true);
}

/* Every image by itself, and in pieces of which the last is full, short, or a single image. */
static void test_pieces_change_nothing(void **state) {
    (void)state;
    static const size_t counts[] = {1, 6, 7, 8, 14, 15, IMAGES, 0};
    struct cln_metrics metrics;
    float expected[IMAGES * CLASSES], logits[IMAGES * CLASSES + 1];
    struct cln_checkpoint *model = train(0, false, &metrics, NULL);
    struct cln_predictor *predictor = predictor_of(model, 7);
    for (size_t n = 0; n < IMAGES; n++)
        assert_ok(cln_predictor_logits(predictor, bytes_of(&data->train) + n * PIXELS, 1, expected + n * CLASSES));
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (size_t k = 0; k < IMAGES * CLASSES + 1; k++)
            logits[k] = NAN;
        assert_ok(cln_predictor_logits(predictor, bytes_of(&data->train), counts[i], logits));
        for (size_t k = 0; k < counts[i] * CLASSES; k++) /* another lane may add up in another order */
            assert_true(fabsf(logits[k] - expected[k]) <= 1e-5f * fmaxf(1, fabsf(expected[k])));
        assert_true(isnan(logits[counts[i] * CLASSES]));
    }
    cln_predictor_destroy(&predictor);
    cln_checkpoint_destroy(&model);
}

/* NaN is the largest of a window and the value of every activation there, and no channel hides another's. */
static void test_nan_passes_activations_and_pools(void **state) {
    (void)state;
    static const char *const activations[] = {
        "Sigmoid", "ReLU", "Tanh", "LeakyReLU", "ELU", "Hardswish", "SiLU", "GELU", "GELU\", \"approximate\": \"tanh",
        "Identity"};
    assert_int_equal(sizeof activations / sizeof *activations, CLN_ACTIVATION_COUNT + 1); /* GELU has two */
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        char text[512];
        float logits[2], parameters[2 * CLN_TENSOR_ALIGN * 32] = {0};
        struct cln_checkpoint model = {.parameters = parameters};
        snprintf(
            text, sizeof text,
            "{\"input\": [1, 28, 28], \"layers\": [{\"type\": \"Conv2d\", \"out_channels\": 2, \"kernel_size\": 27}, "
            "{\"type\": \"%s\"}, {\"type\": \"MaxPool2d\", \"kernel_size\": 2}, {\"type\": \"Flatten\"}]}",
            activations[i]);
        assert_ok(cln_network_parse(&model.network, text, strlen(text), "test", NULL));
        assert_true(model.network->parameter_floats <= sizeof parameters / sizeof *parameters);
        parameters[model.network->tensors[1].offset + 1] = NAN; /* a bias */
        struct cln_predictor *predictor = predictor_of(&model, 1);
        assert_int_equal(cln_predictor_logits(predictor, bytes_of(&data->train), 1, logits), CLN_NUMERIC);
        if (!strstr(cln_error_message(), "class 1"))
            fail_msg("%s: %s", activations[i], cln_error_message());
        cln_predictor_destroy(&predictor);
        cln_network_destroy(&model.network);
    }
}

static void test_softmax_is_that_of_doubles(void **state) {
    (void)state;
    const float logits[] = {1000, 999, -1000};
    float p[3], alone = -7;
    cln_softmax(p, logits, 3);
    assert_true(fabs(p[0] - 1 / (1 + exp(-1))) <= 1e-7);
    assert_true(fabs(p[1] - exp(-1) / (1 + exp(-1))) <= 1e-7);
    assert_true(p[2] == 0);
    cln_softmax(&alone, &alone, 1);
    assert_true(alone == 1);
}

static void test_the_shape_is_the_models_where_nobody_says(void **state) {
    (void)state;
    struct cln_checkpoint model = {.network = network};
    struct cln_predictor_params params = {.model = &model};
    assert_int_equal(cln_predictor_image(&params).height, 28);
    model.image = (struct cln_shape){1, 20, 20};
    assert_int_equal(cln_predictor_image(&params).height, 20);
    params.image = (struct cln_shape){1, 30, 30};
    assert_int_equal(cln_predictor_image(&params).height, 30);
}

static void assert_refused(const struct cln_predictor_params *params, enum cln_status expected, const char *part) {
    struct cln_predictor *predictor = NULL;
    assert_int_equal(cln_predictor_create(&predictor, params), expected);
    assert_null(predictor);
    if (!strstr(cln_error_message(), part))
        fail_msg("no \"%s\" in: %s", part, cln_error_message());
}

static void test_refuses_what_does_not_fit(void **state) {
    (void)state;
    struct cln_metrics metrics;
    float logits[CLASSES];
    struct cln_checkpoint *model = train(0, false, &metrics, NULL);
    struct cln_predictor_params params = {.model = model, .session.no_cache = true, .image = {3, 28, 28}};
    assert_refused(&params, CLN_INVALID, "3×28×28");
    params.image = (struct cln_shape){1, 30, 28};
    assert_refused(&params, CLN_INVALID, "1×30×28");
    params.image = (struct cln_shape){1, 0, 28};
    assert_refused(&params, CLN_INVALID, "1×0×28");
    params.image = (struct cln_shape){0};
    params.session.device = "no such device";
    assert_refused(&params, CLN_NO_DEVICE, "no such device");
    model->parameters[network->tensors[network->tensor_count - 1].offset] = NAN; /* a bias of the last layer */
    struct cln_predictor *predictor = predictor_of(model, 4);
    assert_int_equal(cln_predictor_logits(predictor, bytes_of(&data->train), 1, logits), CLN_NUMERIC);
    assert_non_null(strstr(cln_error_message(), "image 0"));
    cln_predictor_destroy(&predictor);
    cln_checkpoint_destroy(&model);
}

static enum cln_status live(const struct cln_checkpoint *model) {
    float p[8 * CLASSES];
    struct cln_predictor *predictor = NULL;
    enum cln_status status = cln_predictor_create(
        &predictor, &(struct cln_predictor_params){
                        .model = model, .batch_size = 7, .session.no_cache = true, .session.replay = CLN_REPLAY_OFF});
    if (status == CLN_OK)
        status = cln_predictor_run(predictor, bytes_of(&data->train), 8, p);
    cln_predictor_destroy(&predictor);
    return status;
}

/* The last calls, which are the prediction, and a spread of those before; test_faults.c has every call. */
static void test_any_call_may_fail(void **state) {
    (void)state;
    struct cln_metrics metrics;
    struct cln_checkpoint *model = train(0, true, &metrics, NULL);
    struct ocl_device device;
    ocl_fault_set(0, 0);
    assert_ok(ocl_device_find(&device, NULL));
    const size_t finding = ocl_fault_calls(), margin = 30;
    ocl_fault_set(0, 0);
    assert_ok(live(model));
    const size_t calls = ocl_fault_calls(), between = (calls - finding - margin) / 4;
    assert_in_range(calls, finding + 100, 20000);
    for (size_t n = finding + 1; n <= calls; n += n + margin > calls ? 6 : between) {
        ocl_fault_set(n, -5);
        if (live(model) == CLN_OK)
            fail_msg("call %zu of %zu failed and nobody noticed", n, calls);
        if (ocl_live_handles() != 0)
            fail_msg("call %zu of %zu failed: %zu handles are left alive", n, calls, ocl_live_handles());
    }
    ocl_fault_set(0, 0);
    cln_checkpoint_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_predicts_as_an_evaluation_does, nothing_alive),
        cmocka_unit_test_teardown(test_pieces_change_nothing, nothing_alive),
        cmocka_unit_test_teardown(test_nan_passes_activations_and_pools, nothing_alive),
        cmocka_unit_test_teardown(test_softmax_is_that_of_doubles, nothing_alive),
        cmocka_unit_test_teardown(test_the_shape_is_the_models_where_nobody_says, nothing_alive),
        cmocka_unit_test_teardown(test_refuses_what_does_not_fit, nothing_alive),
        cmocka_unit_test_teardown(test_any_call_may_fail, nothing_alive),
    };
    return cmocka_run_group_tests_name("predictor", tests, begin, end);
}
