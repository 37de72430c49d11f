/* Reading and writing JSON with jansson: see json_text.h. */
#include "src/base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"

/* ---- Memory that runs out ---- */

/* If the buffer of jansson's reader cannot grow, jansson drops the character and goes on, until an assertion fails or
 * it writes past the buffer. Therefore jansson's allocations go through these functions, to the functions that it had
 * before. The first allocation that fails while a text is read gets a reserved block instead, and the text then ends.
 * If a program sets allocation functions of its own later, this has no effect. */
static json_malloc_t allocate_before;
static json_free_t free_before;
static _Thread_local struct {
    bool ran_out;
    size_t bytes;
    void *reserve; /* NULL: none, or already used */
} memory;

static void *allocate(size_t bytes) {
    void *result = allocate_before(bytes);
    memory.ran_out |= !result;
    if (!result && bytes <= memory.bytes) {
        result = memory.reserve;
        memory.reserve = NULL;
    }
    return result;
}

/* Call before reading a text of `bytes`. The buffer of its longest string doubles from 16 bytes on. False: out of
 * memory. */
static bool take_reserve(size_t bytes) {
    memory.bytes = 2 * bytes + 64;
    memory.reserve = allocate_before(memory.bytes);
    memory.ran_out = !memory.reserve;
    return !memory.ran_out;
}

/* Call after reading. False: memory ran out in between. */
static bool leave_reserve(void) {
    free_before(memory.reserve);
    memory.reserve = NULL;
    return !memory.ran_out;
}

__attribute__((constructor)) static void watch_allocations(void) {
    json_get_alloc_funcs(&allocate_before, &free_before);
    json_set_alloc_funcs(allocate, free_before);
}

/* The library may be unloaded before jansson is. */
__attribute__((destructor)) static void watch_no_more(void) {
    json_malloc_t allocate_now;
    json_free_t free_now;
    json_get_alloc_funcs(&allocate_now, &free_now);
    if (allocate_now == allocate)
        json_set_alloc_funcs(allocate_before, free_before);
}

/* ---- Reading ---- */

static const char mark[] = "\xef\xbb\xbf";
enum { MARK_BYTES = sizeof mark - 1 };

const char *cln_json_begin(const char *text) {
    return text + (strncmp(text, mark, MARK_BYTES) == 0 ? MARK_BYTES : 0);
}

/* The integer equal to a real number; NULL: there is none. −0.0 stays, as its sign would be lost. */
static json_t *whole_of(const json_t *value) {
    static const double most = 9007199254740992.0;
    const double number = json_real_value(value);
    if (!json_is_real(value) || number > most || number < -most || number != (double)(json_int_t)number)
        return NULL;
    return number == 0 && signbit(number) ? NULL : json_integer((json_int_t)number);
}

static void make_whole(json_t *value) {
    json_t *member, *whole;
    size_t i;
    json_array_foreach(value, i, member) {
        if ((whole = whole_of(member)) != NULL)
            json_array_set_new(value, i, whole);
        else
            make_whole(member);
    }
    for (void *at = json_object_iter(value); at; at = json_object_iter_next(value, at)) {
        member = json_object_iter_value(at);
        if ((whole = whole_of(member)) != NULL)
            json_object_iter_set_new(value, at, whole);
        else
            make_whole(member);
    }
}

struct text {
    const char *at;
    size_t bytes;
};

/* Gives one byte at a time, so that none follows after memory ran out. */
static size_t give_byte(void *buffer, size_t room, void *user) {
    struct text *rest = user;
    if (room == 0 || rest->bytes == 0 || memory.ran_out)
        return 0;
    *(char *)buffer = *rest->at++;
    rest->bytes--;
    return 1;
}

