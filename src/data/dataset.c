/* A data set's two halves, read from a folder or generated, and checked against each other. */
#include "clenet/dataset.h"

#include <nettle/base16.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clenet/text.h"
#include "src/data/format.h"
#include "src/data/images.h"
#include "src/data/known_sets.h"
#include "src/data/synthetic.h"

enum { SYNTHETIC_COUNT = 6000, SYNTHETIC_LIMIT = 1 << 22 };

static int largest_label(const struct cln_images *images) {
    int largest = 0;
    for (size_t i = 0; i < images->count; i++)
        largest = images->labels[i] > largest ? images->labels[i] : largest;
    return largest;
}

/* `set` NULL: a folder of the user's own, whose classes are those that its labels name. A network may know fewer, or
 * more: the trainer judges. */
static enum cln_status read_folder(struct cln_dataset *dataset, const char *folder,
                                   const struct cln_data_format *format, const struct cln_known_set *set) {
    struct cln_images *train = &dataset->train, *test = &dataset->test;
    enum cln_status status = cln_images_open(train, format, folder, CLN_HALF_TRAIN);
    if (status == CLN_OK)
        status = cln_images_open(test, format, folder, CLN_HALF_TEST);
    if (status == CLN_OK)
        status = cln_images_check_shape(test, train->shape);
    if (status != CLN_OK)
        return status;
    const int largest = largest_label(train) > largest_label(test) ? largest_label(train) : largest_label(test);
    dataset->class_count = set ? set->class_count : largest + 1;
    dataset->class_names = set ? set->class_names : NULL;
    status = cln_images_check_labels(train, "training", dataset->class_count, "data set", dataset->name);
    if (status == CLN_OK)
        status = cln_images_check_labels(test, "test", dataset->class_count, "data set", dataset->name);
    return status;
}

static enum cln_status load_known(struct cln_dataset *dataset, const struct cln_known_set *set, bool offline) {
    char folder[CLN_PATH_BYTES];
    snprintf(dataset->name, sizeof(dataset->name), "%s", set->name);
    enum cln_status status = cln_known_set_locate(folder, set, offline);
    return status == CLN_OK ? read_folder(dataset, folder, set->format, set) : status;
}

/* "synthetic" or "synthetic:COUNT"; `count` is what follows the colon, or NULL. */
static enum cln_status load_synthetic(struct cln_dataset *dataset, const char *count, uint64_t seed) {
    char *end = NULL;
    unsigned long images = SYNTHETIC_COUNT;
    if (count) {
        images = strtoul(count, &end, 10);
        if (count[0] < '0' || count[0] > '9' || *end || images < 1 || images > SYNTHETIC_LIMIT)
            return cln_fail(CLN_INVALID, "data set synthetic:%s: the number of training images must be from 1 to %d",
                            count, SYNTHETIC_LIMIT);
    }
    snprintf(dataset->name, sizeof(dataset->name), "synthetic");
    return cln_synthetic_fill(dataset, images, seed);
}

/* The folder's own name stands for the data set. */
static enum cln_status load_folder(struct cln_dataset *dataset, const char *folder) {
    struct stat info;
    if (stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
        char known[256] = "";
        const struct cln_known_set *set;
        for (size_t i = 0; (set = cln_known_set_at(i)); i++)
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s, ", set->name);
        return cln_fail(CLN_NOT_FOUND, "data set \"%s\": no such folder; known by name: %ssynthetic, synthetic:COUNT",
                        folder, known);
    }
    size_t length = strlen(folder), start;
    while (length > 1 && folder[length - 1] == '/')
        length--;
    for (start = length; start > 0 && folder[start - 1] != '/';)
        start--;
    char *name = strndup(folder + start, length - start);
    if (!name)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name of a data set");
    cln_text_format(dataset->name, sizeof dataset->name, "%s", name); /* as much of it as there is room for */
    free(name);
    const struct cln_data_format *format;
    enum cln_status status = cln_data_format_find(&format, folder);
    return status == CLN_OK ? read_folder(dataset, folder, format, NULL) : status;
}

static enum cln_status load(struct cln_dataset *dataset, const struct cln_dataset_params *params) {
    static const char synthetic[] = "synthetic";
    const size_t length = sizeof(synthetic) - 1;
    const char *name = params->name ? params->name : "fashion-mnist";
    const struct cln_known_set *set = cln_known_set_find(name);
    if (set)
        return load_known(dataset, set, params->offline);
    if (strncmp(name, synthetic, length) == 0 && (name[length] == '\0' || name[length] == ':'))
        return load_synthetic(dataset, name[length] ? name + length + 1 : NULL, params->seed);
    return load_folder(dataset, name);
}

enum cln_status cln_dataset_open(struct cln_dataset **out, const struct cln_dataset_params *params) {
    *out = NULL;
    struct cln_dataset *dataset = calloc(1, sizeof(*dataset));
    if (!dataset)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a data set");
    enum cln_status status = load(dataset, params);
    if (status != CLN_OK) {
        /* A file that is damaged explains why nothing fits. */
        enum cln_status damaged = cln_dataset_wait(dataset);
        status = damaged != CLN_OK ? damaged : status;
        cln_dataset_destroy(&dataset);
    }
    *out = dataset;
    return status;
}

enum cln_status cln_dataset_wait(struct cln_dataset *dataset) {
    enum cln_status status = cln_images_wait(&dataset->train);
    return status == CLN_OK ? cln_images_wait(&dataset->test) : status;
}

enum cln_status cln_dataset_load(struct cln_dataset **out, const struct cln_dataset_params *params) {
    enum cln_status status = cln_dataset_open(out, params);
    if (status == CLN_OK)
        status = cln_dataset_wait(*out);
    if (status != CLN_OK)
        cln_dataset_destroy(out);
    return status;
}

void cln_dataset_measure_digest(struct cln_dataset *dataset) {
    const struct cln_images *train = &dataset->train;
    struct sha256_ctx context;
    uint8_t sum[SHA256_DIGEST_SIZE];
    if (dataset->digest[0] || !train->pixels)
        return;
    sha256_init(&context);
    sha256_update(&context, train->count * cln_shape_count(train->shape), train->pixels);
    sha256_update(&context, train->count, train->labels);
    sha256_digest(&context, sizeof sum, sum);
    base16_encode_update(dataset->digest, sizeof sum, sum);
}

void cln_dataset_release_pixels(struct cln_dataset *dataset) {
    cln_images_keep(&dataset->train, 0);
    cln_images_keep(&dataset->test, 0);
}

void cln_dataset_destroy(struct cln_dataset **dataset) {
    if (!dataset || !*dataset)
        return;
    cln_images_free(&(*dataset)->train);
    cln_images_free(&(*dataset)->test);
    free(*dataset);
    *dataset = NULL;
}
