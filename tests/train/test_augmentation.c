/* Augmentation in a training: the pictures are those of the reference in every batch, the same after resuming, and
 * nobody's but the training's. */
#include "src/data/mix.h"
#include "src/reference/reference.h"
#include "tests/pixels.h"
#include "tests/train/support.h"

enum { BATCH = 12, IMAGES = 64, FEATURES = 28 * 28 }; /* 5 steps of 12 images, one of 4 */

static struct cln_trainer_params augmented(struct cln_augmentation augmentation) {
    struct cln_trainer_params params = params_of(BATCH);
    params.augmentation = augmentation;
    return params;
}

static const struct cln_augmentation moved = {.shift = 3, .alternating_flip = 1, .cutout = 5, .brightness = 0.3},
                                     turned = {.rotate = 20, .zoom = 0.2, .shift = 2, .reflect = 1, .contrast = 0.5},
                                     mixed = {.shift = 2, .mixup = 0.4, .cutmix = 1};

static void check_exact(struct cln_trainer_params params) {
    char whole[600], part[600];
    struct cln_epoch expected, last;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    train(params, 3, NULL, whole, &expected);
    static const size_t stops[] = {1, 4, 6, 11, 12, 17};
    const size_t accumulate = params.optimizer.accumulate > 1 ? (size_t)params.optimizer.accumulate : 1;
    for (size_t i = 0; i < sizeof stops / sizeof *stops && stops[i] < 3 * ((6 + accumulate - 1) / accumulate); i++) {
        params.max_steps = stops[i];
        train(params, 3, NULL, part, &last);
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
        assert_true(last.train.loss == expected.train.loss && last.test.loss == expected.test.loss);
    }
}

static void test_goes_on_to_the_bit(void **state) {
    (void)state;
    check_exact(augmented(moved));
    check_exact(augmented(turned));
    check_exact(augmented(mixed));
    struct cln_trainer_params params = augmented((struct cln_augmentation){.shift = 2, .flip = 1, .mixup = 0.4});
    params.optimizer.accumulate = 4;
    check_exact(params);
}

static uint8_t pictures[3][IMAGES * FEATURES];

/* The next `wanted` pictures; returns how many there were. */
static size_t look(struct cln_trainer *trainer, size_t wanted, uint8_t *pixels) {
    size_t count = wanted;
    assert_ok(cln_trainer_pictures(trainer, &count, pixels));
    return count;
}

/* Every picture of an epoch, with its place in the update and the update's number; the last batch is short. With four
 * batches per update, an epoch has two. */
static void test_pictures_are_those_of_the_reference(void **state) {
    (void)state;
    static double x[FEATURES];
    static const struct {
        const struct cln_augmentation *values;
        uint32_t accumulate, updates;
    } all[] = {{&moved, 1, 6}, {&turned, 1, 6}, {&moved, 4, 2}};
    for (int i = 0; i < 3; i++) {
        const uint32_t of_update = BATCH * all[i].accumulate;
        struct cln_trainer_params params = augmented(*all[i].values);
        params.optimizer.accumulate = all[i].accumulate;
        struct cln_trainer *trainer = trainer_of(&params);
        epoch_of(trainer);
        assert_int_equal(look(trainer, IMAGES, pictures[0]), IMAGES);
        for (uint32_t n = 0; n < IMAGES; n++) {
            const uint32_t image = trainer->order[n];
            assert_ok(cln_reference_augment(
                &params.augmentation,
                &(struct cln_reference_picture){.pixels = bytes_of(&data->train) + image * FEATURES,
                                                .shape = data->train.shape,
                                                .seed = params.seed,
                                                .step = all[i].updates + 1 + n / of_update,
                                                .epoch = 2,
                                                .place = n % of_update,
                                                .image = image},
                network->input, NULL, NULL, x));
            for (size_t f = 0; f < FEATURES; f++)
                if (!(fabs(pictures[0][n * FEATURES + f] - 255 * x[f]) <= 0.75))
                    fail_msg("picture %u, pixel %zu: %d, not %g", n, f, pictures[0][n * FEATURES + f], 255 * x[f]);
        }
        cln_trainer_destroy(&trainer);
    }
}

