/* Launches: what they compute, what they refuse and in which words, and that programs are kept. */
#include "host/sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/timeline.h"
#include "tests/host/support.h"

enum { COUNT = 37 };

struct fixture {
    struct ocl_context *context;
    struct ocl_sequence *sequence;
    struct ocl_buffer *x, *y;
};

static struct fixture fixture;

static int set_up(void **state) {
    float x[COUNT];
    for (int i = 0; i < COUNT; i++)
        x[i] = (float)i;
    fixture.context = context_under_test(false);
    assert_ok(ocl_sequence_create(&fixture.sequence, fixture.context));
    assert_ok(ocl_buffer_create(&fixture.x, fixture.context, sizeof x));
    assert_ok(ocl_buffer_create(&fixture.y, fixture.context, sizeof x));
    assert_ok(ocl_buffer_write(fixture.x, 0, sizeof x, x));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    ocl_sequence_destroy(&fixture.sequence);
    ocl_buffer_destroy(&fixture.x);
    ocl_buffer_destroy(&fixture.y);
    ocl_context_destroy(&fixture.context);
    return nothing_alive(state);
}

/* A launch without fault; the tests spoil one thing each. */
static struct ocl_launch good_launch(const struct fixture *f) {
    return (struct ocl_launch){
        .label = "a label",
        .source = "scale.cl",
        .kernel = "scale",
        .args = {OCL_BUFFER(f->y), OCL_BUFFER(f->x), OCL_FLOAT(2), OCL_INT(COUNT)},
        .arg_count = 4,
        .groups = {COUNT},
        .local = {1},
    };
}

static void assert_refused(const struct fixture *f, const struct ocl_launch *launch, const char *part) {
    assert_fails(ocl_sequence_add(f->sequence, launch), CLN_INVALID, part);
    assert_message("a label: scale.cl, kernel ");
    assert_int_equal(ocl_sequence_length(f->sequence), 0);
}

static void test_runs_in_order(void **state) {
    struct fixture *f = *state;
    struct ocl_launch first = good_launch(f), second = good_launch(f);
    second.args[1] = OCL_BUFFER(f->y);
    second.args[2] = OCL_FLOAT(-0.5f);
    second.args[3] = OCL_INT(COUNT - 1);
    assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_sequence_add(f->sequence, &first));
    assert_ok(ocl_sequence_add(f->sequence, &second));
    assert_int_equal(ocl_sequence_length(f->sequence), 2);
    for (int run = 0; run < 3; run++) {
        float y[COUNT];
        assert_ok(ocl_buffer_fill(f->y, 0, sizeof y, 0x7FC00000u));
        assert_ok(ocl_sequence_run(f->sequence));
        assert_ok(ocl_context_flush(f->context));
        assert_ok(ocl_buffer_read(f->y, 0, sizeof y, y));
        for (int i = 0; i < COUNT; i++)
            assert_true(y[i] == (i < COUNT - 1 ? -(float)i : 2 * (float)i));
    }
}

/* Of any kernel, as far as limits say. */
static size_t largest_group(const struct fixture *f) {
    const struct ocl_device *d = ocl_context_device(f->context);
    return d->max_work_group_size < d->max_kernel_work_group_size ? d->max_work_group_size
                                                                  : d->max_kernel_work_group_size;
}

static void test_groups_over_three_dimensions(void **state) {
    struct fixture *f = *state;
    enum { MAX_INDICES = 2 * 3 * 2 * 6 };
    bool alone = largest_group(f) < 6;
    int items = alone ? 1 : 6, y[MAX_INDICES];
    struct ocl_buffer *out = NULL;
    assert_ok(ocl_buffer_create(&out, f->context, sizeof y));
    struct ocl_launch launch = {.source = "scale.cl",
                                .kernel = "index",
                                .args = {OCL_BUFFER(out)},
                                .arg_count = 1,
                                .groups = {2, 3, 2},
                                .local = {alone ? 1 : 2, 0, alone ? 1 : 3}};
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_buffer_read(out, 0, sizeof y, y));
    for (int i = 0; i < 2 * 3 * 2 * items; i++)
        assert_int_equal(y[i], 1000 * (i / items) + i % items);
    ocl_buffer_destroy(&out);
}

