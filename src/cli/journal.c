/* Writes the log as JSON lines. Every line is flushed, so that a run that dies leaves all lines so far. */
#include "src/cli/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/cli/lines.h"
#include "src/cli/recipe.h"

enum { USUAL_DIGITS = 9 };

struct cln_journal {
    FILE *file;
    char *path;
};

enum cln_status cln_journal_create(struct cln_journal **out, const char *path, bool append) {
    *out = NULL;
    if (path == NULL)
        return CLN_OK;
    struct cln_journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL || (journal->path = strdup(path)) == NULL) {
        cln_journal_destroy(&journal);
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the log");
    }
    journal->file = cln_lines_open(path, append);
    if (journal->file == NULL) {
        enum cln_status status = cln_fail(CLN_IO, "cannot open the log '%s': %s", path, strerror(errno));
        cln_journal_destroy(&journal);
        return status;
    }
    *out = journal;
    return CLN_OK;
}

void cln_journal_destroy(struct cln_journal **journal) {
    if (*journal == NULL)
        return;
    if ((*journal)->file != NULL)
        fclose((*journal)->file);
    free((*journal)->path);
    free(*journal);
    *journal = NULL;
}

/* Writes a record and takes it over, with so many digits of real numbers. `record` NULL: it could not be made. */
static enum cln_status write_digits(struct cln_journal *journal, json_t *record, int digits) {
    char *text = cln_json_dump(record, JSON_COMPACT | JSON_REAL_PRECISION(digits));
    json_decref(record);
    if (text == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a line of the log");
    bool written = cln_text_print(journal->file, "%-s\n", text) && fflush(journal->file) == 0;
    free(text);
    return written ? CLN_OK : cln_fail(CLN_IO, "cannot write to the log '%s': %s", journal->path, strerror(errno));
}

static enum cln_status write_record(struct cln_journal *journal, json_t *record) {
    return write_digits(journal, record, USUAL_DIGITS);
}

enum cln_status cln_journal_start(struct cln_journal *journal, const char *device, const struct cln_network *network,
                                  const struct cln_dataset *data, size_t validation, const double *class_weights,
                                  const struct cln_option *options) {
    if (journal == NULL)
        return CLN_OK;
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));

    json_t *values = json_object();
    int failed = values == NULL;
    for (const struct cln_option *o = options; o->name != NULL; o++)
        failed |= json_object_set_new(values, o->name, cln_recipe_value(o));
    /* Options alone do not repeat a resumed training. */
    const bool is_resumed = cln_options_given(options, "resume");
    json_t *recipe = is_resumed ? NULL : cln_recipe_of(options);
    failed |= !is_resumed && recipe == NULL;
    json_t *weights = class_weights != NULL ? json_array() : NULL;
    for (int k = 0; weights != NULL && k < network->classes; k++)
        failed |= json_array_append_new(weights, json_real(class_weights[k]));
    if (failed) { /* a record needs this member */
        json_decref(values);
        values = NULL;
    }
    json_t *apart = validation > 0 ? json_integer((json_int_t)validation) : NULL;
    json_t *record =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o*, s:I, s:o*, s:o, s:o*}", "event",
                  cln_json_text("start"), "version", cln_json_text(CLENET_VERSION), "time", cln_json_text(now),
                  "device", cln_json_text(device), "network", cln_json_text(network->name), "parameters",
                  (json_int_t)network->parameter_count, "data", cln_json_text(data->name), "train_images",
                  (json_int_t)(data->train.count - validation), "validation_images", apart, "test_images",
                  (json_int_t)data->test.count, "class_weights", weights, "options", values, "recipe", recipe);
    return write_digits(journal, record, cln_json_digits(record, USUAL_DIGITS));
}

/* A measured number, or null if not known. */
static json_t *measured(bool is_known, double value) {
    return is_known ? json_real(value) : json_null();
}

enum cln_status cln_journal_progress(struct cln_journal *journal, const struct cln_progress *p) {
    if (journal == NULL)
        return CLN_OK;
    return write_record(journal,
                        json_pack("{s:o, s:i, s:I, s:I, s:f, s:f, s:f, s:f}", "event", cln_json_text("progress"),
                                  "epoch", p->epoch, "train_images", (json_int_t)p->samples, "images_before",
                                  (json_int_t)p->before, "loss", p->loss, "train_accuracy", p->accuracy,
                                  "train_seconds", p->seconds, "images_per_second", p->images_per_second));
}

/* The names of an evaluation's numbers: on test images, on validation images. */
static const struct {
    const char *loss, *accuracy, *seconds;
} evaluations[] = {{"test_loss", "test_accuracy", "test_seconds"},
                   {"validation_loss", "validation_accuracy", "validation_seconds"}};

enum cln_status cln_journal_epoch(struct cln_journal *journal, const struct cln_epoch *e, bool validates) {
    if (journal == NULL)
        return CLN_OK;
    const struct cln_metrics *judged = validates ? &e->validation : &e->test;
    bool trained = e->train.samples > 0, tested = judged->samples > 0;
    return write_record(journal, json_pack("{s:o, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:b}", "event",
                                           cln_json_text("epoch"), "epoch", e->epoch, "train_images",
                                           (json_int_t)e->train.samples, "images_before", (json_int_t)e->before, "loss",
                                           measured(trained, e->train.loss), "train_accuracy",
                                           measured(trained, e->train.accuracy), "learning_rate",
                                           measured(trained, e->learning_rate), evaluations[validates].loss,
                                           measured(tested, judged->loss), evaluations[validates].accuracy,
                                           measured(tested, judged->accuracy), "train_seconds", e->train_seconds,
                                           evaluations[validates].seconds, e->test_seconds, "stopped", e->stopped));
}

enum cln_status cln_journal_patience(struct cln_journal *journal, int epoch, const struct cln_best *best) {
    if (journal == NULL)
        return CLN_OK;
    return write_record(journal, json_pack("{s:o, s:i, s:i, s:f}", "event", cln_json_text("patience"), "epoch", epoch,
                                           "best_epoch", best->epoch, "best_accuracy", best->accuracy));
}

enum cln_status cln_journal_test(struct cln_journal *journal, const struct cln_outcome *outcome) {
    if (journal == NULL)
        return CLN_OK;
    return write_record(
        journal, json_pack("{s:o, s:i, s:o, s:I, s:f, s:f, s:f}", "event", cln_json_text("test"), "epoch",
                           outcome->epoch, "weights", cln_json_text(outcome->is_best ? "best" : "last"), "test_images",
                           (json_int_t)outcome->test.samples, evaluations[0].loss, outcome->test.loss,
                           evaluations[0].accuracy, outcome->test.accuracy, evaluations[0].seconds, outcome->seconds));
}

enum cln_status cln_journal_end(struct cln_journal *journal, enum cln_status result, const char *missed,
                                const char *saved) {
    if (journal == NULL)
        return CLN_OK;
    const bool inaccurate = result == CLN_OK && missed[0] != '\0';
    return write_record(journal, json_pack("{s:o, s:o, s:o, s:o}", "event", cln_json_text("end"), "result",
                                           cln_json_text(inaccurate ? "inaccurate" : cln_status_name(result)),
                                           "message", cln_json_text(result == CLN_OK ? missed : cln_error_message()),
                                           "saved", cln_json_text(saved)));
}
