/* Going on with a training: to the bit, from anywhere in an epoch; what does not agree is told; which files are kept.
 */
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/train/saver.h"
#include "src/train/snapshot.h"
#include "tests/engine/support.h"
#include "tests/temporary.h"

static const char tiny_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static struct cln_network *network;
static struct cln_dataset *data; /* 64 images to train on, 10 to test */
static char path[512], cache[512];

static int begin(void **state) {
    assert_ok(cln_network_parse(&network, tiny_text, strlen(tiny_text), "tiny", NULL));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    const int failed = temporary_create(state);
    snprintf(path, sizeof path, "%s", temporary_path("model.safetensors"));
    snprintf(cache, sizeof cache, "%s", temporary_path("cache"));
    setenv("CLENET_CACHE_DIR", cache, 1);
    return failed;
}

static int end(void **state) {
    cln_network_destroy(&network);
    cln_dataset_destroy(&data);
    return temporary_remove(state);
}

static struct cln_trainer_params params_of(void) {
    return (struct cln_trainer_params){.network = network,
                                       .data = data,
                                       .batch_size = 12,
                                       .seed = 3,
                                       .session.no_guard = true}; /* 5 steps of 12, one of 4 */
}

static struct cln_trainer *trainer_of(const struct cln_trainer_params *params) {
    struct cln_trainer *trainer = NULL;
    assert_ok(cln_trainer_create(&trainer, params));
    return trainer;
}

static struct cln_checkpoint *read_checkpoint(const char *file) {
    struct cln_checkpoint *checkpoint = NULL;
    assert_ok(cln_checkpoint_read(&checkpoint, file, NULL));
    return checkpoint;
}

/* Trains to `epochs` or max_steps, from `from` where there is such a file, and keeps the end in `to`. */
static void train(struct cln_trainer_params params, int epochs, const char *from, const char *to,
                  struct cln_epoch *last) {
    struct cln_checkpoint *checkpoint = from ? read_checkpoint(from) : NULL;
    params.resume = checkpoint;
    struct cln_trainer *trainer = trainer_of(&params);
    cln_checkpoint_destroy(&checkpoint); /* only creating looks at it */
    *last = (struct cln_epoch){0};
    while (cln_trainer_epochs(trainer) < epochs && !last->stopped)
        assert_ok(cln_trainer_epoch(trainer, last));
    assert_ok(cln_trainer_save(trainer, to));
    cln_trainer_destroy(&trainer);
}

static void assert_same_file(const char *a, const char *b) {
    static unsigned char content[2][1 << 18];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? b : a, "rb");
        assert_non_null(file);
        bytes[i] = fread(content[i], 1, sizeof content[i], file);
        fclose(file);
    }
    assert_in_range(bytes[0], 1000, sizeof content[0] - 1);
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(content[0], content[1], bytes[0]);
}

static void check_exact(struct cln_trainer_params params) {
    char whole[600], part[600];
    struct cln_epoch expected, last;
    snprintf(whole, sizeof whole, "%s.whole", path);
    snprintf(part, sizeof part, "%s.part", path);
    train(params, 3, NULL, whole, &expected);
    /* Within an epoch, at its end (6, 12), behind its last step but one, and once more from where that was left. */
    static const size_t stops[][2] = {{1, 0}, {4, 0}, {6, 0}, {7, 9}, {11, 0}, {12, 14}, {17, 0}};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        params.max_steps = stops[i][0];
        train(params, 3, NULL, part, &last);
        for (int again = 1; again < 2 && stops[i][again]; again++) {
            params.max_steps = stops[i][again];
            train(params, 3, part, part, &last);
        }
        params.max_steps = 0;
        train(params, 3, part, part, &last);
        assert_same_file(whole, part);
        assert_int_equal(last.epoch, 3);
        assert_int_equal(last.train.samples, 64);
        assert_true(last.train.loss == expected.train.loss && last.train.accuracy == expected.train.accuracy);
        assert_true(last.test.loss == expected.test.loss);
    }
}

