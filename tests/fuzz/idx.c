/* Reading IDX files, as images and as labels: what is accepted has at least the bytes that its header announces. Of
 * unsigned bytes, it is read alike when it is written as a plain file. */
#include "src/data/idx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

/* What a file of unsigned bytes holds; bytes is NULL where it was refused, or has other elements. */
struct content {
    unsigned rank;
    uint32_t sizes[4];
    uint8_t *bytes;
    size_t size;
    bool is_accepted;
};

static struct content read_images(const char *path) {
    struct content content = {.rank = 4};
    struct cln_idx *file = NULL;
    struct cln_shape shape;
    enum cln_pixel_type type;
    void *pixels = NULL;
    size_t count;
    fuzz_begin();
    enum cln_status status = cln_idx_open_images(&file, path, &count, &shape, &type);
    fuzz_require((file != NULL) == (status == CLN_OK));
    if (status == CLN_OK)
        status = cln_idx_read(&file, &pixels);
    fuzz_require(!file);
    content.is_accepted = fuzz_end(status, pixels);
    if (!content.is_accepted)
        return content;
    const size_t total = count * cln_shape_count(shape);
    for (size_t i = 0; i < total && type == CLN_PIXEL_F32; i++)
        fuzz_require(isfinite(((const float *)pixels)[i]));
    if (type != CLN_PIXEL_U8) {
        free(pixels);
        return content;
    }
    const int sizes[] = {(int)count, shape.channels, shape.height, shape.width};
    for (size_t i = 0; i < 4; i++)
        content.sizes[i] = (uint32_t)sizes[i];
    content.bytes = pixels;
    content.size = total;
    return content;
}

static struct content read_labels(const char *path) {
    struct content content = {.rank = 1};
    struct cln_idx_labels found;
    fuzz_begin();
    enum cln_status status = cln_idx_read_labels(&found, path);
    content.is_accepted = fuzz_end(status, found.labels);
    if (content.is_accepted && found.step == 1) {
        content.sizes[0] = (uint32_t)found.count;
        content.size = found.count;
        content.bytes = malloc(content.size);
        fuzz_require(content.bytes);
        for (size_t i = 0; i < content.size; i++)
            content.bytes[i] = (uint8_t)found.labels[i];
    }
    free(found.labels);
    return content;
}

/* The same as a plain file. */
static uint8_t *write_plain(const struct content *content, size_t *size) {
    *size = 4 + 4 * content->rank + content->size;
    uint8_t *file = malloc(*size), *at = file;
    fuzz_require(file);
    for (unsigned i = 0; i <= content->rank; i++) {
        const uint32_t word = i == 0 ? 0x0800 | content->rank : content->sizes[i - 1];
        for (int shift = 24; shift >= 0; shift -= 8)
            *at++ = (uint8_t)(word >> shift);
    }
    memcpy(at, content->bytes, content->size);
    return file;
}

/* `path` has the input; it is written over where it was accepted. */
static bool run(const char *path, struct content (*read)(const char *path)) {
    struct content content = read(path);
    if (!content.bytes)
        return content.is_accepted;
    size_t plain_size;
    uint8_t *plain = write_plain(&content, &plain_size);
    struct content again = read(fuzz_file(plain, plain_size));
    fuzz_require(again.bytes && again.size == content.size);
    fuzz_require(memcmp(again.sizes, content.sizes, sizeof(again.sizes)) == 0);
    /* Labels of signed bytes come back as unsigned ones of the same bits. */
    fuzz_require(memcmp(again.bytes, content.bytes, content.size) == 0);
    free(plain);
    free(content.bytes);
    free(again.bytes);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    fuzz_accepted = run(path, read_images) || run(path, read_labels);
    return 0;
}
