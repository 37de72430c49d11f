/* Reads the pictures of the next batches as the network sees them. */
#include <stdlib.h>

#include "src/train/trainer_private.h"

/* Begins the next epoch on the device, and leaves the trainer as it was: the epoch then begins once more. */
static enum cln_status begin_next(struct cln_trainer *t) {
    struct cln_random shuffle = t->shuffle;
    cln_trainer_draw_order(t, &shuffle);
    cln_engine_place_epoch(t->engine, t->epoch + 1);
    return cln_engine_begin(t->engine, CLN_TRAIN, t->order, t->split.train_count);
}

/* Undoes the standardisation. */
static uint8_t byte_of(const struct cln_trainer *t, float value, size_t feature) {
    double v = (double)value;
    if (t->mean) {
        const double inverse = (double)t->inverse_deviation[feature];
        v = (double)t->mean[feature] + (inverse > 0 ? v / inverse : 0);
    }
    return (uint8_t)(v <= 0 ? 0 : v >= 1 ? 255 : 255 * v + 0.5);
}

enum cln_status cln_trainer_pictures(struct cln_trainer *t, size_t *count, uint8_t *pixels) {
    const size_t features = cln_shape_count(t->params.network->input);
    if (t->params.evaluate_only)
        return cln_fail(CLN_INVALID, "this trainer was made to evaluate only: it has no training pictures");
    float *values = malloc(*count * features * sizeof *values + 1);
    enum cln_status status = values ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu pictures", *count);
    if (status == CLN_OK && !t->resuming)
        status = begin_next(t);
    if (status == CLN_OK)
        status = cln_engine_pictures(t->engine, count, values);
    for (size_t i = 0; i < *count * features && status == CLN_OK; i++)
        pixels[i] = byte_of(t, values[i], i % features);
    free(values);
    return status;
}
