/* What the program says: results on stdout; notes, errors and the live line on stderr. Nothing else in src/cli prints,
 * so that no text of a file, a driver or a user reaches a terminal as it is: formats are those of
 * include/clenet/text.h. */
#ifndef SRC_CLI_REPORT_H
#define SRC_CLI_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "clenet/log.h"
#include "clenet/status.h"

/* Before anything else: the words before every error ("clenet train"), which must stay valid, and the
 * library's notices sent to stderr. */
void cln_report_begin(const char *prefix);
/* From now on nothing but warnings and errors. */
void cln_report_quiet(void);

/* A line of the result, on stdout at once. */
void cln_report_result(const char *format, ...) CLN_PRINTF(1, 2);
/* A piece of the result as it stands in `format`, line feeds and all; --quiet does not hold it back. */
void cln_report_text(const char *format, ...) CLN_PRINTF(1, 2);
/* The same of a report in Markdown, with what has a meaning there escaped in arguments. */
void cln_report_markdown(const char *format, ...) CLN_PRINTF(1, 2);
/* A JSON value as the result, with jansson's flags, and a line feed. CLN_OUT_OF_MEMORY also of NULL. */
enum cln_status cln_report_json(const json_t *value, size_t flags) CLN_MUST_CHECK;
/* A line for people, on stderr. */
void cln_report_note(const char *format, ...) CLN_PRINTF(1, 2);
/* A line about what is wrong, on stderr, after the prefix. */
void cln_report_error(const char *format, ...) CLN_PRINTF(1, 2);
/* Whether an error was told: then the program does not end with success. */
bool cln_report_has_failed(void);
/* The error for a failed status, and the exit status that goes with it. */
int cln_report_failure(enum cln_status status);

/* Columns that stay free behind the live line: one, so that the terminal does not wrap, and two for the ^C that it
 * shows of a Ctrl-C, which is then cleared with the line. */
enum { CLN_REPORT_FREE_COLUMNS = 3 };

/* Columns of the terminal for the live line; 0 where stdout or stderr is no terminal, or with quiet. */
int cln_report_columns(void);
/* Clears the live line where the program ends by a signal; async-signal-safe. */
void cln_report_end_live(void);
/* Shows `text` on the last line of the terminal until the next report; nothing where there are no columns. */
void cln_report_live(const char *text);

#endif
