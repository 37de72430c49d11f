/* Helpers: whatever they do, they do it once, and none is left behind. This program is its own helper. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/helpers.h"
#include "tests/assert.h"
#include "tests/temporary.h"

enum { HELPERS = 3, MOST_PIECES = 600, PIECES = 512, PATIENCE = 1000 };

static const char *self;
static const char variable[] = "CLENET_TEST_HELPER";

static void nobody_is_left(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Appends, in one piece, to what all helpers write. */
static void tell(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        _exit(9);
    close(file);
}

static int take_pieces(const char *path, size_t count) {
    long taken = -1;
    for (size_t i = 0; i < count; i++) {
        char line[32];
        snprintf(line, sizeof line, "%zu\n", i);
        if (cln_helper_take(&taken, i))
            tell(path, line);
    }
    return 0;
}

/* What a helper does; `path` is for what it has to say. */
static int help(const char *what, const char *path) {
    if (strcmp(what, "take") == 0)
        return take_pieces(path, MOST_PIECES);
    if (strcmp(what, "greet") == 0)
        tell(path, getenv(variable));
    if (strcmp(what, "fail") == 0)
        return 3;
    if (strcmp(what, "crash") == 0)
        raise(SIGKILL);
    if (strcmp(what, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(what, "outlive") == 0) {
        cln_helper_wait_for_end();
        tell(path, "over");
    }
    return 0;
}

/* How many of the helpers that do so end well. */
static size_t run(const char *what, const char *path, size_t count, double seconds) {
    const char *const argv[] = {self, what, path, NULL};
    struct cln_helpers *helpers = NULL;
    assert_ok(cln_helpers_start(&helpers, argv, "CLENET_TEST_HELPER=hello ", count));
    size_t well = cln_helpers_wait(helpers, seconds);
    nobody_is_left();
    cln_helpers_destroy(&helpers);
    assert_null(helpers);
    cln_helpers_destroy(&helpers);
    return well;
}

static void test_every_piece_falls_to_one(void **state) {
    (void)state;
    size_t times[MOST_PIECES] = {0}, piece;
    const char *path = temporary_path("pieces");
    assert_int_equal(run("take", path, HELPERS, PATIENCE), HELPERS);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fscanf(file, "%zu", &piece) == 1)
        times[piece]++;
    fclose(file);
    for (size_t i = 0; i < MOST_PIECES; i++)
        assert_int_equal(times[i], i < PIECES);
}

static void test_helpers_see_the_variable(void **state) {
    (void)state;
    char text[64] = "";
    char *path = strdup(temporary_path("greetings"));
    setenv(variable, "mine", 1);
    assert_int_equal(run("greet", path, 2, PATIENCE), 2);
    assert_string_equal(getenv(variable), "mine");
    unsetenv(variable);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "hello hello ");
    free(path);
}

static void test_failures_are_counted(void **state) {
    (void)state;
    assert_int_equal(run("nothing", "", HELPERS, PATIENCE), HELPERS);
    assert_int_equal(run("fail", "", HELPERS, PATIENCE), 0);
    assert_int_equal(run("crash", "", HELPERS, PATIENCE), 0);
}

static void test_who_hangs_is_ended(void **state) {
    (void)state;
    assert_int_equal(run("hang", "", HELPERS, 0.01), 0);
    const char *const argv[] = {self, "hang", NULL};
    struct cln_helpers *helpers = NULL;
    assert_ok(cln_helpers_start(&helpers, argv, "A=B", HELPERS));
    cln_helpers_destroy(&helpers); /* without waiting */
    nobody_is_left();
}

static void test_what_cannot_start_says_so(void **state) {
    (void)state;
    const char *const argv[] = {temporary_path("nothing"), NULL};
    struct cln_helpers *helpers = (struct cln_helpers *)1;
    assert_fails(cln_helpers_start(&helpers, argv, "A=B", HELPERS), CLN_IO, argv[0]);
    assert_null(helpers);
    nobody_is_left();
}

/* However the embedding program treats its children. */
static void test_ignored_children_are_no_trouble(void **state) {
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    (void)run("nothing", "", HELPERS, PATIENCE);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(run("nothing", "", HELPERS, PATIENCE), HELPERS);
}

/* A process starts a helper and is killed; the helper notices. */
static void test_helpers_notice_the_end(void **state) {
    (void)state;
    char *path = strdup(temporary_path("end")), text[8] = "";
    assert_int_equal(mkfifo(path, 0600), 0);
    pid_t starter = fork();
    if (starter == 0) {
        const char *const argv[] = {self, "outlive", path, NULL};
        struct cln_helpers *helpers = NULL;
        if (cln_helpers_start(&helpers, argv, "A=B", 1) != CLN_OK)
            _exit(9);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(starter, NULL, 0), starter);
    int file = open(path, O_RDONLY); /* waits for the helper to open it */
    assert_int_equal(read(file, text, sizeof text), 4);
    assert_string_equal(text, "over");
    close(file);
    free(path);
}

static void test_as_many_as_fit(void **state) {
    (void)state;
    assert_in_range(cln_helpers_fitting(4, 1 << 20), 1, 4);
    assert_int_equal(cln_helpers_fitting(1, 1), 1);
    assert_int_equal(cln_helpers_fitting(4, SIZE_MAX), 1);
}

int main(int argc, char **argv) {
    self = argv[0];
    if (argc > 1)
        return help(argv[1], argc > 2 ? argv[2] : "");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_piece_falls_to_one),  cmocka_unit_test(test_helpers_see_the_variable),
        cmocka_unit_test(test_failures_are_counted),      cmocka_unit_test(test_who_hangs_is_ended),
        cmocka_unit_test(test_what_cannot_start_says_so), cmocka_unit_test(test_ignored_children_are_no_trouble),
        cmocka_unit_test(test_helpers_notice_the_end),    cmocka_unit_test(test_as_many_as_fit),
    };
    return cmocka_run_group_tests_name("helpers", tests, temporary_create, temporary_remove);
}
