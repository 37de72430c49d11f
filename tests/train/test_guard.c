/* The start-up guard: a device that computes rightly is checked once, one that does not is told of and got around, or
 * not trained on. CLN_KERNELS is the folder of kernels; broken copies of it stand in for broken drivers. */
#include <stdio.h>
#include <unistd.h>

#include "clenet/log.h"
#include "src/train/trainer_private.h"
#include "tests/engine/support.h"
#include "tests/temporary.h"

static void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static const char tiny_text[] =
    "{\"name\": \"tiny\", \"input\": [1, 28, 28], \"layers\": [{\"type\": \"AvgPool2d\", \"kernel_size\": 4}, "
    "{\"type\": \"Conv2d\", \"out_channels\": 4, \"kernel_size\": 3}, {\"type\": \"BatchNorm2d\"}, {\"type\": "
    "\"ReLU\"}, "
    "{\"type\": \"Flatten\"}, {\"type\": \"Linear\", \"out_features\": 10}]}";

static const char small_text[] =
    "{\"name\": \"small\", \"input\": [1, 14, 14], \"layers\": [{\"type\": \"Flatten\"}, {\"type\": \"Linear\", "
    "\"out_features\": 10}]}";

static struct cln_network *network;
static struct cln_dataset *data;
static char warnings[4096], profile[512];
static const char kernels[] = "kernels"; /* in the temporary folder. Sources are named as the built-in ones are, so that
                                            a driver's cache has all that a test does not break */
static char quirks[256];                 /* "; safe: " and what the device's own profile has in safe variants; "" */
static bool
    has_groups;       /* of several work-items; else nothing has barriers or local memory, and no quick check is due */
static int announced; /* times that quick checks were begun since they were told to be new */
static size_t fails_at; /* the OpenCL call of quick checks that fails; 0: none */

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    if (strstr(message, "are new: checking every operation once")) {
        announced++;
        ocl_fault_set(fails_at, -6); /* CL_OUT_OF_HOST_MEMORY */
    }
    if (level == CLN_LOG_WARNING && !strstr(message, ": using ")) /* fewer lanes, on a small device */
        snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", message);
}

