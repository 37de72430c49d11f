/* Reads runs from their events: see run.h. */
#include "src/report/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "clenet/text.h"
#include "src/base/json_text.h"
#include "src/base/table.h"

const char *cln_event_text(const json_t *event, const char *member) {
    const char *text = json_string_value(json_object_get(event, member));
    return text ? text : "";
}

double cln_event_number(const json_t *event, const char *member) {
    const json_t *value = json_object_get(event, member);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- Events ---- */

static enum cln_status no_memory(void) {
    return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the events of a run");
}

/* Keeps an event in the place of an earlier one. */
static void keep(json_t **place, const json_t *event) {
    json_decref(*place);
    *place = json_incref((json_t *)event);
}

/* Makes room for one more element behind `count`. */
static void *grown(void *list, size_t count, size_t bytes) {
    const bool is_full = (count & (count - 1)) == 0; /* room is a power of two */
    return is_full ? realloc(list, (count > 0 ? 2 * count : 1) * bytes) : list;
}

static enum cln_status begin_run(struct cln_runs *runs, const char *name) {
    size_t same = 0;
    for (size_t i = 0; i < runs->count; i++)
        same += strncmp(runs->list[i].name, name, strlen(name)) == 0;
    struct cln_run *list = realloc(runs->list, (runs->count + 1) * sizeof *list);
    if (list == NULL)
        return no_memory();
    runs->list = list;
    char numbered[4096];
    cln_text_format(numbered, sizeof numbered, same > 0 ? "%s (%zu)" : "%s", name, same + 1);
    struct cln_run run = {.name = strdup(numbered)};
    if (run.name == NULL)
        return no_memory();
    list[runs->count++] = run;
    return CLN_OK;
}

static enum cln_status take_start(struct cln_runs *runs, const char *name, const json_t *event) {
    const char *resumed = cln_event_text(json_object_get(event, "options"), "resume");
    const bool goes_on = runs->count > 0 && resumed[0] != '\0';
    enum cln_status status = goes_on ? CLN_OK : begin_run(runs, name);
    if (status != CLN_OK)
        return status;
    struct cln_run *run = &runs->list[runs->count - 1];
    keep(&run->start, event);
    run->resumed += goes_on;
    json_decref(run->end); /* it goes on */
    run->end = NULL;
    if (!goes_on && json_is_object(json_object_get(event, "recipe")))
        keep(&run->recipe, json_object_get(event, "recipe"));
    return CLN_OK;
}

static const char *const columns[] = {
    [CLN_COLUMN_LOSS] = "loss",
    [CLN_COLUMN_ACCURACY] = "train_accuracy",
    [CLN_COLUMN_VALIDATION_LOSS] = "validation_loss",
    [CLN_COLUMN_VALIDATION_ACCURACY] = "validation_accuracy",
    [CLN_COLUMN_TEST_LOSS] = "test_loss",
    [CLN_COLUMN_TEST_ACCURACY] = "test_accuracy",
    [CLN_COLUMN_RATE] = "learning_rate",
    [CLN_COLUMN_NORM] = "gradient_norm",
    [CLN_COLUMN_SPEED] = NULL, /* follows from others */
};
CLN_EVERY(columns, CLN_COLUMN_COUNT);

static double known(double value) {
    return isnan(value) ? 0 : value;
}

static enum cln_status take_epoch(struct cln_run *run, const json_t *event) {
    const double number = cln_event_number(event, "epoch"), seconds = cln_event_number(event, "train_seconds");
    if (!(number >= 1 && number <= 1e9 && number == floor(number)))
        return cln_fail(CLN_INVALID, "an event 'epoch' without the number of the epoch");
    struct cln_run_epoch epoch = {.epoch = (int)number};
    for (int i = 0; i < CLN_COLUMN_COUNT; i++)
        epoch.values[i] = columns[i] ? cln_event_number(event, columns[i]) : NAN;
    const double images = cln_event_number(event, "train_images") - known(cln_event_number(event, "images_before"));
    epoch.values[CLN_COLUMN_SPEED] = images > 0 && seconds > 0 ? images / seconds : NAN;
    while (run->epoch_count > 0 && run->epochs[run->epoch_count - 1].epoch >= epoch.epoch)
        run->epoch_count--;
    struct cln_run_epoch *list = grown(run->epochs, run->epoch_count, sizeof *list);
    if (list == NULL)
        return no_memory();
    run->epochs = list;
    list[run->epoch_count++] = epoch;
    run->seconds += known(seconds) + known(cln_event_number(event, "test_seconds")) +
                    known(cln_event_number(event, "validation_seconds"));
    return CLN_OK;
}

/* The test at the end belongs to the epoch whose weights were tested. */
static enum cln_status take_test(struct cln_run *run, const json_t *event) {
    keep(&run->test, event);
    for (size_t i = 0; i < run->epoch_count; i++)
        if ((double)run->epochs[i].epoch == cln_event_number(event, "epoch")) {
            double *values = run->epochs[i].values;
            values[CLN_COLUMN_TEST_LOSS] = cln_event_number(event, columns[CLN_COLUMN_TEST_LOSS]);
            values[CLN_COLUMN_TEST_ACCURACY] = cln_event_number(event, columns[CLN_COLUMN_TEST_ACCURACY]);
        }
    return CLN_OK;
}

static enum cln_status take_rate(struct cln_run *run, const json_t *event) {
    struct cln_run_step *list = grown(run->steps, run->step_count, sizeof *list);
    if (list == NULL)
        return no_memory();
    run->steps = list;
    list[run->step_count++] = (struct cln_run_step){.rate = cln_event_number(event, "learning_rate"),
                                                    .loss = cln_event_number(event, "loss"),
                                                    .smoothed = cln_event_number(event, "smoothed_loss")};
    return CLN_OK;
}

static enum cln_status take_suggestion(struct cln_run *run, const json_t *event) {
    keep(&run->rate, event);
    return CLN_OK;
}

static enum cln_status take_end(struct cln_run *run, const json_t *event) {
    keep(&run->end, event);
    return CLN_OK;
}

static const struct {
    const char *event;
    enum cln_status (*take)(struct cln_run *run, const json_t *event);
} kinds[] = {{"epoch", take_epoch},
             {"test", take_test},
             {"rate", take_rate},
             {"suggestion", take_suggestion},
             {"end", take_end}};

enum cln_status cln_runs_add(struct cln_runs *runs, const char *name, const json_t *event) {
    const char *kind = cln_event_text(event, "event");
    if (kind[0] == '\0')
        return cln_fail(CLN_INVALID, "no event of clenet: a JSON object with the member \"event\" was expected");
    if (strcmp(kind, "start") == 0)
        return take_start(runs, name, event);
    if (runs->count == 0)
        return cln_fail(CLN_INVALID, "an event '%s' before any 'start'", kind);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kind, kinds[i].event) == 0)
            return kinds[i].take(&runs->list[runs->count - 1], event);
    return CLN_OK;
}

