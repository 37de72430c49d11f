/* The source of a joined launch. OpenCL C has no namespaces: so before the text of a file, every name that it declares
 * is defined as that name with the launch's number, and after it all macros are undefined. */
#include "host/join.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/source.h"
#include "src/base/table.h"

bool ocl_join_takes(const struct ocl_launch *launch) {
    for (int i = 0; i < 3; i++)
        if (launch->local[i] > 1)
            return false;
    return !launch->text;
}

static bool in_name(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* How a line begins that declares a name for the whole file, and what follows the name. */
static const struct {
    const char *beginning, *end;
} declarations[] = {
    {"static inline ", "("}, {"__kernel ", "("}, {"struct ", " {"}, {"__constant ", "["}, {"typedef ", ";"},
};

/* Finds the name that a line declares for the whole file. Returns its length; 0: none. */
static size_t declared_name(const char *line, const char **name) {
    for (size_t i = 0; i < sizeof declarations / sizeof *declarations; i++) {
        const size_t skipped = strlen(declarations[i].beginning);
        if (strncmp(line, declarations[i].beginning, skipped) != 0)
            continue;
        const bool is_type = declarations[i].end[0] == ';'; /* its name is the last word, also after parentheses */
        const char *end = is_type ? strrchr(line, ';') : strstr(line + skipped, declarations[i].end);
        if (!end)
            return 0;
        *name = end;
        while (*name > line && in_name((*name)[-1]))
            (*name)--;
        return (size_t)(end - *name);
    }
    return 0;
}

/* The macro that a line defines. Returns the length of its name; 0: none. */
static size_t defined_macro(const char *line, const char **name) {
    static const char directive[] = "#define ";
    if (strncmp(line, directive, sizeof directive - 1) != 0)
        return 0;
    *name = line + sizeof directive - 1;
    size_t length = 0;
    while (in_name((*name)[length]))
        length++;
    return length;
}

enum use { RENAME, RESTORE, FORGET };

/* For every name that the text declares: writes its renaming, or takes that back. FORGET: for every macro. */
static void write_names(FILE *out, const char *text, size_t number, enum use use) {
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        char copy[512];
        const char *name = NULL;
        snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
        const size_t length = use == FORGET ? defined_macro(copy, &name) : declared_name(copy, &name);
        if (length > 0 && use == RENAME)
            fprintf(out, "#define %.*s %.*s_%zu\n", (int)length, name, (int)length, name, number);
        else if (length > 0)
            fprintf(out, "#undef %.*s\n", (int)length, name);
    }
}

/* For every constant: its definition, or its end. */
static void write_constants(FILE *out, const struct ocl_constants *constants, bool define) {
    static const char option[] = " -D ";
    const char *at = constants ? constants->text : "";
    while ((at = strstr(at, option)) != NULL) {
        at += sizeof option - 1;
        const int name = (int)strcspn(at, "="), all = (int)strcspn(at, " ");
        if (define)
            fprintf(out, "#define %.*s %.*s\n", name, at, all - name - 1, at + name + 1);
        else
            fprintf(out, "#undef %.*s\n", name, at);
    }
}

static enum cln_status write_part(FILE *out, const char *folder, const struct ocl_launch *launch, size_t number) {
    char *text = NULL;
    enum cln_status status = ocl_source_load(&text, folder, launch->source);
    if (status != CLN_OK)
        return status;
    write_constants(out, launch->constants, true);
    write_names(out, text, number, RENAME);
    fputs(text, out);
    write_names(out, text, number, RESTORE);
    write_names(out, text, number, FORGET);
    write_constants(out, launch->constants, false);
    free(text);
    return CLN_OK;
}

/* The name of launch `number`'s argument, and the number of groups along each dimension. */
#define ARGUMENT "a%zu_%zu"
#define GROUPS "x%zu, y%zu, z%zu"

static const char *const types[] = {
    [OCL_ARG_BUFFER] = "__global void *", [OCL_ARG_INT] = "const int ", [OCL_ARG_FLOAT] = "const float "};
CLN_EVERY(types, OCL_ARG_KIND_COUNT);

/* The groups of the launches alternate, in proportion to their numbers: of `left` groups every (left / groups)th is the
 * next launch's, and the others are left to the launches after it. So every part of the range has its share of each
 * launch, for drivers that give a compute unit a large part of the range at once. */
static void write_kernel(FILE *out, const struct ocl_launch *const *launches, size_t count) {
    fputs("#line 1 \"joined\"\n__attribute__((reqd_work_group_size(1, 1, 1)))\n__kernel void joined(", out);
    for (size_t n = 0; n < count; n++) {
        for (size_t i = 0; i < launches[n]->arg_count; i++)
            fprintf(out, "%s" ARGUMENT ", ", types[launches[n]->args[i].kind], n, i);
        fprintf(out, "const int x%zu, const int y%zu, const int z%zu%s", n, n, n, n + 1 < count ? ",\n    " : ") {\n");
    }
    fputs("    int group = (int)get_group_id(0), left = (int)get_num_groups(0), groups, before;\n", out);
    for (size_t n = 0; n < count; n++) {
        fprintf(out,
                "    groups = x%zu * y%zu * z%zu;\n"
                "    before = (int)((long)group * groups / left);\n"
                "    if (((long)group + 1) * groups / left > before) {\n        %s_%zu(",
                n, n, n, launches[n]->kernel, n);
        for (size_t i = 0; i < launches[n]->arg_count; i++)
            fprintf(out, ARGUMENT ", ", n, i);
        fprintf(out,
                "(int4)(before %% x%zu, before / x%zu %% y%zu, before / x%zu / y%zu, 0), (int4)(" GROUPS ", 0));\n"
                "        return;\n    }\n"
                "    group -= before;\n    left -= groups;\n",
                n, n, n, n, n, n, n, n);
    }
    fputs("}\n", out);
}

enum cln_status ocl_join_text(char **text, const char *folder, const struct ocl_launch *const *launches, size_t count) {
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %zu kernels", count);
    enum cln_status status = CLN_OK;
    fputs("#define JOINED\n#define __kernel\n", out);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        status = write_part(out, folder, launches[n], n);
    fputs("#undef __kernel\n", out);
    write_kernel(out, launches, count);
    if (fclose(out) != 0 && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %zu kernels", count);
    if (status != CLN_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

size_t ocl_join_arguments(const struct ocl_launch *launch) {
    return launch->arg_count + 3;
}

struct ocl_launch ocl_join_launch(const char *label, const char *text, const struct ocl_launch *const *launches,
                                  size_t count) {
    struct ocl_launch joined = {.label = label, .source = "joined", .text = text, .kernel = "joined"};
    for (size_t n = 0; n < count; n++) {
        const struct ocl_launch *launch = launches[n];
        size_t groups = 1;
        for (size_t i = 0; i < launch->arg_count; i++)
            ocl_launch_argument(&joined, launch->args[i]);
        for (int i = 0; i < 3; i++) {
            const size_t along = launch->groups[i] ? launch->groups[i] : 1;
            ocl_launch_argument(&joined, OCL_INT(along));
            groups *= along;
        }
        joined.groups[0] += groups;
        joined.flops += launch->flops;
        joined.bytes += launch->bytes;
    }
    return joined;
}
