/* A command's options as a table. Parsing (by popt), range checks, --help and the log all use the same rows. */
#ifndef SRC_CLI_OPTIONS_H
#define SRC_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/cli/command.h"
#include "src/cli/files.h"

enum cln_option_kind {
    CLN_OPTION_FLAG,     /* sets *flag */
    CLN_OPTION_OFF,      /* clears *flag, which another row sets: "no-nesterov" */
    CLN_OPTION_TEXT,     /* sets *text */
    CLN_OPTION_PRESET,   /* sets *text, which another row sets too, to `preset` */
    CLN_OPTION_INT,      /* sets *integer */
    CLN_OPTION_NATURAL,  /* sets *natural */
    CLN_OPTION_REAL,     /* sets *real */
    CLN_OPTION_CHOICE,   /* sets *integer to the index of a word in `choices` */
    CLN_OPTION_RECIPE,   /* sets *text, a file that gives options values, which those of the command line win over */
    CLN_OPTION_OPERAND,  /* an argument without dashes, in the table's order; sets *text; required if that is NULL */
    CLN_OPTION_OPERANDS, /* after the OPERAND rows: all further arguments, at least one; sets *list, NULL-terminated */
};

struct cln_option {
    const char *name;     /* without dashes; for an operand: as --help shows it */
    const char *argument; /* placeholder in --help, "N"; "[N]": it may be left out, and the value then stays */
    const char *help;
    enum cln_option_kind kind;
    union { /* the variable that the row sets; before parsing it holds the default */
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
    char letter;             /* a short name, 'o' for -o; 0: none */
    enum cln_file_role file; /* which files the row names */
    const char *endings;     /* of a file to write: those of its formats, ".html or .htm"; NULL: any. See files.h */
    bool of_run;             /* it belongs to one run: a recipe may not have it */
    bool given;              /* set by the parser: the option was given, on the command line or by a recipe */
    bool typed;              /* set by the parser: it was given on the command line */
    char *owned;             /* memory of *text or *list, owned by the parser */
};

/* Parses argv[1 …] into a table that ends with a row without a name, and checks the files that it names
 * (cln_files_check). True: the command goes on. False: it ends with *exit_status, after --help or after an error, which
 * has been printed. */
/* Room for the rows of any command. */
enum { CLN_MOST_OPTIONS = 128 };

bool cln_options_parse(struct cln_option *options, const struct cln_command *command, int argc, const char **argv,
                       int *exit_status);
/* Gives the option of this name another text of help. */
void cln_options_describe(struct cln_option *options, const char *name, const char *help);
/* Whether the option of this name was given. */
bool cln_options_given(const struct cln_option *options, const char *name);
/* Frees the parser's memory: every *text and *list becomes invalid. */
void cln_options_release(struct cln_option *options);

/* The number of insertions, deletions and replacements between two words. At most CLN_CLOSE_ENOUGH is close enough for
 * a hint. */
size_t cln_edit_distance(const char *a, const char *b);
enum { CLN_CLOSE_ENOUGH = 2 };

#endif
