/* Reads a file of names. */
#include "src/data/class_names.h"

#include <stdlib.h>
#include <string.h>

#include "src/data/input.h"

enum { TEXT_LIMIT = 1 << 16 };

void cln_class_names_free(struct cln_class_names *names) {
    free(names->text);
    free(names->list);
    *names = (struct cln_class_names){.text = NULL};
}

enum cln_status cln_class_names_read(struct cln_class_names *out, const char *path, size_t wanted) {
    static const char ends[] = "\r\n";
    struct cln_input *input;
    *out = (struct cln_class_names){.text = malloc(TEXT_LIMIT + 1), .list = calloc(wanted, sizeof *out->list)};
    enum cln_status status =
        out->text && out->list ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", path);
    if (status == CLN_OK)
        status = cln_input_open(&input, path);
    if (status == CLN_OK) {
        const size_t length = cln_input_some(input, out->text, TEXT_LIMIT);
        out->text[length] = '\0';
        status = cln_input_check_end(input);
        cln_input_close(&input);
    }
    char *rest = out->text;
    for (char *line; status == CLN_OK && (line = strtok_r(rest, ends, &rest));) {
        if (out->count < wanted)
            out->list[out->count] = line;
        out->count++;
    }
    if (status == CLN_OK && out->count != wanted)
        status = cln_fail(CLN_INVALID, "%s: %zu names for %zu classes", path, out->count, wanted);
    if (status != CLN_OK)
        cln_class_names_free(out);
    return status;
}
