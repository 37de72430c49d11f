/* Whatever OpenCL call fails in the life of a trainer or a predictor, once or from then on: that is noticed, has a
 * message, and leaves nothing alive. On the stand-in for a driver, where a life takes milliseconds; test_trainer.c and
 * test_predictor.c let some calls fail on a device. */
#include <stdio.h>
#include <string.h>

#include "clenet/predictor.h"
#include "clenet/trainer.h"
#include "kernels/state.clh"
#include "tests/engine/support.h"
#include "tests/standin/standin.h"
#include "tests/temporary.h"

/* Every kind of kernel that training has. */
static const char tiny_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, "
    "{\"type\": \"ReLU\"}, {\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 16}, "
    "{\"type\": \"BatchNorm1d\"}, {\"type\": \"Tanh\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

/* SPREAD: every so many calls, all that follow fail as well. */
enum { OUT_OF_RESOURCES = -5, MOST_CALLS = 20000, SPREAD = 5 };

static const struct standin_control *standin;
static struct cln_network *network;
static struct cln_dataset *data;     /* 64 images to train on, 10 to test */
static char path[512], profile[512]; /* the profile launches every kernel by itself: the stand-in knows them by name */

/* The kernels that move a training on from batch to batch. */
static void batch_begin(const struct standin_launch *launch) {
    struct cln_state *state = launch->arguments[8];
    const int left = state->samples - state->next;
    if (*(const int *)launch->arguments[1] != 0)
        return;
    state->position = state->next;
    state->count = left < state->batch_size ? left : state->batch_size;
    state->batches += state->count > 0;
    state->step += state->count > 0;
}

static void batch_end(const struct standin_launch *launch) {
    struct cln_state *state = launch->arguments[2];
    state->seen += state->count;
    state->next = state->position + state->count;
}

static int begin(void **state) {
    assert_ok(cln_network_parse(&network, tiny_text, strlen(tiny_text), "tiny", NULL));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    const int failed = temporary_create(state);
    snprintf(path, sizeof path, "%s", temporary_path("model.safetensors"));
    setenv("CLENET_CACHE_DIR", temporary_path("cache"), 1);
    snprintf(profile, sizeof profile, "%s", temporary_path("single.json"));
    FILE *file = fopen(profile, "we");
    assert_non_null(file);
    assert_true(fputs("{\"name\": \"single\", \"match\": null, \"values\": {\"join_launches\": 0}}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    return failed;
}

static int end(void **state) {
    cln_network_destroy(&network);
    cln_dataset_destroy(&data);
    return temporary_remove(state);
}

/* How a life goes. */
struct way {
    bool no_cache, replay;
    const struct cln_checkpoint *model; /* to predict with; NULL: trains */
};

static enum cln_status train(const struct way *way) {
    struct cln_trainer *trainer = NULL;
    const struct cln_trainer_params params = {.network = network,
                                              .data = data,
                                              .batch_size = 40,
                                              .seed = 3,
                                              .session.no_guard = true,
                                              .session.profile_file = profile,
                                              .session.no_cache = way->no_cache,
                                              .session.replay = way->replay ? CLN_REPLAY_ON : CLN_REPLAY_OFF};
    struct cln_epoch epoch;
    enum cln_status status = cln_trainer_create(&trainer, &params);
    if (status == CLN_OK)
        status = cln_trainer_epoch(trainer, &epoch);
    if (status == CLN_OK)
        assert_int_equal(epoch.train.samples, data->train.count);
    if (status == CLN_OK)
        status = cln_trainer_save(trainer, path);
    cln_trainer_destroy(&trainer);
    return status;
}

static enum cln_status predict(const struct way *way) {
    float p[8 * 10];
    struct cln_predictor *predictor = NULL;
    const struct cln_predictor_params params = {.model = way->model,
                                                .batch_size = 7,
                                                .session.profile_file = profile,
                                                .session.no_cache = way->no_cache,
                                                .session.replay = way->replay ? CLN_REPLAY_ON : CLN_REPLAY_OFF};
    enum cln_status status = cln_predictor_create(&predictor, &params);
    if (status == CLN_OK)
        status = cln_predictor_run(predictor, data->train.pixels, 8, p);
    cln_predictor_destroy(&predictor);
    return status;
}

static enum cln_status live(const struct way *way) {
    return way->model ? predict(way) : train(way);
}

static size_t calls_of_life(const struct way *way) {
    standin->set_fault(NULL, 0, 0, false);
    assert_ok(live(way));
    return standin->calls();
}

static size_t calls_to_find_a_device(void) {
    struct ocl_device device;
    standin->set_fault(NULL, 0, 0, false);
    assert_ok(ocl_device_find(&device, NULL));
    return standin->calls();
}

/* Calls that a life can do without: a kept binary that is not taken is built from its source, and a program that cannot
 * be kept is built again by the next life. A failing clFinish is noticed but where it comes before keeping. */
static bool is_of_keeping(const char *function) {
    static const char *const all[] = {"clCreateProgramWithBinary", "clBuildProgram", "clCreateKernel",
                                      "clGetProgramInfo", "clFinish"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], function) == 0)
            return true;
    return false;
}

