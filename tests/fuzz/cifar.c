/* Reading CIFAR-100's files: the input is the names of the classes, a byte of 0, and the records. What is accepted has
 * records of whole pictures, and as many names as classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/data/format.h"
#include "tests/fuzz/support.h"

enum { RECORD_BYTES = 2 + 3072, PATH_BYTES = 512 };

/* In the folder where fuzz_output() is; good until the next call. */
static const char *path_of(const char *name) {
    static char path[PATH_BYTES];
    const char *beside = fuzz_output();
    const int folder = (int)(strrchr(beside, '/') - beside);
    fuzz_require(snprintf(path, sizeof path, "%.*s/%s", folder, beside, name) < PATH_BYTES);
    return path;
}

static void write_file(const char *name, const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path_of(name), "wb");
    fuzz_require(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* The labels and pixels of what was opened are those of the records. */
static enum cln_status read_half(const struct cln_opened *opened, const uint8_t *records) {
    struct cln_block pixels = {.bytes = NULL};
    int32_t *labels = NULL;
    fuzz_require(cln_cifar_format.read_labels(&labels, opened->state) == CLN_OK);
    const enum cln_status status = cln_cifar_format.read_pixels(&pixels, opened->state);
    for (size_t i = 0; i < opened->count && status == CLN_OK; i++) {
        fuzz_require(labels[i] == records[i * RECORD_BYTES + 1]);
        fuzz_require(memcmp((uint8_t *)pixels.bytes + i * 3072, records + i * RECORD_BYTES + 2, 3072) == 0);
    }
    free(labels);
    free(pixels.bytes);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *const files[] = {"fine_label_names.txt", "train.bin", "test.bin"};
    const uint8_t *end = memchr(bytes, 0, size);
    const size_t names = end ? (size_t)(end - bytes) : size, rest = end ? size - names - 1 : 0;
    write_file(files[0], bytes, names);
    for (int i = 1; i < 3; i++)
        write_file(files[i], bytes + size - rest, rest);
    struct cln_opened opened = {.state = NULL};
    fuzz_begin();
    enum cln_status status =
        cln_cifar_format.open(&opened, &(struct cln_source){.path = path_of("train.bin")}, CLN_HALF_TRAIN);
    fuzz_require((opened.state != NULL) == (status == CLN_OK));
    if (status == CLN_OK) {
        fuzz_require(opened.count * RECORD_BYTES == rest && opened.class_count == 100);
        for (int i = 0; i < opened.class_count; i++)
            fuzz_require(opened.class_names[i][0]);
        status = read_half(&opened, bytes + size - rest);
        cln_cifar_format.close(opened.state);
    }
    fuzz_accepted = fuzz_end(status, status == CLN_OK);
    for (int i = 0; i < 3; i++)
        fuzz_require(remove(path_of(files[i])) == 0);
    return 0;
}
