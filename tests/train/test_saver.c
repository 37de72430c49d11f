/* The saver: which files it keeps, when it writes them, and what becomes of a file that cannot be written. */
#include <sys/stat.h>
#include <unistd.h>

#include "src/train/saver.h"
#include "tests/train/support.h"

enum { BATCH = 12 };

static int epochs_in(const char *mark) {
    char *name = mark ? cln_saver_name(path, mark) : strdup(path);
    struct cln_checkpoint *checkpoint = NULL;
    const enum cln_status status = cln_checkpoint_read(&checkpoint, name, NULL);
    const int epochs = status == CLN_OK ? checkpoint->training->epochs : -1;
    assert_true(status == CLN_OK || status == CLN_NOT_FOUND);
    cln_checkpoint_destroy(&checkpoint);
    free(name);
    return epochs;
}

static void remove_files(void) {
    static const char *const marks[] = {"1", "2", "3", "best"};
    unlink(path);
    for (int i = 0; i < 4; i++) {
        char *name = cln_saver_name(path, marks[i]);
        unlink(name);
        free(name);
    }
}

static void test_files_that_are_kept(void **state) {
    (void)state;
    remove_files();
    struct cln_trainer_params params = params_of(BATCH);
    params.save = (struct cln_save_params){.path = path, .every_epochs = 2, .keep = 3};
    struct cln_trainer *trainer = trainer_of(&params);
    static const int expected[][4] = {{-1, -1, -1, -1}, {2, -1, -1, -1}, {2, -1, -1, -1}, {4, 2, -1, -1},
                                      {4, 2, -1, -1},   {6, 4, 2, -1},   {6, 4, 2, -1},   {8, 6, 4, -1}};
    for (int i = 0; i < 8; i++) {
        struct cln_epoch epoch;
        assert_ok(cln_trainer_epoch(trainer, &epoch));
        assert_int_equal(cln_trainer_saved(trainer), i > 0);
        static const char *const marks[] = {NULL, "1", "2", "3"};
        for (int k = 0; k < 4; k++)
            assert_int_equal(epochs_in(marks[k]), expected[i][k]);
    }
    assert_ok(cln_trainer_finish(trainer)); /* has nothing to do */
    assert_int_equal(epochs_in("1"), 6);
    struct cln_epoch epoch;
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_ok(cln_trainer_finish(trainer));
    assert_int_equal(epochs_in(NULL), 9);
    assert_int_equal(epochs_in("1"), 8);
    cln_trainer_destroy(&trainer);
}

/* FILE may be a link, or be gone: what is there besides is not lost. */
static void test_files_that_are_kept_beside_a_link(void **state) {
    (void)state;
    char target[600];
    struct cln_epoch epoch;
    snprintf(target, sizeof target, "%s.target", path);
    remove_files();
    train(params_of(BATCH), 1, NULL, target, &epoch);
    assert_int_equal(symlink(target, path), 0);
    struct cln_trainer_params params = params_of(BATCH);
    params.save = (struct cln_save_params){.path = path, .keep = 2};
    struct cln_trainer *trainer = trainer_of(&params);
    for (int i = 0; i < 3; i++)
        assert_ok(cln_trainer_epoch(trainer, &epoch));
    cln_trainer_destroy(&trainer);
    struct stat info;
    assert_true(lstat(path, &info) == 0 && S_ISLNK(info.st_mode));
    assert_int_equal(epochs_in(NULL), 3);
    char *previous = cln_saver_name(target, "1");
    struct cln_checkpoint *checkpoint = read_checkpoint(previous);
    assert_int_equal(checkpoint->training->epochs, 2);
    cln_checkpoint_destroy(&checkpoint);
    unlink(previous);
    free(previous);
    unlink(target);

    remove_files();
    params.save.keep = 3;
    trainer = trainer_of(&params);
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_true(cln_trainer_saved(trainer));
    unlink(path);
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_true(cln_trainer_saved(trainer));
    assert_int_equal(epochs_in(NULL), 3);
    assert_int_equal(epochs_in("1"), 1); /* as it was */
    assert_int_equal(epochs_in("2"), -1);
    cln_trainer_destroy(&trainer);
}

