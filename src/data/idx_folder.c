/* The data format IDX: a folder of four IDX files under MNIST's names. */
#include <stdio.h>
#include <stdlib.h>

#include "src/data/format.h"
#include "src/data/idx.h"

/* Two files for each half. */
enum { IMAGES, LABELS, FILES_OF_HALF };

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES "t10k-images-idx3-ubyte"
#define TEST_LABELS "t10k-labels-idx1-ubyte"

static const char *const names[] = {
    [FILES_OF_HALF * CLN_HALF_TRAIN + IMAGES] = TRAIN_IMAGES,
    [FILES_OF_HALF * CLN_HALF_TRAIN + LABELS] = TRAIN_LABELS,
    [FILES_OF_HALF * CLN_HALF_TEST + IMAGES] = TEST_IMAGES,
    [FILES_OF_HALF * CLN_HALF_TEST + LABELS] = TEST_LABELS,
};
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static const char contents[] = "four IDX files of grey images and labels, each plain or .gz, " TRAIN_IMAGES
                               ", " TRAIN_LABELS ", " TEST_IMAGES " and " TEST_LABELS;

struct half {
    struct cln_idx *images; /* NULL once the pixels are read */
    size_t count;
    char paths[FILES_OF_HALF][CLN_PATH_BYTES];
};

static enum cln_found probe(const char *folder) {
    return cln_folder_probe(folder, names, NAME_COUNT);
}

static void each_file(cln_tell_path *tell, void *user, const char *folder) {
    cln_folder_each_file(tell, user, folder, names, NAME_COUNT);
}

static void close_half(void *state) {
    struct half *half = state;
    cln_idx_close(&half->images);
    free(half);
}

static enum cln_status open_half(void **out, size_t *count, struct cln_shape *shape, const char *folder,
                                 enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    *out = NULL;
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", folder);
    enum cln_status status = CLN_OK;
    for (int file = 0; file < FILES_OF_HALF && status == CLN_OK; file++)
        status = cln_folder_find(half->paths[file], folder, names[FILES_OF_HALF * (int)which + file], contents);
    if (status == CLN_OK)
        status = cln_idx_open_images(&half->images, half->paths[IMAGES], count, shape);
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    half->count = *count;
    *out = half;
    return CLN_OK;
}

static enum cln_status read_labels(uint8_t **labels, void *state) {
    const struct half *half = state;
    size_t count;
    enum cln_status status = cln_idx_read_labels(half->paths[LABELS], labels, &count);
    if (status != CLN_OK || count == half->count)
        return status;
    free(*labels);
    *labels = NULL;
    return cln_fail(CLN_INVALID, "%s: byte 4: %zu labels for %zu images", half->paths[LABELS], count, half->count);
}

static enum cln_status read_pixels(uint8_t **pixels, void *state) {
    struct half *half = state;
    return cln_idx_read(&half->images, pixels);
}

static void locate_label(char place[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s: byte %zu", half->paths[LABELS], CLN_IDX_LABELS_AT + index);
}

static void locate_shape(char place[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s: byte %d", half->paths[IMAGES], CLN_IDX_SHAPE_AT);
}

const struct cln_data_format cln_idx_format = {
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