static void test_adam_goes_on_to_the_bit(void **state) {
    (void)state;
    check_exact(params_of());
}

static void test_momentum_and_standardising_go_on_to_the_bit(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of();
    params.optimizer =
        (struct cln_optimizer_params){.kind = CLN_SGD, .lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3};
    params.standardize = true;
    check_exact(params);
}

/* All images of an epoch are trained on, but the epoch was not evaluated: that is done now. */
static void test_an_epoch_without_its_evaluation(void **state) {
    (void)state;
    struct cln_epoch expected, last;
    char whole[600];
    snprintf(whole, sizeof whole, "%s.whole", path);
    train(params_of(), 2, NULL, whole, &expected);

    struct cln_trainer_params params = params_of();
    params.max_steps = 11;
    train(params, 2, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    params.max_steps = 12;
    struct cln_trainer *trainer = trainer_of(&params);
    cln_checkpoint_destroy(&checkpoint);
    assert_int_equal(cln_trainer_epochs(trainer), 1);
    /* The last step, and a resume point before the evaluation. */
    assert_ok(cln_engine_step(trainer->engine, CLN_TRAIN));
    trainer->steps++;
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);

    train(params_of(), 2, path, path, &last);
    assert_int_equal(last.epoch, 2);
    assert_true(last.test.loss == expected.test.loss && last.train.loss == expected.train.loss);
    assert_same_file(whole, path);
}

/* In the same process: the next call goes on with the epoch that was stopped. */
static void test_a_stopped_epoch_goes_on(void **state) {
    (void)state;
    struct cln_epoch expected, last;
    char whole[600];
    snprintf(whole, sizeof whole, "%s.whole", path);
    train(params_of(), 2, NULL, whole, &expected);
    struct cln_trainer_params params = params_of();
    params.max_steps = 3;
    struct cln_trainer *trainer = trainer_of(&params);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
        assert_ok(cln_trainer_epoch(trainer, &last));
        assert_true(last.stopped);
        assert_int_equal(last.epoch, 1);
        assert_int_equal(last.train.samples, 36);
        assert_int_equal(last.before, i * 36);
        assert_int_equal(cln_trainer_epochs(trainer), 0);
    }
    trainer->params.max_steps = 0;
    for (int i = 1; i <= 2; i++) {
        assert_ok(cln_trainer_epoch(trainer, &last));
        assert_false(last.stopped);
        assert_int_equal(last.epoch, i);
        assert_int_equal(last.train.samples, 64);
        assert_int_equal(last.before, i == 1 ? 36 : 0);
    }
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    assert_same_file(whole, path);
    assert_true(last.train.loss == expected.train.loss);
}

