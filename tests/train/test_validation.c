/* Training with validation images: what is trained on, what is judged, resuming, and what is refused. */
#include "tests/limits.h"
#include "tests/pixels.h"
#include "tests/train/support.h"

static struct cln_split split_of(const struct cln_trainer_params *params) {
    struct cln_split split;
    assert_ok(cln_split_draw(&split, params->data, params->validation, params->seed));
    return split;
}

/* A copy of `data` whose training pixels may be changed. */
static struct cln_dataset copy_of_data(void) {
    struct cln_dataset copy = *data;
    const size_t bytes = data->train.count * 784;
    copy.train.pixels = malloc(bytes);
    assert_non_null(copy.train.pixels);
    memcpy(copy.train.pixels, bytes_of(&data->train), bytes);
    copy.digest[0] = '\0';
    return copy;
}

static float *parameters_of(struct cln_trainer *trainer) {
    float *values = malloc(network->parameter_floats * sizeof *values);
    assert_non_null(values);
    assert_ok(cln_engine_read(trainer->engine, CLN_PARAMETERS, values));
    return values;
}

/* The parameters after two epochs. */
static float *train_twice(const struct cln_trainer_params *params) {
    struct cln_trainer *trainer = trainer_of(params);
    for (int i = 0; i < 2; i++) {
        const struct cln_epoch epoch = epoch_of(trainer);
        assert_int_equal(epoch.train.samples, VALIDATING_TRAINED);
        assert_int_equal(epoch.validation.samples, VALIDATING_JUDGED);
        assert_int_equal(epoch.test.samples, 0);
        assert_false(epoch.stopped);
    }
    float *values = parameters_of(trainer);
    cln_trainer_destroy(&trainer);
    return values;
}

/* Pixels of validation images change neither weights nor standardization; those of a training image do. */
static void test_only_the_training_part_is_trained_on(void **state) {
    (void)state;
    struct cln_trainer_params params = validating();
    params.standardize = true;
    struct cln_split split = split_of(&params);
    const size_t bytes = network->parameter_floats * sizeof(float);
    float *plain = train_twice(&params);
    struct cln_dataset copy = copy_of_data();
    params.data = &copy;
    for (size_t i = 0; i < split.validation_count; i++)
        memset(bytes_of(&copy.train) + split.validation[i] * 784, 255, 784);
    float *same = train_twice(&params);
    assert_memory_equal(plain, same, bytes);
    bytes_of(&copy.train)[split.train[VALIDATING_TRAINED - 1] * 784 + 300] ^= 0x80;
    float *other = train_twice(&params);
    assert_memory_not_equal(plain, other, bytes);
    free(plain);
    free(same);
    free(other);
    free(copy.train.pixels);
    cln_split_free(&split);
}

/* Some images of `source`, evaluated by a trainer whose test set they are. */
static struct cln_metrics evaluate_apart(const struct cln_dataset *source, const struct cln_images *images,
                                         bool standardize) {
    struct cln_dataset apart = *source;
    struct cln_metrics metrics;
    apart.test = *images;
    struct cln_trainer_params params = params_of(VALIDATING_BATCH);
    params.data = &apart;
    params.evaluate_only = true;
    params.standardize = standardize;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_load(trainer, path));
    assert_ok(cln_trainer_evaluate(trainer, &metrics, NULL));
    cln_trainer_destroy(&trainer);
    return metrics;
}

static struct cln_images validation_images(const struct cln_dataset *source, const struct cln_split *split) {
    struct cln_images images = {.count = split->validation_count,
                                .shape = source->train.shape,
                                .pixels = malloc(split->validation_count * 784),
                                .labels = malloc(split->validation_count * sizeof(int32_t))};
    assert_true(images.pixels && images.labels);
    for (size_t i = 0; i < images.count; i++) {
        memcpy(bytes_of(&images) + i * 784, bytes_of(&source->train) + split->validation[i] * 784, 784);
        images.labels[i] = source->train.labels[split->validation[i]];
    }
    return images;
}

/* Trains two epochs on `name`, evaluates the test images after each, and saves the model. */
static void train_and_judge(const char *name, struct cln_trainer_params params, struct cln_metrics *validated,
                            struct cln_metrics *tested) {
    struct cln_dataset *mine = NULL;
    size_t confusion[100], right = 0, total = 0;
    assert_ok(cln_dataset_open(&mine, &(struct cln_dataset_params){.name = name, .seed = 1}));
    params.data = mine;
    struct cln_trainer *trainer = trainer_of(&params);
    for (int i = 0; i < 2; i++) {
        *validated = epoch_of(trainer).validation;
        assert_ok(cln_trainer_evaluate(trainer, tested, confusion));
    }
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    for (size_t k = 0; k < 100; k++) {
        total += confusion[k];
        right += k % 11 == 0 ? confusion[k] : 0;
    }
    assert_int_equal(total, mine->test.count);
    assert_true(fabs(tested->accuracy - (double)right / (double)total) < 1e-9);
    cln_dataset_destroy(&mine);
}

