/* Checks whether files can be written: see file_use.h and files.h. */
#include "src/cli/file_use.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/place.h"
#include "src/base/replace.h"
#include "src/cli/options.h"

enum cln_status cln_files_check_new(const char *path) {
    char *folder = cln_place_folder(path);
    struct stat info;
    if (!folder)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name %s", path);
    const bool is_missing = stat(folder, &info) != 0 && errno == ENOENT;
    /* The nearest existing folder must be writable. */
    while (is_missing && stat(folder, &info) != 0 && errno == ENOENT && strlen(folder) > 1) {
        folder[strlen(folder) - 1] = '\0';
        char *parent = cln_place_folder(folder);
        free(folder);
        folder = parent;
        if (!folder)
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name %s", path);
    }
    enum cln_status status = CLN_OK;
    if (!is_missing)
        status = cln_replace_check(path, false);
    else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        status = cln_fail(CLN_IO, "cannot write %s: %s: %s", path, folder, strerror(errno));
    free(folder);
    return status;
}

/* Endings that say a format, with blanks around each. */
static const char formats[] = " .bmp .csv .gif .gz .h5 .htm .html .idx .jpeg .jpg .json .jsonl .md .npy .npz .onnx "
                              ".pdf .pickle .pkl .png .pt .pth"
                              " .safetensors .svg .tar .tgz .tif .tiff .txt .webp .xlsx .xml .zip ";

static bool has_word(const char *words, const char *word) {
    const size_t length = strlen(word);
    for (const char *at = words; (at = strcasestr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == '\0' || strchr(" ,", at[length])))
            return true;
    return false;
}

enum cln_status cln_file_check_ending(const struct cln_option *row) {
    const char *path = row->endings ? *row->text : NULL, *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path, *dot = name ? strrchr(name, '.') : NULL;
    if (!dot || dot == name || !has_word(formats, dot) || has_word(row->endings, dot))
        return CLN_OK;
    return cln_fail(CLN_INVALID, "--%s '%s': this writes no %s file: give a name that ends with %s", row->name, path,
                    dot, row->endings);
}

static enum cln_status fail_on_use(const struct cln_file_use *use, const char *failure, int error) {
    return cln_fail(CLN_IO, "%s '%s': %s", failure, use->path, strerror(error));
}

/* Checks a file that is opened, not replaced: if it does not exist, its folder must be writable. */
static enum cln_status check_stream(const struct cln_file_use *use, const char *failure) {
    const int way = use->is_regular ? O_WRONLY | O_APPEND : O_WRONLY;
    if (!use->is_there || !use->path[0]) { /* an empty name resolves to the folder */
        const enum cln_status status = cln_replace_check(use->path[0] ? use->place : "", false);
        return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s '%s'", failure, use->path);
    }
    if (S_ISDIR(use->file.st_mode))
        return fail_on_use(use, failure, EISDIR);
    if (!use->is_regular) /* do not open it: a pipe would wait for its reader */
        return faccessat(AT_FDCWD, use->place, W_OK, AT_EACCESS) == 0 ? CLN_OK : fail_on_use(use, failure, errno);
    const int file = open(use->place, way | O_CLOEXEC);
    if (file < 0)
        return fail_on_use(use, failure, errno);
    close(file);
    return CLN_OK;
}

enum cln_status cln_file_check_log(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    (void)uses;
    return check_stream(use, "cannot open the log");
}

enum cln_status cln_file_check_trace(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    static const char failure[] = "cannot write the trace";
    (void)uses;
    if (use->is_there && S_ISFIFO(use->file.st_mode))
        return fail_on_use(use, failure, ESPIPE);
    return check_stream(use, failure);
}

enum cln_status cln_file_check_replaced(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    (void)uses;
    const enum cln_status status = cln_replace_check(use->path, false);
    return status == CLN_OK || !use->is_named ? status : cln_fail_within(status, "--%s", use->option);
}

/* Checks a model. If older files are kept, it must be possible to rename it. */
enum cln_status cln_file_check_model(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    bool has_kept = false;
    for (size_t i = 0; i < uses->count; i++)
        has_kept |= uses->list[i].role == CLN_FILE_KEPT;
    const enum cln_status status = cln_replace_check(use->path, has_kept);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "--%s", use->option);
}

enum cln_status cln_file_check_kept(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    struct stat info;
    (void)uses;
    enum cln_status status = CLN_OK;
    if (use->is_there)
        status = cln_replace_check(use->path, true);
    else if (lstat(use->place, &info) != 0 && errno != ENOENT)
        status = cln_fail(CLN_IO, "cannot write %s: %s", use->path, strerror(errno));
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "--%s", use->option);
}

enum cln_status cln_file_check_folder(const struct cln_file_uses *uses, const struct cln_file_use *use) {
    static const char failure[] = "cannot write into the folder";
    (void)uses;
    if (!use->path[0])
        return fail_on_use(use, failure, ENOENT);
    if (!use->is_there) {
        const enum cln_status status = cln_files_check_new(use->place);
        return status == CLN_OK ? CLN_OK : cln_fail_within(status, "--%s", use->option);
    }
    if (!S_ISDIR(use->file.st_mode))
        return fail_on_use(use, failure, ENOTDIR);
    return faccessat(AT_FDCWD, use->place, W_OK | X_OK, AT_EACCESS) == 0 ? CLN_OK : fail_on_use(use, failure, errno);
}
