/* Sequences as command buffers: the same bits as launch by launch in every way a device can have them, with many runs
 * in flight, and with whatever call failing. A device without them takes the same tests launch by launch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "host/buffer.h"
#include "host/internal.h"
#include "tests/host/support.h"

enum { COUNT = 37, RUNS = 100 };

/* Ways to have command buffers; each device is asked for all of them, and takes the ones below where it lacks one. */
enum way { NONE, IN_TURN, AT_ONCE, WAYS };

static struct ocl_device device; /* found before any fault is set */
static unsigned warnings;
static char warning[512];

static int begin(void **state) {
    (void)state;
    device = device_under_test();
    if (!device.has_command_buffer)
        print_message("%s has no command buffers: launch by launch is what is tested\n", device.name);
    else if (!device.simultaneous_command_buffers)
        print_message("%s has no command buffer in flight twice: copies in turn are what is tested\n", device.name);
    return 0;
}

static void on_log(void *user, enum cln_log_level level, const char *message) {
    (void)user;
    warnings += level == CLN_LOG_WARNING;
    snprintf(warning, sizeof warning, "%s", message);
}

struct fixture {
    struct ocl_context *context;
    struct ocl_sequence *sequence;
    struct ocl_buffer *y;
};

static enum cln_status make(struct fixture *f, enum way way) {
    struct ocl_device limited = device;
    limited.has_command_buffer &= way != NONE;
    limited.simultaneous_command_buffers &= way == AT_ONCE;
    const struct ocl_context_params params = {.kernel_folder = TEST_KERNELS, .replay = true};
    *f = (struct fixture){NULL};
    enum cln_status status = ocl_context_create(&f->context, &limited, &params);
    if (!status)
        status = ocl_buffer_create(&f->y, f->context, COUNT * sizeof(float));
    if (!status)
        status = ocl_sequence_create(&f->sequence, f->context);
    return status;
}

static void end(struct fixture *f) {
    ocl_sequence_destroy(&f->sequence);
    ocl_buffer_destroy(&f->y);
    ocl_context_destroy(&f->context);
}

static enum cln_status add(const struct fixture *f, const char *kernel, float factor) {
    const bool scales = strcmp(kernel, "scale") == 0;
    struct ocl_launch launch = {.label = kernel, .source = "scale.cl", .kernel = kernel, .groups = {COUNT}};
    const struct ocl_arg scale[] = {OCL_BUFFER(f->y), OCL_BUFFER(f->y), OCL_FLOAT(factor), OCL_INT(COUNT)},
                         busy[] = {OCL_BUFFER(f->y), OCL_INT(1000)};
    launch.arg_count = scales ? 4 : 2;
    memcpy(launch.args, scales ? scale : busy, scales ? sizeof scale : sizeof busy);
    return ocl_sequence_add(f->sequence, &launch);
}

/* Rounding makes the result tell the order of the launches. */
static enum cln_status add_steps(const struct fixture *f) {
    enum cln_status status = add(f, "scale", 1.1f);
    if (!status)
        status = add(f, "busy", 0);
    return status ? status : add(f, "scale", 0.7f);
}

static enum cln_status fill(const struct fixture *f) {
    float y[COUNT];
    for (int i = 0; i < COUNT; i++)
        y[i] = (float)(i + 1) / 3;
    return ocl_buffer_write(f->y, 0, sizeof y, y);
}

/* A life with `runs` runs, of which none is waited for. */
static enum cln_status live(float y[COUNT], enum way way, int runs, bool *replayed) {
    struct fixture f;
    enum cln_status status = make(&f, way);
    if (!status)
        status = add_steps(&f);
    if (!status)
        status = fill(&f);
    for (int i = 0; i < runs && !status; i++)
        status = ocl_sequence_run(f.sequence);
    if (!status && replayed)
        *replayed = ocl_sequence_replays(f.sequence);
    if (!status)
        status = ocl_buffer_read(f.y, 0, COUNT * sizeof *y, y);
    end(&f);
    return status;
}

static void test_same_bits(void **state) {
    (void)state;
    static const int runs[] = {1, 2, 7, 8, 9, RUNS};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        float expected[COUNT], y[COUNT];
        bool replayed = true;
        assert_ok(live(expected, NONE, runs[i], &replayed));
        assert_false(replayed);
        for (enum way way = IN_TURN; way < WAYS; way++) {
            memset(y, 0, sizeof y);
            assert_ok(live(y, way, runs[i], &replayed));
            assert_memory_equal(y, expected, sizeof y);
            assert_int_equal(replayed, device.has_command_buffer);
        }
    }
}

