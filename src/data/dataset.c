/* A data set's two halves, read from files or generated, and checked against each other. */
#include "clenet/dataset.h"

#include <errno.h>
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

/* Test images that were drawn from those for training, while their pixels are still being read. */
struct cln_holdout {
    struct cln_split split;
};

enum { SYNTHETIC_COUNT = 6000, SYNTHETIC_LIMIT = 1 << 22 };

/* The classes are those of the known set, or of the files, or those that labels name. A network may know fewer, or
 * more: the trainer judges. */
static enum cln_status find_classes(struct cln_dataset *dataset, const struct cln_opened *opened,
                                    const struct cln_known_set *set) {
    const bool is_known = set && set->class_count > 0;
    dataset->class_count = is_known                  ? set->class_count
                           : opened->class_count > 0 ? opened->class_count
                                                     : cln_images_classes(&dataset->train, &dataset->test);
    dataset->class_names = is_known ? set->class_names : opened->class_names;
    enum cln_status status =
        cln_images_check_labels(&dataset->train, "training", dataset->class_count, "data set", dataset->name);
    if (status == CLN_OK)
        status = cln_images_check_labels(&dataset->test, "test", dataset->class_count, "data set", dataset->name);
    return status;
}

static void free_holdout(struct cln_dataset *dataset) {
    if (dataset->holdout)
        cln_split_free(&dataset->holdout->split);
    free(dataset->holdout);
    dataset->holdout = NULL;
}

static const char no_pictures[] = "its images are not read from PNG or JPEG files, and stay as they are";

static const struct {
    unsigned asked;
    const char *option, *reason;
} asked_for[] = {
    {CLN_ASKED_SIZE, "size", no_pictures},
    {CLN_ASKED_FIT, "fit", no_pictures},
    {CLN_ASKED_CHANNELS, "channels", no_pictures},
    {CLN_ASKED_GROUND, "ground", no_pictures},
    {CLN_ASKED_SKIP_DAMAGED, "skip-damaged", no_pictures},
    {CLN_ASKED_LABEL, "label", "this data set has no choice of labels"},
};

/* Whether everything that was asked for has an effect. */
static enum cln_status check_uses(const struct cln_dataset_params *params, const char *name, unsigned uses) {
    for (size_t i = 0; i < sizeof asked_for / sizeof *asked_for; i++)
        if (params->asked & ~uses & asked_for[i].asked)
            return cln_fail(CLN_INVALID, "%s: --%s has no effect: %s", name, asked_for[i].option, asked_for[i].reason);
    return CLN_OK;
}

static enum cln_status fail_share(const char *name) {
    return cln_fail(CLN_INVALID, "%s: the data set has test images of its own: none are to be set aside (--test)",
                    name);
}

/* Sets test images aside, without their pixels. */
static enum cln_status hold_out(struct cln_dataset *dataset, double share) {
    struct cln_holdout *holdout = calloc(1, sizeof *holdout);
    if (!holdout)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to set test images aside");
    dataset->holdout = holdout;
    enum cln_status status = cln_split_draw_test(&holdout->split, dataset, share);
    if (status == CLN_OK)
        status = cln_images_part(&dataset->train, &dataset->test, &holdout->split);
    if (status != CLN_OK)
        free_holdout(dataset); /* there are no pixels to set aside */
    return status;
}

/* `set`: the known set that this is, or NULL. */
static enum cln_status read_files(struct cln_dataset *dataset, const struct cln_source *source,
                                  const struct cln_data_format *format, const struct cln_known_set *set) {
    struct cln_images *train = &dataset->train, *test = &dataset->test;
    struct cln_opened opened, of_test;
    const double share = source->params->test;
    enum cln_status status = cln_images_open(train, &opened, format, source, CLN_HALF_TRAIN);
    if (status == CLN_OK)
        status = check_uses(source->params, source->path, opened.uses);
    if (status == CLN_OK)
        status = cln_images_open(test, &of_test, format, source, CLN_HALF_TEST);
    if (status == CLN_OK && opened.name)
        cln_text_format(dataset->name, sizeof dataset->name, "%s", opened.name);
    if (status == CLN_OK && (opened.uses & CLN_ASKED_LABEL) && source->params->label)
        snprintf(dataset->label, sizeof dataset->label, "%s", source->params->label);
    if (status == CLN_OK && (opened.uses & CLN_ASKED_FIT)) {
        dataset->fit = source->params->fit;
        dataset->ground = source->params->ground;
    } else if (status == CLN_OK && opened.made) {
        dataset->fit = opened.made->fit;
        dataset->ground = opened.made->ground;
    }
    if (status == CLN_OK && test->count > 0)
        status = cln_images_check_shape(test, train);
    if (status == CLN_OK)
        status = find_classes(dataset, &opened, set);
    if (status == CLN_OK && opened.digest && !(share > 0))
        snprintf(dataset->digest, sizeof dataset->digest, "%s", opened.digest);
    if (status != CLN_OK || !(share > 0))
        return status;
    if (test->count > 0)
        return fail_share(source->path);
    cln_images_free(test);
    return hold_out(dataset, share);
}

