/* Reads the loader's folder like ocl-icd and the Khronos loader, and loads the libraries that it names. Loading a
 * library that the loader has loaded costs nothing; one that it failed to load fails here too, with the reason. */
#include "host/driver_files.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char usual_folder[] = "/etc/OpenCL/vendors";

enum { PATH_BYTES = 4096 };

/* The function to call with problems, and the number of drivers. */
struct report {
    void (*problem)(void *user, const char *file, const char *reason);
    void *user;
};

struct ocl_driver_place ocl_driver_place(void) {
    static const char *const variables[] = {"OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *value = getenv(variables[i]);
        if (value && value[0])
            return (struct ocl_driver_place){value, variables[i]};
    }
    return (struct ocl_driver_place){usual_folder, NULL};
}

static bool ends_with_icd(const char *name) {
    const size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".icd") == 0;
}

static void try_library(const struct report *report, const char *file, const char *library) {
    dlerror();
    /* Stays open: the loader has it open as well, and some drivers do not survive being closed. */
    if (!dlopen(library, RTLD_LAZY | RTLD_LOCAL)) {
        const char *reason = dlerror();
        report->problem(report->user, file, reason ? reason : library);
    }
}

/* Tries a file whose first line is the name of a driver's library. */
static void try_file(const struct report *report, const char *path) {
    char library[PATH_BYTES] = "";
    FILE *file = fopen(path, "re");
    if (!file || !fgets(library, sizeof library, file) || library[strspn(library, " \t\r\n")] == '\0') {
        report->problem(report->user, path, file ? "it names no library" : "it cannot be read");
    } else {
        library[strcspn(library, "\r\n")] = '\0';
        try_library(report, path, library);
    }
    if (file)
        fclose(file);
}

static size_t try_folder(const struct report *report, const char *folder) {
    struct dirent **entries = NULL;
    size_t found = 0;
    const int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        const bool fits = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < PATH_BYTES;
        if (fits && ends_with_icd(entries[i]->d_name)) {
            try_file(report, path);
            found++;
        }
        free(entries[i]);
    }
    free(entries);
    return found;
}

size_t ocl_driver_files_try(const struct ocl_driver_place *place,
                            void (*problem)(void *user, const char *file, const char *reason), void *user) {
    const struct report report = {problem, user};
    struct stat info;
    if (stat(place->path, &info) == 0 && S_ISDIR(info.st_mode))
        return try_folder(&report, place->path);
    if (!place->variable || strcmp(place->variable, "OCL_ICD_VENDORS") != 0)
        return 0;
    /* This variable may also name one file, or one library. */
    if (ends_with_icd(place->path)) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s%s%s", strchr(place->path, '/') ? "" : usual_folder,
                 strchr(place->path, '/') ? "" : "/", place->path);
        try_file(&report, path);
    } else {
        try_library(&report, place->path, place->path);
    }
    return 1;
}
