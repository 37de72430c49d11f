/* Numbers, paths and words in the fields of a CSV file. */
#include "src/data/csv_field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const path_endings[] = {".png", ".jpg", ".jpeg"};

bool cln_csv_parse_number(double *value, const char *text) {
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value) && !strpbrk(text, "xX");
}

bool cln_csv_parse_class(int32_t *label, const char *text) {
    double value;
    if (!cln_csv_parse_number(&value, text) || value != floor(value) || fabs(value) > INT32_MAX)
        return false;
    *label = (int32_t)value;
    return true;
}

bool cln_csv_is_number(const char *text) {
    double value;
    return cln_csv_parse_number(&value, text);
}

/* Most fields are digits, which need no strtod. */
bool cln_csv_parse_byte(uint8_t *byte, const char *text) {
    unsigned value = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && at - text < 4)
        value = 10 * value + (unsigned)(*at++ - '0');
    double number = value;
    if ((at == text || *at) && !cln_csv_parse_number(&number, text))
        return false;
    *byte = (uint8_t)(number >= 0 && number <= 255 ? number : 0);
    return number == *byte;
}

bool cln_csv_is_path(const char *text) {
    const size_t length = strlen(text);
    for (size_t i = 0; i < sizeof path_endings / sizeof *path_endings; i++) {
        const size_t ending = strlen(path_endings[i]);
        if (length > ending && strcasecmp(text + length - ending, path_endings[i]) == 0)
            return true;
    }
    return false;
}

char *cln_csv_join_fields(const struct cln_csv_row *row) {
    size_t length = 1;
    for (size_t i = 0; i < row->count; i++)
        length += strlen(row->fields[i]) + 1;
    char *text = calloc(1, length), *at = text;
    for (size_t i = 0; i < row->count && text; i++) {
        at = stpcpy(at, row->fields[i]);
        *at++ = '\n';
    }
    return text;
}

enum cln_status cln_csv_check_columns(const struct cln_csv_table *table, const struct cln_csv_row *row,
                                      const char *path) {
    return row->count == table->columns
               ? CLN_OK
               : cln_fail(CLN_INVALID, "%s: line %zu: %zu columns, but the rows before have %zu", path, row->line,
                          row->count, table->columns);
}

bool cln_csv_find_word(size_t *at, const struct cln_csv_words *words, const char *text) {
    size_t low = 0, high = words->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int order = strcmp(text, words->list[middle]);
        if (order == 0) {
            *at = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *at = low;
    return false;
}
