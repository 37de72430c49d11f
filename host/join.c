/* The source of a joined launch. OpenCL C has no namespaces: so before the text of a file, every name that it declares
 * is defined as that name with the launch's number, and after it all macros are undefined. */
#include "host/join.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/source.h"

bool ocl_join_takes(const struct ocl_launch *launch) {
    for (int i = 0; i < 3; i++)
        if (launch->local[i] > 1)
            return false;
    return !launch->text && !(launch->constants && launch->constants->overflow);
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

/* The numbers of a launch: one for each argument (a buffer's is its offset, in units of part_alignment), then the
 * numbers of groups x, y, z, and in a chain `own`, the number of groups along dimension 1 that a group of the chain
 * takes. */
enum { MORE_NUMBERS = 4 };

static size_t first_number(const struct ocl_part *parts, size_t n) {
    size_t first = 0;
    for (size_t m = 0; m < n; m++)
        first += parts[m].launch->arg_count + MORE_NUMBERS;
    return first;
}

/* The buffers that are arguments of the joined launch: all that the parts' arguments are, or are part of. */
struct wholes {
    struct ocl_buffer *buffers[OCL_MAX_ARGS];
    size_t count;
};

static struct ocl_buffer *whole_of(struct ocl_buffer *buffer) {
    return buffer && buffer->whole ? buffer->whole : buffer;
}

/* The place of a buffer's whole; wholes->count if it has none. */
static size_t place_of(const struct wholes *wholes, struct ocl_buffer *buffer) {
    size_t i = 0;
    while (i < wholes->count && wholes->buffers[i] != whole_of(buffer))
        i++;
    return i;
}

/* Finds the wholes of all arguments, as far as there is room. */
static struct wholes find_wholes(const struct ocl_part *parts, size_t count) {
    struct wholes wholes = {.count = 0};
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < parts[n].launch->arg_count; i++) {
            const struct ocl_arg *arg = &parts[n].launch->args[i];
            const bool is_new = arg->kind == OCL_ARG_BUFFER && place_of(&wholes, arg->buffer) == wholes.count;
            if (is_new && wholes.count < OCL_MAX_ARGS)
                wholes.buffers[wholes.count++] = whole_of(arg->buffer);
        }
    return wholes;
}

/* What the kernel `joined` is written from. */
struct joined {
    const struct ocl_part *parts;
    size_t count;
    struct wholes wholes;
    size_t alignment; /* of parts of buffers */
};

/* Calls the kernel of launch n for the group at `place`. */
static void write_call(FILE *out, const struct joined *joined, size_t n) {
    const struct ocl_launch *launch = joined->parts[n].launch;
    size_t number = first_number(joined->parts, n);
    fprintf(out, "%s_%zu(", launch->kernel, n);
    for (size_t i = 0; i < launch->arg_count; i++, number++)
        switch (launch->args[i].kind) {
        case OCL_ARG_BUFFER:
            fprintf(out, "(__global void *)(buffer%zu + (size_t)number[%zu] * %zu), ",
                    place_of(&joined->wholes, launch->args[i].buffer), number, joined->alignment);
            break;
        case OCL_ARG_INT:
            fprintf(out, "number[%zu], ", number);
            break;
        case OCL_ARG_FLOAT:
        case OCL_ARG_KIND_COUNT:
            fprintf(out, "as_float(number[%zu]), ", number);
        }
    fprintf(out, "place, (int4)(x%zu, y%zu, z%zu, 0));\n", n, n, n);
}

/* Calls the kernel of launch n for its group `before`. */
static void write_group(FILE *out, const struct joined *joined, size_t n) {
    fprintf(out,
            "        const int4 place = (int4)(before %% x%zu, before / x%zu %% y%zu, before / x%zu / y%zu, 0);\n"
            "        ",
            n, n, n, n, n);
    write_call(out, joined, n);
}

/* Calls the kernel of launch n for all its groups in a chain's group `before`. */
static void write_chained(FILE *out, const struct joined *joined, size_t n) {
    fprintf(out,
            "        for (int y = before * own%zu; y < min((before + 1) * own%zu, y%zu); y++)\n"
            "            for (int i = 0; i < x%zu * z%zu; i++) {\n"
            "                const int4 place = (int4)(i %% x%zu, y, i / x%zu, 0);\n                ",
            n, n, n, n, n, n, n);
    write_call(out, joined, n);
    fputs("            }\n", out);
}

/* The groups of the parts alternate, in proportion to their numbers: of `left` groups every (left / groups)th is the
 * next part's, and the others are left to the parts after it. So every stretch of the range has its share of each part,
 * for drivers that give a compute unit a large stretch at once. */
static void write_kernel(FILE *out, const struct joined *joined) {
    const struct ocl_part *parts = joined->parts;
    const size_t count = joined->count;
    fputs("#line 1 \"joined\"\n__attribute__((reqd_work_group_size(1, 1, 1)))\n"
          "__kernel void joined(__global const int *number",
          out);
    for (size_t i = 0; i < joined->wholes.count; i++)
        fprintf(out, ", __global char *buffer%zu", i);
    fputs(") {\n", out);
    for (size_t n = 0; n < count; n++) {
        const size_t more = first_number(parts, n) + parts[n].launch->arg_count;
        fprintf(out, "    const int x%zu = number[%zu], y%zu = number[%zu], z%zu = number[%zu]", n, more, n, more + 1,
                n, more + 2);
        fprintf(out, ", own%zu = number[%zu];\n", n, more + 3);
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
            write_group(out, joined, n);
        for (size_t k = n; k < end && end > n + 1; k++)
            write_chained(out, joined, k);
        fputs("        return;\n    }\n    group -= before;\n    left -= groups;\n", out);
    }
    fputs("}\n", out);
}