/* Between the runs of one sequence come those of another, writes and reads. */
static void test_other_commands_between(void **state) {
    (void)state;
    float results[WAYS][COUNT];
    for (enum way way = NONE; way < WAYS; way++) {
        struct fixture f;
        struct ocl_sequence *other = NULL, *first;
        assert_ok(make(&f, way));
        first = f.sequence;
        assert_ok(ocl_sequence_create(&other, f.context));
        assert_ok(add_steps(&f));
        f.sequence = other;
        assert_ok(add(&f, "scale", 1.3f));
        assert_ok(fill(&f));
        for (int i = 0; i < 12; i++) {
            const float one = 1;
            assert_ok(ocl_sequence_run(first));
            assert_ok(ocl_sequence_run(other));
            assert_ok(ocl_sequence_run(first));
            if (i % 5 == 0)
                assert_ok(ocl_buffer_write(f.y, sizeof one, sizeof one, &one));
        }
        assert_ok(ocl_buffer_read(f.y, 0, sizeof results[way], results[way]));
        assert_memory_equal(results[way], results[NONE], sizeof results[way]);
        ocl_sequence_destroy(&other);
        f.sequence = first;
        end(&f);
    }
}

static void test_launches_may_be_added_later(void **state) {
    (void)state;
    for (enum way way = NONE; way < WAYS; way++) {
        struct fixture f;
        float y[COUNT];
        assert_ok(make(&f, way));
        assert_ok(ocl_sequence_run(f.sequence));
        assert_false(ocl_sequence_replays(f.sequence));
        assert_ok(fill(&f));
        for (int i = 1; i <= 3; i++) {
            assert_ok(add(&f, "scale", 2));
            assert_ok(ocl_sequence_run(f.sequence));
            assert_int_equal(ocl_sequence_replays(f.sequence), way != NONE && device.has_command_buffer);
        }
        assert_ok(ocl_buffer_read(f.y, 0, sizeof y, y));
        for (int i = 0; i < COUNT; i++)
            assert_true(y[i] == 64 * ((float)(i + 1) / 3));
        end(&f);
    }
}

static void test_may_end_while_at_work(void **state) {
    (void)state;
    for (enum way way = NONE; way < WAYS; way++) {
        struct fixture f;
        assert_ok(make(&f, way));
        assert_ok(add_steps(&f));
        assert_ok(fill(&f));
        for (int i = 0; i < 5; i++)
            assert_ok(ocl_sequence_run(f.sequence));
        end(&f);
        assert_int_equal(ocl_live_handles(), 0);
    }
}

static enum cln_status count_call(void *calls, struct ocl_span *span) {
    assert_null(span);
    ++*(unsigned *)calls;
    return CLN_OK;
}

static void keep(void *state) {
    (void)state;
}

/* y[0] is halved by the host, between launches. */
static enum cln_status halve(void *user) {
    struct ocl_buffer *y = ((struct fixture *)user)->y;
    float value;
    enum cln_status status = ocl_buffer_read(y, 0, sizeof value, &value);
    value /= 2;
    return status ? status : ocl_buffer_write(y, 0, sizeof value, &value);
}

/* A sequence that was recorded no longer is when the host acts in it; others still are. */
static void test_the_host_acts_in_a_sequence(void **state) {
    (void)state;
    for (enum way way = NONE; way < WAYS; way++) {
        struct fixture f, other;
        float y = 1;
        warnings = 0;
        cln_log_set_handler(on_log, NULL);
        assert_ok(make(&f, way));
        other = f;
        assert_ok(ocl_sequence_create(&other.sequence, f.context));
        assert_ok(add(&other, "scale", 4));
        assert_ok(add(&f, "scale", 2));
        assert_ok(ocl_buffer_write(f.y, 0, sizeof y, &y));
        assert_ok(ocl_sequence_run(f.sequence));
        assert_int_equal(ocl_sequence_replays(f.sequence), way != NONE && device.has_command_buffer);
        assert_ok(ocl_sequence_call(f.sequence, "the host", OCL_WHEN_DONE, halve, &f));
        assert_ok(add(&f, "scale", 3));
        for (int i = 0; i < 4; i++) {
            assert_ok(ocl_sequence_run(f.sequence)); /* y × 2 / 2 × 3 */
            assert_ok(ocl_sequence_run(other.sequence));
            assert_false(ocl_sequence_replays(f.sequence));
            assert_int_equal(ocl_sequence_replays(other.sequence), way != NONE && device.has_command_buffer);
        }
        assert_ok(ocl_buffer_read(f.y, 0, sizeof y, &y));
        assert_true(y == 2.0f * 12 * 12 * 12 * 12);
        ocl_sequence_destroy(&other.sequence);
        end(&f);
        cln_log_set_handler(NULL, NULL);
        assert_int_equal(warnings, 0);
    }
}

