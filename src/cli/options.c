/* Parses options by popt; ranges, words, help and hints come from the table. */
#include "src/cli/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/report.h"

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

static bool fail_memory(void) {
    cln_report_error("no memory for the arguments");
    return false;
}

static bool in_range(const struct cln_option *option, double value, const char *text) {
    if (value >= option->min && value <= option->max)
        return true;
    cln_report_error("--%s %s is out of range: from %.16g to %.16g", option->name, text, option->min, option->max);
    return false;
}

static bool parse_natural(const struct cln_option *option, const char *text, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0') {
        cln_report_error("--%s: '%s' is not a whole number from %.16g to %.16g", option->name, text, option->min,
                         option->max);
        return false;
    }
    return in_range(option, errno == ERANGE ? HUGE_VAL : (double)*value, text);
}

static bool parse_real(const struct cln_option *option, const char *text) {
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value)) {
        cln_report_error("--%s: '%s' is not a number from %g to %g", option->name, text, option->min, option->max);
        return false;
    }
    *option->real = value;
    return in_range(option, value, text);
}

static bool parse_choice(const struct cln_option *option, const char *text) {
    char all[128] = "";
    for (int i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *option->integer = i;
            return true;
        }
        size_t length = strlen(all);
        snprintf(all + length, sizeof all - length, "%s%s", i > 0 ? ", " : "", option->choices[i]);
    }
    cln_report_error("--%s: '%s' is not one of: %s", option->name, text, all);
    return false;
}

static void keep_text(struct cln_option *option, char *text) {
    free(option->owned);
    option->owned = text;
    *option->text = text;
}

/* Assigns an option's argument; takes over `text`, which popt has allocated. */
static bool assign(struct cln_option *option, char *text) {
    uint64_t natural = 0;
    bool fine = true;
    option->given = true;
    if (option->argument != NULL && text == NULL)
        return fail_memory();
    switch (option->kind) {
    case CLN_OPTION_FLAG:
        *option->flag = true;
        break;
    case CLN_OPTION_PRESET:
        *option->text = option->preset;
        break;
    case CLN_OPTION_TEXT:
    case CLN_OPTION_OPERAND:
        keep_text(option, text);
        return true;
    case CLN_OPTION_INT:
        fine = parse_natural(option, text, &natural);
        *option->integer = (int)natural;
        break;
    case CLN_OPTION_NATURAL:
        fine = parse_natural(option, text, option->natural);
        break;
    case CLN_OPTION_REAL:
        fine = parse_real(option, text);
        break;
    case CLN_OPTION_CHOICE:
        fine = parse_choice(option, text);
        break;
    case CLN_OPTION_OPERANDS: /* not given by name */
        break;
    }
    free(text);
    return fine;
}

static bool is_operand(const struct cln_option *option) {
    return option->kind == CLN_OPTION_OPERAND || option->kind == CLN_OPTION_OPERANDS;
}

static void print_default(const struct cln_option *option) {
    if (option->kind == CLN_OPTION_INT && *option->integer != 0)
        cln_report_text(" (default %d)", *option->integer);
    else if (option->kind == CLN_OPTION_NATURAL && *option->natural != 0)
        cln_report_text(" (default %llu)", (unsigned long long)*option->natural);
    else if (option->kind == CLN_OPTION_REAL)
        cln_report_text(" (default %g)", *option->real);
    else if (option->kind == CLN_OPTION_CHOICE)
        cln_report_text(" (default %s)", option->choices[*option->integer]);
    else if ((option->kind == CLN_OPTION_TEXT || option->kind == CLN_OPTION_OPERAND) && *option->text != NULL)
        cln_report_text(" (default %s)", *option->text);
}

static void print_help(struct cln_option *options, const struct cln_command *command) {
    cln_report_text("Usage: clenet %s [OPTION...]", command->name);
    for (const struct cln_option *o = options; o->name != NULL; o++)
        if (o->kind == CLN_OPTION_OPERANDS)
            cln_report_text(" %s...", o->name);
        else if (o->kind == CLN_OPTION_OPERAND)
            cln_report_text(*o->text == NULL ? " %s" : " [%s]", o->name);
    cln_report_text("\n%s.\n\n", command->summary);
    for (const struct cln_option *o = options; o->name != NULL; o++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s", is_operand(o) ? "" : "--", o->name, o->argument != NULL ? " " : "",
                 o->argument != NULL ? o->argument : "");
        cln_report_text("  %-27s %s", left, o->help);
        print_default(o);
        cln_report_text("\n");
    }
    cln_report_text("  %-27s show this text\n", "--help");
}

static void hint_option(const struct cln_option *options, const char *word) {
    word += strspn(word, "-");
    for (const struct cln_option *o = options; o->name != NULL; o++)
        if (!is_operand(o) && cln_edit_distance(word, o->name) <= CLN_CLOSE_ENOUGH) {
            cln_report_error("did you mean --%s?", o->name);
            return;
        }
}