static void write_file(const char *path, const char *text) {
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

/* All operations in their safe variants, as if no driver could do better. */
static void profile_of_quirks(void) {
    char text[2048] = "{\"name\": \"quirks\", \"match\": null, \"values\": {}, \"quirks\": [";
    for (size_t o = 0; o < cln_operation_count; o++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "%s{\"operation\": \"%s\", \"reason\": \"pretended\"}", o > 0 ? ", " : "", cln_operations[o]);
    snprintf(text + strlen(text), sizeof text - strlen(text), "]}");
    write_file(profile, text);
}

/* Work-groups of so many work-items, and every kernel launched by itself. */
static void profile_of_lanes(int lanes) {
    char text[160];
    snprintf(
        text, sizeof text,
        "{\"name\": \"groups\", \"match\": null, \"values\": {\"vector\": 1, \"lanes\": %d, \"join_launches\": 0}}",
        lanes);
    write_file(profile, text);
}

/* With what `params` leaves out: the tiny network and its data, batches of 16, work-groups of eight. */
static enum cln_status create_with(struct cln_trainer **out, struct cln_trainer_params params) {
    warnings[0] = '\0';
    announced = 0;
    params.network = params.network ? params.network : network;
    params.data = data;
    params.batch_size = params.batch_size > 0 ? params.batch_size : 16;
    params.session.profile_file = profile;
    return cln_trainer_create(out, &params);
}

static enum cln_status create(struct cln_trainer **out) {
    return create_with(out, (struct cln_trainer_params){.session.kernel_folder = kernels});
}

static const char *safe_of(const struct cln_trainer *trainer) {
    const char *found = strstr(cln_trainer_device(trainer), "; safe: ");
    return found ? found : "";
}

static int begin(void **state) {
    assert_ok(cln_network_parse(&network, tiny_text, strlen(tiny_text), "tiny", NULL));
    assert_ok(cln_dataset_load(&data, &(struct cln_dataset_params){.name = "synthetic:64", .seed = 1}));
    const int failed = temporary_create(state);
    setenv("CLENET_CACHE_DIR", temporary_path("cache"), 1);
    snprintf(profile, sizeof profile, "%s", temporary_path("groups.json"));
    profile_of_lanes(8);
    if (failed || chdir(temporary_path("")) != 0)
        return -1;
    cln_log_set_handler(on_log, NULL);
    struct cln_trainer *trainer = NULL;
    assert_ok(create_with(&trainer, (struct cln_trainer_params){.session.no_guard = true}));
    has_groups = trainer->session->tuning.lanes > 1 && trainer->session->tuning.safe == 0;
    snprintf(quirks, sizeof quirks, "%s", safe_of(trainer));
    cln_trainer_destroy(&trainer);
    return failed;
}

static int end(void **state) {
    cln_log_set_handler(NULL, NULL);
    cln_network_destroy(&network);
    cln_dataset_destroy(&data);
    return chdir("/") || temporary_remove(state);
}

/* A copy of the kernels in which `file` has `to` in the place of `from`. */
static void break_kernels(const char *file, const char *from, const char *to) {
    char command[2048];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", kernels, CLN_KERNELS, kernels);
    assert_int_equal(system(command), 0);
    char path[1024], text[1 << 16];
    snprintf(path, sizeof path, "%s/%s", kernels, file);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    const size_t bytes = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[bytes] = '\0';
    char *at = strstr(text, from);
    assert_non_null(at);
    stream = fopen(path, "w");
    assert_non_null(stream);
    fprintf(stream, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(fclose(stream), 0);
}

/* OpenCL calls that it takes to create a trainer, whose epoch is right. */
static size_t calls_of(struct cln_trainer_params params, const char *warning, const char *safe) {
    struct cln_trainer *trainer = NULL;
    struct cln_epoch epoch;
    ocl_fault_set(0, 0);
    assert_ok(create_with(&trainer, params));
    const size_t calls = ocl_fault_calls();
    assert_memory_equal(warnings, warning, strlen(warning) + (*warning == '\0'));
    assert_string_equal(safe_of(trainer), *safe ? safe : quirks);
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    cln_trainer_destroy(&trainer);
    return calls;
}

/* Every operation, those as well that this training does not use; and nothing twice. */
static void test_checked_once(void **state) {
    (void)state;
    if (!has_groups)
        skip();
    break_kernels("sgd.cl", "p - state->lr * step", "p - (GROUP > 1 ? 2.0f : 1.0f) * state->lr * step");
    const struct cln_trainer_params guarded = {.session.kernel_folder = kernels},
                                    alone = {.session.kernel_folder = kernels, .session.no_guard = true},
                                    sgd = {.session.kernel_folder = kernels, .optimizer.kind = CLN_SGD};
    calls_of(alone, "", ""); /* kernels are built and kept */
    const size_t without = calls_of(alone, "", ""),
                 first = calls_of(guarded, "sgd is wrong on this device, and runs in its safe variant: sgd, ",
                                  "; safe: sgd"),
                 again = calls_of(guarded, "", "; safe: sgd");
    print_message("%zu OpenCL calls without a guard, %zu the first time, %zu then\n", without, first, again);
    assert_true(first > without + 1000);
    assert_true(again <= without);
    calls_of(sgd, "", "; safe: sgd");
    assert_int_equal(announced, 0);
}

static void test_quick_checks_stop_no_training_whose_step_is_right(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    if (!has_groups)
        skip();
    break_kernels("sgd.cl", "p - state->lr * step", "p - (GROUP > 1 ? 3.0f : 1.0f) * state->lr * step");
    fails_at = 300;
    for (int start = 0; start < 4; start++) { /* the third finds that two did not come to an end */
        assert_ok(create(&trainer));
        ocl_fault_set(0, 0);
        assert_int_equal(announced, start < 2);
        assert_int_equal(strstr(warnings, "not all operations could be checked: ") != NULL, start < 2);
        assert_null(strstr(cln_trainer_device(trainer), "safe:"));
        cln_trainer_destroy(&trainer);
    }
    fails_at = 0;
}

static void test_what_is_refused_once_is_tried_again(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    struct ocl_device device;
    ocl_fault_set(0, 0);
    assert_ok(ocl_device_find(&device, NULL));
    const size_t finding = ocl_fault_calls();
    profile_of_lanes(1);
    break_kernels("copy.cl", "__kernel", "/* new to the guard */ __kernel");
    ocl_fault_set(finding + 150, -5); /* CL_OUT_OF_RESOURCES, in the step */
    assert_ok(create(&trainer));
    assert_in_range(ocl_fault_calls(), finding + 150, SIZE_MAX);
    ocl_fault_set(0, 0);
    assert_string_equal(warnings, "");
    assert_string_equal(safe_of(trainer), quirks);
    cln_trainer_destroy(&trainer);
    profile_of_lanes(8);
}

static void test_single_items_are_not_checked_one_by_one(void **state) {
    (void)state;
    profile_of_lanes(1);
    break_kernels("sgd.cl", "p - state->lr * step", "p - 2.0f * state->lr * step");
    calls_of((struct cln_trainer_params){.session.kernel_folder = kernels}, "", "");
    assert_int_equal(announced, 0);
    profile_of_lanes(8);
}

static void test_an_operation_that_is_wrong_in_groups_is_got_around(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    struct cln_epoch epoch;
    if (!has_groups)
        skip();
    break_kernels("adam.cl", "parameters + at);", "parameters + at) + (get_local_size(0) > 1 ? 0.5f : 0.0f);");
    assert_ok(create(&trainer));
    assert_contains(warnings, "adam is wrong on this device, and runs in its safe variant: adam, ");
    assert_null(strstr(warnings, "conv2d is wrong"));
    assert_contains(cln_trainer_device(trainer), "; safe: adam");
    assert_ok(cln_trainer_epoch(trainer, &epoch));
    cln_trainer_destroy(&trainer);

    /* Whoever comes next knows, in silence: for this network, for another, and for prediction. */
    struct cln_network *other = NULL;
    assert_ok(cln_network_load(&other, "lenet", NULL));
    for (int i = 0; i < 3; i++) {
        assert_ok(create_with(&trainer, (struct cln_trainer_params){.network = i == 1 ? other : network,
                                                                    .session.kernel_folder = kernels,
                                                                    .evaluate_only = i == 2}));
        assert_contains(cln_trainer_device(trainer), "; safe: adam");
        assert_string_equal(warnings, "");
        cln_trainer_destroy(&trainer);
    }
    cln_network_destroy(&other);

    break_kernels("adam.cl", "parameters + at);", "parameters + at) /* repaired */;");
    assert_ok(
        create_with(&trainer, (struct cln_trainer_params){.session.kernel_folder = kernels, .evaluate_only = true}));
    assert_null(strstr(cln_trainer_device(trainer), "safe:"));
    cln_trainer_destroy(&trainer);
}

static void expect_refusal(struct cln_trainer_params params, const char *what) {
    struct cln_trainer *trainer = NULL;
    params.session.kernel_folder = kernels;
    assert_int_equal(create_with(&trainer, params), CLN_DEVICE);
    assert_null(trainer);
    assert_contains(cln_error_message(), what);
}

static void test_pixels_are_checked_as_they_are_prepared(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    struct cln_network *small = NULL;
    assert_ok(cln_network_parse(&small, small_text, strlen(small_text), "small", NULL));
    const struct cln_trainer_params standardized = {.standardize = true}, resized = {.network = small, .resize = 14};

    profile_of_quirks();
    break_kernels("batch.cl", "(float)row + 0.5f", "(float)row + 0.25f");
    assert_ok(create(&trainer));
    cln_trainer_destroy(&trainer);
    assert_ok(
        create_with(&trainer, (struct cln_trainer_params){.session.kernel_folder = kernels, .standardize = true}));
    cln_trainer_destroy(&trainer);
    expect_refusal(resized, "a step of small");

    break_kernels("batch.cl", "#if STANDARDIZE", "#if STANDARDIZE && 0");
    assert_ok(create(&trainer));
    cln_trainer_destroy(&trainer);
    expect_refusal(standardized, "a step of tiny");
    profile_of_lanes(8);
    cln_network_destroy(&small);
}

/* Of a single image and of a few: the trainer refuses one image where a batch norm has then one value per channel. */
static void test_small_batches_are_checked(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    struct cln_network *bn_lenet = NULL;
    profile_of_quirks();
    assert_ok(cln_network_load(&bn_lenet, "bn-lenet", NULL));
    assert_ok(create_with(&trainer, (struct cln_trainer_params){.network = bn_lenet, .batch_size = 6}));
    assert_string_equal(warnings, "");
    cln_trainer_destroy(&trainer);
    break_kernels("adam.cl", "parameters + at);", "parameters + at) + 0.5f;");
    expect_refusal((struct cln_trainer_params){.network = bn_lenet, .batch_size = 6}, "updated parameter");
    expect_refusal((struct cln_trainer_params){.batch_size = 1}, "updated parameter");
    break_kernels("linear.cl", "+ i] = total;", "+ i] = 0.5f * total;");
    expect_refusal((struct cln_trainer_params){.batch_size = 1}, "5.weight");
    expect_refusal((struct cln_trainer_params){.network = bn_lenet, .batch_size = 6}, "a step of bn-lenet: ");
    profile_of_lanes(8);
    cln_network_destroy(&bn_lenet);
}

static void test_what_is_wrong_in_the_safe_variant_too_is_not_trained_on(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    break_kernels("adam.cl", "parameters + at);", "parameters + at) + 0.5f;");
    assert_int_equal(create(&trainer), CLN_DEVICE);
    assert_null(trainer);
    assert_contains(cln_error_message(), "updated parameter");
    assert_contains(cln_error_message(), "clenet check");
    assert_ok(
        create_with(&trainer, (struct cln_trainer_params){.session.kernel_folder = kernels, .session.no_guard = true}));
    cln_trainer_destroy(&trainer);
}

static void test_a_kernel_that_is_not_built_in_groups_is_got_around(void **state) {
    (void)state;
    if (!has_groups)
        skip();
    struct cln_trainer *trainer = NULL;
    break_kernels("activate.cl", "#include \"pool.clh\"\n",
                  "#include \"pool.clh\"\n#if GROUP > 1\n#error no local memory\n#endif\n");
    assert_ok(create(&trainer));
    assert_contains(warnings, "activate is wrong on this device");
    assert_contains(cln_trainer_device(trainer), "activate");
    cln_trainer_destroy(&trainer);
}

/* In the step of a training that clips, and in no other. */
static void test_clipping_is_checked(void **state) {
    (void)state;
    profile_of_lanes(1);
    break_kernels("gradient_norm.cl", "= total;", "= 4.0f * total;");
    expect_refusal((struct cln_trainer_params){.optimizer.clip_norm = 1}, "updated parameter");
    calls_of((struct cln_trainer_params){.session.kernel_folder = kernels}, "", "");
    profile_of_lanes(8);
}

/* In the second step: the first sets the average to the weights. */
static void test_averages_are_checked(void **state) {
    (void)state;
    profile_of_lanes(1);
    break_kernels("average.cl", "state->one_minus_ema", "state->beta2");
    expect_refusal((struct cln_trainer_params){.optimizer.ema = 0.9}, "averaged parameter");
    calls_of((struct cln_trainer_params){.session.kernel_folder = kernels}, "", "");
    profile_of_lanes(8);
}

static void test_class_weights_are_checked(void **state) {
    (void)state;
    static const double weights[] = {1, 2, 1, 1, 1, 1, 1, 1, 1, 1};
    profile_of_lanes(1);
    break_kernels("softmax_cross_entropy.cl", "loss = settled(loss) * ", "loss = 2.0f * settled(loss) * ");
    assert_int_equal(network->classes, sizeof weights / sizeof *weights);
    expect_refusal((struct cln_trainer_params){.class_weights = weights}, "loss[");
    calls_of((struct cln_trainer_params){.session.kernel_folder = kernels}, "", "");
    profile_of_lanes(8);
}

static void test_moments_are_checked(void **state) {
    (void)state;
    profile_of_lanes(1);
    break_kernels("adam.cl", "store_floatv(m, ", "store_floatv(2.0f * m, ");
    expect_refusal((struct cln_trainer_params){.batch_size = 16}, "exp_avg[");
    profile_of_lanes(8);
}

static void test_a_mistake_in_a_kernel_is_told_at_once(void **state) {
    (void)state;
    struct cln_trainer *trainer = NULL;
    break_kernels("adam.cl", "parameters + at);", "parameters + at) nonsense;");
    assert_int_equal(create(&trainer), CLN_DEVICE);
    assert_null(trainer);
    assert_contains(cln_error_message(), "adam.cl does not compile");
    assert_string_equal(warnings, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_checked_once, nothing_alive),
        cmocka_unit_test_teardown(test_quick_checks_stop_no_training_whose_step_is_right, nothing_alive),
        cmocka_unit_test_teardown(test_what_is_refused_once_is_tried_again, nothing_alive),
        cmocka_unit_test_teardown(test_single_items_are_not_checked_one_by_one, nothing_alive),
        cmocka_unit_test_teardown(test_an_operation_that_is_wrong_in_groups_is_got_around, nothing_alive),
        cmocka_unit_test_teardown(test_pixels_are_checked_as_they_are_prepared, nothing_alive),
        cmocka_unit_test_teardown(test_small_batches_are_checked, nothing_alive),
        cmocka_unit_test_teardown(test_what_is_wrong_in_the_safe_variant_too_is_not_trained_on, nothing_alive),
        cmocka_unit_test_teardown(test_a_kernel_that_is_not_built_in_groups_is_got_around, nothing_alive),
        cmocka_unit_test_teardown(test_clipping_is_checked, nothing_alive),
        cmocka_unit_test_teardown(test_averages_are_checked, nothing_alive),
        cmocka_unit_test_teardown(test_class_weights_are_checked, nothing_alive),
        cmocka_unit_test_teardown(test_moments_are_checked, nothing_alive),
        cmocka_unit_test_teardown(test_a_mistake_in_a_kernel_is_told_at_once, nothing_alive),
    };
    return cmocka_run_group_tests_name("guard", tests, begin, end);
}
