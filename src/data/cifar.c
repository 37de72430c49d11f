/* The binary versions of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html): records of one or two
 * labels, each a byte, and 32×32 pixels of red, then of green, then of blue. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/class_names.h"
#include "src/data/format.h"
#include "src/data/input.h"

enum { PICTURE_BYTES = 3 * 32 * 32, LABELS_LIMIT = 2, RECORD_LIMIT = PICTURE_BYTES + LABELS_LIMIT };
enum { COUNT_LIMIT = 1 << 24, FILE_LIMIT = 5, CHOICE_LIMIT = 2 };

/* What is read as the label: byte number `byte` of a record, with so many classes, whose names are in a file. */
struct choice {
    const char *option, *names;
    size_t byte, classes;
};

/* `files` are those to train on, then the one to test with, then the one of names that tells the format. */
static const struct layout {
    const char *name, *folder;
    const char *files[FILE_LIMIT + 2];
    size_t train_files, label_bytes;
    struct choice choices[CHOICE_LIMIT]; /* the first is taken where the user does not say */
} layouts[] = {
    {
        .name = "CIFAR-10",
        .folder = "cifar-10-batches-bin",
        .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
                  "test_batch.bin", "batches.meta.txt"},
        .train_files = FILE_LIMIT,
        .label_bytes = 1,
        .choices = {{NULL, "batches.meta.txt", 0, 10}},
    },
    {
        .name = "CIFAR-100",
        .folder = "cifar-100-binary",
        .files = {"train.bin", "test.bin", "fine_label_names.txt"},
        .train_files = 1,
        .label_bytes = 2,
        .choices = {{"fine", "fine_label_names.txt", 1, 100}, {"coarse", "coarse_label_names.txt", 0, 20}},
    },
};
enum { LAYOUT_COUNT = sizeof layouts / sizeof *layouts };

static const char contents[] = "a folder of the binary version of CIFAR-10 (data_batch_1.bin to 5, test_batch.bin, "
                               "batches.meta.txt) or of CIFAR-100 (train.bin, test.bin, fine_label_names.txt), or the "
                               "folder above it";

struct half {
    const struct layout *layout;
    const struct choice *choice;
    struct cln_class_names names;
    char paths[FILE_LIMIT][CLN_PATH_BYTES];
    size_t counts[FILE_LIMIT], files, count;
    int32_t *labels; /* until they are taken */
};

static size_t file_count(const struct layout *layout) {
    return layout->train_files + 2;
}

/* Two places for each layout: the folder itself, and the folder of the layout's name in it. */
static bool place(char folder[CLN_PATH_BYTES], const char *path, size_t number) {
    const bool below = number % 2 == 1;
    return snprintf(folder, CLN_PATH_BYTES, "%s%s%s", path, below ? "/" : "", below ? layouts[number / 2].folder : "") <
           CLN_PATH_BYTES;
}

/* `path` is a folder, or the path of the first file of one of the layouts, which then is the only one. Writes the
 * folder; the layouts from *first on to below *end can be there. */
static bool narrow(char folder[CLN_PATH_BYTES], size_t *first, size_t *end, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    *first = 0;
    *end = LAYOUT_COUNT;
    for (size_t i = 0; i < LAYOUT_COUNT; i++)
        if (strcmp(name, layouts[i].files[0]) == 0) {
            *first = i;
            *end = i + 1;
            return snprintf(folder, CLN_PATH_BYTES, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".") <
                   CLN_PATH_BYTES;
        }
    return snprintf(folder, CLN_PATH_BYTES, "%s", path) < CLN_PATH_BYTES;
}

/* The place that has most; *folder and *layout are set unless none has anything. */
static enum cln_found find(char folder[CLN_PATH_BYTES], const struct layout **layout, const char *path) {
    enum cln_found best = CLN_FOUND_NONE;
    char base[CLN_PATH_BYTES], tried[CLN_PATH_BYTES];
    size_t first, end;
    const bool fits = narrow(base, &first, &end, path);
    for (size_t i = 2 * first; i < 2 * end && fits; i++) {
        const struct layout *candidate = &layouts[i / 2];
        const enum cln_found found =
            place(tried, base, i) ? cln_folder_probe(tried, candidate->files, file_count(candidate)) : CLN_FOUND_NONE;
        if (found <= best)
            continue;
        best = found;
        *layout = candidate;
        memcpy(folder, tried, sizeof tried);
    }
    return best;
}

static enum cln_found probe(const char *path) {
    char folder[CLN_PATH_BYTES];
    const struct layout *layout;
    return find(folder, &layout, path);
}

static void each_file(cln_tell_path *tell, void *user, const char *path) {
    char base[CLN_PATH_BYTES], folder[CLN_PATH_BYTES];
    size_t first, end;
    const bool fits = narrow(base, &first, &end, path);
    for (size_t i = 2 * first; i < 2 * end && fits; i++) {
        const struct layout *layout = &layouts[i / 2];
        if (!place(folder, base, i))
            continue;
        cln_folder_each_file(tell, user, folder, layout->files, file_count(layout));
        for (size_t choice = 1; choice < CHOICE_LIMIT && layout->choices[choice].names; choice++)
            cln_folder_each_file(tell, user, folder, &layout->choices[choice].names, 1);
    }
}

/* ---- Reading ---- */

