/* Text of files, drivers and users, made fit to be shown. A name may hold any bytes: escape sequences that command a
 * terminal, line breaks that forge a message, halves of characters. Everything that is printed is formatted here, as
 * printf does it, and every argument becomes visible text on the way. */
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

/* The conversions of printf d i u o x X e f g c s p and %, with flags, width, precision and the lengths hh h l ll z j
 * t; %s differs:
 * - Valid UTF-8 passes. Bytes that are none are written as \xff, and so are control characters (\n, \t, \r, \x1b,
 *   \u009b) and what reorders or breaks lines without being seen (U+2028, U+2029, U+202A to U+202E, U+2066 to U+2069).
 * - %-s, with the flag and no width, is for text that has lines of its own, such as a compiler's log or a message that
 *   was formatted before: line feeds and tabs pass, all else is as for %s.
 * - Width counts the columns of a terminal. Precision counts bytes of the argument and never cuts a character.
 * - NULL is written as (null). */

/* Prints to `stream`. False where writing failed. */
CLN_API bool cln_text_print(FILE *stream, const char *format, ...) CLN_PRINTF(2, 3);
bool cln_text_vprint(FILE *stream, const char *format, va_list arguments);
/* The same for Markdown: what has a meaning there (\ ` * | < [) is escaped in arguments, too. */
bool cln_text_vprint_markdown(FILE *stream, const char *format, va_list arguments);

/* Formats into `out`, which has room for `bytes` > 0 with the zero at the end. What does not fit is cut between two
 * characters. Returns the length of what is there. Allocates nothing; arguments may not overlap `out`. */
size_t cln_text_format(char *out, size_t bytes, const char *format, ...) CLN_PRINTF(3, 4);
size_t cln_text_vformat(char *out, size_t bytes, const char *format, va_list arguments);

/* Columns that the argument of a %s takes on a terminal: 2 for a wide character, 0 for one that joins the one before.
 */
size_t cln_text_columns(const char *text);

/* The length in bytes of the UTF-8 character that begins at `text` and has at most `bytes`, and its code point; 0 where
 * there is none. */
size_t cln_text_decode(uint32_t *code, const char *text, size_t bytes);
bool cln_text_is_utf8(const char *text);
/* Whether a character passes as it is. */
bool cln_text_is_plain(uint32_t code);

#ifdef __cplusplus
}
#endif
#endif