enum cln_status ocl_join_text(char **text, const struct ocl_context *context, const struct ocl_part *parts,
                              size_t count) {
    const struct joined joined = {
        .parts = parts,
        .count = count,
        .wholes = find_wholes(parts, count),
        .alignment = context->device.part_alignment,
    };
    size_t bytes = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &bytes);
    if (!out)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for the source of %zu kernels", count);
    enum cln_status status = CLN_OK;
    /* Inlining would gain nothing, and leaves marks of `restrict` that Oclgrind does not know. */
    fputs("#define JOINED\n#define __kernel static __attribute__((noinline))\n", out);
    for (size_t n = 0; n < count && status == CLN_OK; n++)
        status = write_part(out, context->kernel_folder, parts[n].launch, n);
    fputs("#undef __kernel\n", out);
    write_kernel(out, &joined);
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

size_t ocl_join_arguments(const struct ocl_part *parts, size_t count) {
    return 1 + find_wholes(parts, count).count;
}

/* The chain of which part n is the first, or the launch alone: the part after its end, and the largest span; 0: it is
 * no chain. */
static size_t chain_end(const struct ocl_part *parts, size_t count, size_t n, size_t *largest) {
    size_t end = n + 1, first;
    while (end < count && parts[end].follows)
        end++;
    *largest = end > n + 1 ? largest_span(parts, end, &first) : 0;
    return end;
}

static size_t groups_along(const struct ocl_launch *launch, int dimension) {
    return launch->groups[dimension] ? launch->groups[dimension] : 1;
}

/* The numbers of a launch. `largest`: the largest span of its chain; 0: it is in none. */
static enum cln_status write_numbers(int *number, const struct ocl_launch *launch, size_t largest) {
    for (size_t i = 0; i < launch->arg_count; i++, number++) {
        const struct ocl_arg *arg = &launch->args[i];
        if (arg->kind == OCL_ARG_INT)
            *number = arg->int_value;
        else if (arg->kind == OCL_ARG_FLOAT)
            memcpy(number, &arg->float_value, sizeof *number);
        else if (arg->buffer)
            *number = (int)(arg->buffer->offset / arg->buffer->context->device.part_alignment);
        else
            return cln_fail(CLN_INVALID, "%s: kernel %s, argument %zu is a buffer and was given NULL", launch->label,
                            launch->kernel, i);
    }
    for (int dimension = 0; dimension < 3; dimension++)
        *number++ = (int)groups_along(launch, dimension);
    *number = largest > 0 ? (int)(largest / launch->span) : 0;
    return CLN_OK;
}

enum cln_status ocl_join_numbers(struct ocl_buffer **out, struct ocl_context *context, const struct ocl_part *parts,
                                 size_t count) {
    const size_t bytes = first_number(parts, count) * sizeof(int);
    int *numbers = malloc(bytes);
    enum cln_status status =
        numbers ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for the arguments of %zu kernels", count);
    *out = NULL;
    for (size_t n = 0, end, largest; n < count && status == CLN_OK; n = end) {
        end = chain_end(parts, count, n, &largest);
        for (size_t k = n; k < end && status == CLN_OK; k++)
            status = write_numbers(numbers + first_number(parts, k), parts[k].launch, largest);
    }
    if (status == CLN_OK)
        status = ocl_buffer_reserve(out, context, bytes);
    if (status == CLN_OK)
        status = ocl_buffer_write(*out, 0, bytes, numbers);
    free(numbers);
    if (status != CLN_OK)
        ocl_buffer_destroy(out);
    return status;
}

struct ocl_launch ocl_join_launch(const char *label, const char *text, struct ocl_buffer *numbers,
                                  const struct ocl_part *parts, size_t count) {
    struct ocl_launch joined = {.label = label, .source = "joined", .text = text, .kernel = "joined"};
    struct wholes wholes = find_wholes(parts, count);
    ocl_launch_argument(&joined, OCL_BUFFER(numbers));
    for (size_t i = 0; i < wholes.count; i++)
        ocl_launch_argument(&joined, OCL_BUFFER(wholes.buffers[i]));
    for (size_t n = 0, end, largest; n < count; n = end) {
        const struct ocl_launch *first = parts[n].launch;
        const size_t x = groups_along(first, 0), y = groups_along(first, 1), z = groups_along(first, 2);
        end = chain_end(parts, count, n, &largest);
        const size_t own = largest > 0 ? largest / first->span : 0;
        joined.groups[0] += own > 0 ? (y + own - 1) / own : x * y * z;
    }
    for (size_t n = 0; n < count; n++) {
        joined.flops += parts[n].launch->flops;
        joined.bytes += parts[n].launch->bytes;
    }
    return joined;
}