enum cln_status cln_json_parse(json_t **out, const char *text, size_t bytes, size_t flags, json_error_t *error) {
    const size_t before = bytes >= MARK_BYTES && memcmp(text, mark, MARK_BYTES) == 0 ? MARK_BYTES : 0;
    struct text rest = {.at = text + before, .bytes = bytes - before};
    json_t *value = NULL;
    if (take_reserve(rest.bytes))
        value = json_load_callback(give_byte, &rest, flags | JSON_REJECT_DUPLICATES, error);
    if (!value && !memory.ran_out && json_error_code(error) == json_error_stack_overflow)
        snprintf(error->text, sizeof error->text, "more than 2048 levels of brackets, clenet's limit");
    json_t *whole = whole_of(value); /* a number by itself */
    if (whole) {
        json_decref(value);
        value = whole;
    }
    make_whole(value);
    *out = NULL;
    if (!leave_reserve()) {
        json_decref(value);
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read %zu bytes of JSON", bytes);
    }
    *out = value;
    return value ? CLN_OK : CLN_INVALID;
}

/* ---- Writing ---- */

bool cln_json_is_text(const char *words) {
    json_t *value = json_string(words);
    json_decref(value);
    return value != NULL;
}

json_t *cln_json_text(const char *words) {
    if (!words)
        return json_null();
    json_t *string = json_string(words);
    if (string || cln_text_is_utf8(words))
        return string;
    const size_t bytes = strlen(words);
    char *plain = malloc(4 * bytes + 1), *at = plain;
    uint32_t code;
    for (size_t left = bytes; plain && left > 0;) {
        const size_t length = cln_text_decode(&code, words, left), taken = length ? length : 1;
        if (length)
            memcpy(at, words, length);
        else
            snprintf(at, 5, "\\x%02x", (unsigned char)*words);
        at += length ? length : 4;
        words += taken;
        left -= taken;
    }
    if (plain)
        *at = '\0';
    string = plain ? json_string(plain) : NULL;
    free(plain);
    return string;
}

enum { MOST_DIGITS = 17 }; /* of a double */

int cln_json_digits(const json_t *value, int least) {
    char text[40];
    for (int is_exact = !json_is_real(value); !is_exact && least < MOST_DIGITS; least += !is_exact) {
        snprintf(text, sizeof text, "%.*g", least, json_real_value(value));
        is_exact = strtod(text, NULL) == json_real_value(value);
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        least = cln_json_digits(json_array_get(value, i), least);
    for (void *at = json_object_iter((json_t *)value); at; at = json_object_iter_next((json_t *)value, at))
        least = cln_json_digits(json_object_iter_value(at), least);
    return least;
}

/* Whether a character must be escaped. Apart from the line feeds of its layout, a JSON text has such characters only in
 * strings. */
static bool is_escaped(uint32_t code) {
    return code >= 0x7f && !cln_text_is_plain(code);
}

/* Writes the escaped form of `text` to `out`, or with NULL only counts. Returns its length. */
static size_t escape(char *out, const char *text) {
    size_t used = 0;
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        uint32_t code = 0;
        char unit[8];
        length = cln_text_decode(&code, text, left);
        length = length ? length : 1;
        const size_t count = is_escaped(code) ? (size_t)snprintf(unit, sizeof unit, "\\u%04X", (unsigned)code) : length;
        if (out)
            memcpy(out + used, is_escaped(code) ? unit : text, count);
        used += count;
    }
    return used;
}

/* Like json_dumps, but allocates nothing while it writes: json_dumps silently omits parts of a name if its buffer
 * cannot grow. */
static char *dump(const json_t *value, size_t flags) {
    const size_t bytes = value ? json_dumpb(value, NULL, 0, flags) : 0;
    char *text = bytes > 0 ? malloc(bytes + 1) : NULL;
    if (!text || json_dumpb(value, text, bytes, flags) != bytes) {
        free(text);
        return NULL;
    }
    text[bytes] = '\0';
    return text;
}

char *cln_json_dump(const json_t *value, size_t flags) {
    char *text = dump(value, flags);
    const size_t bytes = text ? escape(NULL, text) : 0;
    if (!text || bytes == strlen(text))
        return text;
    char *escaped = malloc(bytes + 1);
    if (escaped)
        escaped[escape(escaped, text)] = '\0';
    free(text);
    return escaped;
}
