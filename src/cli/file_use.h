/* Uses of files: one path and its role each. For files.c, which collects them, and file_check.c. */
#ifndef SRC_CLI_FILE_USE_H
#define SRC_CLI_FILE_USE_H

#include <stddef.h>
#include <sys/stat.h>

#include "src/cli/files.h"

struct cln_file_use {
    enum cln_file_role role;
    const char *option; /* the row's name, or a word in its place */
    bool is_named;      /* an option with dashes */
    char *path;         /* as given by the user, or found */
    char *place;        /* symbolic links followed */
    bool is_there, is_regular, has_folder;
    struct stat file, folder;
};

struct cln_file_uses {
    struct cln_file_use *list;
    size_t count;
    bool failed; /* out of memory */
};

/* Whether the file that the row names ends as one of its formats does, or says no other: see cln_files_check. */
enum cln_status cln_file_check_ending(const struct cln_option *row) CLN_MUST_CHECK;

/* Whether a file of each role can be written; `uses` are all of the command. CLN_INVALID or CLN_IO. */
enum cln_status cln_file_check_log(const struct cln_file_uses *uses, const struct cln_file_use *use) CLN_MUST_CHECK;
enum cln_status cln_file_check_trace(const struct cln_file_uses *uses, const struct cln_file_use *use) CLN_MUST_CHECK;
enum cln_status cln_file_check_replaced(const struct cln_file_uses *uses,
                                        const struct cln_file_use *use) CLN_MUST_CHECK;
enum cln_status cln_file_check_model(const struct cln_file_uses *uses, const struct cln_file_use *use) CLN_MUST_CHECK;
enum cln_status cln_file_check_kept(const struct cln_file_uses *uses, const struct cln_file_use *use) CLN_MUST_CHECK;
enum cln_status cln_file_check_folder(const struct cln_file_uses *uses, const struct cln_file_use *use) CLN_MUST_CHECK;

#endif
