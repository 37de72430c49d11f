/* Checks the files that options name: see files.h. */
#include "src/cli/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clenet/network.h"
#include "host/profile.h"
#include "src/base/place.h"
#include "src/base/table.h"
#include "src/cli/file_use.h"
#include "src/cli/options.h"
#include "src/cli/self.h"
#include "src/data/known_sets.h"
#include "src/train/saver.h"

/* ---- Uses ---- */

static bool is_same_inode(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Fills in the place and the properties of use->path. A file that is there and only read is known by its inode: a data
 * set may have many. Kept files are renamed, and a link is renamed itself: it is not followed. False: no memory. */
static bool look_at(struct cln_file_use *use) {
    const bool is_input = use->role < CLN_FILE_OUTPUT && stat(use->path, &use->file) == 0,
               is_kept = use->role == CLN_FILE_KEPT;
    use->place = is_input || is_kept ? strdup(use->path) : cln_place_resolve(use->path);
    if (!use->place)
        return false;
    char *folder = is_input ? NULL : cln_place_folder(use->place);
    use->is_there = is_input || (is_kept ? lstat(use->place, &use->file) : stat(use->place, &use->file)) == 0;
    use->is_regular = use->is_there && S_ISREG(use->file.st_mode);
    use->has_folder = folder && stat(folder, &use->folder) == 0;
    free(folder);
    return true;
}

static void add(struct cln_file_uses *uses, enum cln_file_role role, const struct cln_option *row, const char *path) {
    struct cln_file_use *grown = realloc(uses->list, (uses->count + 1) * sizeof *grown);
    if (grown)
        uses->list = grown;
    struct cln_file_use use = {.role = role, .path = grown ? strdup(path) : NULL};
    if (row) {
        use.option = row->name;
        use.is_named = row->kind != CLN_OPTION_OPERAND && row->kind != CLN_OPTION_OPERANDS;
    }
    if (!use.path || !look_at(&use)) {
        free(use.path);
        uses->failed = true;
        return;
    }
    uses->list[uses->count++] = use;
}

static void release(struct cln_file_uses *uses) {
    for (size_t i = 0; i < uses->count; i++) {
        free(uses->list[i].path);
        free(uses->list[i].place);
    }
    free(uses->list);
}

/* ---- The uses that a row of each role adds ---- */

/* For functions that call back with one path at a time. */
struct listener {
    struct cln_file_uses *uses;
    const struct cln_option *row;
    enum cln_file_role role;
};

static void on_path(void *user, const char *path) {
    const struct listener *l = user;
    add(l->uses, l->role, l->row, path);
}

static void add_text(struct cln_file_uses *uses, const struct cln_option *row) {
    if (row->kind == CLN_OPTION_OPERANDS) {
        for (const char *const *word = *row->list; word && *word; word++)
            add(uses, row->file, row, strcmp(*word, "-") == 0 ? "/dev/stdin" : *word);
    } else if (*row->text) {
        add(uses, row->file, row, *row->text);
    }
}

static void add_network(struct cln_file_uses *uses, const struct cln_option *row) {
    bool is_file = *row->text != NULL;
    for (const char *const *name = cln_network_builtins(); is_file && *name; name++)
        is_file = strcmp(*name, *row->text) != 0;
    if (is_file)
        add_text(uses, row);
}

static void add_data(struct cln_file_uses *uses, const struct cln_option *row) {
    struct listener listener = {uses, row, row->file};
    if (*row->text)
        cln_data_each_file(on_path, &listener, *row->text);
}

static void add_profiles(struct cln_file_uses *uses, const struct cln_option *row) {
    struct listener listener = {uses, NULL, CLN_FILE_FOUND_PROFILE};
    if (*row->text && ocl_profile_is_path(*row->text))
        add_text(uses, row);
    ocl_profile_each_file(on_path, &listener);
}

static void add_kernels(struct cln_file_uses *uses, const struct cln_option *row) {
    DIR *folder = *row->text ? opendir(*row->text) : NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", *row->text, entry->d_name) < (int)sizeof path)
            add(uses, row->file, row, path);
    }
    if (folder)
        closedir(folder);
}

