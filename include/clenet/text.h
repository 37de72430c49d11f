/* Formatting that is safe to print. Text of files, drivers and users may hold any bytes: escape sequences that command
 * a terminal, line breaks that forge a message, halves of characters. These functions format like printf and escape
 * such bytes in every argument. */
#ifndef CLENET_TEXT_H
#define CLENET_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Formats have printf's conversions d i u o x X e f g c s p and %, with flags, width, precision and the lengths hh h l
 * ll z j t. %s differs:
 * - Valid UTF-8 passes. Invalid bytes are written as \xff. Control characters are escaped (\n, \t, \r, \x1b, \u009b),
 *   and so are invisible characters that break lines or reorder text (U+2028, U+2029, U+202A to U+202E, U+2066 to
 *   U+2069), and U+FFFE and U+FFFF, which XML forbids.
 * - %-s, with the flag and without a width, keeps line feeds and tabs; the rest is escaped as for %s. It is for
 *   arguments of several lines, such as a compiler's log or a message that was formatted before.
 * - Width counts columns of the terminal. Precision counts bytes of the argument and never cuts a character.
 * - NULL is written as (null). */

/* Prints to `stream`. False if writing failed. */
CLN_API bool cln_text_print(FILE *stream, const char *format, ...) CLN_PRINTF(2, 3);
bool cln_text_vprint(FILE *stream, const char *format, va_list arguments);
/* Like cln_text_vprint, and escapes in arguments the characters that Markdown interprets (\ ` * | < [). */
bool cln_text_vprint_markdown(FILE *stream, const char *format, va_list arguments);
/* Like cln_text_print, and escapes in arguments the characters that HTML and XML interpret (& < > " '). */
bool cln_text_print_html(FILE *stream, const char *format, ...) CLN_PRINTF(2, 3);

/* Formats into `out`, which has room for `bytes` > 0, the final zero included. Text that does not fit is cut between
 * two characters. Returns the length of the text in `out`. Allocates nothing. Arguments may not overlap `out`. */
size_t cln_text_format(char *out, size_t bytes, const char *format, ...) CLN_PRINTF(3, 4);
size_t cln_text_vformat(char *out, size_t bytes, const char *format, va_list arguments);

/* The number of terminal columns that %s takes for `text`: a wide character counts 2, a combining character 0. */
size_t cln_text_columns(const char *text);

/* Decodes the UTF-8 character at `text`, which has `bytes` bytes left. Returns its length in bytes and sets *code to
 * its code point; returns 0 if there is no valid character. */
size_t cln_text_decode(uint32_t *code, const char *text, size_t bytes);
bool cln_text_is_utf8(const char *text);
/* Whether %s writes a character unescaped. */
bool cln_text_is_plain(uint32_t code);

#ifdef __cplusplus
}
#endif
#endif
