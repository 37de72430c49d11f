/* Sinks that are files of lines: JSON lines and CSV. Every line is flushed, so that a run that dies leaves all lines so
 * far. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "clenet/text.h"
#include "src/cli/csv.h"
#include "src/cli/lines.h"
#include "src/cli/sink.h"

struct log {
    FILE *file;
    char *path;
    bool has_titles; /* of CSV: the line of titles is written */
};

/* ---- Any lines ---- */

static void close_log(void *sink) {
    struct log *log = sink;
    if (log == NULL)
        return;
    if (log->file != NULL)
        fclose(log->file);
    free(log->path);
    free(log);
}

static enum cln_status open_log(void **out, const char *path, bool append) {
    struct log *log = calloc(1, sizeof *log);
    enum cln_status status = CLN_OK;
    *out = NULL;
    if (log == NULL || (log->path = strdup(path)) == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the log");
    else if ((log->file = cln_lines_open(path, append)) == NULL)
        status = cln_fail(CLN_IO, "cannot open the log '%s': %s", path, strerror(errno));
    if (status == CLN_OK)
        *out = log;
    else
        close_log(log);
    return status;
}

static enum cln_status fail_write(const struct log *log) {
    return cln_fail(CLN_IO, "cannot write to the log '%s': %s", log->path, strerror(errno));
}

/* ---- JSON lines ---- */

static enum cln_status put_jsonl(void *sink, const struct cln_event *event) {
    const struct log *log = sink;
    char *text = cln_json_dump(event->record, JSON_COMPACT | JSON_REAL_PRECISION(event->digits));
    if (text == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a line of the log");
    const bool written = cln_text_print(log->file, "%-s\n", text) && fflush(log->file) == 0;
    free(text);
    return written ? CLN_OK : fail_write(log);
}

const struct cln_sink_format cln_sink_jsonl = {.open = open_log, .put = put_jsonl, .close = close_log};

/* ---- CSV ---- */

/* The columns are members of records, but for `time` and `step`. */
#define TRAINING_TITLES                                                                                                \
    "event,time,step,epoch,train_images,images_before,loss,train_accuracy,learning_rate,validation_loss,"              \
    "validation_accuracy,test_loss,test_accuracy,train_seconds,validation_seconds,test_seconds,stopped,weights,"       \
    "test_images"

/* The events that are rows, and the titles of a file that has them. */
static const struct {
    const char *kind, *titles;
} rows[] = {
    {"epoch", TRAINING_TITLES}, {"test", TRAINING_TITLES}, {"rate", "event,step,learning_rate,loss,smoothed_loss"}};

static const char *titles_of(const char *kind) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].kind, kind) == 0)
            return rows[i].titles;
    return NULL;
}

/* Sets *has_titles if the file has rows of a training already. */
static enum cln_status look_for_titles(bool *has_titles, const char *path) {
    struct stat info;
    char *line = NULL;
    size_t room = 0;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
        return CLN_OK;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return cln_fail(CLN_IO, "cannot read the log '%s' to append to it: %s", path, strerror(errno));
    const bool is_read = getline(&line, &room, file) > 0;
    *has_titles = is_read && strcmp(line, TRAINING_TITLES "\n") == 0;
    fclose(file);
    free(line);
    return *has_titles ? CLN_OK
                       : cln_fail(CLN_INVALID,
                                  "the log '%s' has other columns than this training: it does not begin with the line "
                                  "%s; choose another file",
                                  path, TRAINING_TITLES);
}

static enum cln_status open_csv(void **out, const char *path, bool append) {
    bool has_titles = false;
    enum cln_status status = append ? look_for_titles(&has_titles, path) : CLN_OK;
    *out = NULL;
    if (status == CLN_OK)
        status = open_log(out, path, append);
    if (status == CLN_OK)
        ((struct log *)*out)->has_titles = has_titles;
    return status;
}

/* Writes a value as a field; what is not known stays empty. False: out of memory. */
static bool put_value(FILE *file, const json_t *value, int digits) {
    if (value == NULL || json_is_null(value))
        return true;
    if (json_is_string(value)) {
        cln_csv_text(file, json_string_value(value));
        return true;
    }
    char *text = cln_json_dump(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    if (text != NULL)
        cln_text_print(file, "%-s", text);
    free(text);
    return text != NULL;
}

static bool put_column(FILE *file, const struct cln_event *event, const char *title) {
    char now[32];
    const time_t seconds = (time_t)event->time;
    struct tm utc;
    if (strcmp(title, "step") == 0)
        return cln_text_print(file, "%llu", (unsigned long long)event->step);
    if (strcmp(title, "time") != 0)
        return put_value(file, json_object_get(event->record, title), event->digits);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    return cln_text_print(file, "%s", now);
}

static enum cln_status put_csv(void *sink, const struct cln_event *event) {
    struct log *log = sink;
    const char *const titles = titles_of(event->kind);
    bool is_whole = true;
    if (titles == NULL)
        return CLN_OK;
    if (!log->has_titles)
        cln_text_print(log->file, "%s\n", titles);
    log->has_titles = true;
    for (const char *at = titles; *at != '\0';) {
        char title[32];
        const size_t length = strcspn(at, ",");
        snprintf(title, sizeof title, "%.*s", (int)length, at);
        is_whole &= put_column(log->file, event, title);
        at += length;
        cln_text_print(log->file, *at == ',' ? "," : "\n");
        at += *at == ',';
    }
    if (!is_whole)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a line of the log");
    return fflush(log->file) == 0 && !ferror(log->file) ? CLN_OK : fail_write(log);
}

const struct cln_sink_format cln_sink_csv = {.open = open_csv, .put = put_csv, .close = close_log};

const struct cln_sink_format *cln_sink_of_log(const char *path) {
    static const char ending[] = ".csv";
    const size_t length = path != NULL ? strlen(path) : 0, of_ending = sizeof ending - 1;
    const bool is_csv = length >= of_ending && strcasecmp(path + length - of_ending, ending) == 0;
    return is_csv ? &cln_sink_csv : &cln_sink_jsonl;
}