static void test_constants_arrive(void **state) {
    struct fixture *f = *state;
    struct ocl_constants constants = {0};
    ocl_constants_int(&constants, "A_NUMBER", -7);
    ocl_constants_float(&constants, "A_FLOAT", 0.1);
    ocl_constants_word(&constants, "A_WORD", "sqrt");
    struct ocl_launch launch = {.source = "constants.cl",
                                .kernel = "constants",
                                .constants = &constants,
                                .args = {OCL_BUFFER(f->y)},
                                .arg_count = 1};
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    assert_ok(ocl_sequence_run(f->sequence));
    float y[3];
    assert_ok(ocl_buffer_read(f->y, 0, sizeof y, y));
    assert_true(y[0] == -7.0f && y[1] == 0.1f && y[2] == 2.0f);
}

static void test_too_many_constants(void **state) {
    struct fixture *f = *state;
    struct ocl_constants constants = {0};
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "CONSTANT_%d", i);
        ocl_constants_int(&constants, name, i);
    }
    assert_true(constants.overflow && strlen(constants.text) == constants.length);
    struct ocl_launch launch = good_launch(f);
    launch.constants = &constants;
    assert_fails(ocl_sequence_add(f->sequence, &launch), CLN_INVALID, "a label: scale.cl: more constants than fit");
}

static void test_wrong_number_of_arguments(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    launch.arg_count = 3;
    assert_refused(f, &launch, "takes 4 arguments and was given 3");
    launch.arg_count = 5;
    assert_refused(f, &launch, "takes 4 arguments and was given 5");
    launch.arg_count = 1000;
    assert_refused(f, &launch, "given 1000");
}

