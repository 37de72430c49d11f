/* The trainer on the device: it learns, repeats itself to the bit, takes every sample, saves and loads, and leaves
 * nothing alive, whatever OpenCL call fails. */
#include "src/train/measure.h"
#include "tests/limits.h"
#include "tests/train/support.h"

/* The saved model's bytes after some epochs. */
static char *train_and_save(const struct cln_trainer_params *params, int epochs, size_t *bytes) {
    struct cln_trainer *trainer = trainer_of(params);
    for (int i = 0; i < epochs; i++)
        epoch_of(trainer);
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    assert_null(trainer);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *content = malloc(1 << 20);
    assert_non_null(content);
    *bytes = fread(content, 1, 1 << 20, file);
    fclose(file);
    assert_in_range(*bytes, 1, (1 << 20) - 1);
    return content;
}

static void test_over_fits_a_small_set(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(16);
    params.optimizer.lr = 0.02;
    struct cln_trainer *trainer = trainer_of(&params);
    double loss = INFINITY;
    for (int epoch = 1; epoch <= 60 && !(loss < 0.05); epoch++) {
        const struct cln_epoch result = epoch_of(trainer);
        assert_int_equal(result.epoch, epoch);
        loss = result.train.loss;
    }
    assert_true(loss < 0.05);
    cln_trainer_destroy(&trainer);
}

static void test_same_seed_gives_the_same_bits(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(20);
    size_t bytes[3];
    char *first = train_and_save(&params, 2, &bytes[0]), *second = train_and_save(&params, 2, &bytes[1]);
    params.seed = 4;
    char *other = train_and_save(&params, 2, &bytes[2]);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(first, second, bytes[0]);
    assert_int_equal(bytes[0], bytes[2]);
    assert_memory_not_equal(first, other, bytes[0]);
    free(first);
    free(second);
    free(other);
}