/* The model's file, which kept and best files go with; NULL: none is written. */
static const struct cln_file_use *find_model(const struct cln_file_uses *uses) {
    for (size_t i = 0; i < uses->count; i++)
        if (uses->list[i].role == CLN_FILE_MODEL)
            return &uses->list[i];
    return NULL;
}

static void add_companion(struct cln_file_uses *uses, const struct cln_option *row, const char *mark) {
    const struct cln_file_use *model = find_model(uses);
    char *path = model ? cln_saver_name(model->place, mark) : NULL;
    if (path)
        add(uses, row->file, row, path);
    uses->failed |= model && !path;
    free(path);
}

static void add_kept(struct cln_file_uses *uses, const struct cln_option *row) {
    for (int number = 1; number < *row->integer; number++) {
        char mark[16];
        snprintf(mark, sizeof mark, "%d", number);
        add_companion(uses, row, mark);
    }
}

/* A flag, or a number that is not 0. Two such rows mean one file. */
static void add_best(struct cln_file_uses *uses, const struct cln_option *row) {
    bool is_wanted = row->kind == CLN_OPTION_FLAG ? *row->flag : *row->integer != 0;
    for (size_t i = 0; i < uses->count; i++)
        is_wanted &= uses->list[i].role != CLN_FILE_BEST;
    if (is_wanted)
        add_companion(uses, row, "best");
}

static void add_standard(struct cln_file_uses *uses) {
    static const struct cln_option rows[] = {{.name = "standard output", .kind = CLN_OPTION_OPERAND},
                                             {.name = "standard error", .kind = CLN_OPTION_OPERAND}};
    for (int i = 0; i < 2; i++) {
        char path[32];
        struct stat info;
        snprintf(path, sizeof path, "/dev/fd/%d", STDOUT_FILENO + i);
        if (fstat(STDOUT_FILENO + i, &info) != 0 || !S_ISREG(info.st_mode))
            continue;
        const size_t before = uses->count;
        add(uses, CLN_FILE_STANDARD, &rows[i], path);
        if (uses->count == before)
            continue;
        /* Use whatever the path leads to: its file may have no name any more. */
        struct cln_file_use *use = &uses->list[before];
        use->file = info;
        use->is_there = use->is_regular = true;
    }
}

/* ---- The table ---- */

#define BIT(role) (1U << (role))

static const struct {
    void (*add)(struct cln_file_uses *uses, const struct cln_option *row);
    enum cln_status (*check)(const struct cln_file_uses *uses,
                             const struct cln_file_use *use); /* NULL: the file is only read */
    unsigned may_be;                                          /* roles that may share the file */
} roles[] = {
    [CLN_FILE_INPUT] = {add_text},
    [CLN_FILE_NETWORK] = {add_network},
    [CLN_FILE_DATA] = {add_data},
    [CLN_FILE_PROFILE] = {add_profiles},
    [CLN_FILE_KERNELS] = {add_kernels},
    [CLN_FILE_RESUME] = {add_text},
    [CLN_FILE_OUTPUT] = {add_text, cln_file_check_replaced},
    [CLN_FILE_TUNED] = {add_text, cln_file_check_replaced, BIT(CLN_FILE_FOUND_PROFILE)},
    [CLN_FILE_MODEL] = {add_text, cln_file_check_model, BIT(CLN_FILE_RESUME)},
    [CLN_FILE_KEPT] = {add_kept, cln_file_check_kept, BIT(CLN_FILE_RESUME)},
    [CLN_FILE_BEST] = {add_best, cln_file_check_replaced, BIT(CLN_FILE_RESUME)},
    [CLN_FILE_LOG] = {add_text, cln_file_check_log, BIT(CLN_FILE_STANDARD)},
    [CLN_FILE_FOLDER] = {add_text, cln_file_check_folder},
    [CLN_FILE_TRACE] = {add_text, cln_file_check_trace},
    [CLN_FILE_STANDARD] = {.may_be = BIT(CLN_FILE_STANDARD)},
};
CLN_EVERY(roles, CLN_FILE_ROLES);

/* Whether the use is the model or a file kept with it. One of these may be a hard link to another, but may not have the
 * same name. */
