/* Reads and writes JSON. All JSON of clenet passes through here. */
#ifndef SRC_BASE_JSON_TEXT_H
#define SRC_BASE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

#include "clenet/status.h"

/* Parses JSON text of `bytes`, with jansson's `flags` and JSON_REJECT_DUPLICATES. A UTF-8 byte-order mark is skipped.
 * 6.0 and 6e0 become the integer 6 (up to 2^53), as JSON has one kind of number. *out is the caller's: json_decref().
 * CLN_INVALID: the text is no such JSON; *error says why and where, and the caller sets the message, as it knows where
 * the text comes from. CLN_OUT_OF_MEMORY has its message. After a failure *out is NULL. */
enum cln_status cln_json_parse(json_t **out, const char *text, size_t bytes, size_t flags,
                               json_error_t *error) CLN_MUST_CHECK;
/* The start of a text, after its byte-order mark if it has one. */
const char *cln_json_begin(const char *text);

/* Whether a text is valid UTF-8, so that JSON keeps it as it is. */
bool cln_json_is_text(const char *words);

/* A new JSON string from any bytes, or null from NULL. Each byte that is not valid UTF-8 becomes the four characters
 * \xff, so that different names stay different. NULL: out of memory. */
json_t *cln_json_text(const char *words);

/* The fewest digits, from `least` to 17, with which cln_json_dump writes all real numbers of a value exactly: for
 * JSON_REAL_PRECISION. */
int cln_json_digits(const json_t *value, int least);

/* Writes a value as UTF-8 text, with jansson's `flags`. Control characters and characters that cln_text_is_plain
 * refuses are escaped (\u001B), so that the text is safe on a terminal. The caller's: free(). NULL: out of memory, or
 * `value` is NULL. */
char *cln_json_dump(const json_t *value, size_t flags);

#endif
