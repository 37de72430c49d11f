/* Trainings that average their weights (optimizer.ema): what evaluates, what files hold, and that resuming is exact. */
#include "tests/train/support.h"

enum { BATCH = 12 }; /* 5 steps of 12 images, one of 4 */

static struct cln_trainer_params averaging(double ema) {
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer.lr = 0.01;
    params.optimizer.ema = ema;
    return params;
}

static void test_goes_on_to_the_bit(void **state) {
    (void)state;
    char whole[600], part[600];
    struct cln_epoch expected, last;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    struct cln_trainer_params params = averaging(0.9);
    train(params, 3, NULL, whole, &expected);
    static const size_t stops[][2] = {{1, 0}, {4, 5}, {6, 0}, {7, 13}, {17, 0}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        params.max_steps = stops[i][0];
        train(params, 3, NULL, part, &last);
        for (int again = 1; again >= 0; again--) { /* once more, then to the end */
            params.max_steps = again ? stops[i][1] : 0;
            if (!again || params.max_steps > 0)
                train(params, 3, part, part, &last);
        }
        assert_same_file(whole, part);
        assert_true(last.test.loss == expected.test.loss);
    }
}

/* The file's model is the average, with which epochs were evaluated; beside it are the weights of a training without.
 */
static void test_the_file_has_both(void **state) {
    (void)state;
    char plain_path[600];
    snprintf(plain_path, sizeof plain_path, "%s.plain", path);
    struct cln_epoch with, without;
    train(averaging(0.9), 2, NULL, path, &with);
    train(averaging(0), 2, NULL, plain_path, &without);
    struct cln_checkpoint *c = read_checkpoint(path), *plain = read_checkpoint(plain_path);
    const size_t floats = network->parameter_floats, running = network->running_floats;
    assert_memory_equal(c->training->raw_parameters, plain->parameters, floats * sizeof(float));
    assert_memory_equal(c->training->raw_running, plain->running, running * sizeof(float));
    assert_memory_not_equal(c->parameters, plain->parameters, floats * sizeof(float));
    assert_memory_not_equal(c->running, plain->running, running * sizeof(float));
    assert_null(plain->training->raw_parameters);
    assert_true(with.train.loss == without.train.loss && with.test.loss != without.test.loss);
    struct cln_trainer_params params = params_of(BATCH);
    params.evaluate_only = true;
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_metrics metrics;
    assert_ok(cln_trainer_set_model(trainer, c));
    assert_ok(cln_trainer_evaluate(trainer, &metrics, NULL));
    assert_same_metrics(&metrics, &with.test);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&c);
    cln_checkpoint_destroy(&plain);
}

/* Before the first step the average is the weights; and other weights begin it anew. */
static void test_it_begins_with_the_weights(void **state) {
    (void)state;
    struct cln_trainer_params params = averaging(0.9);
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_metrics with, without;
    assert_ok(cln_trainer_evaluate(trainer, &with, NULL));
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    params = averaging(0);
    trainer = trainer_of(&params);
    assert_ok(cln_trainer_evaluate(trainer, &without, NULL));
    cln_trainer_destroy(&trainer);
    assert_same_metrics(&with, &without);
    struct cln_checkpoint *c = read_checkpoint(path);
    assert_memory_equal(c->parameters, c->training->raw_parameters, network->parameter_floats * sizeof(float));
    cln_checkpoint_destroy(&c);
}

static void test_override_begins_and_ends_it(void **state) {
    (void)state;
    struct cln_epoch last, expected;
    struct cln_trainer_params params = averaging(0);
    params.max_steps = 4;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *before = read_checkpoint(path);
    params = averaging(0.75);
    params.resume = before;
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "decay of the average of weights: 0.75 here, 0 there"));
    params.override = true;
    params.max_steps = 5;
    train(params, 1, path, path, &last);
    struct cln_checkpoint *c = read_checkpoint(path);
    for (size_t i = 0; i < network->parameter_floats; i++) { /* it began with the weights that were resumed */
        const double mean = 0.75 * (double)before->parameters[i] + 0.25 * (double)c->training->raw_parameters[i];
        assert_true(fabs((double)c->parameters[i] - mean) <= 1e-6);
    }
    cln_checkpoint_destroy(&before);
    cln_checkpoint_destroy(&c);
    params = averaging(0);
    params.override = true;
    train(params, 2, path, path, &last);
    train(averaging(0), 2, NULL, path, &expected);
    assert_true(last.train.loss == expected.train.loss && last.test.loss == expected.test.loss);
}

/* The best epoch's weights are the averages that were validated. */
static void test_the_best_is_an_average(void **state) {
    (void)state;
    enum { EPOCHS = 20 };
    struct cln_trainer_params params = validating();
    params.optimizer.lr = 0.05;
    params.optimizer.ema = 0.5;
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_metrics after[EPOCHS + 1], best, now;
    for (int i = 1; i <= EPOCHS; i++) {
        epoch_of(trainer);
        assert_ok(cln_trainer_evaluate(trainer, &after[i], NULL));
    }
    const int epoch = cln_trainer_best(trainer).epoch;
    assert_in_range(epoch, 1, EPOCHS - 1);
    assert_true(after[epoch].loss != after[EPOCHS].loss);
    assert_ok(cln_trainer_evaluate_best(trainer, &best, NULL));
    assert_same_metrics(&best, &after[epoch]);
    assert_ok(cln_trainer_evaluate(trainer, &now, NULL)); /* its own are back */
    assert_same_metrics(&now, &after[EPOCHS]);
    cln_trainer_destroy(&trainer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_the_file_has_both, nothing_alive),
        cmocka_unit_test_teardown(test_it_begins_with_the_weights, nothing_alive),
        cmocka_unit_test_teardown(test_override_begins_and_ends_it, nothing_alive),
        cmocka_unit_test_teardown(test_the_best_is_an_average, nothing_alive),
    };
    return cmocka_run_group_tests_name("average", tests, begin_one_norm, end);
}
