/* For every n, the n-th OpenCL call of a whole life (context, buffers, sequence, run, read, end) fails, once or from
 * then on: a status and a message have to come back, and nothing may be left alive. On the stand-in for a driver, which
 * compiles nothing; and once on the device under test, which may be left in a state that the stand-in cannot be in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/buffer.h"
#include "host/sequence.h"
#include "host/timeline.h"
#include "tests/host/support.h"
#include "tests/standin/standin.h"

enum { LARGE = 1 << 20, COUNT = 16 };

static const struct standin_control *standin; /* NULL: on the device under test */

struct life {
    struct ocl_context *context;
    struct ocl_buffer *x, *y;
    struct ocl_sequence *sequence;
    struct ocl_ticket *ticket;
    struct ocl_timing *timings;
    float values[COUNT];
    int looks; /* of the host, between the launches */
};

/* The kernel "scale" of tests/host/kernels. */
static void scale(const struct standin_launch *launch) {
    float *y = launch->arguments[0], factor = *(float *)launch->arguments[2];
    const float *x = launch->arguments[1];
    for (int i = 0; i < *(int *)launch->arguments[3]; i++)
        y[i] = factor * x[i];
}

/* The host does nothing between the launches. */
static enum cln_status look_on(void *user) {
    ++*(int *)user;
    return CLN_OK;
}

static enum cln_status make(struct life *life, const struct ocl_device *device, bool timings) {
    struct ocl_context_params params = {.timings = timings, .kernel_folder = TEST_KERNELS};
    enum cln_status status = ocl_context_create(&life->context, device, &params);
    if (!status)
        status = ocl_buffer_create(&life->x, life->context, LARGE); /* of memory of ours, on a CPU */
    if (!status)
        status = ocl_buffer_create(&life->y, life->context, sizeof life->values);
    if (!status)
        status = ocl_sequence_create(&life->sequence, life->context);
    if (status)
        return status;
    struct ocl_launch launch = {.source = "scale.cl",
                                .kernel = "scale",
                                .args = {OCL_BUFFER(life->y), OCL_BUFFER(life->x), OCL_FLOAT(3), OCL_INT(COUNT)},
                                .arg_count = 4,
                                .groups = {COUNT}};
    status = ocl_sequence_add(life->sequence, &launch);
    if (!status)
        status = ocl_sequence_call(life->sequence, "the host", OCL_WHEN_DONE, look_on, &life->looks);
    if (!status)
        status = ocl_sequence_add(life->sequence, &launch);
    return status;
}

static enum cln_status work(struct life *life) {
    for (int i = 0; i < COUNT; i++)
        life->values[i] = (float)i;
    enum cln_status status = ocl_buffer_write(life->x, 0, sizeof life->values, life->values);
    if (!status)
        status = ocl_buffer_fill(life->y, 0, sizeof life->values, 0x7FC00000u);
    if (!status)
        status = ocl_sequence_run(life->sequence);
    if (!status)
        status = ocl_context_flush(life->context);
    if (!status)
        status = ocl_buffer_read(life->x, 0, sizeof life->values, life->values);
    if (!status)
        status = ocl_buffer_read_begin(&life->ticket, life->y, 0, sizeof life->values, life->values);
    if (!status)
        status = ocl_ticket_wait(&life->ticket);
    size_t count = 0;
    if (!status)
        status = ocl_timeline_read(life->context, &life->timings, &count);
    if (!status)
        status = ocl_timeline_reset(life->context);
    if (!status)
        status = ocl_context_finish(life->context);
    return status;
}

static void end(struct life *life) {
    free(life->timings);
    assert_null(life->ticket);
    ocl_sequence_destroy(&life->sequence);
    ocl_buffer_destroy(&life->y);
    ocl_buffer_destroy(&life->x);
    ocl_context_destroy(&life->context);
    ocl_sequence_destroy(&life->sequence);
    ocl_buffer_destroy(&life->y);
    ocl_context_destroy(&life->context);
}

