/* The sink of --tensorboard: a new event file in a folder. Its first record after the start says from which step on
 * events of earlier files do not count any more: all, or those behind the point that training is resumed from. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clenet/network.h"
#include "src/base/file.h"
#include "src/cli/lines.h"
#include "src/cli/report.h"
#include "src/cli/sink.h"
#include "src/data/sheet.h"
#include "src/format/event_file.h"

struct board {
    FILE *file;
    char *path;
    bool resumes;
};

/* ---- The file ---- */

static void close_board(void *sink) {
    struct board *board = sink;
    if (board == NULL)
        return;
    if (board->file != NULL)
        fclose(board->file);
    free(board->path);
    free(board);
}

/* A name in the folder that no file has: TensorBoard reads a folder's files in the order of their names. */
static char *find_name(const char *folder) {
    char host[256] = "localhost", *path = NULL;
    (void)!gethostname(host, sizeof host - 1);
    for (long long seconds = (long long)time(NULL);; seconds++) {
        if (asprintf(&path, "%s/events.out.tfevents.%010lld.%s.%ld", folder, seconds, host, (long)getpid()) < 0)
            return NULL;
        if (access(path, F_OK) != 0)
            return path;
        free(path);
    }
}

static enum cln_status fail_within(const struct board *board, enum cln_status status) {
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "cannot write to the log '%s'", board->path);
}

static enum cln_status open_board(void **out, const char *path, bool append) {
    struct board *board = calloc(1, sizeof *board);
    *out = NULL;
    if (board == NULL)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the log");
    board->resumes = append;
    enum cln_status status = cln_folder_make(path, CLN_FOLDER_USUAL);
    if (status == CLN_OK && (board->path = find_name(path)) == NULL)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the log");
    if (status == CLN_OK && (board->file = cln_lines_open(board->path, false)) == NULL)
        status = cln_fail(CLN_IO, "cannot open the log '%s': %s", board->path, strerror(errno));
    if (status == CLN_OK)
        status = fail_within(board, cln_event_file_begin(board->file, (double)time(NULL)));
    if (status == CLN_OK)
        *out = board;
    else
        close_board(board);
    return status;
}

/* ---- Numbers and texts ---- */

static const struct {
    const char *kind, *member, *tag;
} scalars[] = {
    {"progress", "loss", "progress/loss"},
    {"progress", "train_accuracy", "progress/accuracy"},
    {"progress", "images_per_second", "images_per_second"},
    {"epoch", "epoch", "epoch"},
    {"epoch", "loss", "loss/train"},
    {"epoch", "train_accuracy", "accuracy/train"},
    {"epoch", "validation_loss", "loss/validation"},
    {"epoch", "validation_accuracy", "accuracy/validation"},
    {"epoch", "test_loss", "loss/test"},
    {"epoch", "test_accuracy", "accuracy/test"},
    {"epoch", "learning_rate", "learning_rate"},
    {"epoch", "train_seconds", "seconds/train"},
    {"epoch", "validation_seconds", "seconds/validation"},
    {"epoch", "test_seconds", "seconds/test"},
    {"test", "test_loss", "loss/test"},
    {"test", "test_accuracy", "accuracy/test"},
    {"test", "test_seconds", "seconds/test"},
    {"rate", "loss", "loss/train"},
    {"rate", "smoothed_loss", "loss/smoothed"},
    {"rate", "learning_rate", "learning_rate"},
};

/* Members that are texts of JSON; NULL: the whole record. */
static const struct {
    const char *kind, *member, *tag;
} texts[] = {
    {"start", "options", "options"}, {"start", "recipe", "recipe"}, {"start", NULL, "start"},
    {"patience", NULL, "patience"},  {"end", NULL, "end"},          {"suggestion", NULL, "suggestion"},
};

/* The values of one event. */
struct values {
    struct cln_event_value list[sizeof scalars / sizeof *scalars + sizeof texts / sizeof *texts + 1];
    size_t count;
    char *owned[sizeof texts / sizeof *texts];
    size_t owned_count;
};

static void add_scalar(struct values *values, const char *tag, double value) {
    values->list[values->count++] =
        (struct cln_event_value){.tag = tag, .kind = CLN_EVENT_SCALAR, .scalar = (float)value};
}