static void close_half(void *state) {
    struct half *half = state;
    cln_class_names_free(&half->names);
    free(half->labels);
    free(half);
}

static bool add_label(struct half *half, uint8_t label) {
    const size_t room = half->count & (half->count - 1) ? 0 : half->count ? 2 * half->count : 1;
    int32_t *grown = room ? realloc(half->labels, room * sizeof *grown) : half->labels;
    if (!grown)
        return false;
    half->labels = grown;
    half->labels[half->count++] = label;
    return true;
}

/* Reads the records of one file: into `pixels`, those that were counted; or, where it is NULL, counts them and keeps
 * their labels. */
static enum cln_status read_file(struct half *half, size_t file, uint8_t *pixels) {
    const size_t label_bytes = half->layout->label_bytes, record_bytes = label_bytes + PICTURE_BYTES;
    uint8_t record[RECORD_LIMIT];
    struct cln_input *input;
    enum cln_status status = cln_input_open(&input, half->paths[file]);
    size_t got = record_bytes, read = 0;
    while (status == CLN_OK && got == record_bytes && !(pixels && read == half->counts[file])) {
        got = cln_input_some(input, record, record_bytes);
        if (got != record_bytes && (got > 0 || pixels || read == 0))
            status = cln_input_fail_short(input, (read + 1) * record_bytes);
        else if (got == 0)
            status = cln_input_check_end(input);
        else if (pixels)
            memcpy(pixels + read++ * PICTURE_BYTES, record + label_bytes, PICTURE_BYTES);
        else if (half->count == COUNT_LIMIT)
            status = cln_fail(CLN_INVALID, "%s: more than %d pictures, clenet's limit", half->paths[file], COUNT_LIMIT);
        else if (!add_label(half, record[half->choice->byte]))
            status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu labels", half->paths[file], half->count);
        else
            half->counts[file] = ++read;
    }
    cln_input_close(&input);
    return status;
}

static enum cln_status choose(struct half *half, const struct cln_source *source) {
    const char *wanted = source->params ? source->params->label : NULL;
    const struct layout *layout = half->layout;
    half->choice = layout->choices;
    if (!wanted || !layout->choices->option)
        return CLN_OK;
    for (size_t i = 0; i < CHOICE_LIMIT; i++)
        if (strcmp(layout->choices[i].option, wanted) == 0) {
            half->choice = &layout->choices[i];
            return CLN_OK;
        }
    return cln_fail(CLN_INVALID, "%s: --label %s: %s has %s and %s", source->path, wanted, layout->name,
                    layout->choices[0].option, layout->choices[1].option);
}

static enum cln_status open_files(struct half *half, const struct cln_source *source, enum cln_half which) {
    char folder[CLN_PATH_BYTES], path[CLN_PATH_BYTES];
    if (find(folder, &half->layout, source->path) == CLN_FOUND_NONE)
        return cln_fail(CLN_NOT_FOUND, "%s: no data set: a data set is %s", source->path, contents);
    const struct layout *layout = half->layout;
    const size_t first = which == CLN_HALF_TRAIN ? 0 : layout->train_files;
    half->files = which == CLN_HALF_TRAIN ? layout->train_files : 1;
    enum cln_status status = choose(half, source);
    for (size_t i = 0; i < half->files && status == CLN_OK; i++)
        status = cln_folder_find(half->paths[i], folder, layout->files[first + i], contents);
    if (status == CLN_OK)
        status = cln_folder_find(path, folder, half->choice->names, contents);
    if (status == CLN_OK)
        status = cln_class_names_read(&half->names, path, half->choice->classes);
    for (size_t i = 0; i < half->files && status == CLN_OK; i++)
        status = read_file(half, i, NULL);
    return status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    const enum cln_status status = open_files(half, source, which);
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    *opened = (struct cln_opened){
        .state = half,
        .count = half->count,
        .shape = {3, 32, 32},
        .type = CLN_PIXEL_U8,
        .class_count = (int)half->choice->classes,
        .class_names = half->names.list,
        .uses = half->layout->choices->option ? CLN_ASKED_LABEL : 0,
    };
    return CLN_OK;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    struct half *half = state;
    *labels = half->labels;
    half->labels = NULL;
    return CLN_OK;
}

static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    struct half *half = state;
    uint8_t *at = pixels->bytes = malloc(half->count * PICTURE_BYTES);
    enum cln_status status =
        at ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu pictures", half->paths[0], half->count);
    for (size_t i = 0; i < half->files && status == CLN_OK; i++) {
        status = read_file(half, i, at);
        at += half->counts[i] * PICTURE_BYTES;
    }
    if (status != CLN_OK)
        free(pixels->bytes);
    if (status != CLN_OK)
        pixels->bytes = NULL;
    return status;
}

static void locate_label(char place_text[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    size_t file = 0;
    while (file + 1 < half->files && index >= half->counts[file])
        index -= half->counts[file++];
    snprintf(place_text, CLN_PLACE_BYTES, "%s: byte %zu", half->paths[file],
             index * (half->layout->label_bytes + PICTURE_BYTES) + half->choice->byte);
}

static void locate_shape(char place_text[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(place_text, CLN_PLACE_BYTES, "%s", half->paths[0]);
}

const struct cln_data_format cln_cifar_format = {
    .kind = "CIFAR's .bin files",
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
