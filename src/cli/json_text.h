/* Words of drivers, paths and messages as JSON. */
#ifndef SRC_CLI_JSON_TEXT_H
#define SRC_CLI_JSON_TEXT_H

#include <jansson.h>

/* A new string; what is not UTF-8 (a driver's word, a message that was cut within a character) has ? for every byte
 * that is not ASCII, since otherwise it could not be said at all. NULL where memory ran out. */
json_t *cln_json_text(const char *words);

#endif
