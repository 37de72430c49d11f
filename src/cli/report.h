/* All output of the program: results on stdout; notes, errors and the live line on stderr. No other file of src/cli
 * prints, so that no text of a file, a driver or a user reaches a terminal unescaped. Formats are described in
 * include/clenet/text.h. */
#ifndef SRC_CLI_REPORT_H
#define SRC_CLI_REPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "clenet/log.h"
#include "clenet/status.h"

/* Call before all others. Sets the prefix of every error ("clenet train"), which must stay valid, and sends the
 * library's notices to stderr. */
void cln_report_begin(const char *prefix);
/* Lets only warnings and errors be printed from now on. */
void cln_report_quiet(void);

/* The switch of --plain: no line is rewritten and no control sequence is printed, as without a terminal. */
bool *cln_report_plain(void);

/* Prints a line of the result on stdout and flushes it. */
void cln_report_result(const char *format, ...) CLN_PRINTF(1, 2);
/* Prints a piece of the result without adding a line feed. --quiet does not suppress it. */
void cln_report_text(const char *format, ...) CLN_PRINTF(1, 2);
/* Like cln_report_text, for Markdown: characters that Markdown interprets are escaped in arguments. */
void cln_report_markdown(const char *format, ...) CLN_PRINTF(1, 2);
/* Prints a JSON value and a line feed as the result, with jansson's flags. `value` NULL: CLN_OUT_OF_MEMORY. */
enum cln_status cln_report_json(const json_t *value, size_t flags) CLN_MUST_CHECK;
/* Prints a note for people, one line on stderr. */
void cln_report_note(const char *format, ...) CLN_PRINTF(1, 2);
/* Prints a note that is needed even with --quiet. */
void cln_report_needed(const char *format, ...) CLN_PRINTF(1, 2);
/* Prints a warning, one line on stderr, after the prefix, even with --quiet. */
void cln_report_warning(const char *format, ...) CLN_PRINTF(1, 2);
/* The handler of the library's notices (clenet/log.h). */
void cln_report_log(void *user, enum cln_log_level level, const char *message);
/* Prints an error, one line on stderr, after the prefix. */
void cln_report_error(const char *format, ...) CLN_PRINTF(1, 2);
/* Whether an error was printed; the program then must not exit with success. */
bool cln_report_has_failed(void);
/* Prints this thread's message if `status` is a failure. Returns the exit status for `status`. */
int cln_report_failure(enum cln_status status);

/* Columns left free after the live line: one so that the terminal does not wrap, and two for the ^C that the terminal
 * shows for Ctrl-C and that is cleared with the line. */
enum { CLN_REPORT_FREE_COLUMNS = 3 };

/* The terminal's columns available for the live line; 0 if stdout or stderr is no terminal, or with --quiet or --plain.
 */
int cln_report_columns(void);
/* Clears the live line when a signal ends the program. Async-signal-safe. */
void cln_report_end_live(void);
/* Shows `text` on the terminal's last line until the next report. Does nothing if cln_report_columns is 0. */
void cln_report_live(const char *text);

#endif
