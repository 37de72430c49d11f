/* What is lacking where a data set is opened: permission, files that may be opened, memory, and the data itself. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/data/picture_list.h"
#include "src/data/picture_memory.h"
#include "tests/data/jpeg_make.h"
#include "tests/data/png_make.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Data sets ---- */

/* In few words: what is there, and what was looked for. */
static void a_path_of_no_format_is_described(void **state) {
    (void)state;
    static const struct {
        const char *name, *content, *said;
    } cases[] = {
        {"bare", NULL, "the folder is empty"},
        {"none.bin", "", "the file is empty"},
        {"archive.tar", "x", "a file that ends with .tar"},
        {"one.PNG", "x", "this is one picture, not the folder"},
        {"unknown", "x", "ends with no known name"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct cln_data_format *format;
        if (cases[i].content)
            temporary_write(cases[i].name, cases[i].content, strlen(cases[i].content));
        else
            assert_int_equal(mkdir(temporary_path(cases[i].name), 0700), 0);
        assert_int_equal(cln_data_format_find(&format, temporary_path(cases[i].name)), CLN_NOT_FOUND);
        assert_null(format);
        if (!strstr(cln_error_message(), cases[i].said))
            fail_msg("no \"%s\" in: %s", cases[i].said, cln_error_message());
        assert_in_range(strlen(cln_error_message()), 1, 400);
    }
}

static enum cln_status find_as_other(const char *path) {
    const struct cln_data_format *format;
    assert_int_equal(geteuid() == 0 ? seteuid(65534) : 0, 0);
    const enum cln_status status = cln_data_format_find(&format, path);
    assert_int_equal(getuid() == 0 ? seteuid(0) : 0, 0);
    return status;
}

static void what_nobody_may_read_is_told(void **state) {
    (void)state;
    static const char *const names[] = {"shut", "shut.csv"},
                             *const said[] = {"shut: the folder cannot be read: Permission denied",
                                              "shut.csv: the file cannot be read: Permission denied"};
    assert_int_equal(chmod(temporary_path(""), 0755), 0);
    temporary_write("shut/a/1.png", "x", 1);
    temporary_write("shut.csv", "x", 1);
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *path = temporary_path(names[i]);
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(find_as_other(path), CLN_IO);
        assert_non_null(strstr(cln_error_message(), said[i]));
        assert_int_equal(chmod(path, 0755), 0);
    }
}

/* ---- Pictures ---- */

static const uint8_t rows[16 * 16];

static void write_picture(const char *name, uint32_t side) {
    static uint8_t bytes[1 << 12];
    const bool is_jpeg = strcmp(name, "one.jpg") == 0;
    temporary_write(name, bytes,
                    is_jpeg ? jpeg_make(bytes, &(struct jpeg_file){side, side, 1, rows, 0, 0})
                            : png_make(bytes, &(struct png_file){side, side, 8, PNG_GREY, rows}));
}

static struct cln_picture_list *list_of(const struct cln_dataset_params *params, const char *const *names,
                                        size_t count) {
    struct cln_picture_list *list;
    assert_int_equal(cln_picture_list_create(&list, temporary_path(""), params), CLN_OK);
    for (size_t i = 0; i < count; i++) {
        write_picture(names[i], 16);
        assert_int_equal(cln_picture_list_add(list, names[i], 0), CLN_OK);
    }
    return list;
}

/* Opens the list while no other file can be opened, or as a user who may not read shut.png. */
static enum cln_status open_lacking(struct cln_picture_list *list, bool of_files) {
    struct cln_opened opened;
    struct rlimit limit, none;
    if (!of_files) {
        assert_int_equal(chmod(temporary_path(""), 0755) | chmod(temporary_path("shut.png"), 0), 0);
        assert_int_equal(geteuid() == 0 ? seteuid(65534) : 0, 0);
        const enum cln_status status = cln_picture_list_open(list, &opened);
        assert_int_equal(getuid() == 0 ? seteuid(0) : 0, 0);
        assert_int_equal(chmod(temporary_path("shut.png"), 0644), 0);
        return status;
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){0, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const enum cln_status status = cln_picture_list_open(list, &opened);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return status;
}

/* Another time the same pictures would be left in. */
static void what_is_lacking_is_no_damage(void **state) {
    (void)state;
    static const char *const names[] = {"ok1.png", "shut.png", "ok2.png"},
                             *const reasons[] = {"shut.png: Permission denied: make it readable",
                                                 "ok1.png: Too many open files: raise the number of files"};
    for (int of_files = 0; of_files < 2; of_files++)
        for (int skips = 0; skips < 2; skips++) {
            struct cln_picture_list *list =
                list_of(&(struct cln_dataset_params){.skip_damaged = skips}, names, COUNT(names));
            const enum cln_status status = open_lacking(list, of_files);
            if (status != CLN_IO || !strstr(cln_error_message(), reasons[of_files]))
                fail_msg("%s: %s", cln_status_name(status), cln_error_message());
            assert_null(strstr(cln_error_message(), "--skip-damaged"));
            cln_picture_list_destroy(&list);
        }
}

/* ---- Memory ---- */

static atomic_bool is_read;

static void *read_in_thread(void *list) {
    struct cln_opened opened;
    struct cln_block block;
    if (cln_picture_list_open(list, &opened) != CLN_OK || cln_picture_list_read_pixels(&block, list) != CLN_OK)
        fail_msg("%s", cln_error_message());
    cln_block_free(&block);
    atomic_store(&is_read, true);
    return NULL;
}

/* As if others were decoding as much as may be decoded at once. */
static void decoding_waits_for_its_share_of_memory(void **state) {
    (void)state;
    static const char *const names[] = {"one.png", "one.jpg"};
    const struct timespec moment = {.tv_nsec = 50000000};
    for (size_t i = 0; i < (READS_JPEG ? COUNT(names) : 1); i++) {
        struct cln_picture_list *list = list_of(&(struct cln_dataset_params){0}, names + i, 1);
        struct cln_share all = {0};
        pthread_t thread;
        cln_share_take(&all, CLN_SHARE_OF_PIXELS, cln_share_limit());
        atomic_store(&is_read, false);
        assert_int_equal(pthread_create(&thread, NULL, read_in_thread, list), 0);
        nanosleep(&moment, NULL);
        assert_false(atomic_load(&is_read));
        cln_share_give(&all);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(atomic_load(&is_read));
        cln_share_take(&all, CLN_SHARE_OF_PIXELS, 2 * cln_share_limit()); /* alone, as all others were given back */
        cln_share_give(&all);
        cln_picture_list_destroy(&list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_of_no_format_is_described),
        cmocka_unit_test(what_nobody_may_read_is_told),
        /* With libpng only. */
        cmocka_unit_test(what_is_lacking_is_no_damage),
        cmocka_unit_test(decoding_waits_for_its_share_of_memory),
    };
    enum { OF_ANY = 2 };
    return _cmocka_run_group_tests("lacks", tests, READS_PNG ? COUNT(tests) : OF_ANY, temporary_create,
                                   temporary_remove);
}
