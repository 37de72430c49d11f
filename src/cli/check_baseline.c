/* Reads known failures: see check_baseline.h. */
#include "src/cli/check_baseline.h"

#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/base/file.h"

/* The length of a name without the blanks around it and the comment after it; *name moves to its start. */
static size_t trim(const char **name, size_t length) {
    const char *comment = memchr(*name, '#', length);
    length = comment ? (size_t)(comment - *name) : length;
    for (; length > 0 && strchr(" \t", **name); length--)
        ++*name;
    while (length > 0 && strchr(" \t\r", (*name)[length - 1]))
        length--;
    return length;
}

enum cln_status cln_baseline_read(struct cln_baseline *b, const char *path) {
    char *text = NULL;
    *b = (struct cln_baseline){.path = path};
    enum cln_status status = cln_file_read(&text, path);
    if (status != CLN_OK)
        return cln_fail_within(status, "--baseline");
    b->text = calloc(1, strlen(text) + 2); /* not longer than the file, but for a last line feed */
    if (!b->text)
        status = cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    size_t used = 0, number = 1;
    for (const char *line = text; *line && status == CLN_OK; number++) {
        const size_t whole = strcspn(line, "\n");
        const char *name = line;
        const size_t length = trim(&name, whole);
        memcpy(b->text + used, name, length);
        b->text[used + length] = '\0';
        if (length > 0 && !cln_checkup_knows(b->text + used))
            status = cln_fail(CLN_INVALID,
                              "--baseline: %s:%zu: no check is called \"%s\"; a name is as in the table, with its "
                              "setting: \"conv2d, profile\"",
                              path, number, b->text + used);
        used += length;
        if (length > 0)
            b->text[used++] = '\n';
        line += whole + (line[whole] == '\n');
    }
    if (status == CLN_OK)
        b->text[used] = '\0';
    free(text);
    return status;
}

void cln_baseline_release(struct cln_baseline *b) {
    free(b->text);
    *b = (struct cln_baseline){0};
}

bool cln_baseline_has(const struct cln_baseline *b, const struct cln_checkup_row *row) {
    char name[128];
    const size_t length = cln_text_format(name, sizeof name, "%s, %s\n", row->what, row->setting);
    for (const char *at = b->text; at && (at = strstr(at, name)); at += length)
        if (at == b->text || at[-1] == '\n')
            return true;
    return false;
}
