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

/* The name of an argument of launch `number`. After its own, a launch has the numbers of groups x, y, z, and in a chain
 * `own`, the number of groups along dimension 1 that a group of the chain takes. */
#define ARGUMENT "a%zu_%zu"
enum { MORE_ARGUMENTS = 4 };

static const char *const types[] = {
    [OCL_ARG_BUFFER] = "__global void *", [OCL_ARG_INT] = "const int ", [OCL_ARG_FLOAT] = "const float "};
CLN_EVERY(types, OCL_ARG_KIND_COUNT);

/* A buffer of several launches is one argument, since drivers take time for each. Finds the first place of argument i
 * of launch n. Whether that is (n, i) itself. */
static bool is_first(const struct ocl_part *parts, size_t n, size_t i, size_t *first, size_t *place) {
    const struct ocl_arg *arg = &parts[n].launch->args[i];
    *first = n;
    *place = i;
    if (arg->kind != OCL_ARG_BUFFER)
        return true;
    for (size_t m = 0; m <= n; m++)
        for (size_t k = 0; k < parts[m].launch->arg_count && (m < n || k < i); k++) {
            const struct ocl_arg *other = &parts[m].launch->args[k];
            if (other->kind == OCL_ARG_BUFFER && other->buffer == arg->buffer) {
                *first = m;
                *place = k;
                return false;
            }
        }
    return true;
}

/* Calls the kernel of launch n for the group at `place`. */
static void write_call(FILE *out, const struct ocl_part *parts, size_t n) {
    const struct ocl_launch *launch = parts[n].launch;
    fprintf(out, "%s_%zu(", launch->kernel, n);
    for (size_t i = 0, first, place; i < launch->arg_count; i++) {
        is_first(parts, n, i, &first, &place);
        fprintf(out, ARGUMENT ", ", first, place);
    }
    fprintf(out, "place, (int4)(x%zu, y%zu, z%zu, 0));\n", n, n, n);
}

/* Calls the kernel of launch n for its group `before`. */
static void write_group(FILE *out, const struct ocl_part *parts, size_t n) {
    fprintf(out,
            "        const int4 place = (int4)(before %% x%zu, before / x%zu %% y%zu, before / x%zu / y%zu, 0);\n"
            "        ",
            n, n, n, n, n);
    write_call(out, parts, n);
}

/* Calls the kernel of launch n for all its groups in a chain's group `before`. */
static void write_chained(FILE *out, const struct ocl_part *parts, size_t n) {
    fprintf(out,
            "        for (int y = before * own%zu; y < min((before + 1) * own%zu, y%zu); y++)\n"
            "            for (int i = 0; i < x%zu * z%zu; i++) {\n"
            "                const int4 place = (int4)(i %% x%zu, y, i / x%zu, 0);\n                ",
            n, n, n, n, n, n, n);
    write_call(out, parts, n);
    fputs("            }\n", out);
}

/* The groups of the parts alternate, in proportion to their numbers: of `left` groups every (left / groups)th is the
 * next part's, and the others are left to the parts after it. So every stretch of the range has its share of each part,
 * for drivers that give a compute unit a large stretch at once. */
static void write_kernel(FILE *out, const struct ocl_part *parts, size_t count) {
    fputs("#line 1 \"joined\"\n__attribute__((reqd_work_group_size(1, 1, 1)))\n__kernel void joined(", out);
    for (size_t n = 0; n < count; n++) {
        for (size_t i = 0, first, place; i < parts[n].launch->arg_count; i++)
            if (is_first(parts, n, i, &first, &place))
                fprintf(out, "%s" ARGUMENT ", ", types[parts[n].launch->args[i].kind], n, i);
        fprintf(out, "const int x%zu, const int y%zu, const int z%zu, const int own%zu%s", n, n, n, n,
                n + 1 < count ? ",\n    " : ") {\n");
    }
    fputs("    int group = (int)get_group_id(0), left = (int)get_num_groups(0), groups, before;\n", out);
    for (size_t n = 0, end; n < count; n = end) {
        for (end = n + 1; end < count && parts[end].follows;)
            end++;
        if (end > n + 1)
            fprintf(out, "    groups = (y%zu + own%zu - 1) / own%zu;\n", n, n, n);
        else
            fprintf(out, "    groups = x%zu * y%zu * z%zu;\n", n, n, n);
        fputs("    before = (int)((long)group * groups / left);\n"
              "    if (((long)group + 1) * groups / left > before) {\n",
              out);
        if (end == n + 1)
            write_group(out, parts, n);
        for (size_t k = n; k < end && end > n + 1; k++)
            write_chained(out, parts, k);
        fputs("        return;\n    }\n    group -= before;\n    left -= groups;\n", out);
    }
    fputs("}\n", out);
}

