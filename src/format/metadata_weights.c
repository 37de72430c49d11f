/* Class weights in a checkpoint's metadata: see metadata_weights.h. */
#include "src/format/metadata_weights.h"

#include <math.h>
#include <stdlib.h>

static const char key[] = "class_weights";

json_t *cln_metadata_add_weights(json_t *training, const struct cln_checkpoint *c) {
    const double *weights = c->training->class_weights;
    if (!training || !weights)
        return training;
    json_t *list = json_array();
    int failed = !list;
    for (int k = 0; !failed && k < c->network->classes; k++)
        failed = json_array_append_new(list, json_real(weights[k]));
    if (json_object_set_new(training, key, list) != 0 || failed) {
        json_decref(training);
        return NULL;
    }
    return training;
}

enum cln_status cln_metadata_read_weights(struct cln_checkpoint *c, const json_t *training) {
    const json_t *list = json_object_get(training, key);
    const size_t classes = (size_t)c->network->classes;
    bool some = false;
    if (!list)
        return CLN_OK;
    if (!json_is_array(list) || json_array_size(list) != classes)
        return cln_fail(CLN_INVALID, "metadata \"training\": \"class_weights\" is not a list of %zu numbers", classes);
    double *weights = c->training->class_weights = malloc(classes * sizeof *weights);
    if (!weights)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the weights of %zu classes", classes);
    for (size_t k = 0; k < classes; k++) {
        weights[k] = json_number_value(json_array_get(list, k));
        some |= weights[k] > 0;
        if (!json_is_number(json_array_get(list, k)) || !(weights[k] >= 0 && isfinite(weights[k])))
            return cln_fail(CLN_INVALID,
                            "metadata \"training\": weight %zu of \"class_weights\" is no finite number of at least 0",
                            k);
    }
    return some ? CLN_OK : cln_fail(CLN_INVALID, "metadata \"training\": all \"class_weights\" are 0");
}