/* The last picture of a batch is mixed with its first, also where the batch is short and behind a pause. */
static void test_pictures_are_mixed_within_their_batch(void **state) {
    (void)state;
    static uint8_t plain[IMAGES * FEATURES];
    struct cln_trainer_params params = augmented((struct cln_augmentation){.mixup = 0.7, .cutmix = 1});
    params.seed = 4;
    struct cln_epoch last;
    params.max_steps = 2;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_epoch(trainer, &last));
    assert_int_equal(look(trainer, IMAGES, pictures[0]), IMAGES - 2 * BATCH);
    for (size_t n = 0; n < IMAGES; n++)
        memcpy(plain + n * FEATURES, bytes_of(&data->train) + trainer->order[n] * FEATURES, FEATURES);
    cln_trainer_destroy(&trainer);
    int boxes = 0;
    for (size_t n = 2 * BATCH; n < IMAGES; n++) {
        const size_t first = n / BATCH * BATCH, count = IMAGES - first < BATCH ? IMAGES - first : BATCH;
        const uint8_t *own = plain + n * FEATURES, *other = plain + (first + (n - first + 1) % count) * FEATURES;
        const struct cln_mix_draw mix =
            cln_mix_draw(&params.augmentation, network->input, params.seed, n / BATCH + 1, 0);
        boxes += mix.blend == 1;
        for (int f = 0; f < FEATURES; f++) {
            const bool inner = f / 28 >= mix.top && f / 28 < mix.bottom && f % 28 >= mix.left && f % 28 < mix.right;
            const double share = inner ? 0 : (double)mix.blend, wanted = share * own[f] + (1 - share) * other[f];
            if (!(fabs(pictures[0][(n - 2 * BATCH) * FEATURES + (size_t)f] - wanted) <= 0.51))
                fail_msg("picture %zu, pixel %d: not %g", n, f, wanted);
        }
    }
    assert_in_range(boxes, 1, IMAGES - 2 * BATCH - 1);
}

static bool is_flipped(const uint8_t *a, const uint8_t *b) {
    bool flipped = true;
    for (size_t f = 0; f < FEATURES; f++)
        flipped &= a[f] == b[f / 28 * 28 + 27 - f % 28];
    return flipped;
}

/* Epochs in another order each: by image, the second shows what the first did not, and the third is as the first. */
static void test_flips_alternate_by_epoch(void **state) {
    (void)state;
    struct cln_trainer_params params = augmented((struct cln_augmentation){.alternating_flip = 1});
    struct cln_trainer *trainer = trainer_of(&params);
    for (int e = 0; e < 3; e++) {
        static uint8_t drawn[IMAGES * FEATURES];
        assert_int_equal(look(trainer, IMAGES, drawn), IMAGES);
        for (size_t n = 0; n < IMAGES; n++)
            memcpy(pictures[e] + trainer->order[n] * FEATURES, drawn + n * FEATURES, FEATURES);
        epoch_of(trainer);
    }
    cln_trainer_destroy(&trainer);
    int flips = 0;
    for (size_t n = 0; n < IMAGES; n++) {
        const uint8_t *image = bytes_of(&data->train) + n * FEATURES, *first = pictures[0] + n * FEATURES;
        assert_false(is_flipped(image, image));
        assert_true(is_flipped(image, first) || memcmp(image, first, FEATURES) == 0);
        flips += is_flipped(image, first);
        assert_true(is_flipped(first, pictures[1] + n * FEATURES));
    }
    assert_memory_equal(pictures[0], pictures[2], sizeof pictures[0]);
    assert_in_range(flips, 16, 48);
}