/* Images in several buffers are the same images, in training and in prediction. */
static void test_a_data_set_in_chunks_changes_no_bit(void **state) {
    (void)state;
    enum { EPOCHS = 2 };
    struct cln_trainer_params params = params_of(20);
    struct cln_epoch epochs[2][EPOCHS];
    struct cln_dataset *large = NULL;
    size_t launches[2], bytes[2];
    char *models[2];
    assert_ok(cln_dataset_load(&large, &(struct cln_dataset_params){.name = "synthetic:2100", .seed = 1}));
    params.data = large; /* 1,646,400 bytes of pixels, and 274,400 to test on */
    for (int chunked = 0; chunked < 2; chunked++) {
        if (chunked)
            limits_set("max_alloc=256K");
        struct cln_trainer *trainer = trainer_of(&params);
        for (int i = 0; i < EPOCHS; i++)
            epochs[chunked][i] = epoch_of(trainer);
        launches[chunked] = cln_engine_launches(trainer->engine);
        cln_trainer_destroy(&trainer);
        models[chunked] = train_and_save(&params, EPOCHS, &bytes[chunked]);
    }
    limits_restore();
    cln_dataset_destroy(&large);
    assert_int_equal(launches[1], launches[0] + 6); /* seven chunks of 334 images */
    for (int i = 0; i < EPOCHS; i++) {
        assert_true(epochs[0][i].train.loss == epochs[1][i].train.loss);
        assert_true(epochs[0][i].test.loss == epochs[1][i].test.loss);
        assert_true(epochs[0][i].train.accuracy == epochs[1][i].train.accuracy);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(models[0], models[1], bytes[0]);
    free(models[0]);
    free(models[1]);
}

/* Some hundred steps that nobody waits for, training and evaluating in turn. */
static void test_a_command_buffer_changes_no_bit(void **state) {
    (void)state;
    static const int sizes[] = {1, 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cln_trainer_params params = params_of(sizes[i]);
        size_t bytes[2];
        params.session.replay = CLN_REPLAY_OFF;
        char *without = train_and_save(&params, 4, &bytes[0]);
        params.session.replay = CLN_REPLAY_ON;
        char *with = train_and_save(&params, 4, &bytes[1]);
        assert_int_equal(bytes[0], bytes[1]);
        assert_memory_equal(without, with, bytes[0]);
        free(without);
        free(with);
    }
}

static void test_a_command_buffer_is_used_where_it_may(void **state) {
    (void)state;
    struct ocl_device device;
    assert_ok(ocl_device_find(&device, NULL));
    static const struct {
        enum cln_replay replay;
        bool timings, may;
    } cases[] = {{CLN_REPLAY_ON, false, true}, {CLN_REPLAY_ON, true, false}, {CLN_REPLAY_OFF, false, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_trainer_params params = params_of(20);
        /* Without CLBlast, whose products cannot be recorded. */
        params.session.profile_file = "safe";
        params.session.replay = cases[i].replay;
        params.session.timings = cases[i].timings;
        struct cln_trainer *trainer = trainer_of(&params);
        assert_false(cln_trainer_replays(trainer));
        epoch_of(trainer);
        assert_int_equal(cln_trainer_replays(trainer), cases[i].may && device.has_command_buffer);
        cln_trainer_destroy(&trainer);
    }
}

/* Whether it divides the 64 images, is one of them, or more than all. */
static void test_every_batch_size_takes_every_sample(void **state) {
    (void)state;
    static const int sizes[] = {1, 7, 63, 64, 65, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct cln_trainer_params params = params_of(sizes[i]);
        struct cln_trainer *trainer = trainer_of(&params);
        for (int epoch = 0; epoch < 2; epoch++) {
            const struct cln_epoch result = epoch_of(trainer);
            assert_int_equal(result.train.samples, 64);
            assert_int_equal(result.test.samples, data->test.count);
            assert_false(result.stopped);
        }
        cln_trainer_destroy(&trainer);
    }
}

static void test_evaluation_counts_every_test_image(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(7);
    struct cln_trainer *trainer = trainer_of(&params);
    epoch_of(trainer);
    struct cln_metrics metrics;
    size_t confusion[10 * 10], total = 0, right = 0;
    memset(confusion, 0xFF, sizeof confusion);
    assert_ok(cln_trainer_evaluate(trainer, &metrics, confusion));
    for (size_t label = 0; label < 10; label++) {
        size_t row = 0, expected = 0;
        for (size_t k = 0; k < 10; k++)
            row += confusion[label * 10 + k];
        for (size_t i = 0; i < data->test.count; i++)
            expected += (size_t)data->test.labels[i] == label;
        assert_int_equal(row, expected);
        total += row;
        right += confusion[label * 11];
    }
    assert_int_equal(total, metrics.samples);
    assert_true(fabs(metrics.accuracy - (double)right / (double)total) < 1e-9);
    cln_trainer_destroy(&trainer);
}

/* Another trainer that loads what one saved predicts the same to the bit, also behind resizing and standardising. */
static void check_save_and_load(const struct cln_trainer_params *params) {
    struct cln_trainer *trainer = trainer_of(params);
    epoch_of(trainer);
    struct cln_metrics before, fresh, after;
    assert_ok(cln_trainer_evaluate(trainer, &before, NULL));
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);

    struct cln_trainer_params other = *params;
    other.seed = 99;
    trainer = trainer_of(&other);
    assert_ok(cln_trainer_evaluate(trainer, &fresh, NULL));
    assert_true(fresh.loss != before.loss);
    assert_ok(cln_trainer_load(trainer, path));
    assert_ok(cln_trainer_evaluate(trainer, &after, NULL));
    assert_true(after.loss == before.loss && after.accuracy == before.accuracy);
    cln_trainer_destroy(&trainer);
}

static void test_saves_and_loads(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(20);
    check_save_and_load(&params);
}

static void test_resizes_and_standardises(void **state) {
    (void)state;
    struct cln_network *resized = NULL;
    struct cln_trainer_params params = params_of(20);
    assert_ok(cln_network_parse(&resized, two_norms_text, strlen(two_norms_text), "tiny",
                                &(struct cln_network_params){.height = 32, .width = 32}));
    params.standardize = true;
    check_save_and_load(&params);
    params.network = resized;
    params.resize = 32;
    check_save_and_load(&params);

    struct cln_checkpoint *checkpoint = NULL;
    assert_ok(cln_checkpoint_read(&checkpoint, path, NULL));
    assert_int_equal(checkpoint->resize, 32);
    assert_non_null(checkpoint->mean);
    cln_checkpoint_destroy(&checkpoint);
    cln_network_destroy(&resized);
}

static void test_timings_name_the_kernels(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(20);
    params.session.timings = true;
    struct cln_trainer *trainer = trainer_of(&params);
    epoch_of(trainer);
    char *text = NULL;
    assert_ok(cln_trainer_timings(trainer, &text));
    assert_non_null(strstr(text, "conv2d_forward"));
    assert_non_null(strstr(text, "adam"));
    free(text);
    cln_trainer_destroy(&trainer);
}

static enum cln_status live(bool no_cache) {
    struct cln_trainer *trainer = NULL;
    struct cln_trainer_params params = params_of(40);
    params.session.replay = CLN_REPLAY_OFF;
    params.session.no_cache = no_cache;
    struct cln_epoch epoch;
    enum cln_status status = cln_trainer_create(&trainer, &params);
    if (status == CLN_OK)
        status = cln_trainer_epoch(trainer, &epoch);
    if (status == CLN_OK)
        status = cln_trainer_save(trainer, path);
    cln_trainer_destroy(&trainer);
    return status;
}

/* A driver may be left with half of a life's work: test_faults.c lets every call fail on one that computes nothing. The
 * last calls are those behind the making of the kernels. */
static void test_any_call_may_fail(void **state) {
    (void)state;
    enum { LIVES = 6, MARGIN = 20 };
    struct ocl_device device;
    ocl_fault_set(0, 0);
    assert_ok(ocl_device_find(&device, NULL));
    const size_t finding = ocl_fault_calls();
    ocl_fault_set(0, 0);
    assert_ok(live(true));
    const size_t calls = ocl_fault_calls(), between = (calls - finding - MARGIN) / LIVES;
    assert_in_range(calls, finding + 100, 20000);
    for (size_t n = finding + 1; n <= calls; n += n + MARGIN > calls ? MARGIN / 4 : between) {
        cln_fail(CLN_INTERRUPTED, "untouched");
        ocl_fault_set(n, -5);
        if (live(true) == CLN_OK)
            fail_msg("call %zu of %zu failed and nobody noticed", n, calls);
        assert_string_not_equal(cln_error_message(), "untouched");
        if (ocl_live_handles() != 0)
            fail_msg("call %zu of %zu failed: %zu handles are left alive", n, calls, ocl_live_handles());
    }
    ocl_fault_set(0, 0);
    assert_ok(live(false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_over_fits_a_small_set, nothing_alive),
        cmocka_unit_test_teardown(test_same_seed_gives_the_same_bits, nothing_alive),
        cmocka_unit_test_teardown(test_a_data_set_in_chunks_changes_no_bit, nothing_alive),
        cmocka_unit_test_teardown(test_a_command_buffer_changes_no_bit, nothing_alive),
        cmocka_unit_test_teardown(test_a_command_buffer_is_used_where_it_may, nothing_alive),
        cmocka_unit_test_teardown(test_every_batch_size_takes_every_sample, nothing_alive),
        cmocka_unit_test_teardown(test_evaluation_counts_every_test_image, nothing_alive),
        cmocka_unit_test_teardown(test_saves_and_loads, nothing_alive),
        cmocka_unit_test_teardown(test_resizes_and_standardises, nothing_alive),
        cmocka_unit_test_teardown(test_timings_name_the_kernels, nothing_alive),
        cmocka_unit_test_teardown(test_any_call_may_fail, nothing_alive),
    };
    return cmocka_run_group_tests_name("trainer", tests, begin_two_norms, end);
}
