/* Compares versions in place, with any number of numbers. */
#include "src/base/version_number.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static bool is_digit(char c) {
    return isdigit((unsigned char)c);
}

const char *cln_version_find(const char *text) {
    const char *first = NULL;
    for (const char *at = text; *at; at++) {
        const char *start = at;
        while (is_digit(*at))
            at++;
        if (at > start && *at == '.' && is_digit(at[1]))
            return start;
        if (at > start && !first)
            first = start;
        if (!*at)
            break;
    }
    return first;
}

/* Takes the next number and the dot after it; 0 at the end. */
static unsigned long long take_number(const char **at) {
    if (!is_digit(**at))
        return 0;
    char *end = NULL;
    const unsigned long long number = strtoull(*at, &end, 10);
    *at = *end == '.' && is_digit(end[1]) ? end + 1 : "";
    return number;
}

int cln_version_compare(const char *a, const char *b) {
    while (is_digit(*a) || is_digit(*b)) {
        const unsigned long long x = take_number(&a), y = take_number(&b);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}
