/* Reads whole files and makes folders. */
#include "src/base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_BYTES = 1 << 20 };

enum cln_status cln_file_read(char **out, const char *path) {
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return cln_fail(errno == ENOENT || errno == ENOTDIR ? CLN_NOT_FOUND : CLN_IO, "%s: %s", path, strerror(errno));
    enum cln_status status = CLN_OK;
    char *text = malloc(MAX_BYTES + 1);
    if (!text) {
        fclose(file);
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    }
    size_t bytes = fread(text, 1, MAX_BYTES + 1, file);
    if (ferror(file))
        status = cln_fail(CLN_IO, "%s: %s", path, strerror(errno));
    else if (bytes > MAX_BYTES)
        status = cln_fail(CLN_INVALID, "%s: larger than %d bytes, clenet's limit", path, MAX_BYTES);
    fclose(file);
    if (status != CLN_OK) {
        free(text);
        return status;
    }
    text[bytes] = '\0';
    char *shrunk = realloc(text, bytes + 1);
    *out = shrunk ? shrunk : text;
    return CLN_OK;
}

enum cln_status cln_folder_make(const char *path, mode_t mode) {
    char *begin = strdup(path);
    if (!begin)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %s", path);
    enum cln_status status = CLN_OK;
    for (char *at = begin; *at && status == CLN_OK;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char kept = *at;
        *at = '\0';
        if (mkdir(begin, mode) != 0 && errno != EEXIST)
            status = cln_fail(CLN_IO, "%s: %s", begin, strerror(errno));
        *at = kept;
    }
    free(begin);
    return status;
}
