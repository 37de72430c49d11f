/* Finds files by name in a folder, plain before gzipped. */
#include "src/data/folder.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

static const char *const endings[] = {"", ".gz"};
enum { ENDING_COUNT = sizeof(endings) / sizeof(endings[0]) };

static bool make_path(char path[CLN_PATH_BYTES], const char *folder, const char *name, size_t ending) {
    return snprintf(path, CLN_PATH_BYTES, "%s/%s%s", folder, name, endings[ending]) < CLN_PATH_BYTES;
}

static bool find(char path[CLN_PATH_BYTES], const char *folder, const char *name) {
    struct stat info;
    for (size_t i = 0; i < ENDING_COUNT; i++)
        if (make_path(path, folder, name, i) && stat(path, &info) == 0 && S_ISREG(info.st_mode))
            return true;
    return false;
}

enum cln_status cln_folder_find(char path[CLN_PATH_BYTES], const char *folder, const char *name, const char *contents) {
    return find(path, folder, name)
               ? CLN_OK
               : cln_fail(CLN_NOT_FOUND, "%s: no file %s, plain or .gz: a data set is %s", folder, name, contents);
}

enum cln_found cln_folder_probe(const char *folder, const char *const *names, size_t count) {
    char path[CLN_PATH_BYTES];
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += find(path, folder, names[i]);
    return found == 0 ? CLN_FOUND_NONE : found < count ? CLN_FOUND_SOME : CLN_FOUND_ALL;
}

void cln_folder_each_file(cln_tell_path *tell, void *user, const char *folder, const char *const *names, size_t count) {
    char path[CLN_PATH_BYTES];
    for (size_t i = 0; i < count; i++)
        for (size_t ending = 0; ending < ENDING_COUNT; ending++)
            if (make_path(path, folder, names[i], ending))
                tell(user, path);
}