/* Whether the host keeps the pixels or not, and also in several buffers. */
static void test_each_part_is_judged_as_a_test_set_of_its_own(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool standardize, release;
        const char *limits;
    } cases[] = {{"synthetic:64", false, false, NULL},
                 {"synthetic:64", true, true, NULL},
                 {"synthetic:1200", true, true, "max_alloc=256K"}}; /* 334 images in a buffer */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_trainer_params params = validating();
        struct cln_dataset *source = NULL;
        struct cln_metrics validated, tested;
        assert_ok(cln_dataset_load(&source, &(struct cln_dataset_params){.name = cases[i].name, .seed = 1}));
        params.data = source;
        struct cln_split split = split_of(&params);
        struct cln_images images = validation_images(source, &split);
        params.standardize = cases[i].standardize;
        params.release_pixels = cases[i].release;
        if (cases[i].limits)
            limits_set(cases[i].limits);
        train_and_judge(cases[i].name, params, &validated, &tested);
        if (cases[i].limits)
            limits_restore();
        const struct cln_metrics as_test[] = {evaluate_apart(source, &images, cases[i].standardize),
                                              evaluate_apart(source, &source->test, cases[i].standardize)};
        assert_int_equal(validated.samples, source->train.count / 4);
        assert_same_metrics(&validated, &as_test[0]);
        assert_same_metrics(&tested, &as_test[1]);
        assert_true(validated.loss != tested.loss);
        free(images.pixels);
        free(images.labels);
        cln_split_free(&split);
        cln_dataset_destroy(&source);
    }
}

static void test_weights_and_shuffling_begin_alike(void **state) {
    (void)state;
    struct cln_trainer_params params[2] = {params_of(VALIDATING_BATCH), validating()};
    struct cln_random shuffle[2];
    float *values[2];
    for (int i = 0; i < 2; i++) {
        struct cln_trainer *trainer = trainer_of(&params[i]);
        values[i] = parameters_of(trainer);
        shuffle[i] = trainer->shuffle;
        cln_trainer_destroy(&trainer);
    }
    assert_memory_equal(values[0], values[1], network->parameter_floats * sizeof(float));
    assert_memory_equal(&shuffle[0], &shuffle[1], sizeof *shuffle);
    free(values[0]);
    free(values[1]);
}

/* Within an epoch, at its end, and twice. */
static void test_resuming_goes_on_to_the_bit(void **state) {
    (void)state;
    char whole[600], part[600];
    struct cln_epoch expected, last;
    struct cln_trainer_params params = validating();
    params.standardize = true;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    train(params, 3, NULL, whole, &expected);
    static const size_t stops[][2] = {{1, 0}, {5, 7}, {6, 9}, {10, 0}, {14, 0}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        params.max_steps = stops[i][0];
        train(params, 3, NULL, part, &last);
        if (stops[i][1] > 0) {
            params.max_steps = stops[i][1];
            train(params, 3, part, part, &last);
        }
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
        assert_same_metrics(&last.train, &expected.train);
        assert_same_metrics(&last.validation, &expected.validation);
    }
    struct cln_checkpoint *checkpoint = read_checkpoint(whole);
    assert_true(checkpoint->training->validation == 0.25);
    assert_int_equal(checkpoint->training->samples, 64);
    cln_checkpoint_destroy(&checkpoint);
}

