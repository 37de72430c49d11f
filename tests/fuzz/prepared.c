/* Reading prepared data sets: what is accepted has labels of its classes and pixels that are there, and is the same
 * when written and read again. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/images.h"
#include "tests/fuzz/support.h"

static struct cln_dataset *load(const char *path) {
    struct cln_dataset *data = NULL;
    fuzz_begin();
    /* Any other format is told from its files' names: a path of one file can be of this one alone, or of none. */
    if (cln_prepared_format.probe(path) == CLN_FOUND_NONE)
        return NULL;
    const enum cln_status status = cln_dataset_load(&data, &(struct cln_dataset_params){.name = path});
    return fuzz_end(status, data) ? data : NULL;
}

static void require_images(const struct cln_images *images, int classes) {
    const size_t each = cln_shape_count(images->shape);
    for (size_t i = 0; i < images->count; i++)
        fuzz_require(images->labels[i] >= 0 && images->labels[i] < classes);
    for (size_t i = 0; i < images->count * each; i++)
        fuzz_require(images->type != CLN_PIXEL_U8 || cln_images_value(images, i) <= UINT8_MAX);
}

static bool is_finite(const struct cln_images *images) {
    const size_t count = images->count * cln_shape_count(images->shape);
    for (size_t i = 0; i < count; i++)
        if (!isfinite(cln_images_value(images, i)))
            return false;
    return true;
}

static void require_same(const struct cln_images *a, const struct cln_images *b) {
    fuzz_require(a->count == b->count && a->type == b->type);
    if (a->count == 0)
        return;
    fuzz_require(memcmp(&a->shape, &b->shape, sizeof a->shape) == 0);
    fuzz_require(memcmp(a->labels, b->labels, a->count * sizeof *a->labels) == 0);
    fuzz_require(memcmp(a->pixels, b->pixels, a->count * cln_images_bytes(a)) == 0);
}

static bool run(const uint8_t *bytes, size_t size) {
    struct cln_dataset *data = load(fuzz_file(bytes, size));
    if (!data)
        return false;
    require_images(&data->train, data->class_count);
    require_images(&data->test, data->class_count);
    const bool finite = is_finite(&data->train) && is_finite(&data->test);
    fuzz_require(finite || data->digest[0]);
    const enum cln_status status = cln_dataset_write(data, fuzz_output(), NULL);
    fuzz_require(status == (finite ? CLN_OK : CLN_INVALID));
    if (finite) {
        struct cln_dataset *again = load(fuzz_output());
        fuzz_require(again && again->class_count == data->class_count && strcmp(again->digest, data->digest) == 0);
        fuzz_require(!again->class_names == !data->class_names);
        for (int k = 0; data->class_names && k < data->class_count; k++)
            fuzz_require(strcmp(again->class_names[k], data->class_names[k]) == 0);
        require_same(&again->train, &data->train);
        require_same(&again->test, &data->test);
        cln_dataset_destroy(&again);
    }
    cln_dataset_destroy(&data);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    fuzz_accepted = run(bytes, size);
    uint8_t *mended = fuzz_mend_header(bytes, size);
    if (mended)
        run(mended, size);
    free(mended);
    return 0;
}
