/* clenet predict: classifies pictures with a saved model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clenet/picture.h"
#include "clenet/predictor.h"
#include "clenet/text.h"
#include "clenet/trainer.h"
#include "src/base/json_text.h"
#include "src/cli/command.h"
#include "src/cli/model.h"
#include "src/cli/options.h"
#include "src/cli/report.h"
#include "src/cli/session_options.h"

struct predict_options {
    struct cln_session_options session;
    const char *model, *network;
    const char *const *images;
    int batch_size, top;
    uint64_t first, count;
    bool json, invert;
};

struct prediction {
    const struct predict_options *o;
    struct cln_checkpoint *model;
    struct cln_predictor *predictor;
    struct cln_shape image;
    size_t classes, top;
    float *probabilities;           /* probabilities of a batch */
    int *order;                     /* classes of one image, the `top` most likely first */
    int file_columns, name_columns; /* widest */
};

/* NULL: it has none. */
static const char *find_name(const struct prediction *p, int class) {
    const char *name = p->model->class_names != NULL ? p->model->class_names[class] : "";
    return name[0] != '\0' ? name : NULL;
}

static const char *name_of(const struct prediction *p, int class) {
    static char number[16];
    const char *name = find_name(p, class);
    if (name != NULL)
        return name;
    snprintf(number, sizeof number, "%d", class);
    return number;
}

/* Sorts the `top` most likely classes to the front; of equal ones the lower number is first. */
static void find_top(struct prediction *p, const float *probabilities) {
    for (size_t k = 0; k < p->classes; k++)
        p->order[k] = (int)k;
    for (size_t k = 0; k < p->top; k++)
        for (size_t i = p->classes - 1; i > k; i--)
            if (probabilities[p->order[i]] > probabilities[p->order[i - 1]]) {
                const int lower = p->order[i - 1];
                p->order[i - 1] = p->order[i];
                p->order[i] = lower;
            }
}

static void print_line(struct prediction *p, const char *file, size_t index, bool several, const float *probabilities) {
    cln_report_text("%-*s", p->file_columns, file);
    if (several)
        cln_report_text(" %5zu", index);
    for (size_t k = 0; k < p->top; k++)
        cln_report_text("  %-*s %6.4f", p->name_columns, name_of(p, p->order[k]), probabilities[p->order[k]]);
    cln_report_text("\n");
}

