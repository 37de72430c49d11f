/* Makes the events of a training, and hands them to sinks: see journal.h. */
#include "src/cli/journal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clenet/text.h"
#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/cli/recipe.h"

enum { USUAL_DIGITS = 9 };

struct cln_journal {
    uint64_t step; /* of the last event */
    size_t count;
    struct open_sink {
        const struct cln_sink_format *format;
        void *sink; /* NULL: it has failed */
    } sinks[];
};

/* ---- Sinks ---- */

enum cln_status cln_journal_create(struct cln_journal **out, const struct cln_sink *sinks, size_t count, bool append) {
    enum cln_status status = CLN_OK;
    struct cln_journal *journal = *out = NULL;
    for (size_t i = 0; i < count && status == CLN_OK; i++) {
        if (sinks[i].path == NULL && sinks[i].memory == NULL)
            continue;
        if (journal == NULL)
            journal = *out = calloc(1, sizeof *journal + count * sizeof *journal->sinks);
        if (journal == NULL)
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the log");
        struct open_sink *next = &journal->sinks[journal->count++];
        next->format = sinks[i].format;
        next->sink = sinks[i].memory;
        if (next->format->open != NULL)
            status = next->format->open(&next->sink, sinks[i].path, append);
    }
    if (status != CLN_OK)
        cln_journal_destroy(out);
    return status;
}

static void close_sink(struct open_sink *s) {
    if (s->format->close != NULL)
        s->format->close(s->sink);
    s->sink = NULL;
}

void cln_journal_destroy(struct cln_journal **journal) {
    for (size_t i = 0; *journal != NULL && i < (*journal)->count; i++)
        close_sink(&(*journal)->sinks[i]);
    free(*journal);
    *journal = NULL;
}

bool cln_journal_takes_details(const struct cln_journal *journal) {
    bool takes = false;
    for (size_t i = 0; journal != NULL && i < journal->count; i++)
        takes |= journal->sinks[i].sink != NULL && journal->sinks[i].format->takes_details;
    return takes;
}

static enum cln_status put_into_all(struct cln_journal *journal, const struct cln_event *event) {
    enum cln_status status = CLN_OK;
    char said[1024] = "";
    for (struct open_sink *s = journal->sinks; s < journal->sinks + journal->count; s++) {
        if (s->sink == NULL || (event->is_detail && !s->format->takes_details))
            continue;
        const enum cln_status written = s->format->put(s->sink, event);
        if (written == CLN_OK)
            continue;
        status = status == CLN_OK ? written : cln_fail_within(written, "%-s", said);
        cln_text_format(said, sizeof said, "%-s", cln_error_message());
        close_sink(s);
    }
    return status;
}

/* Hands a record to the sinks and takes it over. NULL: it could not be made; then no sink is complete any more. */
static enum cln_status tell_event(struct cln_journal *journal, json_t *record, int digits, bool is_detail) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; record == NULL && i < journal->count; i++)
        close_sink(&journal->sinks[i]);
    if (record == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a line of the log");
    const struct cln_event event = {.kind = json_string_value(json_object_get(record, "event")),
                                    .record = record,
                                    .digits = digits,
                                    .step = journal->step,
                                    .time = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec,
                                    .is_detail = is_detail};
    const enum cln_status status = put_into_all(journal, &event);
    json_decref(record);
    return status;
}

static enum cln_status tell_digits(struct cln_journal *journal, json_t *record, int digits) {
    return tell_event(journal, record, digits, false);
}

static enum cln_status tell(struct cln_journal *journal, json_t *record) {
    return tell_digits(journal, record, USUAL_DIGITS);
}

enum cln_status cln_journal_details(struct cln_journal *journal, json_t *record) {
    if (journal != NULL)
        return tell_event(journal, record, USUAL_DIGITS, true);
    json_decref(record);
    return CLN_OK;
}

/* ---- Events ---- */

enum cln_status cln_journal_start(struct cln_journal *journal, const struct cln_journal_start *start) {
    if (journal == NULL)
        return CLN_OK;
    const struct cln_network *network = start->network;
    const struct cln_dataset *data = start->data;
    journal->step = start->steps;
    char now[32];
    time_t seconds = time(NULL);
    struct tm utc;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));

    json_t *values = json_object();
    int failed = values == NULL;
    for (const struct cln_option *o = start->options; o->name != NULL; o++)
        failed |= json_object_set_new(values, o->name, cln_recipe_value(o));
    /* Options alone do not repeat a resumed training. */
    const bool is_resumed = cln_options_given(start->options, "resume");
    json_t *recipe = is_resumed ? NULL : cln_recipe_of(start->options);
    failed |= !is_resumed && recipe == NULL;
    json_t *weights = start->class_weights != NULL ? json_array() : NULL;
    for (int k = 0; weights != NULL && k < network->classes; k++)
        failed |= json_array_append_new(weights, json_real(start->class_weights[k]));
    if (failed) { /* a record needs this member */
        json_decref(values);
        values = NULL;
    }
    json_t *apart = start->validation > 0 ? json_integer((json_int_t)start->validation) : NULL;
    json_t *record = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:i, s:o, s:I, s:o*, s:I, s:o*, s:o, s:o*}", "event", cln_json_text("start"),
        "version", cln_json_text(CLENET_VERSION), "time", cln_json_text(now), "device", cln_json_text(start->device),
        "network", cln_json_text(network->name), "parameters", (json_int_t)network->parameter_count, "classes",
        network->classes, "data", cln_json_text(data->name), "train_images",
        (json_int_t)(data->train.count - start->validation), "validation_images", apart, "test_images",
        (json_int_t)data->test.count, "class_weights", weights, "options", values, "recipe", recipe);
    return tell_digits(journal, record, cln_json_digits(record, USUAL_DIGITS));
}

