/* Walks through folders. One path serves the whole walk, so that depth costs little of the stack. */
#include "src/data/picture_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/data/picture_file.h"

/* ---- Names ---- */

void cln_names_free(struct cln_names *names) {
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct cln_names){0};
}

static enum cln_status add_name(struct cln_names *names, const char *name) {
    char **grown = names->items;
    if (names->count == names->room) {
        names->room = names->room ? 2 * names->room : 64;
        grown = realloc(names->items, names->room * sizeof *grown);
    }
    char *copy = grown ? strdup(name) : NULL;
    names->items = grown ? grown : names->items;
    if (!copy)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu names of files", names->count);
    names->items[names->count++] = copy;
    return CLN_OK;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct cln_names *names) {
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare);
}

bool cln_names_have(const struct cln_names *names, const char *name) {
    return names->count > 0 && bsearch(&name, names->items, names->count, sizeof *names->items, compare);
}

/* ---- The walk ---- */

enum kind { HIDDEN, FOLDER, PICTURE, OTHER };

struct walk {
    char path[CLN_PATH_BYTES]; /* of the folder or entry at hand */
    size_t root;               /* bytes of the path that are the first folder's */
    bool goes_below;           /* into folders */
    bool follows;              /* links to folders, but only those in the first folder: classes may be links */
    bool is_over;              /* set by visit() */
    bool is_unread;            /* a folder is there and cannot be read */
    enum cln_status (*visit)(struct walk *walk, enum kind kind);
    struct cln_names *names;
    struct cln_rest *rest;
};

/* A folder that the walk is in, and those above it. */
struct level {
    dev_t device;
    ino_t inode;
    const struct level *above;
};

static bool is_loop(const struct level *level) {
    for (const struct level *l = level->above; l; l = l->above)
        if (l->device == level->device && l->inode == level->inode)
            return true;
    return false;
}

/* What cannot be looked at, such as a link to nowhere, is a picture if it has the name of one: reading it tells. */
static enum kind kind_of(int folder, const struct dirent *entry, bool follows) {
    struct stat info;
    if (entry->d_name[0] == '.')
        return HIDDEN;
    const bool is_known = entry->d_type == DT_REG || entry->d_type == DT_DIR;
    if (entry->d_type == DT_DIR ||
        (!is_known && fstatat(folder, entry->d_name, &info, follows ? 0 : AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(info.st_mode)))
        return FOLDER;
    return cln_picture_file_is_named(entry->d_name) ? PICTURE : OTHER;
}

static enum cln_status walk_through(struct walk *w, const struct level *above);

static enum cln_status walk_entry(struct walk *w, int folder, const struct dirent *entry, const struct level *level) {
    const size_t length = strlen(w->path), name_length = strlen(entry->d_name);
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return CLN_OK;
    if (length + 1 + name_length >= sizeof w->path)
        return cln_fail(CLN_INVALID, "%s/%s: the path has more than %d bytes", w->path, entry->d_name,
                        CLN_PATH_BYTES - 1);
    const enum kind kind = kind_of(folder, entry, w->follows && !level->above);
    w->path[length] = '/';
    memcpy(w->path + length + 1, entry->d_name, name_length + 1);
    enum cln_status status = w->visit(w, kind);
    if (status == CLN_OK && kind == FOLDER && w->goes_below && !w->is_over)
        status = walk_through(w, level);
    w->path[length] = '\0';
    return status;
}

static enum cln_status walk_through(struct walk *w, const struct level *above) {
    struct stat info;
    DIR *folder = opendir(w->path);
    if (!folder || fstat(dirfd(folder), &info) != 0) {
        w->is_unread = errno != ENOENT && errno != ENOTDIR;
        const enum cln_status status = cln_fail(CLN_IO, "%s: %s", w->path, strerror(errno));
        if (folder)
            closedir(folder);
        return status;
    }
    const struct level level = {info.st_dev, info.st_ino, above};
    enum cln_status status = CLN_OK;
    bool has_more = !is_loop(&level);
    while (has_more && status == CLN_OK && !w->is_over) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        has_more = entry != NULL;
        if (entry)
            status = walk_entry(w, dirfd(folder), entry, &level);
        else if (errno != 0)
            status = cln_fail(CLN_IO, "%s: %s", w->path, strerror(errno));
    }
    closedir(folder);
    return status;
}

static enum cln_status walk(struct walk *w, const char *folder, const char *name) {
    const int length = snprintf(w->path, sizeof w->path, "%s%s%s", folder, name[0] ? "/" : "", name);
    if (length < 0 || length >= (int)sizeof w->path)
        return cln_fail(CLN_INVALID, "%s/%s: the path has more than %d bytes", folder, name, CLN_PATH_BYTES - 1);
    w->root = (size_t)length + 1;
    return walk_through(w, NULL);
}

/* ---- Searches ---- */

static enum cln_status find_folder(struct walk *w, enum kind kind) {
    w->is_over = kind == FOLDER;
    return CLN_OK;
}

bool cln_picture_tree_may_have_folders(const char *folder, const char *name) {
    struct walk w = {.visit = find_folder, .follows = true};
    return walk(&w, folder, name) != CLN_OK ? w.is_unread : w.is_over;
}

/* Below folders if the walk goes there, else in the first one. */
static enum cln_status find_picture(struct walk *w, enum kind kind) {
    w->is_over = kind == PICTURE && (!w->goes_below || strchr(w->path + w->root, '/'));
    return CLN_OK;
}

bool cln_picture_tree_may_have_pictures(const char *folder, bool below) {
    struct walk w = {.visit = find_picture, .goes_below = below, .follows = true};
    return walk(&w, folder, "") != CLN_OK ? w.is_unread : w.is_over;
}

static enum cln_status put(struct walk *w, bool is_wanted) {
    if (is_wanted)
        return add_name(w->names, w->path + w->root);
    if (w->rest->count++ == 0)
        memcpy(w->rest->example, w->path, sizeof w->path);
    return CLN_OK;
}

static enum cln_status put_folder(struct walk *w, enum kind kind) {
    return put(w, kind == FOLDER);
}

static enum cln_status put_picture(struct walk *w, enum kind kind) {
    return kind == FOLDER ? CLN_OK : put(w, kind == PICTURE);
}

enum cln_status cln_picture_tree_folders(struct cln_names *names, struct cln_rest *rest, const char *folder) {
    struct walk w = {.visit = put_folder, .follows = true, .names = names, .rest = rest};
    const enum cln_status status = walk(&w, folder, "");
    sort(names);
    return status;
}

enum cln_status cln_picture_tree_pictures(struct cln_names *paths, struct cln_rest *rest, const char *folder,
                                          const char *name) {
    struct walk w = {.visit = put_picture, .goes_below = true, .names = paths, .rest = rest};
    const enum cln_status status = walk(&w, folder, name);
    sort(paths);
    return status;
}