static enum cln_status print_json(struct prediction *p, const char *file, size_t index, const float *probabilities) {
    json_t *predictions = json_array();
    int failed = 0;
    for (size_t k = 0; k < p->top; k++) {
        const int class = p->order[k];
        json_t *name = cln_json_text(find_name(p, class));
        failed |= json_array_append_new(predictions, json_pack("{s:i, s:o, s:f}", "class", class, "name", name,
                                                               "probability", (double)probabilities[class]));
    }
    if (failed) { /* json_pack needs it */
        json_decref(predictions);
        predictions = NULL;
    }
    json_t *line = json_pack("{s:o, s:I, s:o}", "file", cln_json_text(file), "index", (json_int_t)index, "predictions",
                             predictions);
    const enum cln_status status = cln_report_json(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(line);
    return status;
}

/* Predicts images first … first + count − 1 of a file, a batch at a time. */
static enum cln_status predict_images(struct prediction *p, const char *file, const uint8_t *pixels, size_t first,
                                      size_t count, bool several) {
    const size_t bytes = cln_shape_count(p->image), batch = (size_t)p->o->batch_size;
    enum cln_status status = CLN_OK;
    for (size_t done = 0, piece; done < count && status == CLN_OK && !ferror(stdout); done += piece) {
        piece = count - done < batch ? count - done : batch;
        status = cln_predictor_run(p->predictor, pixels + (first + done) * bytes, piece, p->probabilities);
        for (size_t n = 0; n < piece && status == CLN_OK; n++) {
            const float *probabilities = p->probabilities + n * p->classes;
            find_top(p, probabilities);
            if (p->o->json)
                status = print_json(p, file, first + done + n, probabilities);
            else
                print_line(p, file, first + done + n, several, probabilities);
        }
    }
    return status;
}

static enum cln_status load(const struct prediction *p, const char *file, uint8_t **pixels, size_t *count) {
    const struct cln_picture_params params = {p->image, p->model->fit, p->model->ground, p->o->invert};
    enum cln_status status = strcmp(file, "-") == 0
                                 ? cln_pictures_read(pixels, count, &params, STDIN_FILENO, "standard input")
                                 : cln_pictures_load(pixels, count, &params, file);
    if (status == CLN_OK && p->o->first >= *count)
        status = cln_fail(CLN_INVALID, "%s: there is no image %" PRIu64 ": it has %zu, numbered from 0", file,
                          p->o->first, *count);
    return status;
}

/* Predicts all files. A file that cannot be read is reported, and the others follow. *exit_status is the worst of
 * all. */
static enum cln_status predict_files(struct prediction *p, int *exit_status) {
    enum cln_status status = CLN_OK;
    for (const char *const *file = p->o->images; *file != NULL && status == CLN_OK && !ferror(stdout); file++) {
        uint8_t *pixels = NULL;
        size_t count = 0;
        if (load(p, *file, &pixels, &count) == CLN_OK) {
            const size_t first = (size_t)p->o->first, left = count - first;
            const size_t wanted = p->o->count > 0 && p->o->count < left ? (size_t)p->o->count : left;
            status = predict_images(p, *file, pixels, first, wanted, count > 1);
        } else {
            *exit_status = cln_report_failure(CLN_INVALID);
        }
        free(pixels);
    }
    return status;
}

static int wider(int columns, const char *text) {
    enum { MOST_COLUMNS = 60 };
    const size_t length = cln_text_columns(text);
    return length > MOST_COLUMNS ? MOST_COLUMNS : length > (size_t)columns ? (int)length : columns;
}

static enum cln_status prepare(struct prediction *p) {
    p->classes = (size_t)p->model->network->classes;
    p->top = (size_t)p->o->top < p->classes ? (size_t)p->o->top : p->classes;
    p->probabilities = malloc((size_t)p->o->batch_size * p->classes * sizeof *p->probabilities);
    p->order = malloc(p->classes * sizeof *p->order);
    for (const char *const *file = p->o->images; *file != NULL; file++)
        p->file_columns = wider(p->file_columns, *file);
    for (size_t k = 0; k < p->classes; k++)
        p->name_columns = wider(p->name_columns, name_of(p, (int)k));
    return p->probabilities != NULL && p->order != NULL ? CLN_OK
                                                        : cln_fail(CLN_OUT_OF_MEMORY, "no memory for probabilities");
}

static int predict(struct predict_options *o) {
    struct prediction p = {.o = o};
    int exit_status = CLN_EXIT_OK;
    enum cln_status status = cln_model_read(&p.model, o->model, o->network);
    if (status == CLN_OK) {
        if (o->batch_size == 0)
            o->batch_size = cln_predictor_batch_size(p.model->network);
        const struct cln_predictor_params params = {
            .session = cln_session_options_params(&o->session), .model = p.model, .batch_size = o->batch_size};
        p.image = cln_predictor_image(&params);
        if (cln_trainer_builds()) {
            status = cln_predictor_build(&params);
            goto out;
        }
        status = cln_predictor_create(&p.predictor, &params);
    }
    if (status == CLN_OK)
        status = prepare(&p);
    if (status == CLN_OK) {
        cln_report_note("%s", cln_predictor_device(p.predictor));
        status = predict_files(&p, &exit_status);
    }
out:
    if (status != CLN_OK)
        exit_status = cln_report_failure(status);
    free(p.probabilities);
    free(p.order);
    cln_predictor_destroy(&p.predictor);
    cln_checkpoint_destroy(&p.model);
    return exit_status;
}

int cln_command_predict(const struct cln_command *command, int argc, const char **argv) {
    struct predict_options o = {.top = 1};
    int exit_status = CLN_EXIT_OK;
    struct cln_option options[CLN_MOST_OPTIONS] = {
        {"MODEL",
         NULL,
         "model.safetensors as 'clenet train --save' writes it",
         CLN_OPTION_OPERAND,
         {.text = &o.model},
         .file = CLN_FILE_INPUT},
        {"IMAGE",
         NULL,
         "PNG or JPEG file of any size, IDX file (all its images), or - for standard input",
         CLN_OPTION_OPERANDS,
         {.list = &o.images},
         .file = CLN_FILE_INPUT},
        {"top",
         "K",
         "number of classes to print, the most likely first",
         CLN_OPTION_INT,
         {.integer = &o.top},
         1,
         65536},
        {"json", NULL, "print one JSON object per image and line", CLN_OPTION_FLAG, {.flag = &o.json}},
        {"invert",
         NULL,
         "for dark drawings on light, with a model trained on light on dark",
         CLN_OPTION_FLAG,
         {.flag = &o.invert}},
        {"first",
         "N",
         "first image to predict in every file, counted from 0",
         CLN_OPTION_NATURAL,
         {.natural = &o.first},
         0,
         1 << 24},
        {"count", "N", "predict at most N images of every file", CLN_OPTION_NATURAL, {.natural = &o.count}, 1, 1 << 24},
        {"network",
         "NETWORK",
         "network of a MODEL that holds only tensors, as a name or a file",
         CLN_OPTION_TEXT,
         {.text = &o.network},
         .file = CLN_FILE_NETWORK},
        {"batch-size",
         "N",
         "images per batch (default 256, fewer for a large network)",
         CLN_OPTION_INT,
         {.integer = &o.batch_size},
         1,
         65536},
        {0},
    };
    cln_session_options_add(options, &o.session,
                            CLN_ROW_DEVICE | CLN_ROW_PROFILE | CLN_ROW_SAFE | CLN_ROW_STRICT | CLN_ROW_KERNELS |
                                CLN_ROW_CACHE | CLN_ROW_COMMAND_BUFFER);
    if (cln_options_parse(options, command, argc, argv, &exit_status))
        exit_status = predict(&o);
    cln_options_release(options);
    return exit_status;
}
