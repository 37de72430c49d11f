/* Text of anybody's, shown: what passes, what is made visible, widths, cuts; and numbers as the C library writes them.
 */
#include "clenet/text.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "clenet/status.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_shown(const char *text, const char *expected) {
    char out[256];
    assert_int_equal(cln_text_format(out, sizeof out, "%s", text), strlen(expected));
    assert_string_equal(out, expected);
    assert_int_equal(cln_text_format(out, sizeof out, "%s", expected), strlen(expected)); /* the same again */
    assert_string_equal(out, expected);
}

static void test_what_can_be_seen_passes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "T-shirt/top",
        "Pullover \\ 100 %",
        "Käse",
        "Ελληνικά",
        "кошка",
        "猫 고양이 ねこ",
        "قطة",
        "חתול",
        "\U0001F600",
        "\U0001F469\u200D\U0001F680",
        "e\u0301",
        "\uFEFFmark",
        "\U0010FFFD",
        "\u00a0",
        "\u2027\u202f\u2065\u206a",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_shown(texts[i], texts[i]);
        assert_true(cln_text_is_utf8(texts[i]));
    }
}

static void test_what_commands_is_made_visible(void **state) {
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"a\x1b[2Jb", "a\\x1b[2Jb"},
        {"\x1b]0;title\a", "\\x1b]0;title\\x07"},
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\x01\x08\x0b\x0c\x7f", "\\x01\\x08\\x0b\\x0c\\x7f"},
        {"\xc2\x80\xc2\x9b"
         "31m\xc2\x85",
         "\\u0080\\u009b31m\\u0085"},
        {"\u202a\u202e\u2066\u2069\u2028\u2029", "\\u202a\\u202e\\u2066\\u2069\\u2028\\u2029"},
        {"\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf", "\xef\xbf\xbd\\ufffe\\uffff"},
        {"\xff", "\\xff"},
        {"m\xc3", "m\\xc3"},
        {"\xc3(", "\\xc3("},
        {"\x80\xbf", "\\x80\\xbf"},
        {"\xc0\x9b", "\\xc0\\x9b"},                   /* ESC, a byte longer than need be */
        {"\xe0\x82\x9b", "\\xe0\\x82\\x9b"},          /* U+009B likewise */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"\xf0\x9f\x98", "\\xf0\\x9f\\x98"},
        {"\xe2\x82\xac\xe2\x82", "€\\xe2\\x82"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_shown(cases[i].text, cases[i].shown);
}

/* Every code point comes out as itself, or in ASCII without control characters; valid UTF-8 in either case. */
static void test_every_character(void **state) {
    (void)state;
    size_t plain = 0;
    for (uint32_t code = 1; code <= 0x10ffff; code++) {
        char text[5] = "", out[32];
        if (code < 0x80)
            text[0] = (char)code;
        for (int bytes = 2; bytes <= 4 && !text[0]; bytes++)
            if (code < 1u << (bytes == 2 ? 11 : bytes == 3 ? 16 : 21)) {
                text[0] = (char)(0xf00 >> bytes | code >> 6 * (bytes - 1));
                for (int i = 1; i < bytes; i++)
                    text[i] = (char)(0x80 | (code >> 6 * (bytes - 1 - i) & 0x3f));
            }
        uint32_t decoded = 0;
        const size_t length = cln_text_decode(&decoded, text, strlen(text));
        const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
        assert_int_equal(length, is_surrogate ? 0 : strlen(text));
        cln_text_format(out, sizeof out, "%s", text);
        assert_true(cln_text_is_utf8(out));
        if (length > 0 && decoded == code && strcmp(out, text) == 0)
            plain++;
        else
            assert_int_equal(strspn(out, "\\xuabcdefntr0123456789"), strlen(out));
    }
    assert_int_equal(plain, 0x10ffff - 0x800 - 31 - 33 - 7 - 4 - 2);
}

static void test_lines_pass_where_they_are_asked_for(void **state) {
    (void)state;
    char out[64];
    cln_text_format(out, sizeof out, "<%-s>", "a\n\tb\r\x1b\xff");
    assert_string_equal(out, "<a\n\tb\\r\\x1b\\xff>");
    cln_text_format(out, sizeof out, "%-4s|%-*s|%*s|\n", "a\n", 0, "\n", -1, "\n"); /* a width makes it a cell */
    assert_string_equal(out, "a\\n |\\n|\\n|\n");
}

static void test_widths_are_columns(void **state) {
    (void)state;
    char out[128];
    cln_text_format(out, sizeof out, "[%-6s][%6s][%-*s][%2s]", "Käse", "Käse", 6, "猫", "four");
    assert_string_equal(out, "[Käse  ][  Käse][猫    ][four]");
    cln_text_format(out, sizeof out, "[%-6s][%-*s]", "a\xff", -3, "x");
    assert_string_equal(out, "[a\\xff ][x  ]");
    assert_int_equal(cln_text_columns("e\u0301"), 1);
    assert_int_equal(cln_text_columns("\U0001F600"), 2);
    assert_int_equal(cln_text_columns("a\n"), 3);
}

