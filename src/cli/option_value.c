/* Values of options: see option_value.h. */
#include "src/cli/option_value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/report.h"

/* ---- Names ---- */

enum { MAX_WORD = 31 };

size_t cln_edit_distance(const char *a, const char *b) {
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > MAX_WORD || b_length > MAX_WORD)
        return MAX_WORD;
    /* One row of the dynamic-programming table; `diagonal` is the value that row[j] replaced. */
    size_t row[MAX_WORD + 1];
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b_length];
}

bool cln_option_is_operand(const struct cln_option *option) {
    return option->kind == CLN_OPTION_OPERAND || option->kind == CLN_OPTION_OPERANDS;
}

bool cln_option_is_optional(const struct cln_option *option) {
    return option->argument != NULL && option->argument[0] == '[';
}

struct cln_option *cln_option_find(struct cln_option *options, const char *name) {
    for (struct cln_option *o = options; o->name != NULL; o++)
        if (!cln_option_is_operand(o) && strcmp(name, o->name) == 0)
            return o;
    return NULL;
}

const struct cln_option *cln_option_near(const struct cln_option *options, const char *word) {
    word += strspn(word, "-");
    for (const struct cln_option *o = options; o->name != NULL; o++)
        if (!cln_option_is_operand(o) && cln_edit_distance(word, o->name) <= CLN_CLOSE_ENOUGH)
            return o;
    return NULL;
}

/* ---- Values ---- */

bool cln_option_fail_memory(void) {
    cln_report_error("no memory for the arguments");
    return false;
}

void cln_option_write_range(char *out, size_t bytes, const struct cln_option *option) {
    size_t used = 0;
    switch (option->kind) {
    case CLN_OPTION_FLAG:
    case CLN_OPTION_OFF:
    case CLN_OPTION_PRESET:
        snprintf(out, bytes, "true or false");
        return;
    case CLN_OPTION_INT:
    case CLN_OPTION_NATURAL:
        snprintf(out, bytes, "a whole number from %.16g to %.16g", option->min, option->max);
        return;
    case CLN_OPTION_REAL:
        snprintf(out, bytes, "a number from %g to %g", option->min, option->max);
        return;
    case CLN_OPTION_CHOICE:
        used = (size_t)snprintf(out, bytes, "one of: ");
        for (int i = 0; option->choices[i] != NULL && used < bytes; i++)
            used += (size_t)snprintf(out + used, bytes - used, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        return;
    case CLN_OPTION_TEXT:
    case CLN_OPTION_RECIPE:
    case CLN_OPTION_OPERAND:
    case CLN_OPTION_OPERANDS:
        break;
    }
    snprintf(out, bytes, "a text in quotes");
}

static bool fail_value(const struct cln_option *option, const char *label, const char *text) {
    char range[160];
    cln_option_write_range(range, sizeof range, option);
    cln_report_error("%s: '%s' is not %s", label, text, range);
    return false;
}

static bool in_range(const struct cln_option *option, const char *label, double value, const char *text) {
    if (value >= option->min && value <= option->max)
        return true;
    cln_report_error("%s %s is out of range: from %.16g to %.16g", label, text, option->min, option->max);
    return false;
}

static bool parse_natural(const struct cln_option *option, const char *label, const char *text, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0')
        return fail_value(option, label, text);
    return in_range(option, label, errno == ERANGE ? HUGE_VAL : (double)*value, text);
}

static bool parse_real(const struct cln_option *option, const char *label, const char *text) {
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return fail_value(option, label, text);
    *option->real = value;
    return in_range(option, label, value, text);
}

static bool parse_choice(const struct cln_option *option, const char *label, const char *text) {
    for (int i = 0; option->choices[i] != NULL; i++)
        if (strcmp(text, option->choices[i]) == 0) {
            *option->integer = i;
            return true;
        }
    return fail_value(option, label, text);
}

void cln_option_keep_text(struct cln_option *option, char *text) {
    free(option->owned);
    option->owned = text;
    *option->text = text;
}

bool cln_option_assign(struct cln_option *option, const char *label, char *text) {
    uint64_t natural = 0;
    bool fine = true;
    option->given = true;
    if (option->argument != NULL && text == NULL)
        return cln_option_is_optional(option) || cln_option_fail_memory();
    switch (option->kind) {
    case CLN_OPTION_FLAG:
        *option->flag = true;
        break;
    case CLN_OPTION_OFF:
        *option->flag = false;
        break;
    case CLN_OPTION_PRESET:
        *option->text = option->preset;
        break;
    case CLN_OPTION_TEXT:
    case CLN_OPTION_RECIPE:
    case CLN_OPTION_OPERAND:
        cln_option_keep_text(option, text);
        return true;
    case CLN_OPTION_INT:
        fine = parse_natural(option, label, text, &natural);
        *option->integer = (int)natural;
        break;
    case CLN_OPTION_NATURAL:
        fine = parse_natural(option, label, text, option->natural);
        break;
    case CLN_OPTION_REAL:
        fine = parse_real(option, label, text);
        break;
    case CLN_OPTION_CHOICE:
        fine = parse_choice(option, label, text);
        break;
    case CLN_OPTION_OPERANDS: /* not given by name */
        break;
    }
    free(text);
    return fine;
}