/* Before, between and within epochs. */
static void test_looking_changes_nothing(void **state) {
    (void)state;
    char unseen[600];
    struct cln_epoch expected, last;
    snprintf(unseen, sizeof unseen, "%s.unseen", path);
    struct cln_trainer_params params = augmented(moved);
    train(params, 2, NULL, unseen, &expected);
    params.max_steps = 3;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_int_equal(look(trainer, IMAGES, pictures[0]), IMAGES);
    assert_ok(cln_trainer_epoch(trainer, &last));
    assert_true(last.stopped);
    assert_int_equal(look(trainer, IMAGES, pictures[1]), 28); /* those that are left */
    assert_memory_equal(pictures[0] + 36 * FEATURES, pictures[1], 28 * FEATURES);
    trainer->params.max_steps = 0;
    assert_ok(cln_trainer_epoch(trainer, &last));
    assert_int_equal(look(trainer, 5, pictures[1]), 5);
    assert_true(memcmp(pictures[0], pictures[1], 5 * FEATURES) != 0);
    assert_ok(cln_trainer_epoch(trainer, &last));
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    assert_same_file(unseen, path);
}

/* What a trainer that never augments finds for the images of `set`. */
static struct cln_metrics judged_plainly(const struct cln_dataset *set) {
    struct cln_trainer_params params = params_of(BATCH);
    struct cln_metrics plain;
    params.evaluate_only = true;
    params.data = (struct cln_dataset *)set;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_load(trainer, path));
    assert_ok(cln_trainer_evaluate(trainer, &plain, NULL));
    size_t one = 1;
    assert_int_equal(cln_trainer_pictures(trainer, &one, pictures[0]), CLN_INVALID);
    cln_trainer_destroy(&trainer);
    return plain;
}

/* The test images, and as a test set of their own the validation images. */
static void test_only_training_pictures_change(void **state) {
    (void)state;
    static uint8_t pixels[VALIDATING_JUDGED * FEATURES];
    static int32_t labels[VALIDATING_JUDGED];
    struct cln_epoch last;
    train(augmented(moved), 1, NULL, path, &last);
    struct cln_metrics plain = judged_plainly(data);
    assert_same_metrics(&plain, &last.test);

    struct cln_trainer_params params = validating();
    params.batch_size = BATCH;
    params.augmentation = turned;
    struct cln_trainer *trainer = trainer_of(&params);
    last = epoch_of(trainer);
    assert_ok(cln_trainer_save(trainer, path));
    struct cln_dataset mine = *data;
    for (size_t i = 0; i < VALIDATING_JUDGED; i++) {
        const uint32_t image = trainer->split.validation[i];
        memcpy(pixels + i * FEATURES, bytes_of(&data->train) + image * FEATURES, FEATURES);
        labels[i] = data->train.labels[image];
    }
    cln_trainer_destroy(&trainer);
    mine.test.pixels = pixels;
    mine.test.labels = labels;
    mine.test.count = VALIDATING_JUDGED;
    plain = judged_plainly(&mine);
    assert_same_metrics(&plain, &last.validation);
}

/* Only with the wish to override goes it on with other pictures. */
static void test_differences_are_told(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = augmented(moved);
    params.max_steps = 3;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    assert_memory_equal(&checkpoint->training->augmentation, &moved, sizeof moved);
    params.resume = checkpoint;
    params.max_steps = 0;
    params.augmentation = (struct cln_augmentation){.shift = 3, .flip = 1, .cutout = 5, .brightness = 0.25};
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "\n  flip: 1 here, 0 there\n  alternating flip: 0 here, 1 there\n"
                                                "  brightness: 0.25 here, 0.3 there\n  Set them"));
    params.override = true;
    trainer = trainer_of(&params);
    epoch_of(trainer);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_channels_are_standardised_as_wholes(void **state) {
    (void)state;
    double sum = 0, squares = 0;
    const size_t count = IMAGES * (size_t)FEATURES;
    for (size_t i = 0; i < count; i++) {
        sum += bytes_of(&data->train)[i] / 255.0;
        squares += bytes_of(&data->train)[i] / 255.0 * bytes_of(&data->train)[i] / 255.0;
    }
    struct cln_trainer_params params = augmented(moved);
    struct cln_trainer *trainer = NULL;
    params.standardize_channels = true;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    params.standardize = true;
    trainer = trainer_of(&params);
    const double mean = sum / (double)count, deviation = sqrt(squares / (double)count - mean * mean);
    for (size_t f = 0; f < FEATURES; f++)
        assert_true(fabs((double)trainer->mean[f] - mean) < 1e-6 &&
                    fabs((double)trainer->inverse_deviation[f] * deviation - 1) < 1e-5);
    cln_trainer_destroy(&trainer);
    check_exact(params);
    params.standardize_channels = false;
    struct cln_checkpoint *checkpoint = read_checkpoint(temporary_path("model.safetensors.part"));
    params.resume = checkpoint;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "pixels: standardised one by one here, by channel there"));
    cln_checkpoint_destroy(&checkpoint);
}

