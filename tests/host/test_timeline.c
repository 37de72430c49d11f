/* Device time per label. */
#include "host/timeline.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/internal.h"
#include "tests/host/support.h"

struct fixture {
    struct ocl_context *context;
    struct ocl_sequence *sequence;
    struct ocl_buffer *y;
};

static struct fixture fixture;

static int set_up(void **state, bool timings) {
    fixture.context = context_under_test(timings);
    assert_ok(ocl_sequence_create(&fixture.sequence, fixture.context));
    assert_ok(ocl_buffer_create(&fixture.y, fixture.context, 64 * sizeof(float)));
    *state = &fixture;
    return 0;
}

static int with_timings(void **state) {
    return set_up(state, true);
}

static int without_timings(void **state) {
    return set_up(state, false);
}

static int tear_down(void **state) {
    ocl_sequence_destroy(&fixture.sequence);
    ocl_buffer_destroy(&fixture.y);
    ocl_context_destroy(&fixture.context);
    return nothing_alive(state);
}

static void add_busy(const struct fixture *f, struct ocl_sequence *sequence, const char *label, int rounds) {
    struct ocl_launch launch = {.label = label,
                                .source = "scale.cl",
                                .kernel = "busy",
                                .args = {OCL_BUFFER(f->y), OCL_INT(rounds)},
                                .arg_count = 2,
                                .groups = {64},
                                .flops = 2.0 * 64 * rounds,
                                .bytes = 512};
    assert_ok(ocl_sequence_add(sequence, &launch));
}

static void test_rows_by_label_in_order_of_first_launch(void **state) {
    struct fixture *f = *state;
    struct ocl_sequence *later = NULL;
    assert_ok(ocl_sequence_create(&later, f->context));
    add_busy(f, later, "late", 1);
    add_busy(f, f->sequence, "long", 20000);
    add_busy(f, f->sequence, "short", 1);
    add_busy(f, f->sequence, "long", 20000);
    for (int i = 0; i < 3; i++)
        assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_sequence_run(later));
    struct ocl_timing *rows = NULL;
    size_t count = 0;
    assert_ok(ocl_timeline_read(f->context, &rows, &count));
    assert_int_equal(count, 3);
    static const struct {
        const char *label;
        uint64_t launches;
        double flops;
    } expected[] = {{"long", 6, 6 * 2.0 * 64 * 20000}, {"short", 3, 3 * 2.0 * 64}, {"late", 1, 2.0 * 64}};
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].label, expected[i].label);
        assert_int_equal(rows[i].launches, expected[i].launches);
        assert_true(rows[i].flops == expected[i].flops);
        assert_true(rows[i].bytes == 512.0 * (double)expected[i].launches);
        assert_true(rows[i].seconds >= 0 && rows[i].seconds < 60);
    }
    assert_true(rows[0].seconds > 0);
    free(rows);
    ocl_sequence_destroy(&later);
}

static void test_reset_forgets(void **state) {
    struct fixture *f = *state;
    struct ocl_timing *rows = NULL;
    size_t count = 99;
    add_busy(f, f->sequence, "one", 10);
    add_busy(f, f->sequence, "two", 10);
    assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_timeline_reset(f->context));
    assert_ok(ocl_timeline_read(f->context, &rows, &count));
    assert_int_equal(count, 0);
    free(rows);
    assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_timeline_read(f->context, &rows, &count));
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].label, "one");
    assert_int_equal(rows[0].launches, 1);
    free(rows);
}

/* Two readings: the second holds the launches of both. Events of a long run do not pile up. */
static void test_long_runs_keep_few_events(void **state) {
    struct fixture *f = *state;
    enum { RUNS = 5000 };
    add_busy(f, f->sequence, "one", 1);
    size_t before = ocl_live_handles(), most = 0;
    for (int i = 0; i < RUNS; i++) {
        assert_ok(ocl_sequence_run(f->sequence));
        most = ocl_live_handles() > most ? ocl_live_handles() : most;
    }
    struct ocl_timeline_totals totals;
    assert_ok(ocl_timeline_totals(f->context, &totals));
    assert_in_range(most - before, totals.host_times ? 0 : 1, 4096);
    struct ocl_timing *rows = NULL;
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        assert_ok(ocl_timeline_read(f->context, &rows, &count));
        assert_int_equal(count, 1);
        assert_int_equal(rows[0].launches, RUNS);
        free(rows);
    }
    assert_int_equal(ocl_live_handles(), before);
}

