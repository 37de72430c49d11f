/* Memory for pixels, the machine's own or a file's. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/data/block.h"
#include "tests/temporary.h"

enum { BYTES = 100000 };

static void check(double limit, size_t mapped) {
    struct cln_block block;
    assert_int_equal(cln_block_reserve(&block, BYTES, limit, "set"), CLN_OK);
    assert_int_equal(block.mapped, mapped);
    memset(block.bytes, 7, BYTES);
    assert_int_equal(((const uint8_t *)block.bytes)[BYTES - 1], 7);
    cln_block_free(&block);
    assert_null(block.bytes);
    cln_block_free(&block);
}

static void large_blocks_are_files(void **state) {
    (void)state;
    setenv("TMPDIR", temporary_path(""), 1);
    check(BYTES, 0);
    check(BYTES - 1, BYTES);
    DIR *folder = opendir(temporary_path(""));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strstr(entry->d_name, "clenet"))
            fail_msg("left behind: %s", entry->d_name);
    closedir(folder);
    unsetenv("TMPDIR");
    assert_true(cln_block_limit() > 1e6);
}

static void a_folder_without_room_is_told(void **state) {
    (void)state;
    struct cln_block block;
    setenv("TMPDIR", temporary_path("nowhere"), 1);
    assert_int_equal(cln_block_reserve(&block, BYTES, 0, "set"), CLN_IO);
    assert_non_null(
        strstr(cln_error_message(), "set: 100000 bytes of pixels are more than half of this machine's memory"));
    assert_non_null(strstr(cln_error_message(), "No such file or directory"));
    assert_null(block.bytes);
    unsetenv("TMPDIR");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_blocks_are_files),
        cmocka_unit_test(a_folder_without_room_is_told),
    };
    return cmocka_run_group_tests(tests, temporary_create, temporary_remove);
}
