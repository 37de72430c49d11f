/* Runs from logs: appended, resumed, cut off, of later versions, and what is no log. */
#include "src/report/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/temporary.h"

#define START                                                                                                          \
    "{\"event\": \"start\", \"network\": \"a\", \"options\": {\"resume\": null}, \"recipe\": {\"epochs\": 9}}\n"
#define RESUMED "{\"event\": \"start\", \"network\": \"b\", \"options\": {\"resume\": \"m\"}}\n"
#define EPOCH(number, loss)                                                                                            \
    "{\"event\": \"epoch\", \"epoch\": " #number ", \"loss\": " #loss ", \"train_images\": 60, \"images_before\": 20," \
    "\"train_seconds\": 2, \"test_seconds\": 1, \"test_accuracy\": null}\n"
#define END "{\"event\": \"end\", \"result\": \"ok\", \"saved\": null}\n"

static enum cln_status read(struct cln_runs *runs, const char *text) {
    *runs = (struct cln_runs){.list = NULL};
    temporary_write("log.jsonl", text, strlen(text));
    return cln_runs_read(runs, temporary_path("log.jsonl"));
}

static void test_a_run_has_its_numbers(void **state) {
    (void)state;
    struct cln_runs runs;
    double epochs[2], values[2];
    assert_int_equal(read(&runs, START EPOCH(1, 0.5) EPOCH(2, 0.25) END), CLN_OK);
    assert_int_equal(runs.count, 1);
    const struct cln_run *run = &runs.list[0];
    assert_int_equal(run->epoch_count, 2);
    assert_string_equal(run->name, temporary_path("log.jsonl"));
    assert_true(cln_run_column(run, CLN_COLUMN_LOSS, epochs, values));
    assert_true(epochs[1] == 2 && values[0] == 0.5 && values[1] == 0.25);
    assert_true(cln_run_column(run, CLN_COLUMN_SPEED, epochs, values) && values[0] == 20); /* (60 - 20) / 2 s */
    assert_false(cln_run_column(run, CLN_COLUMN_TEST_ACCURACY, epochs, values));
    assert_true(isnan(values[0]) && run->seconds == 6);
    assert_string_equal(cln_event_text(run->end, "result"), "ok");
    cln_runs_release(&runs);
}

static void test_a_resumed_run_is_one(void **state) {
    (void)state;
    struct cln_runs runs;
    assert_int_equal(read(&runs, START EPOCH(1, 4) EPOCH(2, 3) EPOCH(3, 2) END RESUMED EPOCH(2, 30) EPOCH(3, 20)),
                     CLN_OK);
    assert_int_equal(runs.count, 1);
    assert_int_equal(runs.list[0].epoch_count, 3);
    assert_true(runs.list[0].epochs[1].values[CLN_COLUMN_LOSS] == 30);
    assert_int_equal(runs.list[0].resumed, 1);
    assert_non_null(runs.list[0].recipe);
    assert_null(runs.list[0].end); /* it went on, and has no end since */
    assert_string_equal(cln_event_text(runs.list[0].start, "network"), "b");
    cln_runs_release(&runs);
    assert_int_equal(read(&runs, RESUMED EPOCH(4, 1)), CLN_OK);
    assert_int_equal(runs.count, 1);
    assert_null(runs.list[0].recipe);
    cln_runs_release(&runs);
}

static void test_runs_behind_each_other_are_several(void **state) {
    (void)state;
    struct cln_runs runs;
    assert_int_equal(read(&runs, START EPOCH(1, 4) START EPOCH(1, 3) EPOCH(2, 2)), CLN_OK);
    assert_int_equal(runs.count, 2);
    assert_int_equal(runs.list[0].epoch_count, 1);
    assert_int_equal(runs.list[1].epoch_count, 2);
    assert_non_null(strstr(runs.list[1].name, "log.jsonl (2)"));
    /* A second file's runs come behind. Its first, though resumed, goes on with none of the other file. */
    temporary_write("more.jsonl", RESUMED, strlen(RESUMED));
    assert_int_equal(cln_runs_read(&runs, temporary_path("more.jsonl")), CLN_OK);
    assert_int_equal(runs.count, 3);
    cln_runs_release(&runs);
}

