/* Augmentation in a checkpoint's metadata: see metadata_augmentation.h. */
#include "src/format/metadata_augmentation.h"

#include <string.h>

#include "src/model/augmentation_table.h"

static const char key[] = "augmentation", channels_key[] = "standardize_channels";

/* The values that are not 0; NULL: there was no memory. */
static json_t *values_of(const struct cln_augmentation *augmentation) {
    json_t *object = json_object();
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT && object; i++) {
        const struct cln_augmentation_row *row = &cln_augmentation_rows[i];
        const double value = cln_augmentation_get(augmentation, row);
        if (value != 0 && json_object_set_new(object, row->name, json_real(value)) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

json_t *cln_metadata_add_augmentation(json_t *training, const struct cln_training_point *t) {
    int failed = 0;
    if (training && cln_augmentation_is_on(&t->augmentation))
        failed |= json_object_set_new(training, key, values_of(&t->augmentation));
    if (training && t->standardize_channels)
        failed |= json_object_set_new(training, channels_key, json_true());
    if (!failed)
        return training;
    json_decref(training);
    return NULL;
}

static const struct cln_augmentation_row *find_row(const char *name) {
    for (size_t i = 0; i < CLN_AUGMENTATION_COUNT; i++)
        if (strcmp(cln_augmentation_rows[i].name, name) == 0)
            return &cln_augmentation_rows[i];
    return NULL;
}

enum cln_status cln_metadata_read_augmentation(struct cln_checkpoint *c, const json_t *training) {
    json_t *object = json_object_get(training, key), *channels = json_object_get(training, channels_key), *value;
    const char *name;
    if (channels && !json_is_boolean(channels))
        return cln_fail(CLN_INVALID, "metadata \"training\": \"standardize_channels\" is not true or false");
    c->training->standardize_channels = json_is_true(channels);
    if (!object)
        return CLN_OK;
    if (!json_is_object(object))
        return cln_fail(CLN_INVALID, "metadata \"training\": \"augmentation\" is not an object");
    json_object_foreach(object, name, value) {
        const struct cln_augmentation_row *row = find_row(name);
        if (!row || !json_is_number(value))
            return cln_fail(CLN_INVALID, "metadata \"training\": \"%.32s\" of \"augmentation\" is %s", name,
                            row ? "not a number" : "unknown to this version of clenet");
        *cln_augmentation_value(&c->training->augmentation, row) = json_number_value(value);
    }
    if (cln_augmentation_check(&c->training->augmentation, c->network->input) != CLN_OK)
        return cln_fail(CLN_INVALID, "metadata \"training\": %-s", cln_error_message());
    return CLN_OK;
}
