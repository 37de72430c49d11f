/* Finds members of a JSON text, so that messages can name the line: the JSON reader keeps no positions. */
#ifndef SRC_BASE_JSON_PLACE_H
#define SRC_BASE_JSON_PLACE_H

#include <stddef.h>

/* `object` and `array` point to the opening bracket in well-formed JSON text; results point into the same text. */

/* Finds the key `key` of an object, spelled without escapes; NULL: the object has none. */
const char *cln_json_key(const char *object, const char *key);
/* The value behind a key that cln_json_key found. */
const char *cln_json_value(const char *key);
/* Element `index` of an array; NULL: the array is shorter. */
const char *cln_json_element(const char *array, size_t index);

/* The number, from 1, of the line in `text` that `place` is on. */
int cln_json_line(const char *text, const char *place);

#endif