static void add_scalars(struct values *values, const struct cln_event *event) {
    for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
        const json_t *value = json_object_get(event->record, scalars[i].member);
        if (strcmp(scalars[i].kind, event->kind) == 0 && json_is_number(value))
            add_scalar(values, scalars[i].tag, json_number_value(value));
    }
    const double seconds = json_number_value(json_object_get(event->record, "train_seconds"));
    if (strcmp(event->kind, "epoch") == 0 && seconds > 0) {
        const json_t *all = json_object_get(event->record, "train_images");
        const json_t *before = json_object_get(event->record, "images_before");
        add_scalar(values, "images_per_second", (json_number_value(all) - json_number_value(before)) / seconds);
    }
}

/* A value as a block of code in Markdown, from malloc. NULL: out of memory. */
static char *write_block(const json_t *value, int digits) {
    static const char margin[] = "    ";
    char *text = cln_json_dump(value, JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    size_t lines = 1;
    for (const char *at = text; at != NULL && *at != '\0'; at++)
        lines += *at == '\n';
    char *block = text != NULL ? malloc(strlen(text) + lines * strlen(margin) + 1) : NULL;
    char *end = block != NULL ? stpcpy(block, margin) : NULL;
    for (const char *at = text; end != NULL && *at != '\0'; at++) {
        *end++ = *at;
        *end = '\0';
        if (*at == '\n')
            end = stpcpy(end, margin);
    }
    free(text);
    return block;
}

static enum cln_status add_texts(struct values *values, const struct cln_event *event) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *member = texts[i].member;
        const json_t *value = member != NULL ? json_object_get(event->record, member) : event->record;
        if (strcmp(texts[i].kind, event->kind) != 0 || value == NULL || json_is_null(value))
            continue;
        char *text = values->owned[values->owned_count] = write_block(value, event->digits);
        if (text == NULL)
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a text of the log");
        values->owned_count++;
        values->list[values->count++] =
            (struct cln_event_value){.tag = texts[i].tag, .kind = CLN_EVENT_TEXT, .text = text};
    }
    return CLN_OK;
}

static enum cln_status put_values(const struct board *board, const struct cln_event *event,
                                  struct cln_event_time time) {
    struct values values = {.count = 0};
    add_scalars(&values, event);
    enum cln_status status = add_texts(&values, event);
    if (status == CLN_OK)
        status = cln_event_file_put(board->file, time, values.list, values.count);
    for (size_t i = 0; i < values.owned_count; i++)
        free(values.owned[i]);
    return status;
}

static enum cln_status put_start(const struct board *board, const struct cln_event *event, struct cln_event_time time) {
    const struct cln_event_time first = {time.seconds, board->resumes ? time.step + 1 : 0};
    const enum cln_status status = cln_event_file_restart(board->file, first);
    return status == CLN_OK ? put_values(board, event, time) : status;
}

/* ---- Histograms ---- */

/* The numbers of a list, at *next, which moves behind them. */
static double *take_numbers(double **next, const json_t *list) {
    double *const begin = *next;
    for (size_t i = 0; i < json_array_size(list); i++)
        *(*next)++ = json_number_value(json_array_get(list, i));
    return begin;
}

static double member(const json_t *object, const char *name) {
    return json_number_value(json_object_get(object, name));
}

static struct cln_event_value histogram_of(const json_t *tensor, const char *tag, double **memory) {
    const json_t *limits = json_object_get(tensor, "limits"), *counts = json_object_get(tensor, "counts");
    return (struct cln_event_value){.tag = tag,
                                    .kind = CLN_EVENT_HISTOGRAM,
                                    .histogram = {.min = member(tensor, "min"),
                                                  .max = member(tensor, "max"),
                                                  .count = member(tensor, "count"),
                                                  .sum = member(tensor, "sum"),
                                                  .sum_squares = member(tensor, "sum_squares"),
                                                  .limits = take_numbers(memory, limits),
                                                  .counts = take_numbers(memory, counts),
                                                  .buckets = json_array_size(limits)}};
}

