/* Reads the safetensors format: eight bytes of header length, a JSON header, then the numbers, all little-endian. A
 * file is checked completely before a number of it is used. */
#include "src/base/safetensors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/json_text.h"
#include "src/base/table.h"

enum { ALIGN = CLN_SAFETENSORS_ALIGN, LENGTH_BYTES = CLN_SAFETENSORS_LENGTH_BYTES };
static const uint64_t header_limit = 100 * 1000 * 1000; /* the format's limit */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {[CLN_F32] = {"F32", 4}, [CLN_F64] = {"F64", 8}, [CLN_F16] = {"F16", 2}, [CLN_BF16] = {"BF16", 2},
              [CLN_I64] = {"I64", 8}, [CLN_I32] = {"I32", 4}, [CLN_U16] = {"U16", 2}, [CLN_U8] = {"U8", 1}};
CLN_EVERY(dtypes, CLN_DTYPE_COUNT);

const char *cln_dtype_name(enum cln_dtype dtype) {
    return dtypes[dtype].name;
}

size_t cln_dtype_bytes(enum cln_dtype dtype) {
    return dtypes[dtype].bytes;
}

static bool is_little_endian(void) {
    const uint16_t one = 1;
    unsigned char lowest_first;
    memcpy(&lowest_first, &one, 1);
    return lowest_first;
}

void cln_little_endian(void *numbers, size_t count, size_t bytes) {
    unsigned char *number = numbers;
    for (size_t n = 0; !is_little_endian() && n < count; n++, number += bytes) {
        for (size_t i = 0; i < bytes / 2; i++) {
            unsigned char byte = number[i];
            number[i] = number[bytes - 1 - i];
            number[bytes - 1 - i] = byte;
        }
    }
}

/* ---- Reading ---- */

/* The range of a tensor's bytes, counted from the end of the header. */
struct span {
    size_t begin, end;
    struct cln_safetensor *tensor;
};

static enum cln_status parse_dtype(enum cln_dtype *out, const char *name, const char *text) {
    for (int i = 0; i < CLN_DTYPE_COUNT; i++) {
        if (strcmp(dtypes[i].name, text) == 0) {
            *out = (enum cln_dtype)i;
            return CLN_OK;
        }
    }
    return cln_fail(CLN_INVALID, "tensor \"%s\" has type %.16s; clenet reads F32, F64, F16, BF16, I64, I32, U16 and U8",
                    name, text);
}

static enum cln_status parse_shape(struct cln_safetensor *tensor, const json_t *shape) {
    if (!json_is_array(shape) || json_array_size(shape) > CLN_SAFETENSOR_RANK_MAX)
        return cln_fail(CLN_INVALID,
                        "tensor \"%s\": \"shape\" is not an array of sizes, or of more than %d, clenet's limit",
                        tensor->name, CLN_SAFETENSOR_RANK_MAX);
    tensor->rank = (int)json_array_size(shape);
    tensor->count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        const json_t *item = json_array_get(shape, (size_t)i);
        json_int_t dim = json_integer_value(item);
        if (!json_is_integer(item) || dim < 0)
            return cln_fail(CLN_INVALID, "tensor \"%s\": dimension %d is not a size", tensor->name, i);
        if (dim > 0 && tensor->count > SIZE_MAX / ALIGN / (size_t)dim)
            return cln_fail(CLN_INVALID, "tensor \"%s\" is impossibly large", tensor->name);
        tensor->dims[i] = (size_t)dim;
        tensor->count *= (size_t)dim;
    }
    return CLN_OK;
}

static enum cln_status parse_tensor(struct span *span, const char *name, json_t *value, size_t data_bytes) {
    const char *dtype;
    size_t dtype_length;
    json_t *shape;
    json_int_t begin, end;
    json_error_t error;
    if (json_unpack_ex(value, &error, 0, "{s:s%, s:o, s:[I, I!]}", "dtype", &dtype, &dtype_length, "shape", &shape,
                       "data_offsets", &begin, &end))
        return cln_fail(CLN_INVALID, "tensor \"%s\": %s", name, error.text);

    struct cln_safetensor *tensor = span->tensor;
    tensor->name = name;
    enum cln_status status = parse_dtype(&tensor->dtype, name, strlen(dtype) == dtype_length ? dtype : "");
    if (status == CLN_OK)
        status = parse_shape(tensor, shape);
    if (status != CLN_OK)
        return status;
    if (begin < 0 || end < begin || (uint64_t)end > data_bytes)
        return cln_fail(CLN_INVALID, "tensor \"%s\": bytes %lld to %lld lie outside of the file's %zu bytes of numbers",
                        name, (long long)begin, (long long)end, data_bytes);
    if ((uint64_t)(end - begin) != tensor->count * dtypes[tensor->dtype].bytes)
        return cln_fail(CLN_INVALID, "tensor \"%s\": %zu numbers of type %s take %zu bytes, but the file gives %lld",
                        name, tensor->count, dtypes[tensor->dtype].name, tensor->count * dtypes[tensor->dtype].bytes,
                        (long long)(end - begin));
    span->begin = (size_t)begin;
    span->end = (size_t)end;
    return CLN_OK;
}

