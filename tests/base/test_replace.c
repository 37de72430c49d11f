/* Files that take another's place: what is left, what is followed, what is cleaned up, what is written in place. */
#include "src/base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/place.h"
#include "tests/temporary.h"

static void assert_content(const char *name, const char *expected) {
    char content[256] = "";
    FILE *file = fopen(temporary_path(name), "rb");
    assert_non_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(content, expected);
}

static enum cln_status write_text(const char *name, const char *text) {
    struct cln_replacement r = {0};
    enum cln_status status = cln_replace_begin(&r, temporary_path(name));
    if (status == CLN_OK) {
        fputs(text, r.stream);
        status = cln_replace_commit(&r);
    }
    cln_replace_end(&r);
    return status;
}

static void test_the_new_or_the_old(void **state) {
    (void)state;
    struct cln_replacement r = {0};
    assert_int_equal(write_text("a/file", "none"), CLN_IO);
    temporary_write("a/file", "old", 3);
    assert_int_equal(chmod(temporary_path("a/file"), 0640), 0);
    assert_int_equal(cln_replace_begin(&r, temporary_path("a/file")), CLN_OK);
    fputs("a new one that is never committed", r.stream);
    assert_content("a/file", "old");
    cln_replace_end(&r);
    assert_content("a/file", "old");
    assert_int_equal(write_text("a/file", "new"), CLN_OK);
    assert_content("a/file", "new");
    struct stat info;
    assert_int_equal(stat(temporary_path("a/file"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(write_text("a/other", "free"), CLN_OK);
    assert_content("a/other", "free");
    assert_int_equal(temporary_count("a"), 2);
}

static void test_a_check_changes_nothing(void **state) {
    (void)state;
    temporary_write("check/file", "old", 3);
    assert_int_equal(cln_replace_check(temporary_path("check/file"), true), CLN_OK);
    assert_int_equal(cln_replace_check(temporary_path("check/new"), true), CLN_OK);
    assert_int_equal(cln_replace_check(temporary_path("check/none/new"), false), CLN_IO);
    assert_int_equal(cln_replace_check(temporary_path("check"), false), CLN_INVALID);
    assert_content("check/file", "old");
    assert_int_equal(temporary_count("check"), 1);
}

static void test_links_are_followed(void **state) {
    (void)state;
    temporary_write("links/far/there", "old", 3);
    const char *const links[][2] = {{"there", "links/one"},
                                    {"far/there", "links/two"},
                                    {"far/new", "links/three"},
                                    {"three", "links/four"},
                                    {"../far/newer", "links/far/five"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        assert_int_equal(symlink(links[i][0], temporary_path(links[i][1])), 0);
    assert_int_equal(write_text("links/two", "through two"), CLN_OK);
    assert_content("links/far/there", "through two");
    assert_int_equal(write_text("links/four", "through four"), CLN_OK);
    assert_content("links/far/new", "through four");
    assert_int_equal(write_text("links/far/five", "through five"), CLN_OK);
    assert_content("links/far/newer", "through five");
    assert_int_equal(write_text("links/one", "through one"), CLN_OK);
    assert_content("links/there", "through one");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        struct stat info;
        assert_int_equal(lstat(temporary_path(links[i][1]), &info), 0);
        assert_true(S_ISLNK(info.st_mode));
    }
    assert_int_equal(symlink("around", temporary_path("links/around")), 0);
    assert_int_equal(write_text("links/around", "nowhere"), CLN_IO);
    char *resolved = cln_place_resolve(temporary_path("links/four"));
    assert_non_null(strstr(resolved, "links/far/new"));
    free(resolved);
}

static void test_what_ended_processes_left_is_removed(void **state) {
    (void)state;
    const char *const used = "stale/.clenet-4194998-3.tmp", *const left = "stale/.clenet-4194999-0.tmp";
    const char *const others[] = {"stale/.clenet-notes.tmp", "stale/.clenet-1-2.tmp.gz", "stale/clenet-1-2.tmp"};
    temporary_write(used, "", 0);
    temporary_write(left, "", 0);
    for (size_t i = 0; i < 3; i++)
        temporary_write(others[i], "", 0);
    const int file = open(temporary_path(used), O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(flock(file, LOCK_EX), 0);
    assert_int_equal(write_text("stale/file", "new"), CLN_OK);
    assert_int_equal(access(temporary_path(used), F_OK), 0);
    assert_int_not_equal(access(temporary_path(left), F_OK), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(access(temporary_path(others[i]), F_OK), 0);
    close(file);
    assert_int_equal(write_text("stale/file", "newer"), CLN_OK);
    assert_int_not_equal(access(temporary_path(used), F_OK), 0);
    assert_int_equal(temporary_count("stale"), 4);
}

static void test_a_second_name(void **state) {
    (void)state;
    char path[1024], name[1024];
    temporary_write("second/file", "one", 3);
    snprintf(path, sizeof path, "%s", temporary_path("second/file"));
    snprintf(name, sizeof name, "%s", temporary_path("second/name"));
    for (int i = 0; i < 2; i++) { /* the second time both are names of one file already */
        assert_int_equal(cln_replace_link(path, name), CLN_OK);
        assert_content("second/file", "one");
        assert_content("second/name", "one");
        assert_int_equal(temporary_count("second"), 2);
    }
    assert_int_equal(write_text("second/file", "two"), CLN_OK);
    assert_content("second/name", "one");
    assert_int_equal(cln_replace_link(temporary_path("second/none"), name), CLN_IO);
    assert_content("second/name", "one");
    assert_int_equal(temporary_count("second"), 2);
}

/* As many processes at once as there are, each replacing one file again and again: nobody removes what another has
 * aside. */
static void test_many_at_once(void **state) {
    (void)state;
    enum { PROCESSES = 6, TIMES = 100 };
    pid_t processes[PROCESSES];
    temporary_write("many/file", "old", 3);
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = fork();
        if (processes[i] == 0) {
            int failed = 0;
            for (int time = 0; time < TIMES; time++)
                failed |= write_text("many/file", "new") != CLN_OK;
            _exit(failed);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int ended = -1;
        assert_int_equal(waitpid(processes[i], &ended, 0), processes[i]);
        assert_int_equal(ended, 0);
    }
    assert_content("many/file", "new");
    assert_int_equal(temporary_count("many"), 1);
}

static void test_mounted_files_are_written_in_place(void **state) {
    (void)state;
    temporary_write("mount/source", "an old one, longer than the new one", 35);
    temporary_write("mount/target", "hidden", 6);
    if (mount(temporary_path("mount/source"), temporary_path("mount/target"), NULL, MS_BIND, NULL) != 0) {
        print_message("skipped: this process cannot mount: %s\n", strerror(errno));
        skip();
    }
    const enum cln_status as_a_whole = cln_replace_check(temporary_path("mount/target"), true);
    const enum cln_status check = cln_replace_check(temporary_path("mount/target"), false);
    const enum cln_status status = write_text("mount/target", "new");
    assert_int_equal(umount(temporary_path("mount/target")), 0);
    assert_int_equal(as_a_whole, CLN_IO);
    assert_int_equal(check, CLN_OK);
    assert_int_equal(status, CLN_OK);
    assert_content("mount/source", "new");
    assert_content("mount/target", "hidden");
    assert_int_equal(temporary_count("mount"), 2);
}

/* In a process that has no /proc, and so no files without a name: begins, writes, and ends as `end` does. */
static void leave_named(void (*end)(void)) {
    const pid_t process = fork();
    if (process == 0) {
        struct cln_replacement r = {0};
        if (chroot(temporary_path("named")) != 0 || chdir("/") != 0 || cln_replace_begin(&r, "file") != CLN_OK ||
            !r.aside)
            _exit(1);
        fputs("half of it", r.stream);
        fflush(r.stream);
        end();
        _exit(1);
    }
    int ended = 0;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFSIGNALED(ended));
}

static void be_killed(void) {
    raise(SIGKILL);
}

static void be_interrupted(void) {
    cln_replace_abandon();
    raise(SIGKILL);
}

static void test_where_every_file_has_a_name(void **state) {
    (void)state;
    temporary_write("named/file", "old", 3);
    if (geteuid() != 0) {
        print_message("skipped: only root may hide /proc\n");
        skip();
    }
    leave_named(be_interrupted);
    assert_int_equal(temporary_count("named"), 1);
    leave_named(be_killed);
    assert_int_equal(temporary_count("named"), 2);
    leave_named(be_interrupted); /* which finds what the other has left */
    assert_int_equal(temporary_count("named"), 1);
    assert_content("named/file", "old");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_new_or_the_old),
        cmocka_unit_test(test_a_check_changes_nothing),
        cmocka_unit_test(test_links_are_followed),
        cmocka_unit_test(test_what_ended_processes_left_is_removed),
        cmocka_unit_test(test_a_second_name),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_mounted_files_are_written_in_place),
        cmocka_unit_test(test_where_every_file_has_a_name),
    };
    return cmocka_run_group_tests_name("replace", tests, temporary_create, temporary_remove);
}