static void test_refuses_what_cannot_be(void **state) {
    (void)state;
    static const struct {
        struct cln_augmentation augmentation;
        const char *word;
    } cases[] = {
        {{.shift = 28}, "a shift (--shift) of 28 pixels leaves nothing of pictures of 28×28"},
        {{.shift = 2.5}, "shift is 2.5: it must be a whole number from 0 to 4096"},
        {{.shift = -1}, "shift is -1"},
        {{.rotate = NAN}, "rotation is nan"},
        {{.rotate = 181}, "rotation is 181: it must be a number from 0 to 180"},
        {{.zoom = INFINITY}, "zoom is inf"},
        {{.flip = 0.5}, "flip is 0.5: it must be a whole number from 0 to 1"},
        {{.flip = 1, .alternating_flip = 1}, "choose one of them"},
        {{.reflect = 1}, "a reflection (--reflect) shows only"},
        {{.contrast = 1.1}, "contrast is 1.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cln_trainer_params params = augmented(cases[i].augmentation);
        struct cln_trainer *trainer = NULL;
        assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
        assert_null(trainer);
        if (!strstr(cln_error_message(), cases[i].word))
            fail_msg("no \"%s\" in: %s", cases[i].word, cln_error_message());
    }
    struct cln_trainer_params params = augmented(mixed);
    struct cln_trainer *trainer = NULL;
    static const double weights[10] = {1};
    params.class_weights = weights;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "class weights (--class-weights) do not go with mixed labels"));
    params = augmented(moved);
    params.evaluate_only = true;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    const struct cln_shape features = {784, 1, 1};
    assert_int_equal(cln_augmentation_check(&(struct cln_augmentation){.flip = 1}, features), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "the network takes 784 features, not pictures"));
    assert_ok(cln_augmentation_check(&(struct cln_augmentation){.brightness = 0.1}, features));
}

/* The guard's step has the training's pictures, and no more operations run in their safe variants than without it. */
static void test_passes_the_guard(void **state) {
    (void)state;
    struct cln_trainer_params params = augmented(turned);
    char before[512];
    struct cln_trainer *trainer = trainer_of(&params);
    snprintf(before, sizeof before, "%s", cln_trainer_device(trainer));
    cln_trainer_destroy(&trainer);
    params.session.no_guard = false;
    for (int mixes = 0; mixes < 2; mixes++) {
        params.augmentation.mixup = mixes;
        trainer = trainer_of(&params);
        assert_string_equal(cln_trainer_device(trainer), before);
        epoch_of(trainer);
        cln_trainer_destroy(&trainer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_pictures_are_those_of_the_reference, nothing_alive),
        cmocka_unit_test_teardown(test_pictures_are_mixed_within_their_batch, nothing_alive),
        cmocka_unit_test_teardown(test_flips_alternate_by_epoch, nothing_alive),
        cmocka_unit_test_teardown(test_looking_changes_nothing, nothing_alive),
        cmocka_unit_test_teardown(test_only_training_pictures_change, nothing_alive),
        cmocka_unit_test_teardown(test_differences_are_told, nothing_alive),
        cmocka_unit_test_teardown(test_channels_are_standardised_as_wholes, nothing_alive),
        cmocka_unit_test_teardown(test_refuses_what_cannot_be, nothing_alive),
        cmocka_unit_test_teardown(test_passes_the_guard, nothing_alive),
    };
    return cmocka_run_group_tests_name("augmentation", tests, begin_one_norm, end);
}
