/* Sorts the files of a folder into sets by their names. */
#include "src/data/file_set.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { HALVES = CLN_HALF_TEST + 1 };

struct sets {
    struct cln_file_set *list;
    size_t count;
};

/* Where to look: a folder, and the only prefix that counts, or NULL. */
struct where {
    char folder[CLN_PATH_BYTES];
    char prefix[CLN_FILE_NAME_BYTES];
    bool is_one;
};

static const char zipped[] = ".gz";

/* The name without ".gz", parsed; false where it is none of the format's, or longer than names can be. */
static bool parse(struct cln_file_name *out, const char *name, const struct cln_file_naming *naming, bool *is_zipped) {
    char plain[CLN_FILE_NAME_BYTES];
    const size_t length = strlen(name), ending = sizeof zipped - 1;
    *is_zipped = length > ending && strcmp(name + length - ending, zipped) == 0;
    return length < sizeof plain &&
           snprintf(plain, sizeof plain, "%.*s", (int)(*is_zipped ? length - ending : length), name) >= 0 &&
           naming->parse(out, plain);
}

/* False where no file of the format can be. */
static bool find_where(struct where *where, const char *path, const struct cln_file_naming *naming) {
    struct stat info;
    struct cln_file_name file;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool is_zipped;
    *where = (struct where){.is_one = false};
    if (strlen(path) >= CLN_PATH_BYTES)
        return false;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        snprintf(where->folder, sizeof where->folder, "%s", path);
        return true;
    }
    if (!parse(&file, name, naming, &is_zipped))
        return false;
    snprintf(where->folder, sizeof where->folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    if (slash == path)
        snprintf(where->folder, sizeof where->folder, "/");
    snprintf(where->prefix, sizeof where->prefix, "%.*s", (int)file.prefix, name);
    where->is_one = true;
    return true;
}

static bool make_path(char path[CLN_PATH_BYTES], const char *folder, const char *prefix, const char *name,
                      const char *ending) {
    return snprintf(path, CLN_PATH_BYTES, "%s/%s%s%s", folder, prefix, name, ending) < CLN_PATH_BYTES;
}