static void test_the_best_is_kept(void **state) {
    (void)state;
    remove_files();
    struct cln_trainer_params params = params_of(BATCH);
    params.optimizer.lr = 0.03;
    params.save = (struct cln_save_params){.path = path, .every_epochs = 100, .best = true};
    struct cln_trainer *trainer = trainer_of(&params);
    double best = -1;
    int best_epoch = 0;
    for (int i = 1; i <= 6; i++) {
        struct cln_epoch epoch;
        assert_ok(cln_trainer_epoch(trainer, &epoch));
        if (epoch.test.accuracy > best) {
            best = epoch.test.accuracy;
            best_epoch = i;
        }
        assert_true(cln_trainer_saved(trainer));
        assert_int_equal(epochs_in("best"), best_epoch);
    }
    cln_trainer_destroy(&trainer);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    assert_true(checkpoint->training->best_accuracy == best);

    /* Going on: it has to be surpassed, but where its file is gone. */
    params.resume = checkpoint;
    trainer = trainer_of(&params);
    assert_true(trainer->best_accuracy == best);
    cln_trainer_destroy(&trainer);
    remove_files();
    trainer = trainer_of(&params);
    assert_true(trainer->best_accuracy < 0);
    cln_trainer_destroy(&trainer);
    cln_checkpoint_destroy(&checkpoint);
}

static void test_by_time_within_an_epoch(void **state) {
    (void)state;
    remove_files();
    struct cln_dataset *large = NULL;
    assert_ok(cln_dataset_load(&large, &(struct cln_dataset_params){.name = "synthetic:20000", .seed = 1}));
    struct cln_trainer_params params = params_of(BATCH);
    params.data = large;
    params.save = (struct cln_save_params){.path = path, .every_seconds = 0.005, .keep = 4};
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_epoch epoch;
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_ok(cln_trainer_finish(trainer));
    cln_trainer_destroy(&trainer);
    assert_int_equal(epochs_in(NULL), 1);
    assert_int_equal(epochs_in("2"), 0);
    char *name = cln_saver_name(path, "2");
    struct cln_checkpoint *checkpoint = read_checkpoint(name);
    assert_in_range(checkpoint->training->position, 12, 20000);
    assert_true(checkpoint->training->position % 12 == 0 || checkpoint->training->position == 20000);
    cln_checkpoint_destroy(&checkpoint);
    free(name);
    cln_dataset_destroy(&large);
}

/* A full disk in the middle: training goes on, and the end says that it failed. */
static void test_what_cannot_be_written(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of(BATCH);
    params.save = (struct cln_save_params){.path = temporary_path("nowhere/m.safetensors"), .keep = 2};
    struct cln_trainer *trainer = trainer_of(&params);
    struct cln_epoch epoch;
    for (int i = 0; i < 3; i++)
        assert_ok(cln_trainer_epoch(trainer, &epoch));
    assert_int_equal(epoch.epoch, 3);
    assert_false(cln_trainer_saved(trainer));
    assert_int_equal(cln_trainer_finish(trainer), CLN_IO);
    assert_non_null(strstr(cln_error_message(), "nowhere/m"));
    assert_int_equal(mkdir(temporary_path("nowhere"), 0700), 0);
    assert_ok(cln_trainer_finish(trainer)); /* is tried again */
    assert_true(cln_trainer_saved(trainer));
    unlink(temporary_path("nowhere/m.safetensors"));
    rmdir(temporary_path("nowhere"));
    cln_trainer_destroy(&trainer);
}

static void test_names(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"m.safetensors", "m.1.safetensors"},
                                           {"a.b/m", "a.b/m.1"},
                                           {"a/.hidden", "a/.hidden.1"},
                                           {"a.b/m.x.y", "a.b/m.x.1.y"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = cln_saver_name(cases[i][0], "1");
        assert_string_equal(name, cases[i][1]);
        free(name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_files_that_are_kept, nothing_alive),
        cmocka_unit_test_teardown(test_files_that_are_kept_beside_a_link, nothing_alive),
        cmocka_unit_test_teardown(test_the_best_is_kept, nothing_alive),
        cmocka_unit_test_teardown(test_by_time_within_an_epoch, nothing_alive),
        cmocka_unit_test_teardown(test_what_cannot_be_written, nothing_alive),
        cmocka_unit_test_teardown(test_names, nothing_alive),
    };
    return cmocka_run_group_tests_name("saver", tests, begin_one_norm, end);
}