static enum cln_status put_histograms(const struct board *board, const struct cln_event *event,
                                      struct cln_event_time time) {
    enum { TAG_BYTES = sizeof((struct cln_tensor_info *)0)->name + 16 };
    json_t *const tensors = json_object_get(event->record, "tensors"), *tensor;
    const size_t count = json_object_size(tensors);
    size_t numbers = 0, used = 0;
    const char *name;
    json_object_foreach(tensors, name, tensor) {
        numbers += 2 * json_array_size(json_object_get(tensor, "limits"));
    }
    struct cln_event_value *values = calloc(count + 1, sizeof *values);
    char(*tags)[TAG_BYTES] = calloc(count + 1, sizeof *tags);
    double *memory = malloc((numbers + 1) * sizeof *memory), *next = memory;
    enum cln_status status = CLN_OK;
    if (values == NULL || tags == NULL || memory == NULL) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the histograms of the log");
        goto out;
    }
    json_object_foreach(tensors, name, tensor) {
        snprintf(tags[used], sizeof tags[used], "parameters/%s", name);
        values[used] = histogram_of(tensor, tags[used], &next);
        used++;
    }
    status = cln_event_file_put(board->file, time, values, used);
out:
    free(values);
    free(tags);
    free(memory);
    return status;
}

/* ---- The confusion matrix ---- */

/* Draws labels from top to bottom, and predicted classes from left to right: the larger the share of a label's images,
 * the darker. */
static void draw(uint8_t *samples, const json_t *record, size_t classes, size_t cell) {
    const size_t side = classes * cell;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            const json_t *row = json_array_get(json_object_get(record, "counts"), y / cell);
            const double all = json_number_value(json_array_get(json_object_get(record, "images"), y / cell));
            const double share = all > 0 ? json_number_value(json_array_get(row, x / cell)) / all : 0;
            uint8_t *pixel = samples + 3 * (y * side + x);
            pixel[0] = (uint8_t)(255 - 247 * share + 0.5); /* from white to dark blue */
            pixel[1] = (uint8_t)(255 - 207 * share + 0.5);
            pixel[2] = (uint8_t)(255 - 148 * share + 0.5);
        }
}

static enum cln_status put_confusion(const struct board *board, const struct cln_event *event,
                                     struct cln_event_time time) {
    enum { CELL = 32, MOST_SIDE = 1024 };
    const size_t classes = json_array_size(json_object_get(event->record, "counts"));
    const size_t cell = classes * CELL <= MOST_SIDE ? CELL : (MOST_SIDE + classes - 1) / classes, side = classes * cell;
    uint8_t *samples = malloc(3 * side * side + 1);
    char *file = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&file, &bytes);
    enum cln_status status = CLN_OK;
    if (samples == NULL || stream == NULL) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the picture of the confusion matrix");
    } else {
        draw(samples, event->record, classes, cell);
        status = cln_samples_write(
            stream, &(struct cln_samples){.values = samples, .height = side, .width = side, .channels = 3});
    }
    if (stream != NULL && fclose(stream) != 0 && status == CLN_OK)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the picture of the confusion matrix");
    if (status == CLN_OK) {
        const struct cln_event_value picture = {
            .tag = "confusion", .kind = CLN_EVENT_IMAGE, .image = {(int)side, (int)side, 3, (uint8_t *)file, bytes}};
        status = cln_event_file_put(board->file, time, &picture, 1);
    } else if (status == CLN_INVALID) { /* built without the library */
        cln_report_note("no picture of the confusion matrix: %-s", cln_error_message());
        status = CLN_OK;
    }
    free(samples);
    free(file);
    return status;
}

/* ---- The sink ---- */

static enum cln_status put(void *sink, const struct cln_event *event) {
    static const struct {
        const char *kind;
        enum cln_status (*put)(const struct board *board, const struct cln_event *event, struct cln_event_time time);
    } kinds[] = {{"start", put_start}, {"histograms", put_histograms}, {"confusion", put_confusion}};
    const struct board *board = sink;
    const struct cln_event_time time = {event->time, event->step};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, event->kind) == 0)
            return fail_within(board, kinds[i].put(board, event, time));
    return fail_within(board, put_values(board, event, time));
}

const struct cln_sink_format cln_sink_tensorboard = {
    .takes_details = true, .open = open_board, .put = put, .close = close_board};
