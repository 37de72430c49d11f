/* Walks through well-formed JSON text without parsing its values. */
#include "src/base/json_place.h"

#include <string.h>

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* The place after the string that begins at `at`. */
static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/* The place after the value that begins at `at`. */
static const char *skip_value(const char *at) {
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at += *at == '{' || *at == '[' || *at == '}' || *at == ']' ? 1 : 1 + strcspn(at + 1, "{}[]\", \t\r\n");
    } while (*at && depth > 0);
    return at;
}

/* The first member of a container, or the member after a value; NULL: there is none. */
static const char *next_member(const char *at) {
    at = skip_blanks(at);
    at = *at == '{' || *at == '[' || *at == ',' ? skip_blanks(at + 1) : "";
    return *at && *at != '}' && *at != ']' ? at : NULL;
}

const char *cln_json_key(const char *object, const char *key) {
    const size_t length = strlen(key);
    for (const char *at = next_member(object); at; at = next_member(skip_value(cln_json_value(at))))
        if (strncmp(at + 1, key, length) == 0 && at[length + 1] == '"')
            return at;
    return NULL;
}

const char *cln_json_value(const char *key) {
    return skip_blanks(skip_blanks(skip_string(key)) + 1);
}

const char *cln_json_element(const char *array, size_t index) {
    const char *at = next_member(array);
    for (; at && index > 0; index--)
        at = next_member(skip_value(at));
    return at;
}

int cln_json_line(const char *text, const char *place) {
    int line = 1;
    for (; text < place; text++)
        line += *text == '\n';
    return line;
}