/* Copies the words, and the list of pointers to them, into one block of memory. */
static bool keep_list(struct cln_option *option, const char *const *words) {
    size_t count = 0, bytes = 0;
    for (; words[count] != NULL; count++)
        bytes += strlen(words[count]) + 1;
    const char **list = malloc((count + 1) * sizeof *list + bytes);
    if (list == NULL)
        return false;
    char *at = (char *)(list + count + 1);
    for (size_t i = 0; i < count; i++, at += strlen(at) + 1)
        list[i] = strcpy(at, words[i]);
    list[count] = NULL;
    option->owned = (char *)list;
    *option->list = list;
    return true;
}

static bool fail_missing(const struct cln_option *operand) {
    cln_report_error("%s is missing: %s", operand->name, operand->help);
    return false;
}

/* Counts the arguments that are no options. popt silently drops some if memory runs out. */
static size_t count_operands(const struct cln_option *options, int argc, const char **argv) {
    size_t count = 0;
    bool options_end = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (options_end || word[0] != '-' || word[1] == '\0') {
            count++;
            continue;
        }
        options_end = strcmp(word, "--") == 0;
        for (const struct cln_option *o = options; o->name != NULL && !options_end; o++)
            i += !is_operand(o) && o->argument != NULL && strcmp(word + 2, o->name) == 0;
    }
    return count;
}

static bool take_operands(struct cln_option *options, poptContext context, size_t expected) {
    static const char *const none[] = {NULL};
    const char *const *words = (const char *const *)poptGetArgs(context);
    words = words != NULL ? words : none;
    size_t found = 0;
    while (words[found] != NULL)
        found++;
    if (found < expected)
        return fail_memory();
    for (struct cln_option *o = options; o->name != NULL; o++) {
        if (o->kind == CLN_OPTION_OPERAND) {
            char *copy = *words != NULL ? strdup(*words) : NULL;
            if (*words != NULL && copy == NULL)
                return fail_memory();
            if (copy != NULL)
                keep_text(o, copy);
            if (*o->text == NULL)
                return fail_missing(o);
            words += *words != NULL;
        } else if (o->kind == CLN_OPTION_OPERANDS) {
            if (*words != NULL && !keep_list(o, words))
                return fail_memory();
            if (*o->list == NULL)
                return fail_missing(o);
            words = none;
        }
    }
    if (*words != NULL)
        cln_report_error("unexpected argument '%s'", *words);
    return *words == NULL;
}

/* Makes popt's table: each row gets its index + 1 as value, and --help the value after the last. */
static size_t fill_popt(struct poptOption *rows, const struct cln_option *options) {
    size_t used = 0, place = 0;
    for (; options[place].name != NULL && place < CLN_MOST_OPTIONS; place++) {
        const struct cln_option *o = &options[place];
        if (!is_operand(o))
            rows[used++] = (struct poptOption){
                .longName = o->name, .argInfo = o->argument ? POPT_ARG_STRING : POPT_ARG_NONE, .val = (int)place + 1};
    }
    rows[used++] = (struct poptOption){.longName = "help", .shortName = 'h', .val = (int)place + 1};
    rows[used] = (struct poptOption)POPT_TABLEEND;
    return place;
}

bool cln_options_parse(struct cln_option *options, const struct cln_command *command, int argc, const char **argv,
                       int *exit_status) {
    struct poptOption rows[CLN_MOST_OPTIONS + 2]; /* --help, and the end */
    size_t count = fill_popt(rows, options);
    poptContext context = poptGetContext(NULL, argc, argv, rows, 0);
    bool fine = context != NULL || fail_memory();
    int value = 0;

    *exit_status = CLN_EXIT_OK;
    while (fine && (value = poptGetNextOpt(context)) > 0) {
        if ((size_t)value == count + 1) {
            print_help(options, command);
            poptFreeContext(context);
            return false;
        }
        fine = assign(&options[value - 1], poptGetOptArg(context));
    }
    if (value < -1) {
        const char *word = poptBadOption(context, POPT_BADOPTION_NOALIAS);
        cln_report_error("%s: %s", word, poptStrerror(value));
        if (value == POPT_ERROR_BADOPT)
            hint_option(options, word);
        fine = false;
    }
    fine = fine && take_operands(options, context, count_operands(options, argc, argv));
    if (!fine) {
        cln_report_error("'clenet %s --help' lists the options", command->name);
        *exit_status = CLN_EXIT_USAGE;
    }
    if (context != NULL)
        poptFreeContext(context);
    if (fine)
        *exit_status = cln_report_failure(cln_files_check(options));
    return *exit_status == CLN_EXIT_OK;
}

void cln_options_describe(struct cln_option *options, const char *name, const char *help) {
    for (struct cln_option *o = options; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            o->help = help;
}

bool cln_options_given(const struct cln_option *options, const char *name) {
    for (const struct cln_option *o = options; o->name != NULL; o++)
        if (strcmp(o->name, name) == 0)
            return o->given;
    return false;
}

void cln_options_release(struct cln_option *options) {
    for (struct cln_option *o = options; o->name != NULL; o++) {
        free(o->owned);
        o->owned = NULL;
    }
}
