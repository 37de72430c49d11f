/* JSON, read and written: the one way in and out for all of clenet. */
#ifndef SRC_BASE_JSON_TEXT_H
#define SRC_BASE_JSON_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/* Reads a text of `bytes`, with jansson's flags and JSON_REJECT_DUPLICATES. A UTF-8 byte-order mark before it is passed
 * over. JSON has one kind of number: 6.0 and 6e0 come out as the integer 6, up to 2^53. NULL: *error says why,
 * also that memory ran out; a text is never read in part. */
json_t *cln_json_parse(const char *text, size_t bytes, size_t flags, json_error_t *error);
/* Where a text begins behind its byte-order mark, if it has one. */
const char *cln_json_begin(const char *text);

/* A new string of any bytes; JSON's null of NULL. Bytes that are not UTF-8 become \xff, four characters for each, so
 * that two names which differ still do. NULL where memory ran out. */
json_t *cln_json_text(const char *words);

/* The text of a value, in UTF-8, with jansson's flags. Control characters are escaped (\u001B), also those that JSON
 * would allow as they are, and what cln_text_is_plain refuses: it may go to a terminal. NULL where memory ran out or
 * `value` is NULL; else free(). */
char *cln_json_dump(const json_t *value, size_t flags);

#endif