static void fail_call(const struct way *way, size_t n, size_t calls, bool from_then_on, bool is_noticed) {
    const char *how = from_then_on ? "and all behind it" : "alone";
    cln_fail(CLN_INTERRUPTED, "untouched");
    standin->set_fault(NULL, n, OUT_OF_RESOURCES, from_then_on);
    const enum cln_status status = live(way);
    if (is_noticed && status == CLN_OK && standin->failed() && (way->no_cache || !is_of_keeping(standin->failed())))
        fail_msg("call %zu of %zu, of %s, failed %s, and nobody noticed", n, calls, standin->failed(), how);
    if (status != CLN_OK)
        assert_string_not_equal(cln_error_message(), "untouched");
    if (ocl_live_handles() != 0 || standin->live() != 0)
        fail_msg("call %zu of %zu failed %s: alive are %zu handles of ours, %zu objects", n, calls, how,
                 ocl_live_handles(), standin->live());
    assert_int_equal(standin->misuses(), 0);
}

/* A device that does not answer every question may still do; all other failures have to be noticed. What cannot be
 * recorded is launched one by one, so with a command buffer only a device that is lost has to be. */
static void fail_every_call(const struct way *way) {
    const size_t finding = calls_to_find_a_device(), calls = calls_of_life(way);
    assert_in_range(calls, finding + 100, MOST_CALLS);
    for (size_t n = 1; n <= calls; n++) {
        fail_call(way, n, calls, false, n > finding && !way->replay);
        if (n % SPREAD == 0)
            fail_call(way, n, calls, true, true);
    }
    calls_of_life(way);
}

static void test_any_call_of_a_training_may_fail(void **state) {
    (void)state;
    fail_every_call(&(struct way){.no_cache = true});
}

static void test_any_call_of_a_training_with_kept_kernels_may_fail(void **state) {
    (void)state;
    const struct way way = {.no_cache = false};
    calls_of_life(&way);
    const size_t finding = calls_to_find_a_device(), calls = calls_of_life(&way);
    assert_int_equal(calls_of_life(&way), calls);
    assert_in_range(calls, finding + 100, MOST_CALLS);
    for (size_t n = 1; n <= calls; n++) {
        fail_call(&way, n, calls, false, n > finding);
        if (n % SPREAD == 0)
            fail_call(&way, n, calls, true, true);
    }
}

static void test_any_call_of_a_recorded_training_may_fail(void **state) {
    (void)state;
    fail_every_call(&(struct way){.no_cache = true, .replay = true});
}

static void test_any_call_of_a_prediction_may_fail(void **state) {
    (void)state;
    struct cln_checkpoint *model = NULL;
    struct way way = {.no_cache = true};
    assert_ok(live(&way));
    assert_ok(cln_checkpoint_read(&model, path, NULL));
    way.model = model;
    fail_every_call(&way);
    cln_checkpoint_destroy(&model);
}

static int nothing_left(void **state) {
    assert_int_equal(standin->live(), 0);
    assert_int_equal(standin->misuses(), 0);
    return nothing_alive(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_any_call_of_a_training_may_fail, nothing_left),
        cmocka_unit_test_teardown(test_any_call_of_a_training_with_kept_kernels_may_fail, nothing_left),
        cmocka_unit_test_teardown(test_any_call_of_a_recorded_training_may_fail, nothing_left),
        cmocka_unit_test_teardown(test_any_call_of_a_prediction_may_fail, nothing_left),
    };
    standin = standin_open();
    standin->set_kernel("batch_begin", batch_begin);
    standin->set_kernel("batch_end", batch_end);
    return cmocka_run_group_tests_name("faults", tests, begin, end);
}