static void test_the_test_at_the_end_belongs_to_its_epoch(void **state) {
    (void)state;
    struct cln_runs runs;
    assert_int_equal(read(&runs,
                          START EPOCH(1, 4) EPOCH(2, 3) "{\"event\": \"test\", \"epoch\": 1, \"test_accuracy\": 0.75,"
                                                        " \"test_loss\": 0.5}\n"),
                     CLN_OK);
    assert_true(runs.list[0].epochs[0].values[CLN_COLUMN_TEST_ACCURACY] == 0.75);
    assert_true(isnan(runs.list[0].epochs[1].values[CLN_COLUMN_TEST_ACCURACY]));
    cln_runs_release(&runs);
}

static void test_what_is_left_out(void **state) {
    (void)state;
    struct cln_runs runs;
    /* Unknown kinds, empty lines, a last line that is cut off, and one before a run that was resumed. */
    static const char *const logs[] = {
        START EPOCH(1, 4) "{\"event\": \"later\", \"x\": [1]}\n\n" EPOCH(2, 3),
        START EPOCH(1, 4) EPOCH(2, 3) "{\"event\": \"epo",
        START EPOCH(1, 4) "{\"event\": \"epo\n" RESUMED EPOCH(2, 3),
    };
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        assert_int_equal(read(&runs, logs[i]), CLN_OK);
        assert_int_equal(runs.count, 1);
        assert_int_equal(runs.list[0].epoch_count, 2);
        cln_runs_release(&runs);
    }
}

static void test_what_is_no_log(void **state) {
    (void)state;
    static const struct {
        const char *text, *told;
    } cases[] = {
        {"", "it is empty"},
        {"hello\n", "line 1: "},
        {"hello", "line 1: "},
        {"[1]\n", "line 1: no event of clenet"},
        {"{\"epochs\": 3}\n", "line 1: no event of clenet"},
        {EPOCH(1, 2), "line 1: an event 'epoch' before any 'start'"},
        {START "{\"event\": \"epo\n" EPOCH(1, 2), "line 2: "},
        {START "{\"event\": \"epo\n", "line 2: "},
        {START "{\"event\": \"epoch\"}\n", "line 2: an event 'epoch' without the number"},
        {START "{\"event\": \"epoch\", \"epoch\": 1.5}\n", "line 2: an event 'epoch' without the number"},
        {START "{\"event\": \"epoch\", \"epoch\": 1, \"epoch\": 2}\n" EPOCH(1, 2), "line 2: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cln_runs runs;
        assert_int_equal(read(&runs, cases[i].text), CLN_INVALID);
        assert_non_null(strstr(cln_error_message(), cases[i].told));
        assert_non_null(strstr(cln_error_message(), "log.jsonl"));
        assert_int_equal(runs.count, 0);
    }
    struct cln_runs runs = {.list = NULL};
    assert_int_equal(cln_runs_read(&runs, temporary_path("missing")), CLN_NOT_FOUND);
    assert_int_equal(cln_runs_read(&runs, temporary_path("")), CLN_IO); /* a folder */
}

static void test_many_epochs(void **state) {
    (void)state;
    struct cln_runs runs = {.list = NULL};
    for (int i = -1; i < 1000; i++) {
        json_error_t error;
        char text[128];
        const int bytes =
            i < 0 ? snprintf(text, sizeof text, "{\"event\": \"start\"}")
                  : snprintf(text, sizeof text, "{\"event\": \"epoch\", \"epoch\": %d, \"loss\": %d}", i + 1, i);
        json_t *event = json_loadb(text, (size_t)bytes, 0, &error);
        assert_int_equal(cln_runs_add(&runs, "memory", event), CLN_OK);
        json_decref(event);
    }
    assert_int_equal(runs.list[0].epoch_count, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(runs.list[0].epochs[i].epoch == (int)i + 1 &&
                    runs.list[0].epochs[i].values[CLN_COLUMN_LOSS] == (double)i);
    cln_runs_release(&runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_has_its_numbers),
        cmocka_unit_test(test_a_resumed_run_is_one),
        cmocka_unit_test(test_runs_behind_each_other_are_several),
        cmocka_unit_test(test_the_test_at_the_end_belongs_to_its_epoch),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_what_is_no_log),
        cmocka_unit_test(test_many_epochs),
    };
    return cmocka_run_group_tests_name("report run", tests, temporary_create, temporary_remove);
}
