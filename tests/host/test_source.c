/* Kernel text: includes put in, lines kept, from the library and from a folder. */
#include "host/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "tests/host/support.h"

static void test_includes_are_put_in(void **state) {
    (void)state;
    char *text = NULL;
    assert_ok(ocl_source_load(&text, TEST_KERNELS, "broken.cl"));
    static const char *const order[] = {
        "#line 1 \"" TEST_KERNELS "/broken.cl\"\n/* The fault",
        "#line 1 \"" TEST_KERNELS "/scale.clh\"\n#ifndef FACTOR\n",
        "return x * factor * FACTOR;\n}\n#line 3 \"" TEST_KERNELS "/broken.cl\"\n\n__kernel void broken",
    };
    const char *at = text;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *found = strstr(at, order[i]);
        if (!found)
            fail_msg("\"%s\" is not in its place in:\n%s", order[i], text);
        at = found;
    }
    assert_null(strstr(text, "#include"));
    free(text);
}

static void test_faults_name_the_place(void **state) {
    (void)state;
    char *text = NULL;
    assert_fails(ocl_source_load(&text, TEST_KERNELS, "missing_include.cl"), CLN_NOT_FOUND, "/missing_include.cl:2: ");
    assert_message("/nowhere.clh: ");
    assert_null(text);
    assert_fails(ocl_source_load(&text, TEST_KERNELS, "loop.cl"), CLN_INVALID, "include each other");
    assert_fails(ocl_source_load(&text, TEST_KERNELS, "none.cl"), CLN_NOT_FOUND, TEST_KERNELS "/none.cl");
    assert_fails(ocl_source_load(&text, "/no/such/folder", "scale.cl"), CLN_NOT_FOUND, "/no/such/folder/scale.cl");
    assert_fails(ocl_source_load(&text, NULL, "scale.cl"), CLN_NOT_FOUND,
                 "kernels/scale.cl is not part of the library");
    assert_null(text);
}

/* Every embedded file is the one of the source tree, to the byte, and its includes are there too. */
static void test_embedded_files_are_whole(void **state) {
    (void)state;
    size_t count = 0;
    for (const struct ocl_embedded *file = ocl_embedded_kernels; file->name; file++, count++) {
        char path[1024], *text = NULL;
        snprintf(path, sizeof path, "%s/%s", SOURCE_ROOT "/kernels", file->name);
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        for (const char *c = file->text; *c; c++)
            assert_int_equal(fgetc(stream), (unsigned char)*c);
        assert_int_equal(fgetc(stream), EOF);
        fclose(stream);
        assert_ok(ocl_source_load(&text, NULL, file->name));
        assert_null(strstr(text, "#include"));
        free(text);
    }
    assert_true(count > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_includes_are_put_in),
        cmocka_unit_test(test_faults_name_the_place),
        cmocka_unit_test(test_embedded_files_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
