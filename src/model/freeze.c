/* Finds frozen parameters by their names: see freeze.h. */
#include "src/model/freeze.h"

#include <fnmatch.h>
#include <string.h>

#include "clenet/checkpoint.h"
#include "clenet/text.h"
#include "src/base/json_text.h"

enum { BYTES = sizeof((struct cln_training_point *)0)->freeze };

/* Writes the names of all trainable tensors, as far as there is room. */
static void write_names(char *out, size_t bytes, const struct cln_network *network) {
    size_t used = 0;
    for (size_t t = 0; t < network->tensor_count; t++)
        if (network->tensors[t].trainable)
            used += cln_text_format(out + used, bytes - used, "%s%s", used > 0 ? ", " : "", network->tensors[t].name);
}

static enum cln_status freeze(bool *frozen, const struct cln_network *network, const char *pattern) {
    size_t found = 0;
    for (size_t t = 0; t < network->tensor_count; t++)
        if (network->tensors[t].trainable && fnmatch(pattern, network->tensors[t].name, 0) == 0) {
            frozen[t] = true;
            found++;
        }
    if (found > 0)
        return CLN_OK;
    char names[600];
    write_names(names, sizeof names, network);
    return cln_fail(CLN_INVALID, "freeze: no parameter of network %s matches '%s'; they are %s", network->name, pattern,
                    names);
}

enum cln_status cln_freeze_find(bool *frozen, const struct cln_network *network, const char *patterns) {
    char pattern[BYTES];
    size_t free_count = 0;
    memset(frozen, 0, network->tensor_count * sizeof *frozen);
    if (!patterns || !patterns[0])
        return CLN_OK;
    if (!cln_json_is_text(patterns))
        return cln_fail(CLN_INVALID, "freeze: the patterns are not UTF-8, as names of parameters are");
    if (strlen(patterns) >= BYTES)
        return cln_fail(CLN_INVALID, "freeze: patterns of more than %d bytes, clenet's limit", BYTES - 1);
    for (const char *at = patterns; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const size_t length = strcspn(at, ",");
        memcpy(pattern, at, length);
        pattern[length] = '\0';
        const enum cln_status status = freeze(frozen, network, pattern);
        if (status != CLN_OK)
            return status;
    }
    for (size_t t = 0; t < network->tensor_count; t++)
        free_count += network->tensors[t].trainable && !frozen[t];
    return free_count > 0
               ? CLN_OK
               : cln_fail(CLN_INVALID, "freeze: '%s' are all parameters of network %s: none would be trained", patterns,
                          network->name);
}
