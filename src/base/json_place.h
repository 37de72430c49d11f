/* Where the members of a JSON text stand, for messages: readers of JSON keep no lines for what is well-formed. */
#ifndef SRC_BASE_JSON_PLACE_H
#define SRC_BASE_JSON_PLACE_H

#include <stddef.h>

/* A container is the text from its bracket on, of text that is well-formed; results are places in the same text. */

/* The key of an object's member; NULL where it has none of that name (spelled without escapes). */
const char *cln_json_key(const char *object, const char *key);
/* The value that belongs to such a place. */
const char *cln_json_value(const char *key);
/* An array's element; NULL where it has fewer. */
const char *cln_json_element(const char *array, size_t index);

/* Line of a place in its text, from 1. */
int cln_json_line(const char *text, const char *place);

#endif