/* ---- Logs ---- */

/* A log as it is read: its own runs, of which the first resumes none of another log. */
struct reader {
    const char *path;
    struct cln_runs runs;
    size_t line;
    size_t cut; /* number of a line that is no JSON, if the last one was; 0: none */
    char reason[160];
};

static enum cln_status refuse(const struct reader *r, size_t line, const char *reason) {
    return cln_fail(CLN_INVALID, "%s is no log of clenet train: line %zu: %s", r->path, line, reason);
}

static void leave_out(struct reader *r) {
    cln_log(CLN_LOG_INFO, "%s: line %zu is unfinished and left out", r->path, r->cut);
    r->cut = 0;
}

static enum cln_status take_line(struct reader *r, const char *text, size_t bytes) {
    json_error_t error;
    json_t *event = NULL;
    enum cln_status status = cln_json_parse(&event, text, bytes, 0, &error);
    if (r->cut > 0) {
        if (strcmp(cln_event_text(event, "event"), "start") != 0)
            status = refuse(r, r->cut, r->reason);
        else
            leave_out(r);
    } else if (status == CLN_INVALID) {
        r->cut = r->line;
        cln_text_format(r->reason, sizeof r->reason, "%s", error.text);
        return CLN_OK;
    }
    if (status == CLN_OK) {
        char reason[160];
        status = cln_runs_add(&r->runs, r->path, event);
        cln_text_format(reason, sizeof reason, "%-s", status == CLN_INVALID ? cln_error_message() : "");
        if (status == CLN_INVALID)
            status = refuse(r, r->line, reason);
    }
    json_decref(event);
    return status;
}

static enum cln_status read_lines(struct reader *r, FILE *file) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    bool is_whole = true; /* the last line ends with a line feed */
    enum cln_status status = CLN_OK;
    while (status == CLN_OK && (length = getline(&line, &room, file)) > 0) {
        r->line++;
        is_whole = line[length - 1] == '\n';
        if (strspn(line, " \t\r\n") < (size_t)length)
            status = take_line(r, line, (size_t)length);
    }
    free(line);
    if (status == CLN_OK && ferror(file))
        return cln_fail(CLN_IO, "cannot read %s: %s", r->path, strerror(errno));
    if (status == CLN_OK && r->cut > 0 && (is_whole || r->runs.count == 0))
        return refuse(r, r->cut, r->reason);
    if (status == CLN_OK && r->cut > 0)
        leave_out(r);
    if (status == CLN_OK && r->runs.count == 0)
        return cln_fail(CLN_INVALID, "%s is no log of clenet train: it is empty", r->path);
    return status;
}

enum cln_status cln_runs_read(struct cln_runs *runs, const char *path) {
    struct reader r = {.path = path};
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "cannot read %s: %s", path, strerror(errno));
    enum cln_status status = read_lines(&r, file);
    fclose(file);
    struct cln_run *list = NULL;
    if (status == CLN_OK) {
        list = realloc(runs->list, (runs->count + r.runs.count) * sizeof *list);
        status = list ? CLN_OK : no_memory();
    }
    if (status != CLN_OK) {
        cln_runs_release(&r.runs);
        return status;
    }
    memcpy(list + runs->count, r.runs.list, r.runs.count * sizeof *list);
    runs->list = list;
    runs->count += r.runs.count;
    free(r.runs.list);
    return CLN_OK;
}

void cln_runs_release(struct cln_runs *runs) {
    for (size_t i = 0; i < runs->count; i++) {
        struct cln_run *run = &runs->list[i];
        json_t *events[] = {run->start, run->recipe, run->test, run->end, run->rate};
        for (size_t k = 0; k < sizeof events / sizeof *events; k++)
            json_decref(events[k]);
        free(run->name);
        free(run->epochs);
        free(run->steps);
    }
    free(runs->list);
    *runs = (struct cln_runs){.list = NULL};
}

bool cln_run_column(const struct cln_run *run, enum cln_column column, double *epochs, double *values) {
    bool any = false;
    for (size_t i = 0; i < run->epoch_count; i++) {
        epochs[i] = (double)run->epochs[i].epoch;
        values[i] = run->epochs[i].values[column];
        any |= isfinite(values[i]);
    }
    return any;
}
