/* Validation in a checkpoint's metadata: see metadata_validation.h. */
#include "src/format/metadata_validation.h"

#include <math.h>

static const char share_key[] = "validation", accuracy_key[] = "peak_accuracy", epoch_key[] = "peak_epoch";

json_t *cln_metadata_add_validation(json_t *training, const struct cln_training_point *t) {
    if (!training || !(t->validation > 0))
        return training;
    int failed = json_object_set_new(training, share_key, json_real(t->validation));
    failed |= json_object_set_new(training, accuracy_key, json_real(t->peak_accuracy));
    failed |= json_object_set_new(training, epoch_key, json_integer(t->peak_epoch));
    if (failed) {
        json_decref(training);
        return NULL;
    }
    return training;
}

/* What contradicts the point's other members. */
static const char *wrong_in(const struct cln_training_point *t, json_int_t epoch) {
    if (!(t->validation > 0 && t->validation < 1))
        return "\"validation\" is not above 0 and below 1";
    /* As cln_split_count of src/data rounds. */
    const double apart = round(t->validation * (double)t->samples);
    if (!(apart >= 1) || !((double)t->position + apart <= (double)t->samples) || !(apart < (double)t->samples))
        return "\"validation\", \"images\" and \"position\" contradict each other";
    if (epoch < 0 || epoch > t->epochs)
        return "\"peak_epoch\" is none of the \"epochs\"";
    if (!(t->peak_accuracy <= 1) || (t->peak_accuracy >= 0) != (epoch > 0))
        return "\"peak_accuracy\" is out of range, or contradicts \"peak_epoch\"";
    return NULL;
}

const char *cln_metadata_read_validation(struct cln_training_point *t, const json_t *training) {
    const json_t *share = json_object_get(training, share_key), *accuracy = json_object_get(training, accuracy_key),
                 *epoch = json_object_get(training, epoch_key);
    t->peak_accuracy = -1;
    if (!share && !accuracy && !epoch)
        return NULL;
    if (!json_is_number(share) || !json_is_number(accuracy) || !json_is_integer(epoch))
        return "\"validation\" and \"peak_accuracy\" are not numbers, or \"peak_epoch\" is not a whole one";
    t->validation = json_number_value(share);
    t->peak_accuracy = json_number_value(accuracy);
    const char *wrong = wrong_in(t, json_integer_value(epoch));
    t->peak_epoch = wrong ? 0 : (int)json_integer_value(epoch);
    return wrong;
}
