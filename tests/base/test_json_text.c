/* JSON as it is read and written everywhere in clenet. */
#include "src/base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static json_t *parse(const char *text) {
    json_error_t error;
    json_t *value;
    if (cln_json_parse(&value, text, strlen(text), JSON_DECODE_ANY, &error) != CLN_OK)
        fail_msg("%s: %s", text, error.text);
    return value;
}

static void assert_reads_as(const char *text, const char *expected) {
    json_t *value = parse(text);
    char *read = cln_json_dump(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    assert_string_equal(read, expected);
    free(read);
    json_decref(value);
}

static void test_there_is_one_kind_of_number(void **state) {
    (void)state;
    assert_reads_as("{\"a\": 6.0, \"b\": [6e0, {\"c\": 60e-1}], \"d\": 0.5}",
                    "{\"a\":6,\"b\":[6,{\"c\":6}],\"d\":0.5}");
    assert_reads_as("6E0", "6");
    assert_reads_as("[-3.0, 9007199254740992.0, 1e15]", "[-3,9007199254740992,1000000000000000]");
    assert_reads_as("[1e300, -0.0]", "[1e300,-0.0]"); /* no integer says these */
}

static void test_a_byte_order_mark_is_passed_over(void **state) {
    (void)state;
    static const char text[] = "\xef\xbb\xbf{\"a\": 1}\r\n";
    assert_reads_as(text, "{\"a\":1}");
    assert_string_equal(cln_json_begin(text), "{\"a\": 1}\r\n");
    assert_string_equal(cln_json_begin("{}"), "{}");
    assert_string_equal(cln_json_begin(""), "");
}

static void test_numbers_have_the_digits_they_need(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int least, expected;
    } rows[] = {
        {"0.1", 1, 1},
        {"0.1", 9, 9},
        {"12345", 1, 1},
        {"0.0123456789012345", 9, 15},
        {"{\"a\": [0.5, {\"b\": 0.1234567891}], \"c\": 0.25}", 2, 10},
        {"[0.30000000000000004, 0.1]", 9, 17},
        {"\"0.30000000000000004\"", 9, 9},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *value = parse(rows[i].text);
        assert_int_equal(cln_json_digits(value, rows[i].least), rows[i].expected);
        json_decref(value);
    }
}

static const char filling[] = "..............................................................................";
static long allocations, failing; /* of jansson; 0: none fails */
static bool from_then_on;

static void *allocate_or_fail(size_t bytes) {
    allocations++;
    const bool fails = from_then_on ? allocations >= failing : allocations == failing;
    return failing > 0 && fails ? NULL : malloc(bytes);
}

/* Before clenet takes jansson's functions over. */
__attribute__((constructor(101))) static void let_allocations_fail(void) {
    json_set_alloc_funcs(allocate_or_fail, free);
}

/* jansson alone reads on without a character where the buffer of a string cannot grow: without an escaped one, which it
 * asserts, or the quotation mark at the end, behind which it reads on. */
static void test_memory_that_runs_out_leaves_nothing_out(void **state) {
    (void)state;
    for (int length = 0; length < 70; length++) {
        char text[256];
        json_error_t error;
        snprintf(text, sizeof text, "{\"%.*s\": [\"\\\"%.*s\", 6.0, 1234567890.1234567890]}", 70 - length, filling,
                 length, filling);
        allocations = 0;
        json_decref(parse(text));
        const long count = allocations;
        assert_true(count > 10);
        for (long i = 1; i <= 2 * count; i++) { /* the i-th one alone, or all from there on */
            allocations = 0;
            failing = i <= count ? i : i - count;
            from_then_on = i > count;
            json_t *value;
            const enum cln_status status = cln_json_parse(&value, text, strlen(text), 0, &error);
            failing = 0;
            assert_int_equal(status, CLN_OUT_OF_MEMORY);
            assert_null(value);
            assert_non_null(strstr(cln_error_message(), "no memory to read "));
        }
    }
}

static void test_what_is_no_json_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "\xef\xbb\xbf", "{\"a\": 1, \"a\": 1}", "[1,]", "\xef\xbb\xbf\xef\xbb\xbf{}", "6.0 7"};
    json_error_t error;
    json_t *value;
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_int_equal(cln_json_parse(&value, texts[i], strlen(texts[i]), JSON_DECODE_ANY, &error), CLN_INVALID);
        assert_null(value);
    }
    char deep[5000];
    memset(deep, '[', sizeof deep);
    assert_int_equal(cln_json_parse(&value, deep, sizeof deep, 0, &error), CLN_INVALID);
    assert_null(value);
    assert_non_null(strstr(error.text, "clenet's limit"));
}

static void test_any_bytes_become_a_string(void **state) {
    (void)state;
    static const struct {
        const char *words, *text;
    } cases[] = {
        {"plain", "\"plain\""},
        {"Käse 猫", "\"Käse 猫\""},
        {"\xff\x80", "\"\\\\xff\\\\x80\""},
        {"\xc3(ä", "\"\\\\xc3(ä\""},
        {"a\x1b\n\x7f", "\"a\\u001B\\n\\u007F\""},
        {"\xc2\x9b\u202e\u2028", "\"\\u009B\\u202E\\u2028\""},
        {NULL, "null"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *value = cln_json_text(cases[i].words);
        char *text = cln_json_dump(value, JSON_ENCODE_ANY);
        assert_string_equal(text, cases[i].text);
        json_t *again = parse(text);
        assert_true(json_equal(value, again)); /* escaping loses nothing */
        json_decref(again);
        json_decref(value);
        free(text);
    }
    assert_null(cln_json_dump(NULL, 0));
}

static void test_layout_stays(void **state) {
    (void)state;
    json_t *value = json_pack("{s:[o, i]}", "a\x7f", cln_json_text("\x7f"), 1);
    char *text = cln_json_dump(value, JSON_INDENT(2));
    assert_string_equal(text, "{\n  \"a\\u007F\": [\n    \"\\u007F\",\n    1\n  ]\n}");
    free(text);
    json_decref(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_is_one_kind_of_number),
        cmocka_unit_test(test_numbers_have_the_digits_they_need),
        cmocka_unit_test(test_a_byte_order_mark_is_passed_over),
        cmocka_unit_test(test_memory_that_runs_out_leaves_nothing_out),
        cmocka_unit_test(test_what_is_no_json_is_refused),
        cmocka_unit_test(test_any_bytes_become_a_string),
        cmocka_unit_test(test_layout_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
