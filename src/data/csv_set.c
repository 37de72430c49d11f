/* The data format CSV: a file with a row for each image, or a folder of two of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clenet/log.h"
#include "src/base/place.h"
#include "src/data/csv_field.h"
#include "src/data/csv_table.h"
#include "src/data/elements.h"
#include "src/data/file_set.h"
#include "src/data/picture_list.h"

/* From so many rows of so many pixels on, bytes are taken for a picture where their number is a square. */
enum { SMALLEST_SIDE = 8, FEATURE_LIMIT = 1 << 24 };

static const char contents[] =
    "a CSV file, plain or .gz, with a label and pixels or the path of a picture in each row, or a "
    "folder of train.csv and test.csv";

struct half {
    char path[CLN_PATH_BYTES];
    struct cln_csv_table table;
    struct cln_csv_labels labels;
    struct cln_shape shape;
    struct cln_picture_list *list; /* of a file of paths; else NULL */
};

/* ---- Files ---- */

/* "train.csv" and "test.csv", with or without a prefix that ends with one of the separators of names. */
static bool parse(struct cln_file_name *out, const char *name) {
    static const char *const endings[] = {"train.csv", "test.csv"};
    for (int half = CLN_HALF_TRAIN; half <= CLN_HALF_TEST; half++) {
        const size_t length = strlen(name), ending = strlen(endings[half]);
        if (length < ending || strcmp(name + length - ending, endings[half]) != 0 ||
            (length > ending && !strchr("-_.", name[length - ending - 1])))
            continue;
        *out = (struct cln_file_name){length - ending, (enum cln_half)half, CLN_ROLE_IMAGES};
        return true;
    }
    return false;
}

static const struct cln_file_naming naming = {
    .parse = parse, .roles = 1, .usual = {{"train.csv"}, {"test.csv"}}, .contents = contents};

static bool ends_with(const char *text, const char *ending) {
    const size_t length = strlen(text), tail = strlen(ending);
    return length > tail && strcmp(text + length - tail, ending) == 0;
}

/* A file by itself, which is none of a set's. */
static bool is_single(const char *path) {
    struct stat info;
    return (ends_with(path, ".csv") || ends_with(path, ".csv.gz")) && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           cln_file_set_probe(path, &naming) == CLN_FOUND_NONE;
}

static enum cln_found probe(const char *path) {
    return is_single(path) ? CLN_FOUND_ALL : cln_file_set_probe(path, &naming);
}

/* Tells the pictures that a file names, if its first rows have some. A file that cannot be read is told when it is
 * opened. */
static void each_picture(cln_tell_path *tell, void *user, const char *path) {
    enum { FIRST = 2 }; /* rows: of names, and of data */
    struct cln_csv *csv = NULL;
    struct cln_csv_row row = {.count = 1};
    char *folder = cln_place_folder(path), picture[CLN_PATH_BYTES];
    size_t found = 0;
    enum cln_status status = folder ? cln_csv_open(&csv, path) : CLN_OUT_OF_MEMORY;
    for (size_t n = 0; status == CLN_OK && row.count > 0 && (found > 0 || n < FIRST); n++) {
        status = cln_csv_next(csv, &row);
        for (size_t i = 0; i < row.count && status == CLN_OK; i++) {
            if (!cln_csv_is_path(row.fields[i]))
                continue;
            found++;
            if (snprintf(picture, sizeof picture, "%s%s", folder, row.fields[i]) < (int)sizeof picture)
                tell(user, picture);
        }
    }
    cln_csv_close(&csv);
    free(folder);
}

struct telling {
    cln_tell_path *tell;
    void *user;
};

static void tell_with_pictures(void *telling, const char *path) {
    const struct telling *t = telling;
    struct stat info;
    t->tell(t->user, path);
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode))
        each_picture(t->tell, t->user, path);
}

static void each_file(cln_tell_path *tell, void *user, const char *path) {
    struct telling telling = {tell, user};
    if (is_single(path))
        tell_with_pictures(&telling, path);
    else
        cln_file_set_each_file(tell_with_pictures, &telling, path, &naming);
}

/* Paths of both halves; test[0] is 0 where there is none. */
static enum cln_status find_files(char train[CLN_PATH_BYTES], char test[CLN_PATH_BYTES], const char *path) {
    test[0] = '\0';
    if (is_single(path))
        return snprintf(train, CLN_PATH_BYTES, "%s", path) < CLN_PATH_BYTES
                   ? CLN_OK
                   : cln_fail(CLN_INVALID, "%s: too long a path", path);
    struct cln_file_set *set = malloc(sizeof *set);
    enum cln_status status = set ? cln_file_set_find(set, path, &naming)
                                 : cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", path);
    if (status == CLN_OK)
        status = cln_file_set_path(train, set, &naming, CLN_HALF_TRAIN, CLN_ROLE_IMAGES);
    if (status == CLN_OK && set->names[CLN_HALF_TEST][CLN_ROLE_IMAGES][0])
        status = cln_file_set_path(test, set, &naming, CLN_HALF_TEST, CLN_ROLE_IMAGES);
    free(set);
    return status;
}

/* ---- Rows ---- */

/* Bytes are a picture where their number is a square, or three times one; what is smaller or not square, and floats,
 * are a vector. */