/* A rate that goes by the validation loss: resumed anywhere, it falls after the same epochs. */
static void test_a_plateau_goes_on_to_the_bit(void **state) {
    (void)state;
    enum { EPOCHS = 8 };
    char whole[600], part[600];
    struct cln_epoch expected, last;
    struct cln_trainer_params params = validating();
    params.optimizer = (struct cln_optimizer_params){
        .kind = CLN_SGD, .lr = 6, .schedule = CLN_PLATEAU, .plateau_patience = 1, .gamma = 0.5, .eta_min = 0.1};
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    train(params, EPOCHS, NULL, whole, &expected);
    struct cln_checkpoint *checkpoint = read_checkpoint(whole);
    const struct cln_plateau plateau = checkpoint->training->optimizer.plateau;
    cln_checkpoint_destroy(&checkpoint);
    assert_true(plateau.rate > 0 && plateau.rate < 6); /* it fell */
    assert_true(plateau.best > 0);
    for (size_t stop = 1; stop < EPOCHS * 5; stop += 6) {
        params.max_steps = stop;
        train(params, EPOCHS, NULL, part, &last);
        params.max_steps = 0;
        train(params, EPOCHS, part, part, &last);
        assert_same_file(whole, part);
        assert_true(last.learning_rate == expected.learning_rate);
    }
    params.optimizer.lr = 5; /* another rate, on purpose: what it fell to before does not count */
    params.override = true;
    params.max_steps = 1;
    train(params, 1, part, part, &last);
    checkpoint = read_checkpoint(part);
    assert_true(checkpoint->training->optimizer.lr == 5 && checkpoint->training->optimizer.plateau.rate == 0);
    assert_true(checkpoint->training->optimizer.plateau.best == plateau.best);
    cln_checkpoint_destroy(&checkpoint);
}

static void assert_refused(const struct cln_trainer_params *params, const char *words) {
    struct cln_trainer *trainer = NULL;
    struct cln_trainer_params without_device = *params;
    without_device.session.device = "no such device"; /* would be another error */
    assert_int_equal(cln_trainer_create(&trainer, &without_device), CLN_INVALID);
    assert_message(words);
}

static void test_refusals(void **state) {
    (void)state;
    static const double shares[] = {-0.1, 1, 1.5, NAN, INFINITY};
    struct cln_trainer_params params = validating();
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        params.validation = shares[i];
        assert_refused(&params, "must be above 0 and below 1");
    }
    params = validating();
    params.validation = 0.02;
    assert_refused(&params, "training images, and a validation share of 0.02 takes none");
    params = validating();
    params.evaluate_only = true;
    assert_refused(&params, "only evaluates");
    params = params_of(VALIDATING_BATCH);
    params.patience = 1;
    assert_refused(&params, "needs images for validation");
    params.patience = 0;
    params.optimizer.schedule = CLN_PLATEAU;
    assert_refused(&params, "schedule plateau needs images for validation");
    params = validating();
    params.patience = -1;
    assert_refused(&params, "must not be negative");
}

/* Another share, with and without `override`: the epoch starts over, and what was best does not count. */
static void test_another_share_is_told(void **state) {
    (void)state;
    struct cln_epoch last;
    train(validating(), 1, NULL, path, &last);
    struct cln_trainer_params params = validating();
    params.max_steps = 7;
    train(params, 2, path, path, &last);
    static const struct {
        double share;
        uint64_t seed;
        const char *words;
    } cases[] = {{0.5, 3, "share for validation: 0.5 here, 0.25 there"},
                 {0, 3, "share for validation: 0 here, 0.25 there"},
                 {0.25, 4, "seed: 4 here, 3 there"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_checkpoint *checkpoint = read_checkpoint(path);
        params = validating();
        params.validation = cases[i].share;
        params.seed = cases[i].seed;
        params.resume = checkpoint;
        assert_refused(&params, cases[i].words);
        assert_message("--override");
        params.override = true;
        struct cln_trainer *trainer = trainer_of(&params);
        assert_int_equal(cln_trainer_best(trainer).epoch, 0);
        assert_true(trainer->best_accuracy < 0);
        const struct cln_epoch epoch = epoch_of(trainer);
        assert_int_equal(epoch.epoch, 2);
        assert_int_equal(epoch.before, 0);
        assert_int_equal(epoch.train.samples, 64 - cln_split_count(cases[i].share, 64));
        assert_int_equal(cln_trainer_best(trainer).epoch, cases[i].share > 0 ? 2 : 0);
        cln_trainer_destroy(&trainer);
        cln_checkpoint_destroy(&checkpoint);
    }
    /* Without a change it goes on where it was. */
    train(validating(), 2, path, path, &last);
    assert_int_equal(last.before, 2 * VALIDATING_BATCH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_only_the_training_part_is_trained_on, nothing_alive),
        cmocka_unit_test_teardown(test_each_part_is_judged_as_a_test_set_of_its_own, nothing_alive),
        cmocka_unit_test_teardown(test_weights_and_shuffling_begin_alike, nothing_alive),
        cmocka_unit_test_teardown(test_resuming_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_a_plateau_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_refusals, nothing_alive),
        cmocka_unit_test_teardown(test_another_share_is_told, nothing_alive),
    };
    return cmocka_run_group_tests_name("validation", tests, begin_one_norm, end);
}
