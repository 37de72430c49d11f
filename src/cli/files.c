/* Which names are of one file, and where can be written: see files.h. */
#include "src/cli/files.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/data/replace.h"

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Names of nothing so far: one folder, one last part. */
static bool will_be_same(const char *a, const char *b) {
    char *copies[] = {strdup(a), strdup(a), strdup(b), strdup(b)};
    struct stat folder_a, folder_b;
    bool same = false;
    if (copies[0] && copies[1] && copies[2] && copies[3])
        same = stat(dirname(copies[0]), &folder_a) == 0 && stat(dirname(copies[2]), &folder_b) == 0 &&
               is_same(&folder_a, &folder_b) && strcmp(basename(copies[1]), basename(copies[3])) == 0;
    for (int i = 0; i < 4; i++)
        free(copies[i]);
    return same;
}

enum cln_status cln_files_differ(const char *path, const char *option, const char *written) {
    struct stat a, b;
    if (!path || !written)
        return CLN_OK;
    const bool a_is_there = stat(path, &a) == 0, b_is_there = stat(written, &b) == 0;
    const bool same =
        a_is_there && b_is_there ? is_same(&a, &b) : !a_is_there && !b_is_there && will_be_same(path, written);
    if (!same)
        return CLN_OK;
    return cln_fail(CLN_INVALID, "--%s '%s' is the same file as '%s': choose another name", option, written, path);
}

enum cln_status cln_files_writable(const char *path) {
    struct cln_replacement file = {0};
    if (!path)
        return CLN_OK;
    const enum cln_status status = cln_replace_begin(&file, path);
    cln_replace_end(&file);
    return status;
}