/* A measured number, or null if not known. */
static json_t *measured(bool is_known, double value) {
    return is_known ? json_real(value) : json_null();
}

enum cln_status cln_journal_progress(struct cln_journal *journal, const struct cln_progress *p) {
    if (journal == NULL)
        return CLN_OK;
    journal->step = p->total_steps;
    return tell(journal, json_pack("{s:o, s:i, s:I, s:I, s:f, s:f, s:f, s:f}", "event", cln_json_text("progress"),
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
    journal->step = e->total_steps;
    const struct cln_metrics *judged = validates ? &e->validation : &e->test;
    bool trained = e->train.samples > 0, tested = judged->samples > 0;
    json_t *norm = e->gradient_norm > 0 ? json_real(e->gradient_norm) : NULL;
    return tell(journal,
                json_pack("{s:o, s:i, s:I, s:I, s:o, s:o, s:o, s:o*, s:o, s:o, s:f, s:f, s:b}", "event",
                          cln_json_text("epoch"), "epoch", e->epoch, "train_images", (json_int_t)e->train.samples,
                          "images_before", (json_int_t)e->before, "loss", measured(trained, e->train.loss),
                          "train_accuracy", measured(trained, e->train.accuracy), "learning_rate",
                          measured(trained, e->learning_rate), "gradient_norm", norm, evaluations[validates].loss,
                          measured(tested, judged->loss), evaluations[validates].accuracy,
                          measured(tested, judged->accuracy), "train_seconds", e->train_seconds,
                          evaluations[validates].seconds, e->test_seconds, "stopped", e->stopped));
}

enum cln_status cln_journal_patience(struct cln_journal *journal, int epoch, const struct cln_best *best) {
    if (journal == NULL)
        return CLN_OK;
    return tell(journal, json_pack("{s:o, s:i, s:i, s:f}", "event", cln_json_text("patience"), "epoch", epoch,
                                   "best_epoch", best->epoch, "best_accuracy", best->accuracy));
}

enum cln_status cln_journal_test(struct cln_journal *journal, const struct cln_outcome *outcome) {
    if (journal == NULL)
        return CLN_OK;
    return tell(journal,
                json_pack("{s:o, s:i, s:b, s:o, s:I, s:f, s:f, s:f}", "event", cln_json_text("test"), "epoch",
                          outcome->epoch, "stopped", outcome->within > 0, "weights",
                          cln_json_text(outcome->is_best ? "best" : "last"), "test_images",
                          (json_int_t)outcome->test.samples, evaluations[0].loss, outcome->test.loss,
                          evaluations[0].accuracy, outcome->test.accuracy, evaluations[0].seconds, outcome->seconds));
}

enum cln_status cln_journal_rate(struct cln_journal *journal, size_t number, const struct cln_range_step *step) {
    enum { EXACT = 17 };
    if (journal == NULL)
        return CLN_OK;
    journal->step = number;
    return tell_digits(journal,
                       json_pack("{s:o, s:I, s:f, s:f, s:f}", "event", cln_json_text("rate"), "step",
                                 (json_int_t)number, "learning_rate", step->rate, "loss", step->loss, "smoothed_loss",
                                 step->smoothed),
                       EXACT);
}

enum cln_status cln_journal_suggestion(struct cln_journal *journal, const struct cln_range_result *r) {
    if (journal == NULL)
        return CLN_OK;
    const bool is_known = r->suggestion > 0;
    return tell(journal, json_pack("{s:o, s:o, s:o, s:o, s:b}", "event", cln_json_text("suggestion"), "learning_rate",
                                   measured(is_known, r->suggestion), "steepest", measured(is_known, r->steepest),
                                   "lowest", measured(is_known, r->lowest), "diverged", r->diverged));
}

enum cln_status cln_journal_end(struct cln_journal *journal, enum cln_status result, const char *missed,
                                const char *saved) {
    if (journal == NULL)
        return CLN_OK;
    const bool inaccurate = result == CLN_OK && missed[0] != '\0';
    return tell(journal, json_pack("{s:o, s:o, s:o, s:o}", "event", cln_json_text("end"), "result",
                                   cln_json_text(inaccurate ? "inaccurate" : cln_status_name(result)), "message",
                                   cln_json_text(result == CLN_OK ? missed : cln_error_message()), "saved",
                                   cln_json_text(saved)));
}