/* One action that cannot be recorded, as CLBlast's, and all are launched one by one; so are those that are timed. */
static void test_what_cannot_be_recorded(void **state) {
    (void)state;
    struct fixture f;
    unsigned calls = 0;
    warnings = 0;
    cln_log_set_handler(on_log, NULL);
    assert_ok(make(&f, AT_ONCE));
    assert_ok(add_steps(&f));
    assert_ok(ocl_sequence_run(f.sequence));
    assert_int_equal(ocl_sequence_replays(f.sequence), device.has_command_buffer);
    const struct ocl_action action = {.enqueue = count_call, .destroy = keep, .state = &calls};
    assert_ok(ocl_sequence_append(f.sequence, "not a kernel", action, 0, 0));
    for (unsigned i = 1; i <= 3; i++) {
        assert_ok(ocl_sequence_run(f.sequence));
        assert_int_equal(calls, i);
        assert_false(ocl_sequence_replays(f.sequence));
    }
    end(&f);
    assert_int_equal(warnings, 0);
    cln_log_set_handler(NULL, NULL);

    const struct ocl_context_params timed = {.kernel_folder = TEST_KERNELS, .replay = true, .timings = true};
    assert_ok(ocl_context_create(&f.context, &device, &timed));
    assert_ok(ocl_buffer_create(&f.y, f.context, COUNT * sizeof(float)));
    assert_ok(ocl_sequence_create(&f.sequence, f.context));
    assert_ok(add_steps(&f));
    assert_ok(ocl_sequence_run(f.sequence));
    assert_false(ocl_sequence_replays(f.sequence));
    end(&f);
}

/* The errors of what is enqueued are told, and the next run goes on. */
static void test_a_failing_run_is_an_error(void **state) {
    (void)state;
    for (enum way way = IN_TURN; way < WAYS; way++) {
        struct fixture f;
        assert_ok(make(&f, way));
        assert_ok(add_steps(&f));
        assert_ok(ocl_sequence_run(f.sequence));
        const bool replays = ocl_sequence_replays(f.sequence);
        ocl_fault_set(1, -5);
        assert_fails(ocl_sequence_run(f.sequence), CLN_DEVICE,
                     replays
                         ? "scale and the launches after it, as a command buffer: clEnqueueCommandBufferKHR: CL_OUT_OF_"
                         : "scale: clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES");
        assert_ok(ocl_sequence_run(f.sequence));
        assert_int_equal(ocl_sequence_replays(f.sequence), replays);
        end(&f);
    }
}

/* For every n the n-th call fails: where that was to record, there is a warning and the launches do the work. */
static void test_every_call_may_fail(void **state) {
    (void)state;
    enum { FEW = 10 }; /* runs; more than there are copies */
    float expected[COUNT], y[COUNT];
    assert_ok(live(expected, NONE, FEW, NULL));
    cln_log_set_handler(on_log, NULL);
    for (enum way way = IN_TURN; way < WAYS; way++) {
        size_t passed = 0;
        for (size_t n = 1;; n++) {
            bool replayed = true;
            warnings = 0;
            cln_fail(CLN_INTERRUPTED, "untouched");
            ocl_fault_set(n, -6);
            const enum cln_status status = live(y, way, FEW, &replayed);
            const bool made_to_fail = ocl_fault_calls() >= n;
            assert_int_equal(ocl_live_handles(), 0);
            if (status)
                assert_string_not_equal(cln_error_message(), "untouched");
            else
                assert_memory_equal(y, expected, sizeof y);
            if (!made_to_fail)
                break;
            if (status)
                continue;
            passed++;
            assert_int_equal(warnings, 1);
            assert_false(replayed);
            assert_non_null(strstr(warning, "cannot record a command buffer, launching one by one: "));
        }
        ocl_fault_set(0, 0);
        /* Five functions to find, and per copy one call to begin, three launches, one to end. */
        const size_t copies = way == AT_ONCE && device.simultaneous_command_buffers ? 1 : 8;
        assert_int_equal(passed, device.has_command_buffer ? 5 + 5 * copies : 0);
    }
    cln_log_set_handler(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_same_bits, nothing_alive),
        cmocka_unit_test_teardown(test_other_commands_between, nothing_alive),
        cmocka_unit_test_teardown(test_launches_may_be_added_later, nothing_alive),
        cmocka_unit_test_teardown(test_may_end_while_at_work, nothing_alive),
        cmocka_unit_test_teardown(test_the_host_acts_in_a_sequence, nothing_alive),
        cmocka_unit_test_teardown(test_what_cannot_be_recorded, nothing_alive),
        cmocka_unit_test_teardown(test_a_failing_run_is_an_error, nothing_alive),
        cmocka_unit_test_teardown(test_every_call_may_fail, nothing_alive),
    };
    return cmocka_run_group_tests_name("replay", tests, begin, NULL);
}
