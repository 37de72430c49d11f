/* The best epoch of a training with validation images: patience, its weights, its file, and what resuming finds of it.
 */
#include <unistd.h>

#include "src/train/saver.h"
#include "tests/train/support.h"

/* Learns fast, so that the validation accuracy has its best epoch soon. */
static struct cln_trainer_params patient(int patience) {
    struct cln_trainer_params params = validating();
    params.optimizer.lr = 0.05;
    params.patience = patience;
    return params;
}

static void remove_file(const char *mark) {
    char *name = mark ? cln_saver_name(path, mark) : strdup(path);
    unlink(name);
    free(name);
}

/* Trains until patience runs out or `max_steps`; the file has the end. */
static struct cln_best train_until_final(struct cln_trainer_params params, const char *from, size_t max_steps) {
    struct cln_epoch last;
    params.max_steps = max_steps;
    train(params, 100, from, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_best best = cln_trainer_best(trainer);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
    return best;
}

static void test_patience_ends_at_the_same_epoch(void **state) {
    (void)state;
    enum { PATIENCE = 3 };
    struct cln_trainer_params params = patient(PATIENCE);
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_epoch epoch;
    double best = -1;
    int best_epoch = 0, epochs = 0;
    do {
        assert_int_equal(cln_trainer_best(trainer).is_final, false);
        epoch = epoch_of(trainer);
        assert_int_equal(epoch.epoch, ++epochs);
        if (epoch.validation.accuracy > best) {
            best = epoch.validation.accuracy;
            best_epoch = epochs;
        }
        const struct cln_best told = cln_trainer_best(trainer);
        assert_true(told.epoch == best_epoch && told.accuracy == best && told.has_weights);
    } while (epochs - best_epoch < PATIENCE && epochs < 100);
    assert_in_range(epochs, PATIENCE + 1, 99);
    assert_true(cln_trainer_best(trainer).is_final);
    assert_ok(cln_trainer_epoch(trainer, &epoch)); /* trains nothing */
    assert_true(epoch.stopped && epoch.train.samples == 0 && epoch.epoch == epochs + 1);
    assert_int_equal(cln_trainer_epochs(trainer), epochs);
    char whole[600];
    snprintf(whole, sizeof whole, "%s.whole", path);
    assert_ok(cln_trainer_save(trainer, whole));
    cln_trainer_destroy(&trainer);

    /* Behind the best epoch, in the last one, and at its end. */
    const size_t steps = VALIDATING_TRAINED / VALIDATING_BATCH + 1;
    const size_t stops[] = {3, steps * (size_t)best_epoch, steps * (size_t)best_epoch + 2, steps * (size_t)epochs - 1,
                            steps * (size_t)epochs};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        const struct cln_best before = train_until_final(params, NULL, stops[i]);
        assert_int_equal(before.is_final, stops[i] == steps * (size_t)epochs);
        const struct cln_best after = train_until_final(params, path, 0);
        assert_true(after.is_final && after.epoch == best_epoch && after.accuracy == best);
        assert_same_file(whole, path);
    }
    /* With less patience it ends at once, with more it goes on. */
    struct cln_epoch last;
    params.patience = 1;
    train(params, 100, whole, path, &last);
    assert_true(last.stopped && last.epoch == epochs + 1 && last.train.samples == 0);
    params.patience = 100;
    train(params, epochs + 1, whole, path, &last);
    assert_true(!last.stopped && last.epoch == epochs + 1);
}

