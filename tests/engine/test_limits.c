/* Small devices, pretended (host/device_limits.h): fewer lanes where groups do not fit, images in chunks, and a message
 * with numbers where nothing helps. */
#include <math.h>
#include <stdio.h>

#include "clenet/log.h"
#include "host/profile.h"
#include "src/engine/conv2d.h"
#include "src/engine/engine.h"
#include "src/engine/pixels.h"
#include "tests/engine/support.h"
#include "tests/limits.h"

#define MLP CLN_EXAMPLES "/mlp.json"

static int restore(void **state) {
    limits_restore();
    cln_log_set_handler(NULL, NULL);
    return nothing_alive(state);
}

static char warnings[2048];
static size_t warning_count;

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    if (level != CLN_LOG_WARNING)
        return;
    warning_count++;
    snprintf(warnings, sizeof warnings, "%s", message);
}

/* The tuning of the device under `limits`, as the profile of GPUs has it but for what is set here. */
static struct cln_tuning tuning_of(struct ocl_context **context, const char *limits, long lanes, long vector) {
    const struct ocl_profile_params params = {.keys = cln_tuning_keys,
                                              .key_count = cln_tuning_key_count,
                                              .operations = cln_operations,
                                              .operation_count = cln_operation_count,
                                              .file = "gpu"};
    struct ocl_profile *profile = NULL;
    struct cln_tuning tuning;
    limits_set(limits);
    *context = context_under_test();
    warning_count = 0;
    cln_log_set_handler(on_log, NULL);
    assert_ok(ocl_profile_load(&profile, ocl_context_device(*context), &params));
    const struct {
        const char *key;
        long value;
    } values[] = {
        {"lanes", lanes},  {"vector", vector},           {"accumulators", 12}, /* and memory for few slices: */
        {"min_groups", 1}, {"slice_cache_kib", 1 << 20}, {"min_gemm_weights", 0}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_ok(ocl_profile_set(profile, values[i].key, values[i].value));
    assert_ok(cln_tuning_create(&tuning, profile, ocl_context_device(*context)));
    ocl_profile_destroy(&profile);
    return tuning;
}

static void test_lanes_follow_the_limits(void **state) {
    (void)state;
    static const struct {
        const char *limits;
        long lanes, vector;
        int most;
    } cases[] = {
        {"work_group=1", 32, 1, 1},    {"work_group=1", 16, 4, 4},  {"work_group=7", 32, 1, 4},
        {"local_mem=0", 32, 1, 1},     {"local_mem=0", 8, 8, 8},    {"local_mem=6335", 32, 1, 16},
        {"local_mem=6336", 32, 1, 32}, {"local_mem=576", 32, 1, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ocl_context *context = NULL;
        const struct cln_tuning tuning = tuning_of(&context, cases[i].limits, cases[i].lanes, cases[i].vector);
        assert_int_equal(tuning.vector, cases[i].vector);
        assert_in_range(tuning.lanes, cases[i].vector, cases[i].most);
        if (!limits_before && tuning.safe == 0) /* else those of the whole run or a quirk may be lower */
            assert_int_equal(tuning.lanes, cases[i].most);
        if (tuning.safe == 0) /* a quirk takes lanes without a word about limits */
            assert_int_equal(warning_count, tuning.lanes < cases[i].lanes);
        ocl_context_destroy(&context);
        limits_restore();
    }
}

static struct cln_network *network_of(const char *name) {
    struct cln_network *network = NULL;
    assert_ok(cln_network_load(&network, name, NULL));
    return network;
}

/* An engine for blank images, `count` to train on. */
static enum cln_status create_streaming(struct cln_engine **out, struct ocl_context *context,
                                        const struct cln_network *network, const struct cln_tuning *tuning,
                                        int batch_size, size_t count, bool streams) {
    int32_t *labels = calloc(count, sizeof *labels);
    assert_non_null(labels);
    const enum cln_status status = cln_engine_create(out, context,
                                                     &(struct cln_engine_params){.network = network,
                                                                                 .tuning = tuning,
                                                                                 .batch_size = batch_size,
                                                                                 .image = {1, 28, 28},
                                                                                 .streams = streams,
                                                                                 .train = {NULL, labels, count}});
    free(labels);
    return status;
}

static enum cln_status create(struct cln_engine **out, struct ocl_context *context, const struct cln_network *network,
                              const struct cln_tuning *tuning, int batch_size, size_t count) {
    return create_streaming(out, context, network, tuning, batch_size, count, false);
}

/* What a kernel takes is known only once it is built. */
static void test_lanes_follow_what_built_kernels_take(void **state) {
    (void)state;
    struct ocl_context *context = NULL;
    struct cln_engine *engine = NULL;
    struct cln_network *network = network_of(MLP);
    const struct cln_tuning tuning = tuning_of(&context, "kernel_work_group=2", 8, 1);
    assert_ok(create(&engine, context, network, &tuning, 16, 16));
    assert_int_equal(warning_count, tuning.lanes > 2);
    if (tuning.lanes > 2 && !(strstr(warnings, "it takes at most ") && strstr(warnings, ": using ")))
        fail_msg("the warning is: %s", warnings);
    assert_ok(cln_engine_begin(engine, CLN_TRAIN, NULL, 16));
    assert_ok(cln_engine_step(engine, CLN_TRAIN));
    assert_ok(ocl_context_finish(context));
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
}

static void assert_refused(enum cln_status status, const char *kernel) {
    char start[96];
    snprintf(start, sizeof start, "%s: a work-item would make ", kernel);
    assert_int_equal(status, CLN_DEVICE);
    assert_ptr_equal(strstr(cln_error_message(), start), cln_error_message());
    assert_non_null(strstr(cln_error_message(), " cuts loops off after 50"));
}

/* Loops that a driver would cut off, and that cannot be divided, are refused: nothing is wrong in silence. */
static void test_loops_beyond_the_limit_are_refused(void **state) {
    (void)state;
    static const struct cln_conv2d g = {.in = {64, 4, 40},
                                        .out = {64, 2, 38},
                                        .kernel_h = 3,
                                        .kernel_w = 3,
                                        .stride_h = 1,
                                        .stride_w = 1,
                                        .dilation_h = 1,
                                        .dilation_w = 1,
                                        .groups = 1,
                                        .in_per_group = 64};
    struct ocl_context *context = NULL;
    struct cln_engine *engine = NULL;
    struct cln_network *network = network_of("lenet");
    struct cln_plan plan = {.tuning = tuning_of(&context, "", 4, 4), .batch_size = 4, .blocks = 1};
    plan.context = context;
    plan.tuning.max_loop_iterations = 50;
    assert_refused(cln_conv2d_forward(&plan, &g, NULL, NULL, (struct cln_weights){0}, NULL, (struct cln_partials){0}),
                   "conv2d_forward");
    assert_refused(cln_conv2d_backward_data(&plan, &g, NULL, NULL, (struct cln_weights){0}, NULL),
                   "conv2d_backward_data");
    assert_refused(cln_conv2d_backward_weights(&plan, &g, NULL, NULL, NULL, (struct cln_slices){0}),
                   "conv2d_backward_weights");
    assert_refused(create(&engine, context, network, &plan.tuning, 16, 16), "batch_begin");
    assert_null(engine);
    plan.tuning.max_loop_iterations = 10000;
    assert_ok(create(&engine, context, network, &plan.tuning, 16, 16));
    cln_engine_destroy(&engine);
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
}

/* What is said to fit does, and nothing larger: the host's own count of bytes agrees with ours. */
static void check_fit(const char *limits, const char *name, int batch_size, size_t count, bool streams,
                      const char *part) {
    struct ocl_context *context = NULL;
    struct cln_engine *engine = NULL;
    struct cln_network *network = network_of(name);
    const struct cln_tuning tuning = tuning_of(&context, limits, 4, 4);
    assert_int_equal(create_streaming(&engine, context, network, &tuning, batch_size, count, streams),
                     CLN_OUT_OF_MEMORY);
    assert_null(engine);
    print_message("  %s\n", cln_error_message());
    assert_non_null(strstr(cln_error_message(), "does not fit: it needs "));
    assert_non_null(strstr(cln_error_message(), part));
    const char *advice = strstr(cln_error_message(), "; batch size ");
    int fitting = 0;
    if (!advice) {
        assert_non_null(strstr(cln_error_message(), "no batch size would fit"));
        assert_int_equal(create_streaming(&engine, context, network, &tuning, 1, count, streams), CLN_OUT_OF_MEMORY);
    } else {
        assert_int_equal(sscanf(advice, "; batch size %d would fit", &fitting), 1);
        assert_in_range(fitting, 1, batch_size - 1);
        assert_ok(create_streaming(&engine, context, network, &tuning, fitting, count, streams));
        cln_engine_destroy(&engine);
        assert_int_equal(create_streaming(&engine, context, network, &tuning, fitting + 1, count, streams),
                         CLN_OUT_OF_MEMORY);
    }
    cln_network_destroy(&network);
    ocl_context_destroy(&context);
    limits_restore();
}

static void test_what_does_not_fit_says_what_would(void **state) {
    (void)state;
    check_fit("global_mem=5M", MLP, 4096, 10, false, " has 5.00 MiB;");
    check_fit("max_alloc=1M", MLP, 4096, 10, false, "(input) needs ");
    check_fit("max_alloc=1M", MLP, 4096, 10, false, "at most 1.00 MiB are given at once");
    check_fit("global_mem=2M", MLP, 4096, 10, false, "no batch size would fit");
    check_fit("global_mem=5M", MLP, 1, 5000, false, "no batch size would fit"); /* images of 3.9 MB */
    check_fit("max_alloc=16K", MLP, 256, 5000, false, "no batch size would fit");
    /* A smaller batch also has a smaller ring. */
    check_fit("global_mem=6M", MLP, 4096, 5000, true, "6.12 MiB of it for rings of 8192 images, 2 batches each, ");
    check_fit("global_mem=2M", MLP, 4096, 10, true, "no batch size would fit");
}

static void test_images_divide_into_chunks(void **state) {
    (void)state;
    static const struct {
        size_t count, bytes;
        uint64_t limit;
        size_t per_chunk, chunks, last;
    } cases[] = {
        {10, 100, 1000, 10, 1, 10},
        {10, 100, 999, 9, 2, 1},
        {10, 100, UINT64_MAX, 10, 1, 10},
        {10, 100, 100, 1, 10, 1},
        {10, 100, 99, 1, 10, 1},
        {7, 3, 9, 3, 3, 1},
        {1, 1, 1, 1, 1, 1},
        {60000, 784, 16 << 20, 21399, 3, 17202},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cln_pixels p = cln_pixels_divide(cases[i].count, cases[i].bytes, cases[i].limit);
        assert_int_equal(p.per_chunk, cases[i].per_chunk);
        assert_int_equal(p.chunk_count, cases[i].chunks);
        assert_int_equal(cln_pixels_in_chunk(&p, p.chunk_count - 1), cases[i].last);
    }
    assert_int_equal(cln_pixels_divide(0, 100, 10).chunk_count, 0);
}

static void test_a_write_reaches_across_chunks(void **state) {
    (void)state;
    enum { COUNT = 11, BYTES = 5 };
    struct ocl_context *context = context_under_test();
    struct cln_pixels pixels = cln_pixels_divide(COUNT, BYTES, 4 * BYTES);
    uint8_t source[COUNT * BYTES], target[COUNT * BYTES];
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)(i + 1);
    assert_ok(cln_pixels_create(&pixels, context));
    assert_ok(cln_pixels_write(&pixels, 9, 2, source + 9 * BYTES, ocl_buffer_write));
    assert_ok(cln_pixels_write(&pixels, 1, 8, source + 1 * BYTES, ocl_buffer_write));
    assert_ok(cln_pixels_write(&pixels, 0, 1, source, ocl_buffer_write));
    assert_ok(cln_pixels_write(&pixels, 11, 0, source, ocl_buffer_write));
    for (size_t i = 0; i < pixels.chunk_count; i++)
        assert_ok(ocl_buffer_read(pixels.chunks[i], 0, cln_pixels_in_chunk(&pixels, i) * BYTES,
                                  target + i * pixels.per_chunk * BYTES));
    assert_memory_equal(source, target, sizeof source);
    assert_int_equal(cln_pixels_write(&pixels, 10, 2, source, ocl_buffer_write), CLN_INVALID);
    assert_int_equal(cln_pixels_write(&pixels, 12, 0, source, ocl_buffer_write), CLN_INVALID);
    assert_int_equal(cln_pixels_write(&pixels, 1, SIZE_MAX, source, ocl_buffer_write), CLN_INVALID);
    cln_pixels_destroy(&pixels);
    ocl_context_destroy(&context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_loops_beyond_the_limit_are_refused, restore),
        cmocka_unit_test_teardown(test_lanes_follow_the_limits, restore),
        cmocka_unit_test_teardown(test_lanes_follow_what_built_kernels_take, restore),
        cmocka_unit_test_teardown(test_what_does_not_fit_says_what_would, restore),
        cmocka_unit_test_teardown(test_images_divide_into_chunks, restore),
        cmocka_unit_test_teardown(test_a_write_reaches_across_chunks, restore),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
