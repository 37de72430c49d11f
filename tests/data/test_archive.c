/* Members of archives, and archives that are unpacked: written by libarchive itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "src/data/archive.h"
#include "tests/temporary.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *name, *content;
} members[] = {
    {"gzip/a", "first"}, {"gzip/b", "second"},    {"other/c", "3"},      {"gzip/below/d", "4"},
    {"e", "5"},          {"gzip/../../f", "six"}, {"gzip/.hidden", "7"}, {"/gzip/g", "8"},
};

static void write_archive(const char *name, bool is_zip) {
    temporary_write(name, "", 0);
    struct archive *archive = archive_write_new();
    assert_int_equal(is_zip ? archive_write_set_format_zip(archive) : archive_write_set_format_pax_restricted(archive),
                     ARCHIVE_OK);
    if (!is_zip)
        assert_int_equal(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(archive, temporary_path(name)), ARCHIVE_OK);
    for (size_t i = 0; i < COUNT(members); i++) {
        struct archive_entry *entry = archive_entry_new();
        const size_t size = strlen(members[i].content);
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)size);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(archive, members[i].content, size), size);
        archive_entry_free(entry);
    }
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

static void assert_content(const char *name, const char *expected) {
    char content[64] = "";
    FILE *file = fopen(temporary_path(name), "rb");
    assert_non_null(file);
    assert_int_equal(fread(content, 1, sizeof content - 1, file), strlen(expected));
    assert_string_equal(content, expected);
    fclose(file);
}

static void only_the_files_of_one_folder_are_unpacked(void **state) {
    (void)state;
    for (int is_zip = 0; is_zip < 2; is_zip++) {
        char archive[256], folder[256];
        write_archive("set.archive", is_zip);
        snprintf(archive, sizeof archive, "%s", temporary_path("set.archive"));
        temporary_write(is_zip ? "zip/a" : "tar/a", "old", 3);
        snprintf(folder, sizeof folder, "%s", temporary_path(is_zip ? "zip" : "tar"));
        if (cln_archive_unpack(archive, "gzip/", folder) != CLN_OK)
            fail_msg("%s", cln_error_message());
        assert_content(is_zip ? "zip/a" : "tar/a", "first");
        assert_content(is_zip ? "zip/b" : "tar/b", "second");
        assert_int_equal(temporary_count(is_zip ? "zip" : "tar"), 2);
    }
    assert_int_equal(temporary_count(""), 3);
    assert_int_equal(cln_archive_unpack(temporary_path("zip/a"), "gzip/", temporary_path("zip")), CLN_INVALID);
    assert_int_equal(cln_archive_unpack(temporary_path("none"), "gzip/", temporary_path("zip")), CLN_NOT_FOUND);
}

static void a_member_is_read(void **state) {
    (void)state;
    char archive[256], bytes[16] = "";
    struct cln_input *input;
    write_archive("members.zip", true);
    snprintf(archive, sizeof archive, "%s", temporary_path("members.zip"));
    assert_int_equal(cln_archive_open_member(&input, archive, "gzip/b"), CLN_OK);
    assert_non_null(strstr(cln_input_name(input), "members.zip: gzip/b"));
    assert_int_equal(cln_input_some(input, bytes, sizeof bytes), 6);
    assert_string_equal(bytes, "second");
    assert_int_equal(cln_input_check_end(input), CLN_OK);
    cln_input_close(&input);
    assert_int_equal(cln_archive_open_member(&input, archive, "b"), CLN_NOT_FOUND);
    assert_null(input);
    assert_non_null(strstr(cln_error_message(), "members.zip: no b is in it"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_files_of_one_folder_are_unpacked),
        cmocka_unit_test(a_member_is_read),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
