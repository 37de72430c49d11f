/* Charts: gaps, single points, constants, nothing, and long lines. Drawn in a terminal, as that can be read here. */
#include "src/report/chart.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *drawn(const struct cln_canvas_kind *kind, const struct cln_chart *chart, double width, double height) {
    char *out = NULL;
    size_t bytes;
    struct cln_canvas canvas = {.kind = kind,
                                .stream = open_memstream(&out, &bytes),
                                .width = width * kind->letter,
                                .height = height * kind->line};
    enum cln_status status = cln_canvas_begin(&canvas);
    if (status == CLN_OK)
        cln_chart_draw(&canvas, (struct cln_box){0, 0, canvas.width, canvas.height}, chart);
    assert_int_equal(cln_canvas_end(&canvas, status), CLN_OK);
    fclose(canvas.stream);
    return out;
}

static size_t count(const char *text, char letter) {
    size_t found = 0;
    for (; *text; text++)
        found += *text == letter;
    return found;
}

static size_t count_words(const char *text, const char *word) {
    size_t found = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        found++;
    return found;
}

static const struct cln_chart *chart_of(const double *x, const double *y, size_t points, const char *name) {
    static struct cln_series series;
    static struct cln_chart chart;
    series = (struct cln_series){.x = x, .y = y, .count = points, .ink = CLN_INK_SERIES};
    strcpy(series.name, name);
    chart = (struct cln_chart){.title = "T", .x_title = "epoch", .series = &series, .count = 1, .whole_x = true};
    return &chart;
}

static void test_a_line_goes_through_its_points(void **state) {
    (void)state;
    const double x[] = {1, 2, 3}, y[] = {0, 1, 0};
    char *out = drawn(&cln_marks, chart_of(x, y, 3, "loss"), 40, 12);
    assert_non_null(strstr(out, "**** loss"));
    assert_non_null(strstr(out, "1                2                3")); /* ticks, and at the same distance */
    assert_non_null(strstr(out, "1.0 "));
    assert_non_null(strstr(out, "epoch"));
    assert_true(count(out, '*') > 30);
    free(out);
}

static void test_gaps_divide_a_line(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 2, NAN, 4, INFINITY};
    char *out = drawn(&cln_svg_inline, chart_of(x, y, 5, ""), 60, 20);
    assert_int_equal(count_words(out, "class=\"l5\""), 1); /* the line of 1 and 2 */
    assert_int_equal(count_words(out, "class=\"f5\""), 1); /* the point of 4 */
    assert_null(strstr(out, "nan"));
    assert_null(strstr(out, "inf"));
    free(out);
}

static void test_without_numbers(void **state) {
    (void)state;
    const double x[] = {1}, y[] = {NAN}, constant[] = {0.5};
    char *out = drawn(&cln_marks, chart_of(x, y, 1, ""), 40, 12);
    assert_non_null(strstr(out, "nothing to draw"));
    free(out);
    out = drawn(&cln_marks, chart_of(x, constant, 1, ""), 40, 12);
    assert_in_range(count(out, '*'), 1, 4); /* a point */
    free(out);
}

static void test_no_room_is_no_harm(void **state) {
    (void)state;
    const double x[] = {1, 2}, y[] = {1e-300, 1e300};
    for (double width = 1; width < 20; width++)
        for (double height = 1; height < 8; height++)
            free(drawn(&cln_dots, chart_of(x, y, 2, "a long name of a series"), width, height));
}

static void test_long_lines_are_whole(void **state) {
    (void)state;
    enum { POINTS = 1000 };
    static double x[POINTS], y[POINTS];
    for (int i = 0; i < POINTS; i++)
        x[i] = y[i] = i;
    char *out = drawn(&cln_svg_inline, chart_of(x, y, POINTS, ""), 100, 30);
    size_t points = 0;
    for (const char *at = out; (at = strstr(at, "class=\"l5\"")) != NULL; at++) {
        const char *end = strstr(at, "/>");
        for (const char *comma = at; comma < end; comma++)
            points += *comma == ',';
    }
    assert_int_equal(points, POINTS + 3); /* each of the three later pieces begins where the one before ended */
    free(out);
}

static void test_powers_of_ten(void **state) {
    (void)state;
    const double x[] = {-7, -4, 1}, y[] = {3, 2, 9};
    struct cln_chart chart = *chart_of(x, y, 3, "");
    chart.is_logarithmic = true;
    char *out = drawn(&cln_marks, &chart, 80, 12);
    assert_non_null(strstr(out, "1e-6"));
    assert_non_null(strstr(out, "1e0"));
    free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_goes_through_its_points),
        cmocka_unit_test(test_gaps_divide_a_line),
        cmocka_unit_test(test_without_numbers),
        cmocka_unit_test(test_no_room_is_no_harm),
        cmocka_unit_test(test_long_lines_are_whole),
        cmocka_unit_test(test_powers_of_ten),
    };
    return cmocka_run_group_tests_name("report chart", tests, NULL, NULL);
}
