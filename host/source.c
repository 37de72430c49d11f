/* Loads kernel sources and expands their includes; #line keeps file and line. */
#include "host/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "src/base/file.h"

enum { MAX_DEPTH = 16, PATH_BYTES = 1024 };

/* Reads one file, and sets `path` to its name in messages. */
static enum cln_status read_text(char **out, char path[PATH_BYTES], const char *folder, const char *name) {
    snprintf(path, PATH_BYTES, "%s/%s", folder ? folder : "kernels", name);
    if (folder)
        return cln_file_read(out, path);
    const struct ocl_embedded *file = ocl_embedded_kernels;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    if (!file->name)
        return cln_fail(CLN_NOT_FOUND, "%s is not part of the library", path);
    *out = strdup(file->text);
    return *out ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
}

static enum cln_status expand(FILE *out, const char *folder, const char *name, int depth) {
    char path[PATH_BYTES], included[PATH_BYTES], *text = NULL;
    if (depth == MAX_DEPTH)
        return cln_fail(CLN_INVALID, "%s: files that include each other", name);
    enum cln_status status = read_text(&text, path, folder, name);
    if (status != CLN_OK)
        return status;
    fprintf(out, "#line 1 \"%s\"\n", path);
    int number = 1;
    for (char *line = text, *next; line && *line && status == CLN_OK; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (line[strspn(line, " \t")] != '#' || sscanf(line, " # include \"%1023[^\"]\"", included) != 1) {
            fputs(line, out);
            fputc('\n', out);
            continue;
        }
        status = expand(out, folder, included, depth + 1);
        if (status != CLN_OK)
            status = cln_fail_within(status, "%s:%d", path, number);
        fprintf(out, "#line %d \"%s\"\n", number + 1, path);
    }
    free(text);
    return status;
}

enum cln_status ocl_source_load(char **out, const char *folder, const char *name) {
    size_t bytes = 0;
    *out = NULL;
    FILE *stream = open_memstream(out, &bytes);
    if (!stream)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", name);
    enum cln_status status = expand(stream, folder, name, 0);
    if (fclose(stream) != 0 && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", name);
    if (status != CLN_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

const char *ocl_build_options(void) {
    const char *options = getenv("CLENET_BUILD_OPTIONS");
    return options ? options : "";
}