static enum cln_status parse_metadata(struct cln_safetensors *file, json_t *object) {
    if (json_is_null(object))
        return CLN_OK;
    if (!json_is_object(object))
        return cln_fail(CLN_INVALID, "\"%s\" is not an object", CLN_SAFETENSORS_METADATA);
    file->metadata = calloc(json_object_size(object) + 1, sizeof(*file->metadata));
    if (!file->metadata)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the header");
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!json_is_string(value))
            return cln_fail(CLN_INVALID, "\"%s\": \"%s\" is not a string", CLN_SAFETENSORS_METADATA, key);
        if (strlen(json_string_value(value)) == json_string_length(value)) /* no string of clenet contains a zero */
            file->metadata[file->metadata_count++] = (struct cln_safetensors_metadata){key, json_string_value(value)};
    }
    return CLN_OK;
}

/* *spans, one per tensor, is the caller's: free(). */
static enum cln_status parse_header(struct cln_safetensors *file, struct span **spans, size_t data_bytes) {
    if (!json_is_object(file->header))
        return cln_fail(CLN_INVALID, "the header is not a JSON object");
    file->tensors = calloc(json_object_size(file->header) + 1, sizeof(*file->tensors));
    *spans = calloc(json_object_size(file->header) + 1, sizeof(**spans));
    if (!file->tensors || !*spans)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the header");
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value) {
        enum cln_status status;
        if (strcmp(name, CLN_SAFETENSORS_METADATA) == 0) {
            status = parse_metadata(file, value);
        } else {
            struct span *span = &(*spans)[file->tensor_count];
            span->tensor = &file->tensors[file->tensor_count++];
            status = parse_tensor(span, name, value, data_bytes);
        }
        if (status != CLN_OK)
            return status;
    }
    return CLN_OK;
}

static int compare_spans(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Sorts the spans; they must follow each other without a gap or an overlap up to the end of the file. */
static enum cln_status check_layout(struct span *spans, size_t count, size_t data_bytes) {
    qsort(spans, count, sizeof(*spans), compare_spans);
    size_t end = 0;
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin < end)
            return cln_fail(CLN_INVALID, "tensors \"%s\" and \"%s\" overlap", spans[i - 1].tensor->name,
                            spans[i].tensor->name);
        if (spans[i].begin > end)
            return cln_fail(CLN_INVALID, "%zu bytes before tensor \"%s\" belong to no tensor", spans[i].begin - end,
                            spans[i].tensor->name);
        end = spans[i].end;
    }
    if (end != data_bytes)
        return cln_fail(CLN_INVALID, "the last %zu bytes belong to no tensor", data_bytes - end);
    return CLN_OK;
}

/* The length of the header, from the first bytes of a file of `size` bytes. */
static enum cln_status read_length(size_t *header_bytes, const unsigned char *first, size_t size) {
    uint64_t length;
    if (size < LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "%zu bytes are too few for a safetensors file", size);
    memcpy(&length, first, LENGTH_BYTES);
    cln_little_endian(&length, 1, LENGTH_BYTES);
    if (length > header_limit && length <= size - LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "a header of %llu bytes; the format's limit is %llu", (unsigned long long)length,
                        (unsigned long long)header_limit);
    if (length > size - LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "not a safetensors file: its header of %llu bytes does not fit into %zu",
                        (unsigned long long)length, size);
    *header_bytes = (size_t)length;
    return CLN_OK;
}

/* All but the numbers of a file of `size` bytes with this header. *spans, sorted, is the caller's: free(). */
static enum cln_status describe(struct cln_safetensors **out, struct span **spans, const char *header,
                                size_t header_bytes, size_t size) {
    const size_t data_at = LENGTH_BYTES + header_bytes;
    json_error_t error;
    struct cln_safetensors *file = *out = calloc(1, sizeof(*file));
    if (!file)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a file's description");
    enum cln_status status = cln_json_parse(&file->header, header, header_bytes, JSON_ALLOW_NUL, &error);
    if (status == CLN_INVALID)
        status = cln_fail(CLN_INVALID, "header: %s at byte %d", error.text, LENGTH_BYTES + error.position);
    if (status == CLN_OK)
        status = parse_header(file, spans, size - data_at);
    if (status == CLN_OK)
        status = check_layout(*spans, file->tensor_count, size - data_at);
    for (size_t i = 0; status == CLN_OK && i < file->tensor_count; i++)
        (*spans)[i].tensor->at = data_at + (*spans)[i].begin;
    return status;
}