static struct cln_shape shape_of(const struct cln_csv_table *table) {
    for (int channels = 1; channels <= 3; channels += 2)
        for (int side = SMALLEST_SIDE; table->has_bytes && (size_t)(channels * side * side) <= table->features; side++)
            if ((size_t)(channels * side * side) == table->features)
                return (struct cln_shape){channels, side, side};
    return (struct cln_shape){(int)table->features, 1, 1};
}

/* A row that names a picture. */
static enum cln_status take_picture(void *state, const char *picture, int32_t label, size_t line) {
    struct half *half = state;
    enum cln_status status = cln_picture_list_check_path(half->list, picture);
    if (status == CLN_OK)
        status = cln_picture_list_add(half->list, picture, label);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s: line %zu", half->path, line);
}

/* An empty list of the pictures beside the file. */
static enum cln_status begin_list(struct half *half, const struct cln_source *source) {
    static const struct cln_dataset_params usual;
    char *folder = cln_place_folder(half->path);
    if (!folder)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read %s", half->path);
    if (strlen(folder) > 1)
        folder[strlen(folder) - 1] = '\0'; /* the final slash */
    const enum cln_status status =
        cln_picture_list_create(&half->list, folder, source->params ? source->params : &usual);
    free(folder);
    return status;
}

static void close_half(void *state) {
    struct half *half = state;
    cln_csv_table_free(&half->table);
    cln_csv_labels_free(&half->labels);
    cln_picture_list_destroy(&half->list);
    free(half);
}

/* Columns and classes are those of the file to train on, for both halves. */
static enum cln_status open_rows(struct half *half, const struct cln_source *source, enum cln_half which) {
    char train[CLN_PATH_BYTES], test[CLN_PATH_BYTES];
    bool is_unlabelled = false;
    enum cln_status status = find_files(train, test, source->path);
    if (status != CLN_OK || (which == CLN_HALF_TEST && !test[0]))
        return status;
    status = cln_csv_survey(&half->table, train, source->params ? source->params->label : NULL);
    if (status == CLN_OK && half->table.features > FEATURE_LIMIT)
        status = cln_fail(CLN_INVALID, "%s: %zu columns of pixels: at most %d, clenet's limit", train,
                          half->table.features, FEATURE_LIMIT);
    if (status == CLN_OK && which == CLN_HALF_TEST)
        status = cln_csv_is_unlabelled(&is_unlabelled, test, &half->table);
    if (status == CLN_OK && is_unlabelled) {
        cln_log(CLN_LOG_WARNING,
                "%s: no column of labels: the file is left out; --test sets images of the others aside to test with",
                test);
        return CLN_OK;
    }
    memcpy(half->path, which == CLN_HALF_TRAIN ? train : test, sizeof train);
    if (status == CLN_OK && half->table.features == 0)
        status = begin_list(half, source);
    return status == CLN_OK ? cln_csv_read_labels(&half->labels, half->path, &half->table, take_picture, half) : status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    enum cln_status status = open_rows(half, source, which);
    if (status == CLN_OK && half->list && (status = cln_picture_list_open(half->list, opened)) != CLN_OK)
        status = cln_fail_within(status, "%s", half->path);
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    half->shape = shape_of(&half->table);
    if (!half->list)
        *opened = (struct cln_opened){
            .count = half->labels.count,
            .shape = half->shape,
            .type = half->table.has_bytes ? CLN_PIXEL_U8 : CLN_PIXEL_F32,
        };
    opened->state = half;
    opened->uses |= CLN_ASKED_LABEL;
    if (half->table.has_names) {
        opened->class_count = (int)half->table.words.count;
        opened->class_names = (const char *const *)half->table.words.list;
    }
    return CLN_OK;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    struct half *half = state;
    if (half->list)
        return cln_picture_list_read_labels(labels, half->list);
    *labels = half->labels.labels;
    half->labels.labels = NULL;
    return CLN_OK;
}

/* Colours come pixel after pixel, as NumPy's ravel makes rows of pictures. */
static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    struct half *half = state;
    const struct cln_shape shape = half->shape;
    if (half->list)
        return cln_picture_list_read_pixels(pixels, half->list);
    const enum cln_status status = cln_csv_read_pixels(&pixels->bytes, half->path, &half->table, half->labels.count);
    if (status != CLN_OK || shape.height == 1 || shape.channels == 1 ||
        cln_elements_transpose(pixels->bytes, half->labels.count, (size_t)shape.height * (size_t)shape.width,
                               (size_t)shape.channels, 1))
        return status;
    free(pixels->bytes);
    pixels->bytes = NULL;
    return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to put channels first", half->path);
}

static void locate_label(char text[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    const size_t row = half->list ? cln_picture_list_origin(half->list, index) : index;
    snprintf(text, CLN_PLACE_BYTES, "%s: line %u", half->path, (unsigned)half->labels.lines[row]);
}

static void locate_shape(char text[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(text, CLN_PLACE_BYTES, "%s", half->path);
}

const struct cln_data_format cln_csv_format = {
    .kind = "CSV files",
    .contents = contents,
    .probe = probe,
    .each_file = each_file,
    .open = open_half,
    .read_labels = read_labels,
    .read_pixels = read_pixels,
    .locate_label = locate_label,
    .locate_shape = locate_shape,
    .close = close_half,
};