static enum cln_status live(const struct ocl_device *device, bool timings) {
    struct life life = {0};
    enum cln_status status = make(&life, device, timings);
    if (!status)
        status = work(&life);
    if (!status)
        for (int i = 0; i < COUNT; i++)
            assert_true(life.values[i] == 3 * (float)i);
    assert_true(life.looks == 1 || (status && life.looks == 0));
    end(&life);
    assert_int_equal(ocl_live_handles(), 0);
    if (standin) {
        assert_int_equal(standin->live(), 0);
        assert_int_equal(standin->misuses(), 0);
    }
    return status;
}

/* Lives in which call n fails, for every `step`-th n. */
static void fail_calls(const struct ocl_device *device, bool timings, int error, size_t step) {
    ocl_fault_set(0, 0);
    assert_ok(live(device, timings));
    const size_t calls = ocl_fault_calls();
    assert_in_range(calls, 30, 500);
    for (size_t n = 1; n <= calls; n += step) {
        cln_fail(CLN_INTERRUPTED, "untouched");
        ocl_fault_set(n, error);
        if (live(device, timings) == CLN_OK)
            fail_msg("call %zu of %zu failed with %d and nobody noticed", n, calls, error);
        assert_string_not_equal(cln_error_message(), "untouched");
    }
    ocl_fault_set(0, 0);
    assert_ok(live(device, timings));
}

/* The errors take different ways: out of memory, any other, a build that failed, one that no table knows. */
static void test_every_call_may_fail(void **state) {
    (void)state;
    static const struct {
        bool timings;
        int error;
    } cases[] = {{false, -5}, {true, -4}, {true, -11}, {true, -12345}};
    struct ocl_device device = device_under_test();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        fail_calls(&device, cases[i].timings, cases[i].error, 1);
}

/* As after a reset of the device: nothing works any more, the cleaning up no more than the rest. */
static void test_every_call_may_be_the_last_that_works(void **state) {
    (void)state;
    struct ocl_device device = device_under_test();
    for (int timings = 0; timings < 2; timings++) {
        standin->set_fault(NULL, 0, 0, false);
        assert_ok(live(&device, timings));
        const size_t calls = standin->calls();
        assert_in_range(calls, 30, 500);
        for (size_t n = 1; n <= calls; n++) {
            cln_fail(CLN_INTERRUPTED, "untouched");
            standin->set_fault(NULL, n, -36, true); /* CL_INVALID_COMMAND_QUEUE */
            if (live(&device, timings) == CLN_OK)
                fail_msg("from call %zu of %zu on nothing worked, and nobody noticed", n, calls);
            assert_string_not_equal(cln_error_message(), "untouched");
        }
        standin->set_fault(NULL, 0, 0, false);
        assert_ok(live(&device, timings));
    }
}

/* Some drivers keep no names and types of arguments: a launch works without. */
static void test_argument_information_may_be_missing(void **state) {
    (void)state;
    struct ocl_device device = device_under_test();
    ocl_fault_set(0, 0);
    assert_ok(live(&device, false));
    size_t calls = ocl_fault_calls(), passed = 0;
    for (size_t n = 1; n <= calls; n++) {
        ocl_fault_set(n, -19);
        passed += live(&device, false) == CLN_OK;
    }
    assert_int_equal(passed, 2 * 4);
}

/* A driver may be left with half of a life's work. */
static void test_some_calls_may_fail_on_the_device(void **state) {
    (void)state;
    struct ocl_device device = device_under_test();
    fail_calls(&device, false, -5, 5);
    fail_calls(&device, true, -5, 5);
}

int main(int argc, char **argv) {
    const struct CMUnitTest on_standin[] = {
        cmocka_unit_test_teardown(test_every_call_may_fail, nothing_alive),
        cmocka_unit_test_teardown(test_every_call_may_be_the_last_that_works, nothing_alive),
        cmocka_unit_test_teardown(test_argument_information_may_be_missing, nothing_alive),
    };
    const struct CMUnitTest on_device[] = {
        cmocka_unit_test_teardown(test_some_calls_may_fail_on_the_device, nothing_alive),
    };
    if (argc > 1 && strcmp(argv[1], "device") == 0)
        return cmocka_run_group_tests(on_device, NULL, NULL);
    standin = standin_open();
    standin->set_kernel("scale", scale);
    return cmocka_run_group_tests(on_standin, NULL, NULL);
}
