/* See json_text.h. */
#include "src/cli/json_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

json_t *cln_json_text(const char *words) {
    json_t *string = json_string(words);
    char *plain = string ? NULL : strdup(words);
    for (char *c = plain; c && *c; c++)
        if (!isascii((unsigned char)*c))
            *c = '?';
    if (plain)
        string = json_string(plain);
    free(plain);
    return string;
}
