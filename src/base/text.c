/* A printf of our own: the C library's cannot escape the bytes of a %s. */
#include "clenet/text.h"

#include <stdlib.h>
#include <string.h>

/* How a language writes a character that it would interpret. A table of these ends with a row of zeros. */
struct markup {
    char character;
    const char *text;
};

/* The target of formatted text, and the remaining arguments. */
struct sink {
    FILE *stream;      /* NULL: into `out` */
    char *out;         /* NULL: nowhere, only columns are counted */
    size_t room, used; /* bytes of `out` without the final zero; bytes used */
    size_t columns;
    const struct markup *markup; /* of arguments; NULL: plain text */
    bool failed;                 /* writing to the stream failed, or `out` is full */
    va_list arguments;
};

/* One conversion of a format: %-*.*s and the like. */
struct conversion {
    char flags[8];
    int width, precision; /* −1: none */
    char length;          /* 0, h, l, z, j, t; H for hh, L for ll */
    char kind;
};

/* ---- Characters ---- */

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t code, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(code, ranges) is_in(code, ranges, sizeof(ranges) / sizeof *(ranges))

size_t cln_text_decode(uint32_t *code, const char *text, size_t bytes) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* an overlong form is invalid */
    const unsigned char *t = (const unsigned char *)text;
    if (bytes == 0)
        return 0;
    const size_t length = t[0] < 0x80 ? 1 : t[0] < 0xc2 ? 0 : t[0] < 0xe0 ? 2 : t[0] < 0xf0 ? 3 : t[0] < 0xf5 ? 4 : 0;
    if (length == 0 || length > bytes)
        return 0;
    uint32_t value = length == 1 ? t[0] : t[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((t[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (t[i] & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code = value;
    return length;
}

bool cln_text_is_utf8(const char *text) {
    uint32_t code;
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length)
        if ((length = cln_text_decode(&code, text, left)) == 0)
            return false;
    return true;
}

bool cln_text_is_plain(uint32_t code) {
    static const struct range hidden[] = {
        {0, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfffe, 0xffff}};
    return !IS_IN(code, hidden);
}

/* The columns of a character, like wcwidth without a locale: 2 for the East Asian wide blocks and emoji, 0 for the
 * blocks of combining marks. */
static size_t columns_of(uint32_t code) {
    static const struct range wide[] = {{0x1100, 0x115f},  {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xa960, 0xa97f},
                                        {0xac00, 0xd7a3},  {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff01, 0xff60},
                                        {0xffe0, 0xffe6},  {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff},
                                        {0x20000, 0x3fffd}};
    static const struct range joining[] = {{0x300, 0x36f},   {0x483, 0x489},    {0x591, 0x5bd},   {0x610, 0x61a},
                                           {0x64b, 0x65f},   {0x93c, 0x93c},    {0x94d, 0x94d},   {0x200b, 0x200f},
                                           {0x2060, 0x2064}, {0x20d0, 0x20ff},  {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
                                           {0xfeff, 0xfeff}, {0xe0000, 0xe01ef}};
    return IS_IN(code, joining) ? 0 : IS_IN(code, wide) ? 2 : 1;
}

/* ---- Output ---- */

/* Puts a character or an escape, never in part. */
static void put(struct sink *s, const char *bytes, size_t count) {
    if (s->stream) {
        s->failed |= fwrite(bytes, 1, count, s->stream) != count;
    } else if (s->out) {
        s->failed |= count > s->room - s->used;
        if (s->failed)
            return;
        memcpy(s->out + s->used, bytes, count);
        s->used += count;
    }
}

/* Puts characters of the format or of a number. */
static void put_own(struct sink *s, const char *text, size_t bytes) {
    uint32_t code;
    for (size_t length; bytes > 0; text += length, bytes -= length) {
        length = cln_text_decode(&code, text, bytes);
        length = length ? length : 1;
        put(s, text, length);
    }
}

static void put_spaces(struct sink *s, size_t count) {
    for (size_t i = 0; i < count; i++)
        put(s, " ", 1);
}

/* Puts an escape such as "\x1b": a letter and `digits` hexadecimal digits (0: none). */
static void put_escape(struct sink *s, char letter, int digits, unsigned value) {
    char text[16];
    const int length = snprintf(text, sizeof text, digits > 0 ? "\\%c%0*x" : "\\%c", letter, digits, value);
    put(s, text, (size_t)length);
    s->columns += (size_t)length;
}

static void put_plain(struct sink *s, uint32_t code, const char *text, size_t length) {
    for (const struct markup *row = s->markup; row && row->text; row++)
        if (code == (unsigned char)row->character) {
            put(s, row->text, strlen(row->text));
            return;
        }
    put(s, text, length);
}

/* Puts the character at `text`, escaped if it is not plain. Returns its length in bytes. */
static size_t put_character(struct sink *s, const char *text, size_t bytes, bool has_lines) {
    uint32_t code;
    const size_t length = cln_text_decode(&code, text, bytes);
    if (length == 0) {
        put_escape(s, 'x', 2, (unsigned char)*text);
        return 1;
    }
    if (cln_text_is_plain(code) || (has_lines && (code == '\n' || code == '\t'))) {
        put_plain(s, code, text, length);
        s->columns += columns_of(code);
    } else if (code == '\n' || code == '\t' || code == '\r') {
        put_escape(s, code == '\n' ? 'n' : code == '\t' ? 't' : 'r', 0, 0);
    } else {
        put_escape(s, code < 0x80 ? 'x' : 'u', code < 0x80 ? 2 : 4, code);
    }
    return length;
}

/* Whether these bytes are the start of a longer character, cut by a precision. */
static bool is_half(const char *text, size_t bytes) {
    const unsigned char *t = (const unsigned char *)text;
    if (bytes == 0 || bytes >= 4 || t[0] < 0xc2 || t[0] > 0xf4)
        return false;
    for (size_t i = 1; i < bytes; i++)
        if ((t[i] & 0xc0) != 0x80)
            return false;
    return bytes < (t[0] < 0xe0 ? 2u : t[0] < 0xf0 ? 3u : 4u);
}

static void put_text(struct sink *s, const char *text, size_t bytes, bool is_cut, bool has_lines) {
    for (size_t length; bytes > 0 && !(is_cut && is_half(text, bytes)); text += length, bytes -= length)
        length = put_character(s, text, bytes, has_lines);
}

/* ---- Conversions ---- */

/* Parses the conversion that begins at `at`, after the %. Returns the place after the conversion. */
static const char *parse_conversion(struct conversion *c, struct sink *s, const char *at) {
    *c = (struct conversion){.width = -1, .precision = -1};
    for (size_t used = 0; *at && strchr("-+ #0", *at); at++)
        if (used + 1 < sizeof c->flags && !strchr(c->flags, *at))
            c->flags[used++] = *at;
    int *numbers[] = {&c->width, &c->precision};
    for (size_t i = 0; i < 2; i++) {
        if (i == 1 && *at++ != '.') {
            at--;
            break;
        }
        if (*at == '*') {
            *numbers[i] = va_arg(s->arguments, int);
            at++;
            if (i == 0 && c->width < 0) { /* a negative width means the flag - and its absolute value */
                c->width = -c->width;
                strcpy(c->flags, "-");
            }
        } else if (i == 1 || (*at >= '1' && *at <= '9')) {
            *numbers[i] = (int)strtol(at, (char **)&at, 10);
        }
    }
    if (*at && strchr("hlzjt", *at))
        c->length = *at++;
    if ((c->length == 'h' && *at == 'h') || (c->length == 'l' && *at == 'l')) {
        c->length = c->length == 'h' ? 'H' : 'L';
        at++;
    }
    c->kind = *at;
    return *at ? at + 1 : at;
}

static intmax_t take_signed(struct sink *s, char length) {
    switch (length) {
    case 'l':
        return va_arg(s->arguments, long);
    case 'L':
        return va_arg(s->arguments, long long);
    case 'j':
        return va_arg(s->arguments, intmax_t);
    case 'z':
    case 't':
        return va_arg(s->arguments, ptrdiff_t);
    case 'h':
        return (short)va_arg(s->arguments, int);
    case 'H':
        return (signed char)va_arg(s->arguments, int);
    default:
        return va_arg(s->arguments, int);
    }
}

static uintmax_t take_unsigned(struct sink *s, char length) {
    switch (length) {
    case 'l':
        return va_arg(s->arguments, unsigned long);
    case 'L':
        return va_arg(s->arguments, unsigned long long);
    case 'j':
        return va_arg(s->arguments, uintmax_t);
    case 'z':
    case 't':
        return va_arg(s->arguments, size_t);
    case 'h':
        return (unsigned short)va_arg(s->arguments, unsigned);
    case 'H':
        return (unsigned char)va_arg(s->arguments, unsigned);
    default:
        return va_arg(s->arguments, unsigned);
    }
}

/* Puts a number: the C library formats it, from a format with this conversion alone. */
static void put_number(struct sink *s, const struct conversion *c) {
    char format[32], number[512];
    const char *const length = strchr("diuoxX", c->kind) ? "j" : "";
    const int width = c->width > 0 ? c->width : 0;
    snprintf(format, sizeof format, "%%%s*.*%s%c", c->flags, length, c->kind);
    int count;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (c->kind == 'd' || c->kind == 'i')
        count = snprintf(number, sizeof number, format, width, c->precision, take_signed(s, c->length));
    else if (*length)
        count = snprintf(number, sizeof number, format, width, c->precision, take_unsigned(s, c->length));
    else
        count = snprintf(number, sizeof number, format, width, c->precision, va_arg(s->arguments, double));
#pragma GCC diagnostic pop
    count = count < (int)sizeof number ? count : (int)sizeof number - 1;
    put_own(s, number, (size_t)count);
}

static void put_string(struct sink *s, const struct conversion *c, const char *text, size_t bytes, bool is_cut) {
    const bool is_left = strchr(c->flags, '-') != NULL, has_lines = is_left && c->width < 0;
    struct sink measure = {.markup = s->markup};
    if (c->width > 0)
        put_text(&measure, text, bytes, is_cut, has_lines);
    const size_t width = c->width > 0 ? (size_t)c->width : 0;
    const size_t spaces = width > measure.columns ? width - measure.columns : 0;
    put_spaces(s, is_left ? 0 : spaces);
    put_text(s, text, bytes, is_cut, has_lines);
    put_spaces(s, is_left ? spaces : 0);
}

/* Puts the next argument. False: the conversion is unknown; then neither its argument nor any later one can be
 * taken. */
static bool put_argument(struct sink *s, const struct conversion *c) {
    char text[32];
    if (c->kind == 's') {
        const char *string = va_arg(s->arguments, const char *);
        string = string ? string : "(null)";
        const size_t bytes = c->precision < 0 ? strlen(string) : strnlen(string, (size_t)c->precision);
        put_string(s, c, string, bytes, c->precision >= 0 && bytes == (size_t)c->precision);
    } else if (c->kind == 'c') {
        text[0] = (char)va_arg(s->arguments, int);
        put_string(s, c, text, 1, false);
    } else if (c->kind == 'p') {
        const int count = snprintf(text, sizeof text, "%p", va_arg(s->arguments, void *));
        put_string(s, c, text, (size_t)count, false);
    } else if (c->kind == '%') {
        put(s, "%", 1);
    } else if (c->kind && strchr("diuoxXeEfFgG", c->kind)) {
        put_number(s, c);
    } else {
        return false;
    }
    return true;
}

static void format_all(struct sink *s, const char *format) {
    while (*format) {
        const size_t plain = strcspn(format, "%");
        put_own(s, format, plain);
        format += plain;
        if (!*format)
            break;
        struct conversion c;
        const char *behind = parse_conversion(&c, s, format + 1);
        if (!put_argument(s, &c)) {
            put_own(s, format, strlen(format));
            break;
        }
        format = behind;
    }
}

/* ---- The interface ---- */

static const struct markup markdown[] = {{'\\', "\\\\"}, {'`', "\\`"}, {'*', "\\*"}, {'|', "\\|"},
                                         {'<', "\\<"},   {'[', "\\["}, {0, NULL}};
static const struct markup html[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                                     {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};

static bool print(FILE *stream, const struct markup *markup, const char *format, va_list arguments) {
    struct sink s = {.stream = stream, .markup = markup};
    va_copy(s.arguments, arguments);
    format_all(&s, format);
    va_end(s.arguments);
    return !s.failed;
}

bool cln_text_vprint(FILE *stream, const char *format, va_list arguments) {
    return print(stream, NULL, format, arguments);
}

bool cln_text_vprint_markdown(FILE *stream, const char *format, va_list arguments) {
    return print(stream, markdown, format, arguments);
}

bool cln_text_print_html(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const bool printed = print(stream, html, format, arguments);
    va_end(arguments);
    return printed;
}

bool cln_text_print(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const bool printed = print(stream, NULL, format, arguments);
    va_end(arguments);
    return printed;
}

size_t cln_text_vformat(char *out, size_t bytes, const char *format, va_list arguments) {
    struct sink s = {.out = out, .room = bytes - 1};
    va_copy(s.arguments, arguments);
    format_all(&s, format);
    va_end(s.arguments);
    out[s.used] = '\0';
    return s.used;
}

size_t cln_text_format(char *out, size_t bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const size_t used = cln_text_vformat(out, bytes, format, arguments);
    va_end(arguments);
    return used;
}

size_t cln_text_columns(const char *text) {
    struct sink measure = {.columns = 0};
    put_text(&measure, text, strlen(text), false, false);
    return measure.columns;
}