static bool is_of_model(const struct cln_file_use *use) {
    return (BIT(use->role) & (BIT(CLN_FILE_MODEL) | BIT(CLN_FILE_KEPT) | BIT(CLN_FILE_BEST))) != 0;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_same(const struct cln_file_use *a, const struct cln_file_use *b) {
    if ((a->is_there && !a->is_regular) || (b->is_there && !b->is_regular))
        return false; /* several may write to a device or a pipe */
    if (a->is_there && b->is_there && !(is_of_model(a) && is_of_model(b)))
        return is_same_inode(&a->file, &b->file);
    if (a->has_folder && b->has_folder)
        return is_same_inode(&a->folder, &b->folder) && strcmp(last_part(a->place), last_part(b->place)) == 0;
    return strcmp(a->place, b->place) == 0;
}

static bool may_be_same(const struct cln_file_use *a, const struct cln_file_use *b) {
    return (roles[a->role].may_be & BIT(b->role)) || (roles[b->role].may_be & BIT(a->role));
}

static void describe(char *out, size_t bytes, const struct cln_file_use *use) {
    if (use->role == CLN_FILE_STANDARD)
        snprintf(out, bytes, "%s", use->option);
    else
        snprintf(out, bytes, "%s%s '%s'", use->is_named ? "--" : "", use->option ? use->option : "the profile",
                 use->path);
}

/* Suppresses messages if standard error goes into the very file that must stay unchanged: then only the exit status
 * reports. */
static void spare(const struct cln_file_use *use) {
    struct stat error;
    if (use->role == CLN_FILE_STANDARD || !use->is_there || fstat(STDERR_FILENO, &error) != 0 ||
        !is_same_inode(&use->file, &error))
        return;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0 && dup2(nowhere, STDERR_FILENO) >= 0)
        close(nowhere);
}

static enum cln_status fail_same(const struct cln_file_use *written, const struct cln_file_use *other) {
    char a[1024], b[1024];
    describe(a, sizeof a, written);
    describe(b, sizeof b, other);
    spare(written);
    spare(other);
    return cln_fail(CLN_INVALID, "%s is the same file as %s: choose another name", a, b);
}

static bool is_written(const struct cln_file_use *use) {
    return roles[use->role].check != NULL || use->role == CLN_FILE_STANDARD;
}

static enum cln_status check_pairs(const struct cln_file_uses *uses) {
    for (size_t i = 0; i < uses->count; i++)
        for (size_t k = 0; is_written(&uses->list[i]) && k < uses->count; k++) {
            const struct cln_file_use *written = &uses->list[i], *other = &uses->list[k];
            const bool comes_later = k > i || !is_written(other); /* of two that are each written once */
            if (k != i && comes_later && is_same(written, other) && !may_be_same(written, other))
                return fail_same(written, other);
        }
    return CLN_OK;
}

static bool is_read_once(const struct cln_file_use *use) {
    const mode_t mode = use->file.st_mode;
    return !is_written(use) && use->is_there && (S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode));
}

enum cln_status cln_files_check(const struct cln_option *options) {
    struct cln_file_uses uses = {.list = NULL};
    if (cln_self_helps()) /* the parent process has checked, and writes the files */
        return CLN_OK;
    for (const struct cln_option *row = options; row->name; row++)
        if (roles[row->file].add)
            roles[row->file].add(&uses, row);
    add_standard(&uses);
    enum cln_status status =
        uses.failed ? cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of files") : check_pairs(&uses);
    for (size_t i = 0; i < uses.count; i++)
        if (is_read_once(&uses.list[i]))
            cln_self_read_once();
    for (size_t i = 0; i < uses.count && status == CLN_OK; i++)
        if (roles[uses.list[i].role].check)
            status = roles[uses.list[i].role].check(&uses, &uses.list[i]);
    release(&uses);
    for (const struct cln_option *row = options; row->name && status == CLN_OK; row++)
        status = cln_file_check_ending(row);
    return status;
}

bool cln_files_same(const char *a, const char *b) {
    struct cln_file_uses uses = {.list = NULL};
    add(&uses, CLN_FILE_INPUT, NULL, a);
    add(&uses, CLN_FILE_INPUT, NULL, b);
    const bool same = uses.count == 2 && is_same(&uses.list[0], &uses.list[1]);
    release(&uses);
    return same;
}
