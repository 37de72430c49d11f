/* A data set made from a program's own arrays. */
#include <stdlib.h>
#include <string.h>

#include "clenet/text.h"
#include "src/data/images.h"

enum { SIDE_LIMIT = 1 << 24, SIZE_LIMIT = 1 << 28 }; /* of numbers of an image: what networks may have */

static enum cln_status check(const struct cln_dataset_arrays *arrays) {
    const struct cln_shape s = arrays->shape;
    const struct {
        const char *half;
        const struct cln_array *array;
    } halves[] = {{"training", &arrays->train}, {"test", &arrays->test}};
    if (s.channels < 1 || s.height < 1 || s.width < 1 || s.channels > SIDE_LIMIT || s.height > SIDE_LIMIT ||
        s.width > SIDE_LIMIT || (double)s.channels * s.height * s.width > (double)SIZE_LIMIT)
        return cln_fail(CLN_INVALID, "arrays of images: a shape of %d x %d x %d", s.channels, s.height, s.width);
    if ((unsigned)arrays->type >= CLN_PIXEL_TYPE_COUNT)
        return cln_fail(CLN_INVALID, "arrays of images: unknown type of pixels %d", (int)arrays->type);
    if (arrays->train.count == 0)
        return cln_fail(CLN_INVALID, "arrays of images: none for training");
    for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
        const struct cln_array *array = halves[i].array;
        if (array->count > 0 && (!array->pixels || !array->labels))
            return cln_fail(CLN_INVALID, "arrays of images: %zu %s images without %s", array->count, halves[i].half,
                            array->pixels ? "labels" : "pixels");
        const enum cln_status status = arrays->type == CLN_PIXEL_F32
                                           ? cln_images_check_finite(array->pixels, array->count, s, halves[i].half)
                                           : CLN_OK;
        if (status != CLN_OK)
            return cln_fail_within(status, "arrays of images");
    }
    return CLN_OK;
}

static enum cln_status copy_images(struct cln_images *images, const struct cln_dataset_arrays *arrays,
                                   const struct cln_array *array) {
    *images = (struct cln_images){.count = array->count, .shape = arrays->shape, .type = arrays->type};
    if (array->count == 0)
        return CLN_OK;
    const size_t bytes = cln_images_bytes(images);
    const bool fits = array->count <= SIZE_MAX / bytes;
    images->pixels = fits ? malloc(array->count * bytes) : NULL;
    images->labels = fits ? malloc(array->count * sizeof *images->labels) : NULL;
    if (!images->pixels || !images->labels)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu images", array->count);
    memcpy(images->pixels, array->pixels, array->count * bytes);
    memcpy(images->labels, array->labels, array->count * sizeof *images->labels);
    return CLN_OK;
}

static enum cln_status copy_names(struct cln_dataset *dataset, const char *const *names) {
    const size_t count = (size_t)dataset->class_count;
    dataset->own_names = names ? calloc(count + 1, sizeof *dataset->own_names) : NULL;
    if (!names)
        return CLN_OK;
    for (size_t i = 0; dataset->own_names && i < count; i++)
        if (!(dataset->own_names[i] = strdup(names[i])))
            return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of %zu classes", count);
    dataset->class_names = (const char *const *)dataset->own_names;
    return dataset->own_names ? CLN_OK : cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of %zu classes", count);
}

static enum cln_status fill(struct cln_dataset *dataset, const struct cln_dataset_arrays *arrays) {
    cln_text_format(dataset->name, sizeof dataset->name, "%s", arrays->name ? arrays->name : "arrays");
    enum cln_status status = copy_images(&dataset->train, arrays, &arrays->train);
    if (status == CLN_OK)
        status = copy_images(&dataset->test, arrays, &arrays->test);
    if (status != CLN_OK)
        return status;
    dataset->class_count =
        arrays->class_count > 0 ? arrays->class_count : cln_images_classes(&dataset->train, &dataset->test);
    status = cln_images_check_labels(&dataset->train, "training", dataset->class_count, "data set", dataset->name);
    if (status == CLN_OK)
        status = cln_images_check_labels(&dataset->test, "test", dataset->class_count, "data set", dataset->name);
    return status == CLN_OK ? copy_names(dataset, arrays->class_names) : status;
}

enum cln_status cln_dataset_create(struct cln_dataset **out, const struct cln_dataset_arrays *arrays) {
    *out = NULL;
    enum cln_status status = check(arrays);
    if (status != CLN_OK)
        return status;
    struct cln_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a data set");
    status = fill(dataset, arrays);
    if (status != CLN_OK)
        cln_dataset_destroy(&dataset);
    *out = dataset;
    return status;
}
