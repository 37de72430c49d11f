/* A process with a time limit: it ends, it crashes, it hangs, and what it started goes with it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/child.h"
#include "host/clock.h"

static struct cln_child_result run(const char *script, double seconds) {
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct cln_child_result result;
    assert_int_equal(cln_child_run(&result, argv, "CLENET_TEST=present", seconds), CLN_OK);
    return result;
}

static void test_output_and_exit_status(void **state) {
    (void)state;
    const struct cln_child_result r = run("echo \"$CLENET_TEST\"; echo aside >&2; exit 3", 60);
    assert_int_equal(r.end, CLN_CHILD_EXITED);
    assert_int_equal(r.code, 3);
    assert_string_equal(r.output, "present\n");
}

static void test_a_crash_is_told_from_an_exit(void **state) {
    (void)state;
    const struct cln_child_result r = run("kill -SEGV $$", 60);
    assert_int_equal(r.end, CLN_CHILD_CRASHED);
    assert_int_equal(r.code, SIGSEGV);
}

static void test_one_that_hangs_is_ended_with_what_it_started(void **state) {
    (void)state;
    const double start = cln_clock_seconds();
    const struct cln_child_result r = run("echo $$; sleep 1000 & sleep 1000", 0.3);
    assert_int_equal(r.end, CLN_CHILD_TIMED_OUT);
    assert_true(cln_clock_seconds() - start < 60);
    const pid_t group = (pid_t)strtol(r.output, NULL, 10);
    assert_true(group > 1);
    for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) /* until whoever takes orphans has taken them */
        usleep(10000);
    assert_int_not_equal(kill(-group, 0), 0);
}

static void test_long_output_is_cut(void **state) {
    (void)state;
    const struct cln_child_result r = run("yes clenet | head -c 100000", 60);
    assert_int_equal(r.end, CLN_CHILD_EXITED);
    assert_int_equal(strlen(r.output), sizeof r.output - 1);
}

static void test_what_is_not_there_does_not_start(void **state) {
    (void)state;
    struct cln_child_result r;
    const char *const argv[] = {"/nowhere/clenet", NULL};
    assert_int_equal(cln_child_run(&r, argv, "X=1", 1), CLN_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_exit_status),
        cmocka_unit_test(test_a_crash_is_told_from_an_exit),
        cmocka_unit_test(test_one_that_hangs_is_ended_with_what_it_started),
        cmocka_unit_test(test_long_output_is_cut),
        cmocka_unit_test(test_what_is_not_there_does_not_start),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
