/* What a source says of a kernel: its arguments, and the work-group that it demands. No compiler: comments go, an #if
 * in a list of arguments may name one constant of the options, and a list that needs more than that is not known. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/standin/objects.h"

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* The place behind "void NAME", where a "(" follows. */
static const char *find_kernel(const char *source, const char *name) {
    const size_t length = strlen(name);
    for (const char *at = source; (at = strstr(at, name)) != NULL; at += length) {
        const char *end = at + length;
        if (at - source >= 5 && strncmp(at - 5, "void ", 5) == 0 && *end == '(')
            return end;
    }
    return NULL;
}

/* The whole number that the options give a constant; 0 where they do not name it, as in a preprocessor. */
static long constant_of(const char *options, const char *name, size_t length) {
    for (const char *at = options; (at = strstr(at, "-D")) != NULL;) {
        at += 2;
        at += strspn(at, " ");
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return strtol(at + length + 1, NULL, 10);
        if (strncmp(at, name, length) == 0 && !is_word(at[length]))
            return 1;
    }
    return 0;
}

/* A directive between arguments, into `skips`. False where it is more than "#if NAME", "#else" or "#endif". */
static bool follow_directive(bool *skips, const char *line, size_t length, const char *options) {
    char word[64], name[64], more[2];
    char text[128];
    if (length >= sizeof text)
        return false;
    memcpy(text, line, length);
    text[length] = '\0';
    const int fields = sscanf(text, "#%63s %63[A-Za-z0-9_] %1s", word, name, more);
    if (fields == 2 && strcmp(word, "if") == 0)
        *skips = constant_of(options, name, strlen(name)) == 0;
    else if (fields == 1 && strcmp(word, "else") == 0)
        *skips = !*skips;
    else if (fields == 1 && strcmp(word, "endif") == 0)
        *skips = false;
    else
        return false;
    return true;
}

/* The list of arguments behind its "(", as plain text. NULL where it is not known. */
static char *plain_list(const char *at, const char *options) {
    char *list = malloc(strlen(at) + 1);
    size_t length = 0;
    bool skips = false;
    for (int depth = 1; list && *at;) {
        if (strncmp(at, "/*", 2) == 0 && strstr(at, "*/")) {
            at = strstr(at, "*/") + 2;
            continue;
        }
        if (*at == '#') {
            const size_t line = strcspn(at, "\n");
            if (!follow_directive(&skips, at, line, options))
                break;
            at += line;
            continue;
        }
        depth += (*at == '(') - (*at == ')');
        if (depth == 0) {
            list[length] = '\0';
            return list;
        }
        if (!skips)
            list[length++] = *at;
        at++;
    }
    free(list);
    return NULL;
}

/* One argument: qualifiers, a type, stars, a name. */
static bool parse_argument(struct declaration *out, const char *text) {
    static const char *const qualifiers[] = {"const", "restrict", "volatile", "__restrict", "struct", "unsigned"};
    static const struct {
        const char *word;
        cl_kernel_arg_address_qualifier space;
    } spaces[] = {{"__global", CL_KERNEL_ARG_ADDRESS_GLOBAL},
                  {"__constant", CL_KERNEL_ARG_ADDRESS_CONSTANT},
                  {"__local", CL_KERNEL_ARG_ADDRESS_LOCAL}};
    *out = (struct declaration){.space = CL_KERNEL_ARG_ADDRESS_PRIVATE};
    bool points = false;
    while (*text) {
        if (!is_word(*text)) {
            points |= *text == '*';
            text++;
            continue;
        }
        char word[64];
        size_t length = 0;
        while (is_word(text[length]))
            length++;
        if (length >= sizeof word)
            return false;
        memcpy(word, text, length);
        word[length] = '\0';
        text += length;
        bool qualifies = false;
        for (size_t i = 0; i < sizeof qualifiers / sizeof *qualifiers; i++)
            qualifies |= strcmp(word, qualifiers[i]) == 0;
        for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
            if (strcmp(word, spaces[i].word) == 0) {
                out->space = spaces[i].space;
                qualifies = true;
            }
        if (!qualifies)
            strcpy(out->type[0] ? out->name : out->type, word);
    }
    if (points)
        strncat(out->type, "*", sizeof out->type - strlen(out->type) - 1);
    return out->name[0] != '\0' && points == (out->space != CL_KERNEL_ARG_ADDRESS_PRIVATE);
}

static bool parse_list(struct kernel *kernel, char *list) {
    char *rest = NULL;
    kernel->argument_count = 0;
    for (char *part = strtok_r(list, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
        if (kernel->argument_count == STANDIN_ARGUMENTS ||
            !parse_argument(&kernel->declarations[kernel->argument_count++], part))
            return false;
    return true;
}

/* Numbers alone count; between the __kernel before `at` and there. */
static void parse_group(size_t required[3], const char *source, const char *at) {
    static const char attribute[] = "reqd_work_group_size(";
    const char *begin = at;
    while (begin > source && strncmp(begin, "__kernel", 8) != 0)
        begin--;
    const char *found = strstr(begin, attribute);
    if (!found || found > at ||
        sscanf(found + strlen(attribute), "%zu, %zu, %zu", &required[0], &required[1], &required[2]) != 3)
        memset(required, 0, 3 * sizeof *required);
}

bool declare_kernel(struct kernel *kernel, const struct program *program) {
    const char *at = find_kernel(program->source, kernel->name);
    if (!at)
        return false;
    char *list = plain_list(at + 1, program->options);
    if (!list || !parse_list(kernel, list))
        kernel->argument_count = SIZE_MAX;
    free(list);
    parse_group(kernel->required, program->source, at);
    return true;
}
