/* The file of a trace: whole JSON at every flush, with the slices on their tracks. */
#include "clenet/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "src/base/clock.h"

static char path[] = "/tmp/clenet-trace-XXXXXX";

static int set_up(void **state) {
    (void)state;
    strcpy(path + sizeof path - 7, "XXXXXX");
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int tear_down(void **state) {
    (void)state;
    return unlink(path);
}

/* The events of the file as it is on disk. */
static json_t *events_on_disk(json_t **root) {
    json_error_t error;
    *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!*root)
        fail_msg("line %d: %s", error.line, error.text);
    json_t *events = json_object_get(*root, "traceEvents");
    assert_true(json_is_array(events));
    return events;
}

static size_t count_on_disk(void) {
    json_t *root = NULL;
    const size_t count = json_array_size(events_on_disk(&root));
    json_decref(root);
    return count;
}

/* Three names per group, then its slices; nobody has to close the file for it to be read. */
static void test_is_whole_at_every_flush(void **state) {
    (void)state;
    enum { FLUSHES = 3, SLICES = 1000, NAMES = 3 };
    struct cln_trace *trace = NULL;
    assert_int_equal(cln_trace_create(&trace, path), CLN_OK);
    assert_int_equal(count_on_disk(), 0);
    const int group = cln_trace_group(trace, "first");
    for (size_t i = 0; i < FLUSHES; i++) {
        for (size_t k = 0; k < SLICES; k++)
            cln_trace_slice(trace, group, CLN_TRACE_DEVICE, "kernel", cln_clock_ns(), cln_clock_ns());
        cln_trace_flush(trace);
        assert_int_equal(count_on_disk(), NAMES + (i + 1) * SLICES);
    }
    assert_int_not_equal(cln_trace_group(trace, "second"), group);
    assert_int_equal(cln_trace_close(&trace), CLN_OK);
    assert_null(trace);
    assert_int_equal(count_on_disk(), 2 * NAMES + FLUSHES * SLICES);
    assert_int_equal(cln_trace_close(&trace), CLN_OK);
}

static void test_what_was_there_stays_until_the_start_has_succeeded(void **state) {
    (void)state;
    struct cln_trace *trace = NULL;
    assert_int_equal(cln_trace_create(&trace, path), CLN_OK);
    cln_trace_group(trace, "first run");
    cln_trace_group(trace, "more of it");
    assert_int_equal(cln_trace_close(&trace), CLN_OK);
    const size_t before = count_on_disk();
    assert_int_equal(before, 6);
    assert_int_equal(cln_trace_create(&trace, path), CLN_OK);
    const int group = cln_trace_group(trace, "second run");
    cln_trace_slice(trace, group, CLN_TRACE_HOST, "upload", cln_clock_ns(), cln_clock_ns());
    cln_trace_flush(trace);
    assert_int_equal(count_on_disk(), before);
    cln_trace_begin(trace);
    assert_int_equal(cln_trace_close(&trace), CLN_OK);
    assert_int_equal(count_on_disk(), 4); /* three names, and what came before the beginning */
}

static void test_slices_are_microseconds_on_named_tracks(void **state) {
    (void)state;
    struct cln_trace *trace = NULL;
    const char *names[] = {"plain", "quote \" backslash \\ line\nend", ""};
    assert_int_equal(cln_trace_create(&trace, path), CLN_OK);
    cln_trace_begin(trace);
    const int group = cln_trace_group(trace, "a \"group\"");
    const uint64_t begin = cln_clock_ns();
    cln_trace_slice(trace, group, CLN_TRACE_DEVICE, names[0], begin, begin + 1500);
    cln_trace_slice(trace, group, CLN_TRACE_HOST, names[1], begin + 2000, begin + 2000);
    cln_trace_slice(trace, group, CLN_TRACE_HOST, names[2], begin + 3000, begin + 1); /* never a negative duration */
    assert_int_equal(cln_trace_close(&trace), CLN_OK);

    json_t *root = NULL, *event;
    json_t *events = events_on_disk(&root);
    const char *shown[3], *kind, *name;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(
            json_unpack(json_array_get(events, i), "{s:s, s:{s:s}}", "name", &kind, "args", "name", &shown[i]), 0);
    assert_string_equal(shown[0], "a \"group\"");
    assert_string_equal(shown[1], "device");
    assert_string_equal(shown[2], "host");
    const double durations[] = {1.5, 0, 0};
    double first = 0, at = 0, duration = 0;
    for (size_t i = 0; i < 3; i++) {
        int process = 0, track = 0;
        event = json_array_get(events, 3 + i);
        assert_int_equal(json_unpack(event, "{s:s, s:i, s:i, s:F, s:F, s:s}", "ph", &kind, "pid", &process, "tid",
                                     &track, "ts", &at, "dur", &duration, "name", &name),
                         0);
        first = i == 0 ? at : first;
        assert_string_equal(kind, "X");
        assert_string_equal(name, names[i]);
        assert_int_equal(process, group);
        assert_int_equal(track, i == 0 ? CLN_TRACE_DEVICE : CLN_TRACE_HOST);
        assert_true(duration == durations[i]);
    }
    assert_true(first >= 0 && at - first > 2.99 && at - first < 3.01);
    json_decref(root);
}

static void test_files_that_cannot_be_written(void **state) {
    (void)state;
    struct cln_trace *trace = NULL;
    assert_int_equal(cln_trace_create(&trace, "/no/such/folder/trace.json"), CLN_IO);
    assert_null(trace);
    assert_non_null(strstr(cln_error_message(), "/no/such/folder/trace.json"));
    if (access("/dev/full", W_OK) == 0) {
        assert_int_equal(cln_trace_create(&trace, "/dev/full"), CLN_IO);
        assert_null(trace);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_is_whole_at_every_flush, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_there_stays_until_the_start_has_succeeded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slices_are_microseconds_on_named_tracks, set_up, tear_down),
        cmocka_unit_test(test_files_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
