/* The table of data formats, and the search for a folder's format. */
#include "src/data/format.h"

#include <stdio.h>
#include <string.h>

#define POINTER(format) &(format),
static const struct cln_data_format *const formats[] = {CLN_DATA_FORMATS(POINTER)};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

static enum cln_status fail_unknown(const char *folder) {
    char known[2048] = "";
    for (size_t i = 0, used = 0; i < FORMAT_COUNT && used < sizeof known; i++)
        used +=
            (size_t)snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? "; or of " : "", formats[i]->contents);
    return cln_fail(CLN_NOT_FOUND,
                    "%s: no data set in this folder: a data set is a folder of %s; PNG files can be predicted, not "
                    "trained on (docs/data.md has a script that converts them)",
                    folder, known);
}

enum cln_status cln_data_format_find(const struct cln_data_format **out, const char *folder) {
    *out = NULL;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const enum cln_found found = formats[i]->probe(folder);
        if (found == CLN_FOUND_ALL || (found == CLN_FOUND_SOME && !*out))
            *out = formats[i];
        if (found == CLN_FOUND_ALL)
            break;
    }
    return *out ? CLN_OK : fail_unknown(folder);
}

void cln_data_format_each_file(cln_tell_path *tell, void *user, const char *folder) {
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        formats[i]->each_file(tell, user, folder);
}
