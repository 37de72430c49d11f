/* The data format IDX: a folder of four IDX files under MNIST's names, or those of its relatives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clenet/log.h"
#include "src/data/elements.h"
#include "src/data/file_set.h"
#include "src/data/idx.h"

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES "t10k-images-idx3-ubyte"
#define TEST_LABELS "t10k-labels-idx1-ubyte"
#define CONTENTS                                                                                                       \
    "a folder of four IDX files of images and labels, each plain or .gz, " TRAIN_IMAGES ", " TRAIN_LABELS              \
    ", " TEST_IMAGES " and " TEST_LABELS

/* What is odd about the sets of some prefixes. */
static const struct oddity {
    const char *prefix;
    int first_label;
    bool is_transposed;
} oddities[] = {
    {"emnist-letters-", .first_label = 1, .is_transposed = true},
    {"emnist-", .first_label = 0, .is_transposed = true},
    {"", .first_label = 0},
};

struct half {
    struct cln_idx *images; /* NULL once the pixels are read */
    size_t count, labels_at, label_bytes;
    struct cln_shape shape; /* as in the file */
    enum cln_pixel_type type;
    const struct oddity *oddity;
    char paths[CLN_ROLE_COUNT][CLN_PATH_BYTES];
};

/* ---- Names ---- */

/* Moves *at past one of the words; its number, or -1. */
static int pass_word(const char **at, const char *const *words, int count) {
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(words[i]);
        if (strncmp(*at, words[i], length) == 0) {
            *at += length;
            return i;
        }
    }
    return -1;
}

