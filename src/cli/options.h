/* Options of a command as a table: read by popt, checked against ranges, shown by --help and written
 * to the log, all from the same rows. */
#ifndef SRC_CLI_OPTIONS_H
#define SRC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/cli/command.h"
#include "src/cli/files.h"

enum cln_option_kind {
    CLN_OPTION_FLAG,     /* sets *flag */
    CLN_OPTION_TEXT,     /* sets *text */
    CLN_OPTION_PRESET,   /* sets *text, that of another row, to `preset` */
    CLN_OPTION_INT,      /* sets *integer */
    CLN_OPTION_NATURAL,  /* sets *natural */
    CLN_OPTION_REAL,     /* sets *real */
    CLN_OPTION_CHOICE,   /* sets *integer to the index of a word in `choices` */
    CLN_OPTION_OPERAND,  /* an argument without a name, in the table's order; sets *text; required where that is NULL */
    CLN_OPTION_OPERANDS, /* the last row of these: all further ones, at least one; sets *list, NULL at its end */
};

struct cln_option {
    const char *name;     /* without dashes; of an operand: as shown in --help */
    const char *argument; /* placeholder in --help, "N" */
    const char *help;
    enum cln_option_kind kind;
    union { /* what the row sets; holds the default before parsing */
        bool *flag;
        const char **text;
        const char *const **list;
        int *integer;
        uint64_t *natural;
        double *real;
    };
    double min, max;            /* inclusive range of a number */
    const char *const *choices; /* NULL-terminated */
    const char *preset;
    enum cln_file_role file; /* which files the row stands for */
    bool given;              /* set by the parser: the row was among the arguments */
    char *owned;             /* memory of *text or *list; kept by the parser */
};

/* Reads argv[1 …] into a table that ends with a row without a name, and looks at the files that it names
 * (cln_files_check). True where the command should go on; otherwise *exit_status says how to end: after --help, or
 * after an error that has been printed. */
bool cln_options_parse(struct cln_option *options, const struct cln_command *command, int argc, const char **argv,
                       int *exit_status);
/* Whether the option of this name was given. */
bool cln_options_given(const struct cln_option *options, const char *name);
/* Frees what parsing kept: every *text and *list becomes invalid. */
void cln_options_release(struct cln_option *options);

/* Number of insertions, deletions and replacements between two words; at most 2 is close enough for a hint. */
size_t cln_edit_distance(const char *a, const char *b);
enum { CLN_CLOSE_ENOUGH = 2 };

#endif
