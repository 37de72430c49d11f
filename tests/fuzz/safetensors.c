/* Reading safetensors files: what is accepted holds only what lies in the file, and is the same when written and read
 * again. */
#include "src/base/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/support.h"

static void require_same(const struct cln_safetensors *a, const struct cln_safetensors *b) {
    fuzz_require(a->tensor_count == b->tensor_count && a->metadata_count == b->metadata_count);
    for (size_t i = 0; i < a->tensor_count; i++) {
        const struct cln_safetensor *x = &a->tensors[i], *y = &b->tensors[i];
        fuzz_require(strcmp(x->name, y->name) == 0 && cln_safetensors_find(a, x->name) == x);
        fuzz_require(x->dtype == y->dtype && x->rank == y->rank && x->count == y->count);
        fuzz_require(memcmp(x->dims, y->dims, sizeof(x->dims)) == 0);
        fuzz_require(memcmp(x->data, y->data, x->count * cln_dtype_bytes(x->dtype)) == 0);
    }
    for (size_t i = 0; i < a->metadata_count; i++) {
        const struct cln_safetensors_metadata *x = &a->metadata[i], *y = &b->metadata[i];
        fuzz_require(strcmp(x->key, y->key) == 0 && strcmp(x->value, y->value) == 0);
        fuzz_require(cln_safetensors_metadata(a, x->key) == x->value);
    }
}

/* Of the length, the header and all tensors: each byte of the file belongs to one of them. */
static size_t total_bytes(const struct cln_safetensors *file, const uint8_t *bytes) {
    size_t total = 8;
    for (int i = 0; i < 8; i++)
        total += (size_t)bytes[i] << 8 * i;
    for (size_t i = 0; i < file->tensor_count; i++)
        total += file->tensors[i].count * cln_dtype_bytes(file->tensors[i].dtype);
    return total;
}

/* The header alone tells the same, and where the numbers are. */
static void require_described(const struct cln_safetensors *file, const uint8_t *bytes, size_t size) {
    struct cln_safetensors *described = NULL;
    const enum cln_status status = cln_safetensors_describe(&described, fuzz_file(bytes, size));
    fuzz_require(status == CLN_OK && described->tensor_count == file->tensor_count);
    for (size_t i = 0; i < file->tensor_count; i++) {
        const struct cln_safetensor *x = &file->tensors[i], *y = &described->tensors[i];
        const size_t wide = cln_dtype_bytes(x->dtype);
        fuzz_require(strcmp(x->name, y->name) == 0 && x->dtype == y->dtype && x->at == y->at && !y->data);
        uint8_t *numbers = malloc(x->count * wide + 1);
        fuzz_require(numbers && x->at + x->count * wide <= size);
        memcpy(numbers, bytes + x->at, x->count * wide);
        cln_little_endian(numbers, x->count, wide);
        fuzz_require(memcmp(numbers, x->data, x->count * wide) == 0);
        free(numbers);
    }
    cln_safetensors_destroy(&described);
}

static bool run(const uint8_t *bytes, size_t size) {
    struct cln_safetensors *file = NULL, *again = NULL;
    fuzz_begin();
    enum cln_status status = cln_safetensors_parse(&file, bytes, size);
    if (!fuzz_end(status, file))
        return false;
    fuzz_require(total_bytes(file, bytes) == size);
    require_described(file, bytes, size);
    status =
        cln_safetensors_write(fuzz_output(), file->tensors, file->tensor_count, file->metadata, file->metadata_count);
    fuzz_require(status == CLN_OK);
    status = cln_safetensors_read(&again, fuzz_output());
    fuzz_require(status == CLN_OK);
    require_same(file, again);
    cln_safetensors_destroy(&file);
    cln_safetensors_destroy(&again);
    fuzz_require(!file && !again);
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
