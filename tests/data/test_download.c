/* Downloads, without a network: mirrors are folders of this machine, as file:// URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clenet/dataset.h"
#include "src/data/download.h"
#include "tests/temporary.h"

static const struct cln_download_file files[] = {
    {"hello", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
    {"empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
};

static enum cln_status download(const char *folder, const char *mirrors) {
    return cln_download(temporary_path(folder), files, 2, mirrors);
}

/* The URLs of two folders. */
static const char *mirrors_of(const char *first, const char *second) {
    static char urls[4096];
    snprintf(urls, sizeof(urls), " file://%s\n\tfile://%s/ ", temporary_path(first), temporary_path(second));
    return urls;
}

static void assert_content(const char *name, const char *content) {
    char text[64] = "";
    FILE *file = fopen(temporary_path(name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof(text), file), strlen(content));
    fclose(file);
    assert_string_equal(text, content);
}

static int write_mirrors(void **state) {
    if (temporary_create(state) != 0)
        return -1;
    temporary_write("good/hello", "hello", 5);
    temporary_write("good/empty", "", 0);
    temporary_write("bad/hello", "hullo", 5);
    temporary_write("bad/empty", "?", 1);
    return 0;
}

static void files_arrive_with_their_folder(void **state) {
    (void)state;
    assert_int_equal(download("a/b/c", mirrors_of("good", "bad")), CLN_OK);
    assert_content("a/b/c/hello", "hello");
    assert_content("a/b/c/empty", "");
    assert_int_equal(temporary_count("a/b/c"), 2);
    /* again, with no mirror at all: what is there is not fetched again */
    assert_int_equal(download("a/b/c", ""), CLN_OK);
}

static void the_second_mirror_helps_out(void **state) {
    (void)state;
    assert_int_equal(download("second", mirrors_of("nowhere", "good")), CLN_OK);
    assert_content("second/hello", "hello");
    assert_int_equal(download("third", mirrors_of("bad", "good")), CLN_OK);
    assert_content("third/hello", "hello");
    assert_content("third/empty", "");
    assert_int_equal(temporary_count("third"), 2);
}

static void a_wrong_digest_leaves_nothing_behind(void **state) {
    (void)state;
    assert_int_equal(download("refused", mirrors_of("bad", "nowhere")), CLN_IO);
    assert_int_equal(temporary_count("refused"), 0);
    static const char *const words[] = {"downloading hello", "/bad/hello: 5 bytes with SHA-256 ", "instead of 2cf24dba",
                                        "/nowhere/hello: "};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strstr(cln_error_message(), words[i]))
            fail_msg("no \"%s\" in: %s", words[i], cln_error_message());
    }
}

static void a_folder_that_cannot_be_made_says_so(void **state) {
    (void)state;
    assert_int_equal(download("good/hello/below", mirrors_of("good", "good")), CLN_IO);
    assert_non_null(strstr(cln_error_message(), "good/hello"));
    assert_int_equal(download("empty-list", " \n"), CLN_IO);
    assert_non_null(strstr(cln_error_message(), "no mirror"));
}

/* The whole way: $CLENET_MIRROR offers files that are not MNIST's. */
static void a_data_set_is_not_taken_from_a_wrong_mirror(void **state) {
    (void)state;
    if (access("/usr/share/datasets/mnist", F_OK) == 0)
        skip();
    struct cln_dataset *dataset;
    idx_write_folder("mirror", 20, 5, 2, 2, 10);
    temporary_write("mirror/train-images-idx3-ubyte.gz", "no MNIST", 8);
    setenv("CLENET_MIRROR", mirrors_of("mirror", "nowhere"), 1);
    setenv("XDG_CACHE_HOME", temporary_path("cache"), 1);
    unsetenv("CLENET_DATA");
    assert_int_equal(cln_dataset_load(&dataset, &(struct cln_dataset_params){.name = "mnist"}), CLN_IO);
    assert_null(dataset);
    assert_non_null(strstr(cln_error_message(), "not found in /usr/share/datasets/mnist"));
    assert_non_null(strstr(cln_error_message(), "8 bytes with SHA-256"));
    assert_non_null(strstr(cln_error_message(), "set CLENET_DATA"));
    assert_int_equal(temporary_count("cache/clenet/mnist"), 0);
    assert_int_equal(cln_dataset_load(&dataset, &(struct cln_dataset_params){.name = "mnist", .offline = true}),
                     CLN_NOT_FOUND);
    assert_non_null(strstr(cln_error_message(), "cache/clenet/mnist"));
    assert_null(strstr(cln_error_message(), "SHA-256"));
    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "not/absolute", 1);
    assert_int_equal(cln_dataset_load(&dataset, &(struct cln_dataset_params){.name = "mnist"}), CLN_NOT_FOUND);
    assert_non_null(strstr(cln_error_message(), "HOME and XDG_CACHE_HOME name no folder"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_arrive_with_their_folder),
        cmocka_unit_test(the_second_mirror_helps_out),
        cmocka_unit_test(a_wrong_digest_leaves_nothing_behind),
        cmocka_unit_test(a_folder_that_cannot_be_made_says_so),
        cmocka_unit_test(a_data_set_is_not_taken_from_a_wrong_mirror),
    };
    return cmocka_run_group_tests(tests, write_mirrors, temporary_remove);
}
