/* Images that stay on the host give the same bits as those that lie on the device; so do 16 bits and floats that stand
 * for the same values as bytes. */
#include "clenet/predictor.h"
#include "tests/limits.h"
#include "tests/pixels.h"
#include "tests/train/support.h"

enum { BATCH = 12 }; /* of 64 images: 5 steps, one of 4; the ring has 8 batches */

/* The data as another type: v * 257 / 65535 is v / 255. */
static struct cln_dataset *data_as(enum cln_pixel_type type) {
    static uint16_t words[2][64 * 784];
    static float floats[2][64 * 784];
    const struct cln_images *halves[] = {&data->train, &data->test};
    struct cln_array arrays[2];
    for (int h = 0; h < 2; h++) {
        const uint8_t *bytes = bytes_of(halves[h]);
        for (size_t i = 0; i < halves[h]->count * 784; i++) {
            words[h][i] = (uint16_t)(bytes[i] * 257);
            floats[h][i] = (float)bytes[i] / 255.0f;
        }
        arrays[h] = (struct cln_array){type == CLN_PIXEL_U8    ? (const void *)bytes
                                       : type == CLN_PIXEL_U16 ? (const void *)words[h]
                                                               : (const void *)floats[h],
                                       halves[h]->labels, halves[h]->count};
    }
    struct cln_dataset *made;
    assert_ok(cln_dataset_create(
        &made, &(struct cln_dataset_arrays){
                   .shape = {1, 28, 28}, .type = type, .class_count = 10, .train = arrays[0], .test = arrays[1]}));
    return made;
}

/* Bytes, and as many of the other types as `types` says. */
static void compare(struct cln_trainer_params params, int types) {
    struct cln_checkpoint *expected = NULL;
    struct cln_epoch first = {0};
    for (int way = 0; way < 2 * types; way++) {
        struct cln_epoch last;
        struct cln_dataset *mine = data_as((enum cln_pixel_type)(way / 2));
        params.data = mine;
        params.stream = way % 2;
        train(params, 3, NULL, path, &last);
        struct cln_checkpoint *model = read_checkpoint(path);
        assert_int_equal(model->pixels, way / 2);
        if (!expected) {
            expected = model;
            first = last;
            cln_dataset_destroy(&mine);
            continue;
        }
        assert_memory_equal(model->parameters, expected->parameters, model->network->parameter_floats * sizeof(float));
        assert_memory_equal(model->running, expected->running, model->network->running_floats * sizeof(float));
        assert_true(last.train.loss == first.train.loss && last.test.loss == first.test.loss &&
                    last.validation.loss == first.validation.loss);
        cln_checkpoint_destroy(&model);
        cln_dataset_destroy(&mine);
    }
    cln_checkpoint_destroy(&expected);
}

static void test_the_same_bits(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    compare(params, CLN_PIXEL_TYPE_COUNT);
    params.validation = 0.25;
    params.standardize = true;
    params.optimizer.accumulate = 3;
    params.augmentation = (struct cln_augmentation){.shift = 2, .flip = 1, .mixup = 0.4};
    compare(params, 1);
    params = params_of(1); /* 64 batches, many times through the ring */
    compare(params, 1);
}

/* The logits of all test images, by a predictor for images of their type. */
static void predict(float *logits, const struct cln_dataset *mine, const char *file) {
    struct cln_checkpoint *model = read_checkpoint(file);
    struct cln_predictor *predictor = NULL;
    struct cln_predictor_params params = {
        .model = model, .batch_size = 4, .pixels = mine->test.type, .session.no_guard = true};
    assert_ok(cln_predictor_create(&predictor, &params));
    assert_ok(cln_predictor_logits(predictor, mine->test.pixels, mine->test.count, logits));
    cln_predictor_destroy(&predictor);
    const bool floats = params.pixels == CLN_PIXEL_F32;
    params.pixels = floats ? CLN_PIXEL_U16 : CLN_PIXEL_F32;
    assert_int_equal(cln_predictor_create(&predictor, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), floats ? "of type float32, and those to predict are of type uint16"
                                                       : "and those to predict are of type float32"));
    cln_checkpoint_destroy(&model);
}

