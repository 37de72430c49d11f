/* A process of its own: what it says, how it ends, and that what it started goes with it. This program starts itself;
 * the words behind its name say what it does then. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/child.h"
#include "src/base/clock.h"

static const char *self;

struct message {
    pid_t group;
    char text[16 << 10]; /* more than a pipe takes at once */
};

static struct message message;

static void say(const char *text) {
    memset(&message, 0, sizeof message);
    message.group = getpid();
    snprintf(message.text, sizeof message.text, "%s", text);
    cln_child_say(&message, sizeof message);
}

static bool calling;

static const char *under_way(size_t *number) {
    *number = calling;
    return calling ? "hang" : NULL;
}

/* In the process that was started. */
static int act(const char *kind) {
    if (strcmp(kind, "says") == 0) {
        say(getenv("CLENET_TEST"));
        say("more");
        return 3;
    }
    if (strcmp(kind, "says otherwise") == 0)
        cln_child_say("short", 5);
    if (strcmp(kind, "crashes") == 0 || strcmp(kind, "crashes with another") == 0) {
        if (kind[7] && system("sleep 1000 &") != 0)
            return 9;
        say("before");
        signal(SIGSEGV, SIG_DFL); /* not a sanitizer's */
        raise(SIGSEGV);
    }
    if (strcmp(kind, "is killed") == 0)
        raise(SIGKILL);
    if (strcmp(kind, "hangs with another") == 0) {
        if (system("sleep 1000 &") != 0)
            return 9;
        say("hangs");
        for (;;)
            pause();
    }
    if (strcmp(kind, "closes") == 0) {
        close(STDIN_FILENO);
        for (;;)
            pause();
    }
    if (strcmp(kind, "computes") == 0) {
        cln_child_attend(1, under_way);
        usleep(1500000);
        say("done");
    }
    if (strcmp(kind, "hangs in a call") == 0 || strcmp(kind, "turns in a call") == 0) {
        cln_child_attend(1, under_way);
        calling = true;
        for (;;)
            if (kind[0] == 'h')
                pause();
    }
    return 0;
}

static struct cln_child *start(const char *kind) {
    const char *const argv[] = {self, kind, NULL};
    struct cln_child *child = NULL;
    assert_int_equal(cln_child_start(&child, argv, "CLENET_TEST=present"), CLN_OK);
    return child;
}

static enum cln_child_news listen(struct cln_child *child, double seconds) {
    return cln_child_listen(child, &message, sizeof message, seconds);
}

static struct cln_child_result stop(struct cln_child *child, double seconds) {
    struct cln_child_result result;
    cln_child_stop(&child, seconds, &result);
    assert_null(child);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    return result;
}

static void assert_described(const struct cln_child_result *result, const char *expected) {
    char words[128];
    cln_child_describe(words, sizeof words, result, 2.5);
    assert_string_equal(words, expected);
}

static void test_messages_and_exit_status(void **state) {
    (void)state;
    struct cln_child *child = start("says");
    assert_int_equal(listen(child, 60), CLN_CHILD_SAID);
    assert_string_equal(message.text, "present");
    assert_int_equal(listen(child, 60), CLN_CHILD_SAID);
    assert_string_equal(message.text, "more");
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    const struct cln_child_result r = stop(child, 0);
    assert_int_equal(r.end, CLN_CHILD_EXITED);
    assert_int_equal(r.code, 3);
    assert_described(&r, "ended with exit status 3");
}

static void test_a_message_of_another_size_is_none(void **state) {
    (void)state;
    struct cln_child *child = start("says otherwise");
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    stop(child, 60);
}

static void test_a_crash_is_told_from_a_signal_of_others(void **state) {
    (void)state;
    struct cln_child *child = start("crashes");
    assert_int_equal(listen(child, 60), CLN_CHILD_SAID); /* what was said before is not lost */
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    struct cln_child_result r = stop(child, 0);
    assert_int_equal(r.end, CLN_CHILD_CRASHED);
    assert_int_equal(r.code, SIGSEGV);
    assert_described(&r, "crashed (Segmentation fault)");
    child = start("is killed");
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    r = stop(child, 0);
    assert_int_equal(r.end, CLN_CHILD_KILLED);
    assert_described(&r, "was killed (Killed)");
}

