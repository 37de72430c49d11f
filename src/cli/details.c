/* Makes events of details: see details.h. */
#include "src/cli/details.h"

#include <math.h>
#include <stdlib.h>

#include "src/cli/report.h"
#include "src/train/measure.h"

/* ---- Histograms ---- */

enum { BUCKETS = 30 }; /* as many as TensorFlow's summaries have by default */

struct histogram {
    double min, max, sum, sum_squares;
    size_t count, counts[BUCKETS];
    int buckets; /* one if all values are the same */
};

static struct histogram measure(const float *values, size_t count) {
    struct histogram h = {.min = HUGE_VAL, .max = -HUGE_VAL};
    for (size_t i = 0; i < count; i++) {
        const double value = values[i];
        if (!isfinite(value))
            continue;
        h.min = value < h.min ? value : h.min;
        h.max = value > h.max ? value : h.max;
        h.sum += value;
        h.sum_squares += value * value;
        h.count++;
    }
    h.buckets = h.max > h.min ? BUCKETS : 1;
    const double scale = h.buckets > 1 ? BUCKETS / (h.max - h.min) : 0;
    for (size_t i = 0; i < count; i++) {
        const int bucket = isfinite(values[i]) ? (int)((values[i] - h.min) * scale) : -1;
        if (bucket >= 0)
            h.counts[bucket < h.buckets ? bucket : h.buckets - 1]++;
    }
    return h;
}

/* NULL: out of memory. */
static json_t *pack(const struct histogram *h) {
    json_t *limits = json_array(), *counts = json_array();
    int failed = limits == NULL || counts == NULL;
    for (int i = 0; i < h->buckets && !failed; i++) {
        const bool is_last = i == h->buckets - 1;
        const double limit = is_last ? h->max : h->min + (h->max - h->min) * (i + 1) / h->buckets;
        failed |= json_array_append_new(limits, json_real(limit));
        failed |= json_array_append_new(counts, json_integer((json_int_t)h->counts[i]));
    }
    if (failed) {
        json_decref(counts);
        counts = NULL;
    }
    return json_pack("{s:f, s:f, s:I, s:f, s:f, s:o, s:o}", "min", h->min, "max", h->max, "count", (json_int_t)h->count,
                     "sum", h->sum, "sum_squares", h->sum_squares, "limits", limits, "counts", counts);
}

enum cln_status cln_details_histograms(json_t **out, struct cln_trainer *trainer, const struct cln_network *network,
                                       int epoch) {
    float *values = malloc((network->parameter_floats + 1) * sizeof *values);
    json_t *tensors = json_object();
    *out = NULL;
    int failed = values == NULL || tensors == NULL;
    enum cln_status status = failed ? CLN_OK : cln_trainer_parameters(trainer, values);
    for (size_t i = 0; i < network->tensor_count && status == CLN_OK && !failed; i++) {
        const struct cln_tensor_info *t = &network->tensors[i];
        if (!t->trainable)
            continue;
        const struct histogram h = measure(values + t->offset, t->count);
        if (h.count > 0)
            failed = json_object_set_new(tensors, t->name, pack(&h));
    }
    free(values);
    if (status == CLN_OK && !failed)
        *out = json_pack("{s:o, s:i, s:o}", "event", cln_json_text("histograms"), "epoch", epoch, "tensors", tensors);
    else
        json_decref(tensors);
    return status != CLN_OK || *out != NULL ? status
                                            : cln_fail(CLN_OUT_OF_MEMORY, "no memory for histograms of parameters");
}

/* ---- The confusion matrix ---- */

/* NULL: out of memory. */
static json_t *pack_confusion(const struct cln_dataset *data, const size_t *confusion) {
    const size_t classes = (size_t)data->class_count;
    json_t *names = json_array(), *rows = json_array(), *images = json_array();
    int failed = names == NULL || rows == NULL || images == NULL;
    for (size_t label = 0; label < classes && !failed; label++) {
        size_t count = 0;
        for (size_t n = 0; n < data->test.count; n++)
            count += (size_t)data->test.labels[n] == label;
        json_t *row = json_array();
        failed |=
            json_array_append_new(names, cln_json_text(data->class_names != NULL ? data->class_names[label] : ""));
        failed |= json_array_append_new(images, json_integer((json_int_t)count));
        failed |= json_array_append_new(rows, row);
        for (size_t predicted = 0; predicted < classes && !failed; predicted++)
            failed |= json_array_append_new(row, json_integer((json_int_t)confusion[label * classes + predicted]));
    }
    if (failed) {
        json_decref(rows);
        rows = NULL;
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "event", cln_json_text("confusion"), "classes", names, "counts", rows,
                     "images", images);
}

enum cln_status cln_details_confusion(json_t **out, struct cln_trainer *trainer, const struct cln_dataset *data,
                                      bool best) {
    const size_t classes = (size_t)data->class_count;
    *out = NULL;
    if (classes > CLN_MOST_CONFUSED) {
        cln_report_note("no picture of the confusion matrix: there are %zu classes, and it shows at most %d", classes,
                        CLN_MOST_CONFUSED);
        return CLN_OK;
    }
    size_t *confusion = calloc(classes * classes, sizeof *confusion);
    struct cln_metrics metrics;
    enum cln_status status = CLN_OK;
    if (confusion != NULL)
        status = best ? cln_trainer_evaluate_best(trainer, &metrics, confusion)
                      : cln_trainer_evaluate(trainer, &metrics, confusion);
    if (status == CLN_OK && confusion != NULL)
        *out = pack_confusion(data, confusion);
    free(confusion);
    return status != CLN_OK || *out != NULL ? status
                                            : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the confusion matrix");
}