static void test_what_was_begun_otherwise_is_told(void **state) {
    (void)state;
    struct cln_epoch last;
    struct cln_trainer_params params = params_of();
    params.max_steps = 3;
    train(params, 1, NULL, path, &last);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    params.resume = checkpoint;
    params.max_steps = 0;

    struct cln_dataset *other = NULL;
    struct cln_network *wider = NULL;
    assert_ok(cln_dataset_load(&other, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 2}));
    assert_ok(cln_network_load(&wider, "lenet", NULL));
    const struct cln_trainer_params good = params;
    static const char *const words[] = {"network: layer 0 is Conv2d(1, 6, kernel_size=5, stride=1) here, AvgPool2d(",
                                        "batch size: 13 here, 12 there",
                                        "learning rate: 0.5 here, 0.001 there",
                                        "seed: 4 here, 3 there",
                                        "data: synthetic here (64 training images, SHA-256 ",
                                        "optimizer: SGD here, Adam there",
                                        "pixels: standardised here, not standardised there"};
    enum { CASES = sizeof words / sizeof *words };
    for (int i = 0; i < CASES; i++) {
        for (int override = 0; override < 2; override++) {
            params = good;
            params.override = override != 0;
            params.network = i == 0 ? wider : network;
            params.batch_size = i == 1 ? 13 : 12;
            params.optimizer.lr = i == 2 ? 0.5 : 0;
            params.seed = i == 3 ? 4 : 3;
            params.data = i == 4 ? other : data;
            params.optimizer.kind = i == 5 ? CLN_SGD : CLN_ADAM;
            params.standardize = i == 6;
            const bool may = override && i >= 1 && i <= 4;
            struct cln_trainer *trainer = NULL;
            assert_int_equal(cln_trainer_create(&trainer, &params), may ? CLN_OK : CLN_INVALID);
            if (!may) {
                assert_null(trainer);
                if (!strstr(cln_error_message(), words[i]))
                    fail_msg("\"%s\" lacks \"%s\"", cln_error_message(), words[i]);
                assert_int_equal(strstr(cln_error_message(), "--override") != NULL, i >= 1 && i <= 4);
                continue;
            }
            assert_ok(cln_trainer_epoch(trainer, &last));
            assert_int_equal(last.epoch, 1);
            assert_int_equal(last.train.samples, 64); /* with another seed or other data, all of them anew */
            struct cln_state at;
            assert_ok(
                cln_trainer_state(trainer, CLN_TRAIN, &at)); /* of the last batch, whatever the first ones' size */
            assert_true(at.lr == (i == 2 ? 0.5F : 0.001F));
            cln_trainer_destroy(&trainer);
        }
    }
    /* All of it at once. */
    params = good;
    params.batch_size = 1;
    params.seed = 1;
    struct cln_trainer *trainer = NULL;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(
        strstr(cln_error_message(), "\n  batch size: 1 here, 12 there\n  seed: 1 here, 3 there\n  Set them"));

    checkpoint->training->samples = 65; /* without a digest by name and number */
    checkpoint->training->digest[0] = '\0';
    params = good;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "data: "));
    cln_checkpoint_destroy(&checkpoint);
    cln_dataset_destroy(&other);
    cln_network_destroy(&wider);
}

static void test_a_model_is_no_resume_point(void **state) {
    (void)state;
    struct cln_trainer_params params = params_of();
    params.evaluate_only = true;
    struct cln_trainer *trainer = trainer_of(&params);
    assert_ok(cln_trainer_save(trainer, path));
    cln_trainer_destroy(&trainer);
    struct cln_checkpoint *checkpoint = read_checkpoint(path);
    assert_null(checkpoint->training);
    params = params_of();
    params.resume = checkpoint;
    assert_int_equal(cln_trainer_create(&trainer, &params), CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "model only"));
    cln_checkpoint_destroy(&checkpoint);
}

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
    struct cln_trainer_params params = params_of();
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
    train(params_of(), 1, NULL, target, &epoch);
    assert_int_equal(symlink(target, path), 0);
    struct cln_trainer_params params = params_of();
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
    struct cln_trainer_params params = params_of();
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
    struct cln_trainer_params params = params_of();
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
    struct cln_trainer_params params = params_of();
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
        cmocka_unit_test_teardown(test_adam_goes_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_momentum_and_standardising_go_on_to_the_bit, nothing_alive),
        cmocka_unit_test_teardown(test_an_epoch_without_its_evaluation, nothing_alive),
        cmocka_unit_test_teardown(test_a_stopped_epoch_goes_on, nothing_alive),
        cmocka_unit_test_teardown(test_what_was_begun_otherwise_is_told, nothing_alive),
        cmocka_unit_test_teardown(test_a_model_is_no_resume_point, nothing_alive),
        cmocka_unit_test_teardown(test_files_that_are_kept, nothing_alive),
        cmocka_unit_test_teardown(test_files_that_are_kept_beside_a_link, nothing_alive),
        cmocka_unit_test_teardown(test_the_best_is_kept, nothing_alive),
        cmocka_unit_test_teardown(test_by_time_within_an_epoch, nothing_alive),
        cmocka_unit_test_teardown(test_what_cannot_be_written, nothing_alive),
        cmocka_unit_test_teardown(test_names, nothing_alive),
    };
    return cmocka_run_group_tests_name("resume", tests, begin, end);
}