static void assert_nobody_is_in(pid_t group) {
    for (int i = 0; i < 500 && kill(-group, 0) == 0; i++) /* until whoever takes orphans has taken them */
        usleep(10000);
    assert_int_not_equal(kill(-group, 0), 0);
}

static void test_what_one_that_crashed_has_started_ends_too(void **state) {
    (void)state;
    struct cln_child *child = start("crashes with another");
    assert_int_equal(listen(child, 60), CLN_CHILD_SAID);
    const pid_t group = message.group;
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    assert_int_equal(stop(child, 0).end, CLN_CHILD_CRASHED);
    assert_nobody_is_in(group);
}

static void test_one_that_hangs_is_ended_with_what_it_started(void **state) {
    (void)state;
    struct cln_child *child = start("hangs with another");
    assert_int_equal(listen(child, 60), CLN_CHILD_SAID);
    const pid_t group = message.group;
    assert_int_equal(listen(child, 0.3), CLN_CHILD_SILENT);
    const struct cln_child_result r = stop(child, 0);
    assert_int_equal(r.end, CLN_CHILD_STOPPED);
    assert_described(&r, "did not answer for 2.5 s");
    assert_nobody_is_in(group);
}

static void test_one_that_hangs_up_may_still_hang(void **state) {
    (void)state;
    struct cln_child *child = start("closes");
    assert_int_equal(listen(child, 0.3), CLN_CHILD_SILENT);
    assert_int_equal(stop(child, 0).end, CLN_CHILD_STOPPED);
}

/* Computing takes as long as it takes; a call that does not come back is waited for no longer than that. */
static void test_only_opencl_calls_are_waited_for_in_vain(void **state) {
    (void)state;
    struct cln_child *child = start("computes");
    assert_int_equal(listen(child, 1), CLN_CHILD_SAID);
    assert_int_equal(stop(child, 60).end, CLN_CHILD_EXITED);
    child = start("hangs in a call");
    const double begin = cln_clock_seconds();
    assert_int_equal(listen(child, 1), CLN_CHILD_SILENT);
    assert_true(cln_clock_seconds() - begin < 60);
    assert_int_equal(stop(child, 0).end, CLN_CHILD_STOPPED);
    child = start("turns in a call"); /* which looks like a compiler for a while */
    assert_int_equal(listen(child, 60), CLN_CHILD_ENDED);
    assert_int_equal(stop(child, 0).end, CLN_CHILD_STOPPED);
}

static void test_what_is_not_there_does_not_start(void **state) {
    (void)state;
    struct cln_child *child = NULL;
    const char *const argv[] = {"/nowhere/clenet", NULL};
    assert_int_equal(cln_child_start(&child, argv, "X=1"), CLN_IO);
    assert_null(child);
}

static void test_patience_can_be_set(void **state) {
    (void)state;
    double seconds = 0;
    assert_int_equal(cln_child_patience(&seconds, 60), CLN_OK);
    assert_true(seconds == 60);
    setenv("CLENET_GUARD_SECONDS", "2.5", 1);
    assert_int_equal(cln_child_patience(&seconds, 60), CLN_OK);
    assert_true(seconds == 2.5);
    static const char *const wrong[] = {"x", "0", "-1", "nan", "inf", "1e9", "5 s"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("CLENET_GUARD_SECONDS", wrong[i], 1);
        assert_int_equal(cln_child_patience(&seconds, 60), CLN_INVALID);
        assert_non_null(strstr(cln_error_message(), wrong[i]));
    }
    unsetenv("CLENET_GUARD_SECONDS");
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1)
        return act(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_and_exit_status),
        cmocka_unit_test(test_a_message_of_another_size_is_none),
        cmocka_unit_test(test_a_crash_is_told_from_a_signal_of_others),
        cmocka_unit_test(test_what_one_that_crashed_has_started_ends_too),
        cmocka_unit_test(test_one_that_hangs_is_ended_with_what_it_started),
        cmocka_unit_test(test_one_that_hangs_up_may_still_hang),
        cmocka_unit_test(test_only_opencl_calls_are_waited_for_in_vain),
        cmocka_unit_test(test_what_is_not_there_does_not_start),
        cmocka_unit_test(test_patience_can_be_set),
    };
    return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
