/* Parses options by popt; ranges, words, help and hints come from the table. */
#include "src/cli/options.h"

#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/option_value.h"
#include "src/cli/recipe.h"
#include "src/cli/report.h"

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
        snprintf(left, sizeof left, "%s%s%s%s", cln_option_is_operand(o) ? "" : "--", o->name,
                 o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
        cln_report_text("  %-27s %s", left, o->help);
        if (o->letter != '\0')
            cln_report_text(" (or -%c)", o->letter);
        print_default(o);
        cln_report_text("\n");
    }
    cln_report_text("  %-27s show this text\n", "--help");
}

static void hint_option(const struct cln_option *options, const char *word) {
    const struct cln_option *near = cln_option_near(options, word);
    if (near != NULL)
        cln_report_error("did you mean --%s?", near->name);
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

/* Whether the word on the command line is the option's name, and nothing but that. */
static bool is_called(const struct cln_option *option, const char *word) {
    if (cln_option_is_operand(option))
        return false;
    const bool is_letter = option->letter != '\0' && word[1] == option->letter && word[2] == '\0';
    return is_letter || (word[1] == '-' && strcmp(word + 2, option->name) == 0);
}

/* Whether the word behind an option is its argument, as popt sees it; NULL: there is none. */
static bool takes_word(const struct cln_option *option, const char *next) {
    return option->argument != NULL && !(cln_option_is_optional(option) && (next == NULL || next[0] == '-'));
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
            i += is_called(o, word) && takes_word(o, argv[i + 1]);
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
        return cln_option_fail_memory();
    for (struct cln_option *o = options; o->name != NULL; o++) {
        if (o->kind == CLN_OPTION_OPERAND) {
            char *copy = *words != NULL ? strdup(*words) : NULL;
            if (*words != NULL && copy == NULL)
                return cln_option_fail_memory();
            if (copy != NULL)
                cln_option_keep_text(o, copy);
            if (*o->text == NULL)
                return fail_missing(o);
            words += *words != NULL;
        } else if (o->kind == CLN_OPTION_OPERANDS) {
            if (*words != NULL && !keep_list(o, words))
                return cln_option_fail_memory();
            if (*o->list == NULL)
                return fail_missing(o);
            words = none;
        }
    }
    if (*words != NULL)
        cln_report_error("unexpected argument '%s'", *words);
    return *words == NULL;
}

static unsigned kind_of(const struct cln_option *option) {
    if (option->argument == NULL)
        return POPT_ARG_NONE;
    return cln_option_is_optional(option) ? POPT_ARG_STRING | POPT_ARGFLAG_OPTIONAL : POPT_ARG_STRING;
}

/* Makes popt's table: each row gets its index + 1 as value, and --help the value after the last. */
static size_t fill_popt(struct poptOption *rows, const struct cln_option *options) {
    size_t used = 0, place = 0;
    for (; options[place].name != NULL && place < CLN_MOST_OPTIONS; place++) {
        const struct cln_option *o = &options[place];
        if (!cln_option_is_operand(o))
            rows[used++] = (struct poptOption){
                .longName = o->name, .shortName = o->letter, .argInfo = kind_of(o), .val = (int)place + 1};
    }
    rows[used++] = (struct poptOption){.longName = "help", .shortName = 'h', .val = (int)place + 1};
    rows[used] = (struct poptOption)POPT_TABLEEND;
    return place;
}

static bool assign(struct cln_option *option, char *text) {
    char label[64];
    snprintf(label, sizeof label, "--%s", option->name);
    option->typed = true;
    return cln_option_assign(option, label, text);
}

/* Assigns the words of a command line to the rows. False: *exit_status says how the command ends. */
static bool take_words(struct cln_option *options, const struct cln_command *command, int argc, const char **argv,
                       int *exit_status) {
    struct poptOption rows[CLN_MOST_OPTIONS + 2]; /* --help, and the end */
    size_t count = fill_popt(rows, options);
    poptContext context = poptGetContext(NULL, argc, argv, rows, 0);
    bool fine = context != NULL || cln_option_fail_memory();
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
    if (!fine)
        *exit_status = CLN_EXIT_USAGE;
    if (context != NULL)
        poptFreeContext(context);
    return fine;
}

/* The file of options that was given; NULL: none. */
static const char *find_recipe(const struct cln_option *options) {
    for (const struct cln_option *o = options; o->name != NULL; o++)
        if (o->kind == CLN_OPTION_RECIPE)
            return *o->text;
    return NULL;
}

bool cln_options_parse(struct cln_option *options, const struct cln_command *command, int argc, const char **argv,
                       int *exit_status) {
    const char *recipe = NULL;
    bool fine = take_words(options, command, argc, argv, exit_status);
    if (fine && (recipe = find_recipe(options)) != NULL)
        /* The command line is read once more, so that it wins. */
        fine = cln_recipe_apply(options, command, recipe, exit_status) &&
               take_words(options, command, argc, argv, exit_status);
    if (fine)
        *exit_status = cln_report_failure(cln_files_check(options));
    else if (*exit_status == CLN_EXIT_USAGE)
        cln_report_error("'clenet %s --help' lists the options", command->name);
    return fine && *exit_status == CLN_EXIT_OK;
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
