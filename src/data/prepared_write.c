/* Writes prepared data sets: see prepared.h. */
#include <stdio.h>
#include <stdlib.h>

#include "clenet/version.h"
#include "src/base/json_text.h"
#include "src/base/table.h"
#include "src/data/format.h"
#include "src/data/images.h"
#include "src/data/prepared.h"
#include "src/model/picture_words.h"

enum { NAME_BYTES = 32, TENSORS_OF_HALF = 2 };

/* What one half adds to the file. */
struct half {
    char images[NAME_BYTES], labels[NAME_BYTES]; /* names of tensors */
    int64_t *wide;                               /* the labels */
};

/* The classes' names, or their number. */
static json_t *classes_of(const struct cln_dataset *dataset) {
    if (!dataset->class_names)
        return json_integer(dataset->class_count);
    json_t *list = json_array();
    int failed = !list;
    for (int i = 0; i < dataset->class_count; i++)
        failed |= json_array_append_new(list, cln_json_text(dataset->class_names[i]));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

static enum cln_status add_half(struct cln_safetensor *tensors, struct half *half, const struct cln_images *images,
                                enum cln_half which) {
    static const char *const words[] = {[CLN_HALF_TRAIN] = "training", [CLN_HALF_TEST] = "test"};
    CLN_EVERY(words, CLN_HALF_COUNT);
    const struct cln_shape s = images->shape;
    const size_t count = images->count, each = cln_shape_count(s);
    snprintf(half->images, sizeof half->images, CLN_PREPARED_IMAGES, cln_prepared_halves[which]);
    snprintf(half->labels, sizeof half->labels, CLN_PREPARED_LABELS, cln_prepared_halves[which]);
    half->wide = malloc(count * sizeof *half->wide);
    if (!half->wide)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu labels", count);
    for (size_t i = 0; i < count; i++)
        half->wide[i] = images->labels[i];
    tensors[0] = (struct cln_safetensor){.name = half->images,
                                         .dtype = cln_prepared_types[images->type],
                                         .rank = 4,
                                         .dims = {count, (size_t)s.channels, (size_t)s.height, (size_t)s.width},
                                         .count = count * each,
                                         .data = images->pixels};
    tensors[1] = (struct cln_safetensor){
        .name = half->labels, .dtype = CLN_I64, .rank = 1, .dims = {count}, .count = count, .data = half->wide};
    return images->type == CLN_PIXEL_F32 ? cln_images_check_finite(images->pixels, count, s, words[which]) : CLN_OK;
}

enum cln_status cln_dataset_write(struct cln_dataset *dataset, const char *path, const char *made) {
    const struct cln_images *images[CLN_HALF_COUNT] = {&dataset->train, &dataset->test}; /* by enum cln_half */
    struct cln_safetensor tensors[CLN_HALF_COUNT * TENSORS_OF_HALF];
    struct half halves[CLN_HALF_COUNT] = {{.wide = NULL}};
    size_t count = 0;
    enum cln_status status = CLN_OK;
    if (!dataset->train.pixels || (dataset->test.count > 0 && !dataset->test.pixels))
        return cln_fail(CLN_INVALID, "%s: the pixels of data set %s are not in memory", path, dataset->name);
    json_t *classes = classes_of(dataset);
    char *classes_text = cln_json_dump(classes, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!classes_text)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for the header");
    for (int i = 0; i < CLN_HALF_COUNT && status == CLN_OK; i++) {
        if (images[i]->count == 0)
            continue;
        status = add_half(&tensors[count], &halves[i], images[i], (enum cln_half)i);
        count += TENSORS_OF_HALF;
    }
    if (status == CLN_OK) {
        char ground[CLN_GROUND_BYTES];
        cln_ground_write(ground, dataset->ground);
        cln_dataset_measure_digest(dataset);
        const struct cln_safetensors_metadata metadata[] = {{"clenet", CLENET_VERSION},
                                                            {CLN_PREPARED_NAME, dataset->name},
                                                            {CLN_PREPARED_CLASSES, classes_text},
                                                            {CLN_PREPARED_DIGEST, dataset->digest},
                                                            {CLN_PREPARED_FIT, cln_fit_words[dataset->fit]},
                                                            {CLN_PREPARED_GROUND, ground},
                                                            {CLN_PREPARED_MADE, made}};
        const size_t metadata_count = sizeof metadata / sizeof *metadata - (made ? 0 : 1);
        status = cln_safetensors_write(path, tensors, count, metadata, metadata_count);
    }
    for (int i = 0; i < CLN_HALF_COUNT; i++)
        free(halves[i].wide);
    free(classes_text);
    json_decref(classes);
    return status;
}
