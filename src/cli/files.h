/* The files that a command is told to read and to write. Every row of its options says which files it stands for
 * (struct cln_option.file); before a command does anything, no file that it writes is one that it reads or writes as
 * well, by whatever name, and each can be written. */
#ifndef SRC_CLI_FILES_H
#define SRC_CLI_FILES_H

#include <stdbool.h>

#include "clenet/status.h"

struct cln_option;

enum cln_file_role {
    CLN_FILE_NONE,
    /* Read: */
    CLN_FILE_INPUT,   /* a file, or with CLN_OPTION_OPERANDS several, "-" being standard input */
    CLN_FILE_NETWORK, /* the name of a built-in network, or a file */
    CLN_FILE_DATA,    /* a data set: a folder, or a name */
    CLN_FILE_PROFILE, /* the name of a profile, or a file; and all profiles that are found in folders */
    CLN_FILE_KERNELS, /* a folder, all of whose files are read */
    CLN_FILE_RESUME,  /* a file that is read as a whole before the model is written: it may be the same file */
    /* Written: */
    CLN_FILE_OUTPUT, /* a file that is replaced as a whole */
    CLN_FILE_TUNED,  /* the same; it may be a profile that was found in a folder */
    CLN_FILE_MODEL,  /* the same; it may be the file of CLN_FILE_RESUME */
    CLN_FILE_KEPT,   /* a number of files that go with the model's: FILE, FILE.1, ... */
    CLN_FILE_BEST,   /* a flag: the model's file has another with it, FILE.best */
    CLN_FILE_LOG,    /* a file, pipe or device that lines are written to as they come: also standard output */
    CLN_FILE_TRACE,  /* a file that is written in several places */
    /* Not of options: */
    CLN_FILE_FOUND_PROFILE,
    CLN_FILE_STANDARD, /* standard output and standard error, where they go into files */
    CLN_FILE_ROLES
};

/* Looks at all rows of a command's parsed options. CLN_INVALID names two rows that stand for one file; what cannot be
 * written is CLN_INVALID or CLN_IO. No file is opened but for the look, none is changed. */
enum cln_status cln_files_check(const struct cln_option *options) CLN_MUST_CHECK;
/* The same for a file that no option names: whether it can be written where the folders that are missing are made. */
enum cln_status cln_files_check_new(const char *path) CLN_MUST_CHECK;

/* Whether both names are of one file, be it there already or not yet. */
bool cln_files_same(const char *a, const char *b);

#endif