static void test_wrong_kind_of_argument(void **state) {
    struct fixture *f = *state;
    const struct {
        size_t index;
        struct ocl_arg arg;
        const char *message;
    } cases[] = {
        {0, OCL_INT(1), "argument 0 (y) is declared as __global float* and was given an int"},
        {1, OCL_FLOAT(1), "argument 1 (x) is declared as __global float* and was given a float"},
        {2, OCL_INT(1), "argument 2 (factor) is declared as float and was given an int"},
        {2, OCL_BUFFER(f->x), "argument 2 (factor) is declared as float and was given a buffer"},
        {3, OCL_FLOAT(1), "argument 3 (count) is declared as int and was given a float"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocl_launch launch = good_launch(f);
        launch.args[cases[i].index] = cases[i].arg;
        assert_refused(f, &launch, cases[i].message);
    }
}

static void test_missing_and_foreign_buffers(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    launch.args[1] = OCL_BUFFER(NULL);
    assert_refused(f, &launch, "argument 1 (x) is a buffer and was given NULL");
    struct ocl_context *other = context_under_test(false);
    struct ocl_buffer *foreign = NULL;
    assert_ok(ocl_buffer_create(&foreign, other, 64));
    launch.args[1] = OCL_BUFFER(foreign);
    assert_refused(f, &launch, "argument 1 (x) is a buffer of another context");
    ocl_buffer_destroy(&foreign);
    ocl_context_destroy(&other);
}

static void test_local_pointer_cannot_be_given(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    launch.kernel = "with_local";
    launch.arg_count = 2;
    assert_refused(f, &launch, "argument 1 (scratch) is declared as __local float* and was given a buffer");
}

static void test_constant_memory_has_a_limit(void **state) {
    struct fixture *f = *state;
    const struct ocl_device *device = ocl_context_device(f->context);
    struct ocl_launch launch = good_launch(f);
    launch.kernel = "with_constant";
    launch.arg_count = 2;
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    if (device->constant_buffer_bytes >= device->max_alloc_bytes || device->constant_buffer_bytes > 64u << 20)
        return;
    struct ocl_buffer *large = NULL;
    assert_ok(ocl_buffer_create(&large, f->context, (size_t)device->constant_buffer_bytes + 1));
    launch.args[1] = OCL_BUFFER(large);
    assert_fails(ocl_sequence_add(f->sequence, &launch), CLN_INVALID, "argument 1 (table) is __constant");
    ocl_buffer_destroy(&large);
}

static void test_work_group_too_large(void **state) {
    struct fixture *f = *state;
    const struct ocl_device *device = ocl_context_device(f->context);
    for (int i = 0; i < 3; i++) {
        struct ocl_launch launch = good_launch(f);
        launch.local[i] = device->max_work_item_sizes[i] + 1;
        assert_refused(f, &launch, "takes at most");
        assert_message(device->name);
    }
    struct ocl_launch launch = good_launch(f);
    launch.local[0] = device->max_work_group_size;
    launch.local[1] = 2;
    assert_refused(f, &launch, "takes at most");
}

static void test_work_group_other_than_declared(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    launch.kernel = "pairs";
    launch.arg_count = 1;
    assert_refused(f, &launch, "declared for 2×1×1");
    launch.local[0] = 2;
    if (largest_group(f) >= 2)
        assert_ok(ocl_sequence_add(f->sequence, &launch));
    else
        assert_refused(f, &launch, "takes at most 1");
}

static void test_unknown_names(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    launch.kernel = "no_such_kernel";
    assert_fails(ocl_sequence_add(f->sequence, &launch), CLN_DEVICE, "scale.cl, kernel no_such_kernel");
    assert_message("CL_INVALID_KERNEL_NAME");
    launch.source = "no_such_file.cl";
    assert_fails(ocl_sequence_add(f->sequence, &launch), CLN_NOT_FOUND, "no_such_file.cl");
}

static void test_build_error_names_file_and_line(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *source, *where, *what;
    } cases[] = {
        {"broken.cl", "/broken.cl:5", "no_such_thing"},
        {"broken_include.cl", "/broken_include.clh:3", "missing_name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ocl_launch launch = good_launch(f);
        launch.source = cases[i].source;
        assert_fails(ocl_sequence_add(f->sequence, &launch), CLN_BUILD, cases[i].what);
        /* Oclgrind and NVIDIA pay no heed to #line: they count the lines of the whole text. */
        const char *platform = ocl_context_device(f->context)->platform;
        if (!strstr(platform, "Oclgrind") && !strstr(platform, "NVIDIA"))
            assert_message(cases[i].where);
        assert_message(ocl_context_device(f->context)->name);
    }
}

/* Handles tell: a launch of a known program adds its kernel only, one with other constants a program too. */
static void test_programs_are_kept(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    struct ocl_constants two = {0}, three = {0};
    ocl_constants_int(&two, "FACTOR", 2);
    ocl_constants_int(&three, "FACTOR", 3);
    const struct {
        const struct ocl_constants *constants;
        size_t added;
    } cases[] = {{NULL, 2}, {NULL, 1}, {&two, 2}, {&three, 2}, {&two, 1}, {NULL, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t before = ocl_live_handles();
        launch.constants = cases[i].constants;
        assert_ok(ocl_sequence_add(f->sequence, &launch));
        assert_int_equal(ocl_live_handles() - before, cases[i].added);
    }
}

static void test_a_failing_launch_is_named(void **state) {
    struct fixture *f = *state;
    struct ocl_launch launch = good_launch(f);
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    launch.label = "the second";
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    ocl_fault_set(2, -5);
    assert_fails(ocl_sequence_run(f->sequence), CLN_DEVICE,
                 "the second: clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES (-5)");
    assert_ok(ocl_sequence_run(f->sequence));
}

/* What the action saw, and how often it was called. */
struct seen {
    const struct fixture *f;
    float before;
    int calls;
    long sleeps_ns;
    enum cln_status status;
};

static enum cln_status look(void *user) {
    struct seen *seen = user;
    const float other = 100;
    seen->calls++;
    nanosleep(&(struct timespec){.tv_nsec = seen->sleeps_ns}, NULL);
    assert_ok(ocl_buffer_read(seen->f->y, 0, sizeof seen->before, &seen->before));
    assert_ok(ocl_buffer_write(seen->f->y, sizeof other, sizeof other, &other));
    return seen->status == CLN_OK ? CLN_OK : cln_fail(seen->status, "no");
}

/* y = 2 x; the action looks at y[0] and sets y[1]; y = 2 y. */
static void test_the_host_acts_between_launches(void **state) {
    struct fixture *f = *state;
    struct seen seen = {.f = f, .status = CLN_OK};
    struct ocl_launch launch = good_launch(f);
    const float x0 = 3;
    float y[2];
    assert_ok(ocl_buffer_write(f->x, 0, sizeof x0, &x0));
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    assert_ok(ocl_sequence_call(f->sequence, "the host", OCL_WHEN_DONE, look, &seen));
    launch.args[1] = OCL_BUFFER(f->y);
    assert_ok(ocl_sequence_add(f->sequence, &launch));
    assert_int_equal(seen.calls, 0);
    for (int run = 1; run <= 3; run++) {
        assert_ok(ocl_sequence_run(f->sequence));
        assert_ok(ocl_buffer_read(f->y, 0, sizeof y, y));
        assert_int_equal(seen.calls, run);
        assert_true(seen.before == 6 && y[0] == 12 && y[1] == 200);
    }
    assert_false(ocl_sequence_replays(f->sequence));
    seen.status = CLN_IO;
    assert_fails(ocl_sequence_run(f->sequence), CLN_IO, "the host: no");
}

/* With timings the action is no launch, but has a row of its own with the host's time. */
static void test_the_host_acts_between_timed_launches(void **state) {
    enum { NAP = 2000000 };
    struct fixture f = {.context = context_under_test(true)};
    struct seen seen = {.f = &f, .sleeps_ns = NAP, .status = CLN_OK};
    (void)state;
    assert_ok(ocl_sequence_create(&f.sequence, f.context));
    assert_ok(ocl_buffer_create(&f.x, f.context, COUNT * sizeof(float)));
    assert_ok(ocl_buffer_create(&f.y, f.context, COUNT * sizeof(float)));
    const struct ocl_launch launch = good_launch(&f);
    assert_ok(ocl_sequence_add(f.sequence, &launch));
    assert_ok(ocl_sequence_call(f.sequence, "the host", OCL_WHEN_DONE, look, &seen));
    assert_ok(ocl_sequence_add(f.sequence, &launch));
    assert_ok(ocl_sequence_run(f.sequence));
    assert_int_equal(seen.calls, 1);
    struct ocl_timeline_totals totals;
    assert_ok(ocl_timeline_totals(f.context, &totals));
    assert_int_equal(totals.launches, 2);
    struct ocl_timing *rows = NULL;
    size_t count = 0;
    assert_ok(ocl_timeline_read(f.context, &rows, &count));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].label, "a label");
    assert_string_equal(rows[1].label, "the host");
    assert_int_equal(rows[0].launches, 2);
    assert_int_equal(rows[1].launches, 1);
    assert_true(rows[1].seconds >= 1e-9 * NAP && rows[0].seconds > 0);
    free(rows);
    ocl_sequence_destroy(&f.sequence);
    ocl_buffer_destroy(&f.x);
    ocl_buffer_destroy(&f.y);
    ocl_context_destroy(&f.context);
}

int main(void) {
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_runs_in_order),
        WITH_FIXTURE(test_groups_over_three_dimensions),
        WITH_FIXTURE(test_constants_arrive),
        WITH_FIXTURE(test_too_many_constants),
        WITH_FIXTURE(test_wrong_number_of_arguments),
        WITH_FIXTURE(test_wrong_kind_of_argument),
        WITH_FIXTURE(test_missing_and_foreign_buffers),
        WITH_FIXTURE(test_local_pointer_cannot_be_given),
        WITH_FIXTURE(test_constant_memory_has_a_limit),
        WITH_FIXTURE(test_work_group_too_large),
        WITH_FIXTURE(test_work_group_other_than_declared),
        WITH_FIXTURE(test_unknown_names),
        WITH_FIXTURE(test_build_error_names_file_and_line),
        WITH_FIXTURE(test_programs_are_kept),
        WITH_FIXTURE(test_a_failing_launch_is_named),
        WITH_FIXTURE(test_the_host_acts_between_launches),
        cmocka_unit_test(test_the_host_acts_between_timed_launches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
