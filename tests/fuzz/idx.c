/* Reading IDX files, as images and as labels: what is accepted has at least the bytes that its header
 * announces, and plain and gzipped it is read alike. */
#include "src/data/idx.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

/* What a file holds: sizes[0] images or labels; bytes is NULL where it was refused. */
struct content {
    uint32_t sizes[3];
    uint8_t *bytes;
    size_t size;
};

static struct content read_images(const char *path) {
    struct content content = {0};
    struct cln_idx *file = NULL;
    struct cln_shape shape;
    size_t count;
    fuzz_begin();
    enum cln_status status = cln_idx_open_images(&file, path, &count, &shape);
    fuzz_require((file != NULL) == (status == CLN_OK));
    if (status == CLN_OK)
        status = cln_idx_read(&file, &content.bytes);
    fuzz_require(!file);
    if (!fuzz_end(status, content.bytes))
        return content;
    fuzz_require(shape.channels == 1);
    content.sizes[0] = (uint32_t)count;
    content.sizes[1] = (uint32_t)shape.height;
    content.sizes[2] = (uint32_t)shape.width;
    content.size = count * cln_shape_count(shape);
    return content;
}

static struct content read_labels(const char *path) {
    struct content content = {0};
    fuzz_begin();
    enum cln_status status = cln_idx_read_labels(path, &content.bytes, &content.size);
    if (fuzz_end(status, content.bytes))
        content.sizes[0] = (uint32_t)content.size;
    return content;
}

/* The same as a plain file. */
static uint8_t *write_plain(const struct content *content, unsigned rank, size_t *size) {
    *size = 4 + 4 * rank + content->size;
    uint8_t *file = malloc(*size), *at = file;
    fuzz_require(file);
    for (unsigned i = 0; i <= rank; i++) {
        const uint32_t word = i == 0 ? 0x0800 | rank : content->sizes[i - 1];
        for (int shift = 24; shift >= 0; shift -= 8)
            *at++ = (uint8_t)(word >> shift);
    }
    memcpy(at, content->bytes, content->size);
    return file;
}

/* `path` has the input; it is written over where it was accepted. */
static bool run(const char *path, const uint8_t *bytes, size_t size, unsigned rank,
                struct content (*read)(const char *path)) {
    struct content content = read(path);
    if (!content.bytes)
        return false;
    size_t plain_size;
    uint8_t *plain = write_plain(&content, rank, &plain_size);
    if (size < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b)
        fuzz_require(plain_size <= size && memcmp(plain, bytes, plain_size) == 0);
    struct content again = read(fuzz_file(plain, plain_size));
    fuzz_require(again.bytes && again.size == content.size);
    fuzz_require(memcmp(again.sizes, content.sizes, sizeof(again.sizes)) == 0);
    fuzz_require(memcmp(again.bytes, content.bytes, content.size) == 0);
    free(plain);
    free(content.bytes);
    free(again.bytes);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *path = fuzz_file(bytes, size);
    fuzz_accepted = run(path, bytes, size, 3, read_images) || run(path, bytes, size, 1, read_labels);
    return 0;
}
