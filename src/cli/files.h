/* Checks the files that a command's options name. Each row of options has a role (struct cln_option.file). Before a
 * command starts, no file that it writes may be another file that it reads or writes, under any name, and every file to
 * write must be writable. */
#ifndef SRC_CLI_FILES_H
#define SRC_CLI_FILES_H

#include <stdbool.h>

#include "clenet/status.h"

struct cln_option;

enum cln_file_role {
    CLN_FILE_NONE,
    /* Read: */
    CLN_FILE_INPUT,   /* a file; several with CLN_OPTION_OPERANDS; "-" is standard input */
    CLN_FILE_NETWORK, /* a file, or the name of a built-in network */
    CLN_FILE_DATA,    /* a data set: a folder or a name */
    CLN_FILE_PROFILE, /* a file, or the name of a profile; also all profiles in the folders */
    CLN_FILE_KERNELS, /* a folder; all of its files are read */
    CLN_FILE_RESUME,  /* a file read completely before the model is written; it may be the same file */
    /* Written: */
    CLN_FILE_OUTPUT, /* a file that is replaced as a whole */
    CLN_FILE_TUNED,  /* like OUTPUT; it may be a profile found in a folder */
    CLN_FILE_MODEL,  /* like OUTPUT; it may be the file of CLN_FILE_RESUME */
    CLN_FILE_KEPT,   /* a number of files beside the model's: FILE, FILE.1, ... */
    CLN_FILE_BEST,   /* a flag, or a number that is not 0: another file beside the model's, FILE.best */
    CLN_FILE_LOG,    /* a file, pipe or device that lines are appended to; may be standard output */
    CLN_FILE_FOLDER, /* a folder that new files are added to; it is made where it is missing */
    CLN_FILE_TRACE,  /* a file that is rewritten in several places */
    /* Not from options: */
    CLN_FILE_FOUND_PROFILE,
    CLN_FILE_STANDARD, /* standard output and standard error, if they are files */
    CLN_FILE_ROLES
};

/* Checks all rows of a command's parsed options. CLN_INVALID names two rows that mean one file, or a file to write
 * whose name ends as those of another format do: where a row says its endings, others that say a format are refused,
 * and those that say none, or nothing that clenet knows, are taken. A file that cannot be written is CLN_INVALID or
 * CLN_IO. Changes no file. */
enum cln_status cln_files_check(const struct cln_option *options) CLN_MUST_CHECK;
/* Checks whether a file that no option names can be written; missing folders count as writable if they can be made. */
enum cln_status cln_files_check_new(const char *path) CLN_MUST_CHECK;

/* Whether both paths lead to one file, which may not exist yet. */
bool cln_files_same(const char *a, const char *b);

#endif