/* The best epoch's weights judge the test images, and the trainer keeps its own. */
static void test_the_best_weights_are_judged(void **state) {
    (void)state;
    enum { EPOCHS = 12 };
    struct cln_trainer_params params = patient(0);
    struct cln_metrics after[EPOCHS + 1], now, best;
    char before[600];
    snprintf(before, sizeof before, "%s.before", path);
    remove_file("best");
    params.save = (struct cln_save_params){.path = path, .best = true};
    struct cln_trainer *trainer = trainer_of(&params);
    assert_int_equal(cln_trainer_evaluate_best(trainer, &best, NULL), CLN_INVALID);
    for (int i = 1; i <= EPOCHS; i++) {
        epoch_of(trainer);
        assert_ok(cln_trainer_evaluate(trainer, &after[i], NULL));
    }
    const int epoch = cln_trainer_best(trainer).epoch;
    assert_in_range(epoch, 1, EPOCHS - 1); /* not the last one */
    assert_ok(cln_trainer_finish(trainer));
    assert_ok(cln_trainer_save(trainer, before));
    assert_ok(cln_trainer_evaluate_best(trainer, &best, NULL));
    assert_same_metrics(&best, &after[epoch]);
    assert_true(best.loss != after[EPOCHS].loss);
    assert_ok(cln_trainer_evaluate(trainer, &now, NULL));
    assert_same_metrics(&now, &after[EPOCHS]);
    assert_ok(cln_trainer_save(trainer, path));
    assert_same_file(before, path);
    cln_trainer_destroy(&trainer);

    /* Resumed, it has them from the file of the best model, even if it saves elsewhere. */
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    params.save = (struct cln_save_params){.path = NULL};
    trainer = trainer_of(&params);
    assert_int_equal(cln_trainer_best(trainer).epoch, epoch);
    assert_ok(cln_trainer_evaluate_best(trainer, &best, NULL));
    assert_same_metrics(&best, &after[epoch]);
    cln_trainer_destroy(&trainer);

    /* Not from the best model of another training, nor from none. */
    char *file = cln_saver_name(path, "best");
    struct cln_checkpoint *other = read_checkpoint(file);
    other->training->seed++;
    assert_ok(cln_checkpoint_write(file, other));
    cln_checkpoint_destroy(&other);
    for (int i = 0; i < 2; i++) {
        trainer = trainer_of(&params);
        assert_int_equal(cln_trainer_best(trainer).epoch, epoch);
        assert_false(cln_trainer_best(trainer).has_weights);
        assert_int_equal(cln_trainer_evaluate_best(trainer, &best, NULL), CLN_INVALID);
        cln_trainer_destroy(&trainer);
        unlink(file);
    }
    free(file);
    cln_checkpoint_destroy(&checkpoint);

    /* From the resumed file itself, where that is of the best epoch. */
    struct cln_epoch last;
    train(patient(0), epoch, NULL, path, &last);
    checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    trainer = trainer_of(&params);
    assert_ok(cln_trainer_evaluate_best(trainer, &best, NULL));
    assert_same_metrics(&best, &after[epoch]);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_the_best_file_goes_by_validation(void **state) {
    (void)state;
    struct cln_trainer_params params = patient(0);
    char *file = cln_saver_name(path, "best");
    remove_file("best");
    params.save = (struct cln_save_params){.path = path, .best = true};
    struct cln_trainer *trainer = trainer_of(&params);
    double most = -1;
    for (int i = 1; i <= 8; i++) {
        const struct cln_epoch epoch = epoch_of(trainer);
        const bool better = epoch.validation.accuracy > most;
        most = better ? epoch.validation.accuracy : most;
        assert_true(cln_trainer_saved(trainer));
        struct cln_checkpoint *best = read_checkpoint(file);
        assert_true(best->training->best_accuracy == most && best->training->peak_accuracy == most);
        assert_int_equal(best->training->epochs == i, better);
        assert_int_equal(best->training->peak_epoch, best->training->epochs);
        cln_checkpoint_destroy(&best);
    }
    cln_trainer_destroy(&trainer);
    free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_patience_ends_at_the_same_epoch, nothing_alive),
        cmocka_unit_test_teardown(test_the_best_weights_are_judged, nothing_alive),
        cmocka_unit_test_teardown(test_the_best_file_goes_by_validation, nothing_alive),
    };
    return cmocka_run_group_tests_name("best", tests, begin_one_norm, end);
}