#define PASS_WORD(at, ...)                                                                                             \
    pass_word(at, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* HALF-images-idx3-TYPE, with '-' or '.' before idx. */
static bool parse_rest(struct cln_file_name *out, const char *at) {
    const int half = PASS_WORD(&at, "train-", "t10k-", "test-"), role = PASS_WORD(&at, "images", "labels");
    if (half < 0 || role < 0 || PASS_WORD(&at, "-idx", ".idx") < 0)
        return false;
    const int rank = PASS_WORD(&at, "1-", "2-", "3-", "4-");
    if (rank < 0 || PASS_WORD(&at, "ubyte", "byte", "short", "int", "float", "double") < 0 || *at)
        return false;
    out->half = half == 0 ? CLN_HALF_TRAIN : CLN_HALF_TEST;
    out->role = role;
    return role == CLN_ROLE_IMAGES ? rank >= 2 : rank < 2;
}

static bool parse(struct cln_file_name *out, const char *name) {
    for (out->prefix = 0; name[out->prefix]; out->prefix++)
        if ((out->prefix == 0 || strchr("-_.", name[out->prefix - 1])) && parse_rest(out, name + out->prefix))
            return true;
    return false;
}

static const struct cln_file_naming naming = {
    .parse = parse,
    .roles = CLN_ROLE_COUNT,
    .has_test = true,
    .usual = {{TRAIN_IMAGES, TRAIN_LABELS}, {TEST_IMAGES, TEST_LABELS}},
    .contents = CONTENTS,
};

static enum cln_found probe(const char *path) {
    return cln_file_set_probe(path, &naming);
}

static void each_file(cln_tell_path *tell, void *user, const char *path) {
    cln_file_set_each_file(tell, user, path, &naming);
}

/* ---- Reading ---- */

static void close_half(void *state) {
    struct half *half = state;
    cln_idx_close(&half->images);
    free(half);
}

static struct cln_shape turned(struct cln_shape shape) {
    return (struct cln_shape){shape.channels, shape.width, shape.height};
}

/* Whether there are no test images, and the user has some set aside instead. */
static bool has_no_test(const struct cln_file_set *set, const struct cln_source *source) {
    return source->params && source->params->test > 0 && !set->names[CLN_HALF_TEST][CLN_ROLE_IMAGES][0] &&
           !set->names[CLN_HALF_TEST][CLN_ROLE_LABELS][0];
}

static enum cln_status find_files(struct half *half, const struct cln_source *source, enum cln_half which,
                                  bool *is_there) {
    struct cln_file_set *set = malloc(sizeof *set);
    if (!set)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    enum cln_status status = cln_file_set_find(set, source->path, &naming);
    *is_there = status == CLN_OK && !(which == CLN_HALF_TEST && has_no_test(set, source));
    for (int role = 0; role < CLN_ROLE_COUNT && *is_there && status == CLN_OK; role++)
        status = cln_file_set_path(half->paths[role], set, &naming, which, role);
    half->oddity = oddities;
    while (status == CLN_OK && strncmp(set->prefix, half->oddity->prefix, strlen(half->oddity->prefix)) != 0)
        half->oddity++;
    free(set);
    return status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    bool is_there = false;
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    enum cln_status status = find_files(half, source, which, &is_there);
    if (status == CLN_OK && is_there)
        status =
            cln_idx_open_images(&half->images, half->paths[CLN_ROLE_IMAGES], &half->count, &half->shape, &half->type);
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    *opened = (struct cln_opened){
        .state = half,
        .count = half->count,
        .shape = half->oddity->is_transposed ? turned(half->shape) : half->shape,
        .type = half->type,
    };
    if (which == CLN_HALF_TRAIN && half->oddity->is_transposed)
        cln_log(CLN_LOG_INFO, "%s: the pictures of EMNIST are transposed: they are turned upright%s",
                half->paths[CLN_ROLE_IMAGES],
                half->oddity->first_label > 0 ? ", and labels count from 1: class 0 is label 1" : "");
    return CLN_OK;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    struct half *half = state;
    struct cln_idx_labels found;
    enum cln_status status = cln_idx_read_labels(&found, half->paths[CLN_ROLE_LABELS]);
    if (status == CLN_OK && found.count != half->count)
        status = cln_fail(CLN_INVALID, "%s: byte 4: %zu labels for %zu images", half->paths[CLN_ROLE_LABELS],
                          found.count, half->count);
    half->labels_at = found.at;
    half->label_bytes = found.step;
    for (size_t i = 0; i < found.count && status == CLN_OK; i++) {
        if (half->oddity->first_label > 0 && found.labels[i] < half->oddity->first_label)
            status = cln_fail(CLN_INVALID, "%s: byte %zu: label %d: those of %s… count from %d",
                              half->paths[CLN_ROLE_LABELS], found.at + i * found.step, found.labels[i],
                              half->oddity->prefix, half->oddity->first_label);
        found.labels[i] -= half->oddity->first_label;
    }
    if (status != CLN_OK)
        free(found.labels);
    *labels = status == CLN_OK ? found.labels : NULL;
    return status;
}

static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    struct half *half = state;
    const struct cln_shape shape = half->shape;
    const enum cln_status status = cln_idx_read(&half->images, &pixels->bytes);
    if (status != CLN_OK || !half->oddity->is_transposed ||
        cln_elements_transpose(pixels->bytes, half->count * (size_t)shape.channels, (size_t)shape.height,
                               (size_t)shape.width, cln_pixel_bytes(half->type)))
        return status;
    free(pixels->bytes);
    pixels->bytes = NULL;
    return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to turn the pictures", half->paths[CLN_ROLE_IMAGES]);
}

static void locate_label(char place[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s: byte %zu", half->paths[CLN_ROLE_LABELS],
             half->labels_at + index * half->label_bytes);
}

static void locate_shape(char place[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s: byte %d", half->paths[CLN_ROLE_IMAGES], CLN_IDX_SHAPE_AT);
}

const struct cln_data_format cln_idx_format = {
    .kind = "IDX files",
    .contents = CONTENTS,
    .probe = probe,
    .each_file = each_file,
    .open = open_half,
    .read_labels = read_labels,
    .read_pixels = read_pixels,
    .locate_label = locate_label,
    .locate_shape = locate_shape,
    .close = close_half,
};
