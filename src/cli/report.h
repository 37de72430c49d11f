/* What the program says: results on stdout; notes, errors and the live line on stderr. */
#ifndef SRC_CLI_REPORT_H
#define SRC_CLI_REPORT_H

#include <stdbool.h>

#include "host/log.h"
#include "host/status.h"

/* Before anything else: the words before every error ("clenet train"), which must stay valid, and the
 * library's notices sent to stderr. */
void cln_report_begin(const char *prefix);
/* From now on nothing but errors. */
void cln_report_quiet(void);

/* A line of the result, on stdout at once. */
void cln_report_result(const char *format, ...) CLN_PRINTF(1, 2);
/* A line for people, on stderr. */
void cln_report_note(const char *format, ...) CLN_PRINTF(1, 2);
/* A line about what is wrong, on stderr, after the prefix. */
void cln_report_error(const char *format, ...) CLN_PRINTF(1, 2);
/* Whether an error was told: then the program does not end with success. */
bool cln_report_has_failed(void);
/* The error for a failed status, and the exit status that goes with it. */
int cln_report_failure(enum cln_status status);

/* Columns of the terminal for the live line; 0 where stdout or stderr is no terminal, or with quiet. */
int cln_report_columns(void);
/* Shows `text` on the last line of the terminal until the next report; nothing where there are no columns. */
void cln_report_live(const char *text);

#endif