static void test_predictions_take_the_types(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    struct cln_epoch last;
    float logits[CLN_PIXEL_TYPE_COUNT][10 * 10];
    for (int type = 0; type < CLN_PIXEL_TYPE_COUNT; type++) {
        struct cln_dataset *mine = data_as((enum cln_pixel_type)type);
        params.data = mine;
        train(params, 1, NULL, path, &last);
        predict(logits[type], mine, path);
        assert_memory_equal(logits[type], logits[0], sizeof logits[0]);
        if (type == CLN_PIXEL_F32) { /* and that model does not evaluate bytes */
            struct cln_trainer_params judge = params_of(BATCH);
            judge.evaluate_only = true;
            struct cln_trainer *trainer = trainer_of(&judge);
            assert_int_equal(cln_trainer_load(trainer, path), CLN_INVALID);
            assert_non_null(strstr(cln_error_message(), "was trained on images of type float32"));
            cln_trainer_destroy(&trainer);
        }
        cln_dataset_destroy(&mine);
    }
}

static void test_goes_on_to_the_bit(void **state) {
    (void)state;
    char whole[600], part[600];
    struct cln_epoch expected, last;
    struct cln_trainer_params params = params_of(BATCH);
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    params.stream = true;
    train(params, 3, NULL, whole, &expected);
    for (size_t stop = 1; stop < 9; stop += 3) {
        params.max_steps = stop;
        train(params, 3, NULL, part, &last);
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
    }
}

/* Looking at the next pictures overwrites the ring. */
static void test_pictures_do_not_disturb(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    static uint8_t seen[2][64 * 784];
    struct cln_epoch epochs[2];
    for (int way = 0; way < 2; way++) {
        size_t count = 64;
        params.stream = way;
        struct cln_trainer *trainer = trainer_of(&params);
        assert_ok(cln_trainer_pictures(trainer, &count, seen[way]));
        assert_int_equal(count, 64);
        epochs[way] = epoch_of(trainer);
        cln_trainer_destroy(&trainer);
    }
    assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
    assert_true(epochs[0].train.loss == epochs[1].train.loss);
}

/* A loss that is not finite is found in the batch that it arose in, though later ones are in the ring. */
static void test_a_loss_that_is_not_finite_is_found(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    char told[2][512];
    params.optimizer.lr = 1e30;
    params.optimizer.kind = CLN_SGD;
    for (int way = 0; way < 2; way++) {
        struct cln_epoch epoch;
        params.stream = way;
        struct cln_trainer *trainer = trainer_of(&params);
        enum cln_status status = CLN_OK;
        for (int i = 0; i < 4 && status == CLN_OK; i++)
            status = cln_trainer_epoch(trainer, &epoch);
        assert_int_equal(status, CLN_NUMERIC);
        snprintf(told[way], sizeof told[way], "%s", cln_error_message());
        cln_trainer_destroy(&trainer);
    }
    assert_string_equal(told[0], told[1]);
}

static void test_released_pixels_are_refused(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    struct cln_dataset *mine = data_as(CLN_PIXEL_U8);
    struct cln_trainer *trainer;
    cln_dataset_release_pixels(mine);
    params.data = mine;
    params.stream = true;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "the pixels of this data set were released"));
    cln_dataset_destroy(&mine);
}

/* They stay on the host by themselves where they would take more than half of the device's memory. */
static void test_what_is_too_large_streams(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(4);
    struct cln_dataset *large;
    struct cln_epoch last;
    float losses[2];
    assert_ok(cln_dataset_load(&large, &(struct cln_dataset_params){.name = "synthetic:3000", .seed = 1}));
    params.data = large;
    for (int limited = 0; limited < 2; limited++) {
        if (limited) /* 2.7 MB of images, and less than that */
            limits_set("global_mem=2500k,max_alloc=1m");
        train(params, 1, NULL, path, &last);
        losses[limited] = (float)last.test.loss;
        if (limited)
            limits_restore();
    }
    assert_true(losses[0] == losses[1]);
    cln_dataset_destroy(&large);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_bits),
        cmocka_unit_test(test_predictions_take_the_types),
        cmocka_unit_test(test_goes_on_to_the_bit),
        cmocka_unit_test(test_pictures_do_not_disturb),
        cmocka_unit_test(test_a_loss_that_is_not_finite_is_found),
        cmocka_unit_test(test_released_pixels_are_refused),
        cmocka_unit_test(test_what_is_too_large_streams),
    };
    return cmocka_run_group_tests(tests, begin_two_norms, end);
}