static void test_totals(void **state) {
    struct fixture *f = *state;
    enum { RUNS = 20 };
    struct ocl_timeline_totals totals;
    struct ocl_timing *rows = NULL;
    size_t count = 0;
    float values[64];
    add_busy(f, f->sequence, "long", 20000);
    add_busy(f, f->sequence, "short", 1);
    for (int i = 0; i < RUNS; i++)
        assert_ok(ocl_sequence_run(f->sequence));
    assert_ok(ocl_buffer_read(f->y, 0, sizeof values, values)); /* the host waits for all of it */
    assert_ok(ocl_timeline_totals(f->context, &totals));
    assert_ok(ocl_timeline_read(f->context, &rows, &count));
    assert_int_equal(totals.launches, 2 * RUNS);
    const double rows_seconds = rows[0].seconds + rows[1].seconds;
    assert_true(fabs(totals.busy_seconds - rows_seconds) <= 1e-9 * rows_seconds);
    assert_true(totals.busy_seconds > 0 && totals.gap_seconds >= 0 && totals.enqueue_seconds > 0);
    assert_true(totals.wait_seconds > 0 && totals.wait_seconds < 60);
    assert_true(!totals.host_times || totals.gap_seconds == 0);
    free(rows);
    assert_ok(ocl_timeline_reset(f->context));
    assert_ok(ocl_timeline_totals(f->context, &totals));
    assert_true(totals.launches == 0 && totals.busy_seconds == 0 && totals.wait_seconds == 0);
}

static void test_times_that_mean_nothing(void **state) {
    (void)state;
    assert_false(ocl_event_times_credible(0, 0));
    assert_false(ocl_event_times_credible(1000, 1002)); /* rusticl of Mesa 22.3 */
    assert_false(ocl_event_times_credible(1000, 900));
    assert_true(ocl_event_times_credible(1000, 41000));
}

/* Every launch on both tracks, in order, the device's after the host's; the wait too. */
static void test_trace(void **state) {
    (void)state;
    enum { RUNS = 3, NAMES = 3 };
    char path[] = "/tmp/clenet-trace-XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    struct cln_trace *trace = NULL;
    struct ocl_device device = device_under_test();
    struct fixture f = {0};
    float values[64];
    assert_ok(cln_trace_create(&trace, path));
    const struct ocl_context_params params = {.kernel_folder = TEST_KERNELS, .trace = trace, .trace_name = "test"};
    assert_ok(ocl_context_create(&f.context, &device, &params));
    assert_ok(ocl_sequence_create(&f.sequence, f.context));
    assert_ok(ocl_buffer_create(&f.y, f.context, sizeof values));
    add_busy(&f, f.sequence, "one", 1000);
    for (int i = 0; i < RUNS; i++)
        assert_ok(ocl_sequence_run(f.sequence));
    assert_ok(ocl_buffer_read(f.y, 0, sizeof values, values));
    ocl_sequence_destroy(&f.sequence);
    ocl_buffer_destroy(&f.y);
    ocl_context_destroy(&f.context); /* nothing asked for timings: what is pending gets written all the same */
    assert_ok(cln_trace_close(&trace));

    json_t *root = json_load_file(path, 0, NULL), *event;
    double enqueued[RUNS] = {0}, ended = 0;
    int launches[] = {0, 0, 0}, waits = 0;
    size_t i;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        const char *name = NULL;
        double at = 0, duration = 0;
        int track = 0;
        if (i < NAMES)
            continue;
        assert_int_equal(
            json_unpack(event, "{s:s, s:i, s:F, s:F}", "name", &name, "tid", &track, "ts", &at, "dur", &duration), 0);
        if (strcmp(name, "wait") == 0) {
            waits++;
            continue;
        }
        assert_string_equal(name, "one");
        if (track == CLN_TRACE_HOST) {
            enqueued[launches[track]] = at;
        } else {
            assert_true(at >= ended); /* in order, one after the other */
            assert_true(at + duration >= enqueued[launches[track]]);
            ended = at + duration;
        }
        launches[track]++;
    }
    assert_int_equal(launches[CLN_TRACE_HOST], RUNS);
    assert_int_equal(launches[CLN_TRACE_DEVICE], RUNS);
    assert_int_equal(waits, 1);
    json_decref(root);
    unlink(path);
}

static void test_off_keeps_no_events(void **state) {
    struct fixture *f = *state;
    struct ocl_timing *rows = NULL;
    size_t count = 99, before;
    add_busy(f, f->sequence, "one", 1);
    before = ocl_live_handles();
    assert_ok(ocl_sequence_run(f->sequence));
    assert_int_equal(ocl_live_handles(), before);
    assert_ok(ocl_timeline_read(f->context, &rows, &count));
    assert_true(count == 0 && !rows);
    struct ocl_timeline_totals totals;
    assert_ok(ocl_timeline_totals(f->context, &totals));
    assert_true(totals.launches == 0 && !totals.host_times);
    assert_ok(ocl_timeline_reset(f->context));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows_by_label_in_order_of_first_launch, with_timings, tear_down),
        cmocka_unit_test_setup_teardown(test_reset_forgets, with_timings, tear_down),
        cmocka_unit_test_setup_teardown(test_long_runs_keep_few_events, with_timings, tear_down),
        cmocka_unit_test_setup_teardown(test_totals, with_timings, tear_down),
        cmocka_unit_test(test_times_that_mean_nothing),
        cmocka_unit_test_teardown(test_trace, nothing_alive),
        cmocka_unit_test_setup_teardown(test_off_keeps_no_events, without_timings, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