static struct cln_file_set *set_of(struct sets *sets, const char *folder, const char *name, size_t prefix) {
    for (size_t i = 0; i < sets->count; i++)
        if (strlen(sets->list[i].prefix) == prefix && strncmp(sets->list[i].prefix, name, prefix) == 0)
            return &sets->list[i];
    struct cln_file_set *grown = realloc(sets->list, (sets->count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    sets->list = grown;
    struct cln_file_set *set = memset(&grown[sets->count++], 0, sizeof *set);
    snprintf(set->folder, sizeof set->folder, "%s", folder);
    snprintf(set->prefix, sizeof set->prefix, "%.*s", (int)prefix, name);
    return set;
}

/* Puts one file of the folder into its set. Of several for one purpose a plain one is taken, then the first by name. */
static bool sort_in(struct sets *sets, const struct where *where, const char *name,
                    const struct cln_file_naming *naming) {
    char path[CLN_PATH_BYTES];
    struct stat info;
    struct cln_file_name file, other;
    bool is_zipped, other_is_zipped;
    if (!parse(&file, name, naming, &is_zipped) ||
        (where->is_one && (strlen(where->prefix) != file.prefix || strncmp(where->prefix, name, file.prefix) != 0)) ||
        !make_path(path, where->folder, "", name, "") || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return true;
    struct cln_file_set *set = set_of(sets, where->folder, name, file.prefix);
    if (!set)
        return false;
    char *kept = set->names[file.half][file.role];
    const bool is_better = !kept[0] || !parse(&other, kept, naming, &other_is_zipped) ||
                           (is_zipped == other_is_zipped ? strcmp(name, kept) < 0 : other_is_zipped);
    if (is_better)
        snprintf(kept, CLN_FILE_NAME_BYTES, "%s", name);
    return true;
}

static int by_prefix(const void *a, const void *b) {
    return strcmp(((const struct cln_file_set *)a)->prefix, ((const struct cln_file_set *)b)->prefix);
}

static bool list_sets(struct sets *sets, const struct where *where, const struct cln_file_naming *naming) {
    *sets = (struct sets){.list = NULL};
    DIR *folder = opendir(where->folder);
    const struct dirent *entry;
    bool has_memory = true;
    while (folder && has_memory && (entry = readdir(folder)))
        has_memory = sort_in(sets, where, entry->d_name, naming);
    if (folder)
        closedir(folder);
    if (sets->count > 1)
        qsort(sets->list, sets->count, sizeof *sets->list, by_prefix);
    return has_memory;
}

static bool is_whole(const struct cln_file_set *set, const struct cln_file_naming *naming) {
    for (int half = 0; half < (naming->has_test ? HALVES : 1); half++)
        for (int role = 0; role < naming->roles; role++)
            if (!set->names[half][role][0])
                return false;
    return true;
}

/* The number of whole sets; *first is one of them, or one that is not whole, or NULL. */
static size_t count_whole(const struct cln_file_set **first, const struct sets *sets,
                          const struct cln_file_naming *naming) {
    size_t whole = 0;
    *first = sets->list;
    for (size_t i = 0; i < sets->count; i++)
        if (is_whole(&sets->list[i], naming) && whole++ == 0)
            *first = &sets->list[i];
    return whole;
}

enum cln_found cln_file_set_probe(const char *path, const struct cln_file_naming *naming) {
    struct where where;
    struct sets sets = {.list = NULL};
    const struct cln_file_set *first = NULL;
    size_t whole = 0;
    if (find_where(&where, path, naming) && list_sets(&sets, &where, naming))
        whole = count_whole(&first, &sets, naming);
    const enum cln_found found = whole > 0 ? CLN_FOUND_ALL : sets.count > 0 ? CLN_FOUND_SOME : CLN_FOUND_NONE;
    free(sets.list);
    return found;
}

static enum cln_status fail_several(const struct sets *sets, const struct cln_file_set *first,
                                    const struct cln_file_naming *naming) {
    char names[1024] = "";
    for (size_t i = 0, used = 0; i < sets->count && used < sizeof names; i++)
        if (is_whole(&sets->list[i], naming))
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                                     sets->list[i].names[CLN_HALF_TRAIN][CLN_ROLE_IMAGES]);
    return cln_fail(CLN_INVALID,
                    "%s: several data sets, those of %s: pass the path of one of these files instead of the folder's, "
                    "such as %s/%s",
                    first->folder, names, first->folder, first->names[CLN_HALF_TRAIN][CLN_ROLE_IMAGES]);
}

enum cln_status cln_file_set_find(struct cln_file_set *out, const char *path, const struct cln_file_naming *naming) {
    struct where where;
    struct sets sets = {.list = NULL};
    const struct cln_file_set *first = NULL;
    size_t whole = 0;
    enum cln_status status = CLN_OK;
    if (!find_where(&where, path, naming))
        return cln_fail(CLN_NOT_FOUND, "%s: no data set: a data set is %s", path, naming->contents);
    if (!list_sets(&sets, &where, naming))
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the folder %s", where.folder);
    else
        whole = count_whole(&first, &sets, naming);
    if (status == CLN_OK && whole > 1)
        status = fail_several(&sets, first, naming);
    else if (status == CLN_OK && first)
        *out = *first;
    else if (status == CLN_OK)
        status = cln_fail(CLN_NOT_FOUND, "%s: no data set: a data set is %s", path, naming->contents);
    free(sets.list);
    return status;
}

enum cln_status cln_file_set_path(char path[CLN_PATH_BYTES], const struct cln_file_set *set,
                                  const struct cln_file_naming *naming, enum cln_half half, int role) {
    const char *name = set->names[half][role];
    if (!name[0])
        return cln_fail(CLN_NOT_FOUND, "%s: no file %s%s, plain or .gz: a data set is %s", set->folder, set->prefix,
                        naming->usual[half][role], naming->contents);
    return make_path(path, set->folder, "", name, "") ? CLN_OK
                                                      : cln_fail(CLN_INVALID, "%s: too long a path", set->folder);
}

void cln_file_set_each_file(cln_tell_path *tell, void *user, const char *path, const struct cln_file_naming *naming) {
    struct where where;
    struct sets sets = {.list = NULL};
    char file[CLN_PATH_BYTES];
    if (!find_where(&where, path, naming)) {
        where = (struct where){.is_one = false}; /* a folder that is not there yet */
        if (strlen(path) >= sizeof where.folder)
            return;
        snprintf(where.folder, sizeof where.folder, "%s", path);
    }
    for (int half = 0; half < HALVES; half++)
        for (int role = 0; role < naming->roles; role++)
            for (int ending = 0; ending < 2; ending++)
                if (make_path(file, where.folder, where.prefix, naming->usual[half][role], ending ? zipped : ""))
                    tell(user, file);
    (void)list_sets(&sets, &where, naming);
    for (size_t i = 0; i < sets.count; i++)
        for (int half = 0; half < HALVES; half++)
            for (int role = 0; role < naming->roles; role++)
                if (sets.list[i].names[half][role][0] &&
                    make_path(file, where.folder, "", sets.list[i].names[half][role], ""))
                    tell(user, file);
    free(sets.list);
}
