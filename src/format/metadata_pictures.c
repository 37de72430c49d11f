/* How pictures are prepared, in a model's metadata: see metadata_pictures.h. */
#include "src/format/metadata_pictures.h"

#include <stdio.h>
#include <string.h>

#include "src/model/picture_words.h"

static const char fit_key[] = "fit", ground_key[] = "ground", type_key[] = "pixels", test_key[] = "test",
                  label_key[] = "label";

json_t *cln_metadata_pictures(const struct cln_checkpoint *c, bool *failed) {
    char ground[CLN_GROUND_BYTES];
    int lost = 0;
    *failed = false;
    if (c->fit == CLN_FIT_STRETCH && c->ground == CLN_GROUND_AUTO && c->pixels == CLN_PIXEL_U8)
        return NULL;
    json_t *object = json_object();
    if (c->fit != CLN_FIT_STRETCH)
        lost |= json_object_set_new(object, fit_key, cln_json_text(cln_fit_words[c->fit]));
    cln_ground_write(ground, c->ground);
    if (c->ground != CLN_GROUND_AUTO)
        lost |= json_object_set_new(object, ground_key, cln_json_text(ground));
    if (c->pixels != CLN_PIXEL_U8)
        lost |= json_object_set_new(object, type_key, cln_json_text(cln_pixel_type_words[c->pixels]));
    *failed = lost != 0;
    return object;
}

/* -1: none of the words. */
static int find_word(const char *const *words, int count, const json_t *value) {
    for (int i = 0; i < count; i++)
        if (json_is_string(value) && strcmp(words[i], json_string_value(value)) == 0)
            return i;
    return -1;
}

enum cln_status cln_metadata_read_pictures(struct cln_checkpoint *c, const json_t *object) {
    const char *name;
    json_t *value;
    if (!json_is_object(object))
        return cln_fail(CLN_INVALID, "metadata \"pictures\" is not an object");
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        const int fit = strcmp(name, fit_key) == 0 ? find_word(cln_fit_words, CLN_FIT_COUNT, value) : -1;
        const int type =
            strcmp(name, type_key) == 0 ? find_word(cln_pixel_type_words, CLN_PIXEL_TYPE_COUNT, value) : -1;
        if (fit >= 0)
            c->fit = (enum cln_fit)fit;
        else if (type >= 0)
            c->pixels = (enum cln_pixel_type)type;
        else if (strcmp(name, ground_key) != 0 || !json_is_string(value) ||
                 !cln_ground_read(&c->ground, json_string_value(value)))
            return cln_fail(CLN_INVALID, "metadata \"pictures\": \"%.32s\" is unknown to this version of clenet", name);
    }
    return CLN_OK;
}

json_t *cln_metadata_add_choices(json_t *training, const struct cln_training_point *t) {
    int failed = !training;
    if (!failed && t->test > 0)
        failed = json_object_set_new(training, test_key, json_real(t->test));
    if (!failed && t->label[0])
        failed = json_object_set_new(training, label_key, cln_json_text(t->label));
    if (!failed)
        return training;
    json_decref(training);
    return NULL;
}

const char *cln_metadata_read_choices(struct cln_training_point *t, const json_t *training) {
    const json_t *test = json_object_get(training, test_key), *label = json_object_get(training, label_key);
    if (label && !(json_is_string(label) && json_string_length(label) < sizeof t->label))
        return "\"label\" is not a text of at most 255 bytes, clenet's limit";
    snprintf(t->label, sizeof t->label, "%s", label ? json_string_value(label) : "");
    t->test = json_number_value(test);
    return !test || (json_is_number(test) && t->test > 0 && t->test < 1) ? NULL : "\"test\" is not above 0 and below 1";
}