static enum cln_status load_known(struct cln_dataset *dataset, const struct cln_known_set *set,
                                  const struct cln_dataset_params *params) {
    char path[CLN_PATH_BYTES];
    snprintf(dataset->name, sizeof(dataset->name), "%s", set->name);
    enum cln_status status = cln_known_set_locate(path, set, params->offline);
    return status == CLN_OK ? read_files(dataset, &(struct cln_source){path, params}, set->format, set) : status;
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

static enum cln_status fail_absent(const char *path) {
    char known[256] = "";
    const struct cln_known_set *set;
    for (size_t i = 0; (set = cln_known_set_at(i)); i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s, ", set->name);
    return cln_fail(CLN_NOT_FOUND,
                    "data set \"%s\": no such folder or file; known by name: %ssynthetic, synthetic:COUNT", path,
                    known);
}

/* The folder's or file's own name stands for the data set. */
static enum cln_status load_path(struct cln_dataset *dataset, const char *path,
                                 const struct cln_dataset_params *params) {
    struct stat info;
    const int reason = stat(path, &info) == 0 ? 0 : errno;
    if (reason == ENOENT || reason == ENOTDIR)
        return fail_absent(path);
    if (reason != 0)
        return cln_fail(CLN_IO, "data set \"%s\": %s", path, strerror(reason));
    if (!(S_ISDIR(info.st_mode) || S_ISREG(info.st_mode)))
        return cln_fail(CLN_INVALID, "%s is a pipe, a socket or a device: a data set is a folder or a file", path);
    size_t length = strlen(path), start;
    while (length > 1 && path[length - 1] == '/')
        length--;
    for (start = length; start > 0 && path[start - 1] != '/';)
        start--;
    char *name = strndup(path + start, length - start);
    if (!name)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the name of a data set");
    cln_text_format(dataset->name, sizeof dataset->name, "%s", name); /* as much of it as there is room for */
    free(name);
    const struct cln_data_format *format;
    enum cln_status status = cln_data_format_find(&format, path);
    return status == CLN_OK ? read_files(dataset, &(struct cln_source){path, params}, format, NULL) : status;
}

static enum cln_status load(struct cln_dataset *dataset, const struct cln_dataset_params *params) {
    static const char synthetic[] = "synthetic";
    const size_t length = sizeof(synthetic) - 1;
    const char *name = params->name ? params->name : "fashion-mnist";
    const struct cln_known_set *set = cln_known_set_find(name);
    if (params->label && strlen(params->label) >= sizeof dataset->label)
        return cln_fail(CLN_INVALID, "--label: a name of more than %zu bytes, clenet's limit",
                        sizeof dataset->label - 1);
    if (set)
        return load_known(dataset, set, params);
    if (strncmp(name, synthetic, length) == 0 && (name[length] == '\0' || name[length] == ':'))
        return params->test > 0 ? fail_share(name)
               : check_uses(params, name, 0) != CLN_OK
                   ? CLN_INVALID
                   : load_synthetic(dataset, name[length] ? name + length + 1 : NULL, params->seed);
    return load_path(dataset, name, params);
}

enum cln_status cln_dataset_open(struct cln_dataset **out, const struct cln_dataset_params *params) {
    *out = NULL;
    struct cln_dataset *dataset = calloc(1, sizeof(*dataset));
    if (!dataset)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a data set");
    dataset->test_share = params->test;
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
    if (status == CLN_OK && dataset->holdout)
        status = cln_images_part_pixels(&dataset->train, &dataset->test, &dataset->holdout->split);
    if (status == CLN_OK)
        free_holdout(dataset);
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

void cln_dataset_reshape(struct cln_dataset *dataset, struct cln_shape shape) {
    const struct cln_shape old = dataset->train.shape;
    const bool is_vector = (old.height == 1 && old.width == 1) || (shape.height == 1 && shape.width == 1);
    if (is_vector && cln_shape_count(old) == cln_shape_count(shape))
        dataset->train.shape = dataset->test.shape = shape;
}

void cln_dataset_measure_digest(struct cln_dataset *dataset) {
    const struct cln_images *train = &dataset->train;
    struct sha256_ctx context;
    uint8_t sum[SHA256_DIGEST_SIZE];
    if (dataset->digest[0] || !train->pixels)
        return;
    sha256_init(&context);
    sha256_update(&context, train->count * cln_images_bytes(train), train->pixels);
    for (size_t i = 0; i < train->count; i++) {
        const uint32_t label = (uint32_t)train->labels[i];
        const uint8_t bytes[] = {(uint8_t)label, (uint8_t)(label >> 8), (uint8_t)(label >> 16), (uint8_t)(label >> 24)};
        sha256_update(&context, dataset->class_count <= 256 ? 1 : sizeof bytes, bytes);
    }
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
    cln_images_stop(&(*dataset)->train); /* the other may wait for the processors that it has */
    cln_images_stop(&(*dataset)->test);
    cln_images_free(&(*dataset)->test); /* it may borrow the files of the other */
    cln_images_free(&(*dataset)->train);
    free_holdout(*dataset);
    for (size_t i = 0; (*dataset)->own_names && (*dataset)->own_names[i]; i++)
        free((*dataset)->own_names[i]);
    free((*dataset)->own_names);
    free(*dataset);
    *dataset = NULL;
}