/* Copies the numbers to aligned memory; in the file they need not be aligned. */
static enum cln_status copy_numbers(struct cln_safetensors *file, const struct span *spans, const unsigned char *bytes,
                                    size_t size) {
    unsigned char *at = file->numbers = malloc(size + ALIGN * (file->tensor_count + 1));
    if (!at)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu bytes", size);
    for (size_t i = 0; i < file->tensor_count; i++) {
        struct cln_safetensor *tensor = spans[i].tensor;
        const size_t wide = spans[i].end - spans[i].begin;
        memcpy(at, bytes + tensor->at, wide);
        cln_little_endian(at, tensor->count, dtypes[tensor->dtype].bytes);
        tensor->data = at;
        at += (wide + ALIGN - 1) / ALIGN * ALIGN;
    }
    return CLN_OK;
}

enum cln_status cln_safetensors_parse(struct cln_safetensors **out, const void *bytes, size_t size) {
    struct span *spans = NULL;
    size_t header_bytes;
    *out = NULL;
    enum cln_status status = read_length(&header_bytes, bytes, size);
    if (status == CLN_OK)
        status = describe(out, &spans, (const char *)bytes + LENGTH_BYTES, header_bytes, size);
    if (status == CLN_OK)
        status = copy_numbers(*out, spans, bytes, size);
    free(spans);
    if (status != CLN_OK)
        cln_safetensors_destroy(out);
    return status;
}

/* The next `count` bytes of the stream; *bytes is the caller's: free(). */
static enum cln_status read_bytes(unsigned char **bytes, size_t count, FILE *stream) {
    *bytes = malloc(count + 1);
    if (!*bytes)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu bytes", count);
    if (fread(*bytes, 1, count, stream) == count)
        return CLN_OK;
    return cln_fail(CLN_IO, "%s", ferror(stream) ? strerror(errno) : "became shorter while it was read");
}

static enum cln_status read_all(struct cln_safetensors **out, FILE *stream, size_t size) {
    unsigned char *bytes;
    enum cln_status status = read_bytes(&bytes, size, stream);
    if (status == CLN_OK)
        status = cln_safetensors_parse(out, bytes, size);
    free(bytes);
    return status;
}

static enum cln_status read_header(struct cln_safetensors **out, FILE *stream, size_t size) {
    struct span *spans = NULL;
    unsigned char *first, *header = NULL;
    size_t header_bytes;
    enum cln_status status = read_bytes(&first, size < LENGTH_BYTES ? size : LENGTH_BYTES, stream);
    if (status == CLN_OK)
        status = read_length(&header_bytes, first, size);
    if (status == CLN_OK)
        status = read_bytes(&header, header_bytes, stream);
    if (status == CLN_OK)
        status = describe(out, &spans, (const char *)header, header_bytes, size);
    free(spans);
    free(header);
    free(first);
    if (status != CLN_OK)
        cln_safetensors_destroy(out);
    return status;
}

/* Opens the file for `read`, which gets the stream and the file's size. */
static enum cln_status read_file(struct cln_safetensors **out, const char *path,
                                 enum cln_status (*read)(struct cln_safetensors **out, FILE *stream, size_t size)) {
    struct stat info;
    *out = NULL;
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "cannot open %s: %s", path, strerror(errno));
    const enum cln_status status = fstat(fileno(stream), &info) ? cln_fail(CLN_IO, "%s", strerror(errno))
                                   : !S_ISREG(info.st_mode)     ? cln_fail(CLN_INVALID, "not a regular file")
                                                                : read(out, stream, (size_t)info.st_size);
    fclose(stream);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", path);
}

enum cln_status cln_safetensors_read(struct cln_safetensors **out, const char *path) {
    return read_file(out, path, read_all);
}

enum cln_status cln_safetensors_describe(struct cln_safetensors **out, const char *path) {
    return read_file(out, path, read_header);
}

void cln_safetensors_destroy(struct cln_safetensors **file) {
    if (!*file)
        return;
    json_decref((*file)->header);
    free((*file)->tensors);
    free((*file)->metadata);
    free((*file)->numbers);
    free(*file);
    *file = NULL;
}

const struct cln_safetensor *cln_safetensors_find(const struct cln_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->tensor_count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    }
    return NULL;
}

const char *cln_safetensors_metadata(const struct cln_safetensors *file, const char *key) {
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    }
    return NULL;
}
