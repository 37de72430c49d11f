/* Every kind of canvas draws what it is told, and nothing of a text gets out of its place. */
#include "src/report/canvas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a canvas of this kind writes of a line, a box and a text. The caller's: free(). */
static char *drawn(const struct cln_canvas_kind *kind, double width, double height, bool has_colours, const char *text,
                   size_t *bytes, enum cln_status *status) {
    char *out = NULL;
    struct cln_canvas canvas = {.kind = kind,
                                .stream = open_memstream(&out, bytes),
                                .width = width,
                                .height = height,
                                .has_colours = has_colours};
    const struct cln_point line[] = {{0, 0}, {width - 1, 0}};
    *status = cln_canvas_begin(&canvas);
    if (*status == CLN_OK) {
        kind->polyline(&canvas, line, 2, CLN_INK_SERIES, false);
        kind->polyline(&canvas, line, 2, CLN_INK_GRID, true);
        kind->rectangle(&canvas, (struct cln_box){width - 4, height - 4, 2, 4}, CLN_INK_SERIES + 1, 1);
        kind->text(&canvas, (struct cln_point){0, height / 2}, CLN_ANCHOR_START, CLN_INK_TEXT, text);
        kind->text(&canvas, (struct cln_point){width, height / 2}, CLN_ANCHOR_END, CLN_INK_TEXT, "z");
    }
    *status = cln_canvas_end(&canvas, *status);
    fclose(canvas.stream);
    return out;
}

static void assert_drawn(const struct cln_canvas_kind *kind, bool has_colours, const char *text, const char *expected) {
    size_t bytes;
    enum cln_status status;
    char *out = drawn(kind, 16, 12, has_colours, text, &bytes, &status);
    assert_int_equal(status, CLN_OK);
    assert_string_equal(out, expected);
    free(out);
}

static void test_terminals(void **state) {
    (void)state;
    assert_drawn(&cln_marks, false, "abc", "********\nabc    z\n      o\n");
    assert_drawn(&cln_dots, false, "abc", "⠉⠉⠉⠉⠉⠉⠉⠉\nabc    z\n      ⣿\n");
    assert_drawn(&cln_dots, false, "猫b", "⠉⠉⠉⠉⠉⠉⠉⠉\n猫b    z\n      ⣿\n");
    assert_drawn(&cln_marks, false, "é", "********\n?      z\n      o\n");
    assert_drawn(&cln_dots, true, "a", "\033[34m⠉⠉⠉⠉⠉⠉⠉⠉\033[0m\na      z\n      \033[31m⣿\033[0m\n");
    assert_drawn(&cln_dots, false, "abcdefg猫", "⠉⠉⠉⠉⠉⠉⠉⠉\nabcdefgz\n      ⣿\n"); /* half of it would be outside */
    /* A text wider than the canvas ends at its edge. */
    assert_drawn(&cln_marks, false, "abcdefghijkl", "********\nabcdefgz\n      o\n");
}

static void test_svg(void **state) {
    (void)state;
    size_t bytes;
    enum cln_status status;
    char *out = drawn(&cln_svg_inline, 100, 50, false, "a<b>&\"\x1b", &bytes, &status);
    assert_int_equal(status, CLN_OK);
    assert_non_null(strstr(out, "<svg viewBox=\"0 0 100 50\""));
    assert_null(strstr(out, "http"));
    assert_null(strchr(out, '\x1b'));
    assert_non_null(strstr(out, ">a&lt;b&gt;&amp;&quot;\\x1b</text>"));
    assert_non_null(strstr(out, "points=\"0,0 99,0\""));
    free(out);
    out = drawn(&cln_svg_file, 100, 50, false, "a", &bytes, &status);
    assert_int_equal(status, CLN_OK);
    assert_non_null(strstr(out, "xmlns=\"http://www.w3.org/2000/svg\""));
    assert_non_null(strstr(out, "prefers-color-scheme:dark"));
    free(out);
}

static void test_pictures(void **state) {
    (void)state;
    size_t bytes;
    enum cln_status status;
    char *out = drawn(&cln_picture, 100, 50, false, "a", &bytes, &status);
#ifdef HAVE_PICTURES
    assert_int_equal(status, CLN_OK);
    assert_memory_equal(out, "\x89PNG\r\n\x1a\n", 8);
    assert_memory_equal(out + 16, "\0\0\0\xc8\0\0\0\x64", 8); /* twice as large */
#else
    assert_int_equal(status, CLN_INVALID);
    assert_non_null(strstr(cln_error_message(), "build it anew"));
#endif
    free(out);
}

static void test_inks_of_series_come_around(void **state) {
    (void)state;
    assert_int_equal(cln_ink_of_series(0), CLN_INK_SERIES);
    assert_int_equal(cln_ink_of_series(CLN_SERIES_INKS), CLN_INK_SERIES);
    assert_int_equal(cln_ink_of_series(CLN_SERIES_INKS - 1), CLN_INK_COUNT - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terminals),
        cmocka_unit_test(test_svg),
        cmocka_unit_test(test_pictures),
        cmocka_unit_test(test_inks_of_series_come_around),
    };
    return cmocka_run_group_tests_name("report canvas", tests, NULL, NULL);
}
