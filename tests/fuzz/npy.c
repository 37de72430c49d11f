/* Reading .npy files: what is accepted has the elements that its header announces, and those that can be pixels are
 * finite. */
#include "src/data/npy.h"

#include <math.h>
#include <stdlib.h>

#include "tests/fuzz/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    struct cln_input *input;
    struct cln_npy npy = {.input = NULL};
    enum cln_pixel_type type;
    void *elements = NULL;
    fuzz_begin();
    enum cln_status status = cln_input_open(&input, path);
    fuzz_require(status == CLN_OK);
    status = cln_npy_open(&npy, input);
    fuzz_require((npy.input != NULL) == (status == CLN_OK));
    if (status == CLN_OK)
        status = cln_npy_read(&npy, &elements);
    fuzz_accepted = fuzz_end(status, elements);
    cln_npy_close(&npy);
    if (!fuzz_accepted)
        return 0;
    uint64_t total = 1;
    fuzz_require(npy.rank >= 1 && npy.rank <= CLN_NPY_RANK_LIMIT);
    for (unsigned i = 0; i < npy.rank; i++)
        total *= npy.sizes[i];
    fuzz_require(total == npy.total && total > 0);
    int32_t *labels = malloc(total * sizeof *labels);
    fuzz_require(labels && cln_elements_to_labels(labels, elements, total, 1, npy.elements) <= total);
    free(labels);
    if (cln_element_pixels(&type, npy.elements.type)) {
        const size_t good = cln_elements_to_pixels(elements, total, npy.elements);
        fuzz_require(good <= total && (good == total || type == CLN_PIXEL_F32));
        for (size_t i = 0; i < good && type == CLN_PIXEL_F32; i++)
            fuzz_require(isfinite(((const float *)elements)[i]));
    }
    free(elements);
    return 0;
}