/* Precision is bytes of the argument, and the end of the room a byte of the output: neither cuts a character. */
static void test_nothing_is_cut_within_a_character(void **state) {
    (void)state;
    char out[16];
    const char text[3] = {'a', (char)0xc3, (char)0xa4}; /* without a zero */
    cln_text_format(out, sizeof out, "%.3s", text);
    assert_string_equal(out, "aä");
    cln_text_format(out, sizeof out, "%.*s|%.0s", 2, text, text);
    assert_string_equal(out, "a|");
    assert_int_equal(cln_text_format(out, 4, "%s", "abä"), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(cln_text_format(out, 5, "%s", "abä"), 4);
    assert_int_equal(cln_text_format(out, 4, "%s", "a\xff"), 1); /* nor an escape */
    assert_string_equal(out, "a");
    assert_int_equal(cln_text_format(out, 4, "1234%s", "a"), 3);
    assert_int_equal(cln_text_format(out, 1, "%s", "a"), 0);
    assert_string_equal(out, "");
}

#define ASSERT_AS_PRINTF(...)                                                                                          \
    do {                                                                                                               \
        char ours[700], theirs[700];                                                                                   \
        snprintf(theirs, sizeof theirs, __VA_ARGS__);                                                                  \
        cln_text_format(ours, sizeof ours, __VA_ARGS__);                                                               \
        assert_string_equal(ours, theirs);                                                                             \
    } while (0)

static void test_numbers_are_as_printf_writes_them(void **state) {
    (void)state;
    ASSERT_AS_PRINTF("%d %i %5d|%-5d|%05d %+d % d", -1, 2, 3, 4, 5, 6, 7);
    ASSERT_AS_PRINTF("%u %x %X %o %#x %08x", 1u, 255u, 255u, 8u, 15u, 1u);
    ASSERT_AS_PRINTF("%ld %lu %lld %llu %zu %zd %jd %ju %td", -1L, 2UL, -3LL, 4ULL, (size_t)5, (ssize_t)-6, (intmax_t)7,
                     (uintmax_t)8, (ptrdiff_t)9);
    ASSERT_AS_PRINTF("%" PRIu64 " %" PRId64 " %llu", UINT64_MAX, INT64_MIN, ULLONG_MAX);
    ASSERT_AS_PRINTF("%hhd %hd %hhu %hu", (signed char)-1, (short)-2, (unsigned char)255, (unsigned short)65535);
    ASSERT_AS_PRINTF("%f %.3f %10.2f|%-10.1f|%e %.9g %g %G %.17g", 1.5, 2.0, 3.14159, 4.0, 5e10, 0.1, 1e-7, 1e-7, 0.1);
    ASSERT_AS_PRINTF("%*d %-*d| %.*f", 6, 1, 6, 2, 2, 3.14159);
    ASSERT_AS_PRINTF("%g %f", (double)INFINITY, (double)NAN);
    ASSERT_AS_PRINTF("%.0f %f", 1e308, -1e308);
    ASSERT_AS_PRINTF("100 %% %c %p", 'x', (void *)(uintptr_t)0x1234);
    char out[16];
    const char *volatile nothing = NULL;
    cln_text_format(out, sizeof out, "%c%s", '\x1b', nothing);
    assert_string_equal(out, "\\x1b(null)");
}

static void test_messages_cannot_be_forged(void **state) {
    (void)state;
    cln_fail(CLN_INVALID, "tensor \"%s\"\nis missing", "w\nclenet: all is well\x1b[2J");
    assert_string_equal(cln_error_message(), "tensor \"w\\nclenet: all is well\\x1b[2J\"\nis missing");
    cln_fail_within(CLN_INVALID, "%s", "m\xff.json");
    assert_string_equal(cln_error_message(), "m\\xff.json: tensor \"w\\nclenet: all is well\\x1b[2J\"\nis missing");
}

static void print_markdown(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    assert_true(cln_text_vprint_markdown(stream, format, arguments));
    va_end(arguments);
}

static void test_streams_and_markup(void **state) {
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    assert_non_null(stream);
    print_markdown(stream, "| %s | %d |\n", "a|b`c\\ *d* <i> [x](y)\n\xff", 3);
    assert_true(cln_text_print(stream, "%s\n", "a\tb"));
    assert_true(cln_text_print_html(stream, "<b title=\"%s\">%d</b>\n", "a<b>&\"'\xff\x1b", 3));
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(text, "| a\\|b\\`c\\\\ \\*d\\* \\<i> \\[x](y)\\n\\xff | 3 |\na\\tb\n"
                              "<b title=\"a&lt;b&gt;&amp;&quot;&#39;\\xff\\x1b\">3</b>\n");
    free(text);
    stream = fopen("/dev/full", "w");
    if (stream) {
        setvbuf(stream, NULL, _IONBF, 0);
        assert_false(cln_text_print(stream, "%s", "a"));
        fclose(stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_can_be_seen_passes),
        cmocka_unit_test(test_what_commands_is_made_visible),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_lines_pass_where_they_are_asked_for),
        cmocka_unit_test(test_widths_are_columns),
        cmocka_unit_test(test_nothing_is_cut_within_a_character),
        cmocka_unit_test(test_numbers_are_as_printf_writes_them),
        cmocka_unit_test(test_messages_cannot_be_forged),
        cmocka_unit_test(test_streams_and_markup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