enum cln_status ocl_join_text(char **text, const char *folder, const struct ocl_part *parts, size_t count) {
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %zu kernels", count);
    enum cln_status status = CLN_OK;
    /* Inlining would gain nothing, and leaves marks of `restrict` that Oclgrind does not know. */
    fputs("#define JOINED\n#define __kernel __attribute__((noinline))\n", out);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        status = write_part(out, folder, parts[n].launch, n);
    fputs("#undef __kernel\n", out);
    write_kernel(out, parts, count);
    if (fclose(out) != 0 && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %zu kernels", count);
    if (status != CLN_OK) {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* The largest span of the chain that ends before part `end`; *first is its first part. */
static size_t largest_span(const struct ocl_part *parts, size_t end, size_t *first) {
    size_t largest = parts[end - 1].launch->span;
    *first = end - 1;
    while (parts[*first].follows) {
        (*first)--;
        if (parts[*first].launch->span > largest)
            largest = parts[*first].launch->span;
    }
    return largest;
}

bool ocl_join_follows(const struct ocl_part *parts, size_t count, const struct ocl_launch *launch) {
    if (count == 0 || launch->span == 0)
        return false;
    size_t first, largest = largest_span(parts, count, &first);
    if (launch->span > largest)
        largest = launch->span;
    bool divides = largest % launch->span == 0;
    for (size_t n = first; n < count && divides; n++)
        divides = parts[n].launch->span > 0 && largest % parts[n].launch->span == 0;
    return divides;
}

size_t ocl_join_arguments(const struct ocl_launch *launch) {
    return launch->arg_count + MORE_ARGUMENTS;
}

/* Adds the arguments of launch n. `largest`: the largest span of its chain; 0: it is in none. Returns the number of
 * groups: of the launch, or of its chain. */
static size_t add_arguments(struct ocl_launch *joined, const struct ocl_part *parts, size_t n, size_t largest) {
    const struct ocl_launch *launch = parts[n].launch;
    size_t groups = 1, along[3];
    for (size_t i = 0, first, place; i < launch->arg_count; i++)
        if (is_first(parts, n, i, &first, &place))
            ocl_launch_argument(joined, launch->args[i]);
    for (int i = 0; i < 3; i++) {
        along[i] = launch->groups[i] ? launch->groups[i] : 1;
        ocl_launch_argument(joined, OCL_INT(along[i]));
        groups *= along[i];
    }
    const size_t own = largest > 0 ? largest / launch->span : 0;
    ocl_launch_argument(joined, OCL_INT(own));
    joined->flops += launch->flops;
    joined->bytes += launch->bytes;
    return own > 0 ? (along[1] + own - 1) / own : groups;
}

struct ocl_launch ocl_join_launch(const char *label, const char *text, const struct ocl_part *parts, size_t count) {
    struct ocl_launch joined = {.label = label, .source = "joined", .text = text, .kernel = "joined"};
    for (size_t n = 0, end; n < count; n = end) {
        size_t groups = 0, first;
        for (end = n + 1; end < count && parts[end].follows;)
            end++;
        const size_t largest = end > n + 1 ? largest_span(parts, end, &first) : 0;
        for (size_t k = n; k < end; k++)
            groups = add_arguments(&joined, parts, k, largest);
        joined.groups[0] += groups;
    }
    return joined;
}
