/* The table of data formats, and the search for a path's format. */
#include "src/data/format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/data/picture_file.h"

#define POINTER(format) &(format),
static const struct cln_data_format *const formats[] = {CLN_DATA_FORMATS(POINTER)};
enum { FORMAT_COUNT = sizeof(formats) / sizeof(formats[0]) };

enum { FOUND_BYTES = 128 };

/* What a folder has, but for hidden entries. */
static void describe_folder(char found[FOUND_BYTES], DIR *folder) {
    const struct dirent *entry;
    char example[FOUND_BYTES / 2] = "";
    size_t count = 0;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.' && count++ == 0)
            snprintf(example, sizeof example, "%.*s", FOUND_BYTES / 2 - 1, entry->d_name);
    if (count == 0)
        snprintf(found, FOUND_BYTES, "the folder is empty");
    else
        snprintf(found, FOUND_BYTES, "the folder has %zu %s, such as %s", count, count == 1 ? "entry" : "entries",
                 example);
}

static void describe_file(char found[FOUND_BYTES], const char *path, off_t bytes) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    if (bytes == 0)
        snprintf(found, FOUND_BYTES, "the file is empty");
    else if (cln_picture_file_is_named(path))
        snprintf(found, FOUND_BYTES, "this is one picture, not the folder above the folders of classes");
    else
        snprintf(found, FOUND_BYTES, "this is a file that ends with %.*s", FOUND_BYTES / 4,
                 dot ? dot : "no known name");
}

/* Finds out what is at the path. CLN_IO: nobody may read it. */
static enum cln_status describe(char found[FOUND_BYTES], const char *path) {
    struct stat info = {.st_size = 0};
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 || fstat(file, &info) != 0) {
        const char *reason = strerror(errno);
        const bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
        if (file >= 0)
            close(file);
        return cln_fail(CLN_IO, "%s: the %s cannot be read: %s", path, is_folder ? "folder" : "file", reason);
    }
    DIR *folder = S_ISDIR(info.st_mode) ? fdopendir(file) : NULL;
    if (folder)
        describe_folder(found, folder);
    else
        describe_file(found, path, info.st_size);
    if (folder)
        closedir(folder);
    else
        close(file);
    return CLN_OK;
}

static enum cln_status fail_unknown(const char *path, const char *found) {
    char known[256] = "";
    for (size_t i = 0, used = 0; i < FORMAT_COUNT && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s",
                                 i == 0                 ? ""
                                 : i < FORMAT_COUNT - 1 ? ", "
                                                        : " or ",
                                 formats[i]->kind);
    return cln_fail(CLN_NOT_FOUND, "%s: no data set: %s; clenet reads %s (docs/data.md has their names)", path, found,
                    known);
}

enum cln_status cln_data_format_find(const struct cln_data_format **out, const char *path) {
    char found[FOUND_BYTES];
    *out = NULL;
    const enum cln_status status = describe(found, path);
    if (status != CLN_OK)
        return status;
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const enum cln_found probed = formats[i]->probe(path);
        if (probed == CLN_FOUND_ALL || (probed == CLN_FOUND_SOME && !*out))
            *out = formats[i];
        if (probed == CLN_FOUND_ALL)
            break;
    }
    return *out ? CLN_OK : fail_unknown(path, found);
}

void cln_data_format_each_file(cln_tell_path *tell, void *user, const char *path) {
    bool is_found = false;
    for (size_t i = 0; i < FORMAT_COUNT && !is_found; i++) {
        is_found = formats[i]->probe(path) == CLN_FOUND_ALL;
        if (is_found)
            formats[i]->each_file(tell, user, path);
    }
    for (size_t i = 0; i < FORMAT_COUNT && !is_found; i++)
        formats[i]->each_file(tell, user, path);
}
