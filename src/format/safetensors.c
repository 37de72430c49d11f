/* The safetensors format: eight bytes of header length, a JSON header, then the numbers, all little-endian. A file is
 * checked completely before a number of it is used. */
#include "src/format/safetensors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/json_text.h"
#include "src/base/replace.h"
#include "src/base/table.h"

enum { LENGTH_BYTES = 8, ALIGN = 8 };
static const uint64_t header_limit = 100 * 1000 * 1000; /* the format's limit */
static const char metadata_key[] = "__metadata__";

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {[CLN_F32] = {"F32", 4},   [CLN_F64] = {"F64", 8}, [CLN_F16] = {"F16", 2},
              [CLN_BF16] = {"BF16", 2}, [CLN_I64] = {"I64", 8}, [CLN_U8] = {"U8", 1}};
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

/* Converts little-endian numbers to this machine's order and back. */
static void swap_on_big_endian(void *numbers, size_t count, size_t bytes) {
    unsigned char *number = numbers;
    for (size_t n = 0; !is_little_endian() && n < count; n++, number += bytes) {
        for (size_t i = 0; i < bytes / 2; i++) {
            unsigned char byte = number[i];
            number[i] = number[bytes - 1 - i];
            number[bytes - 1 - i] = byte;
        }
    }
}

static size_t round_up(size_t bytes) {
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
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
    return cln_fail(CLN_INVALID, "tensor \"%s\" has type %.16s; clenet reads F32, F64, F16, BF16, I64 and U8", name,
                    text);
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
        return cln_fail(CLN_INVALID, "\"%s\" is not an object", metadata_key);
    file->metadata = calloc(json_object_size(object) + 1, sizeof(*file->metadata));
    if (!file->metadata)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the header");
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (!json_is_string(value))
            return cln_fail(CLN_INVALID, "\"%s\": \"%s\" is not a string", metadata_key, key);
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
        if (strcmp(name, metadata_key) == 0) {
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

static enum cln_status read_header(struct cln_safetensors *file, const unsigned char *bytes, size_t size,
                                   size_t *data_at) {
    uint64_t header_bytes;
    if (size < LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "%zu bytes are too few for a safetensors file", size);
    memcpy(&header_bytes, bytes, LENGTH_BYTES);
    swap_on_big_endian(&header_bytes, 1, LENGTH_BYTES);
    if (header_bytes > header_limit && header_bytes <= size - LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "a header of %llu bytes; the format's limit is %llu",
                        (unsigned long long)header_bytes, (unsigned long long)header_limit);
    if (header_bytes > size - LENGTH_BYTES)
        return cln_fail(CLN_INVALID, "not a safetensors file: its header of %llu bytes does not fit into %zu",
                        (unsigned long long)header_bytes, size);
    *data_at = LENGTH_BYTES + (size_t)header_bytes;
    json_error_t error;
    const enum cln_status status =
        cln_json_parse(&file->header, (const char *)bytes + LENGTH_BYTES, (size_t)header_bytes, JSON_ALLOW_NUL, &error);
    if (status == CLN_INVALID)
        return cln_fail(CLN_INVALID, "header: %s at byte %d", error.text, LENGTH_BYTES + error.position);
    return status;
}

/* Copies the numbers to aligned memory; in the file they need not be aligned. */
static enum cln_status copy_numbers(struct cln_safetensors *file, const struct span *spans, const unsigned char *data,
                                    size_t data_bytes) {
    unsigned char *at = file->numbers = malloc(data_bytes + ALIGN * (file->tensor_count + 1));
    if (!at)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu bytes", data_bytes);
    for (size_t i = 0; i < file->tensor_count; i++) {
        struct cln_safetensor *tensor = spans[i].tensor;
        const size_t bytes = spans[i].end - spans[i].begin;
        memcpy(at, data + spans[i].begin, bytes);
        swap_on_big_endian(at, tensor->count, dtypes[tensor->dtype].bytes);
        tensor->data = at;
        at += round_up(bytes);
    }
    return CLN_OK;
}

enum cln_status cln_safetensors_parse(struct cln_safetensors **out, const void *bytes, size_t size) {
    struct span *spans = NULL;
    size_t data_at = 0;
    struct cln_safetensors *file = *out = calloc(1, sizeof(*file));
    if (!file)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for a file's description");
    enum cln_status status = read_header(file, bytes, size, &data_at);
    if (status == CLN_OK)
        status = parse_header(file, &spans, size - data_at);
    if (status == CLN_OK)
        status = check_layout(spans, file->tensor_count, size - data_at);
    if (status == CLN_OK)
        status = copy_numbers(file, spans, (const unsigned char *)bytes + data_at, size - data_at);
    free(spans);
    if (status != CLN_OK)
        cln_safetensors_destroy(out);
    return status;
}

static enum cln_status read_stream(struct cln_safetensors **out, FILE *stream) {
    struct stat info;
    if (fstat(fileno(stream), &info))
        return cln_fail(CLN_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return cln_fail(CLN_INVALID, "not a regular file");
    const size_t size = (size_t)info.st_size;
    unsigned char *bytes = malloc(size + 1);
    enum cln_status status = CLN_OK;
    if (!bytes)
        status = cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu bytes", size);
    else if (fread(bytes, 1, size, stream) != size)
        status = cln_fail(CLN_IO, "%s", ferror(stream) ? strerror(errno) : "became shorter while it was read");
    if (status == CLN_OK)
        status = cln_safetensors_parse(out, bytes, size);
    free(bytes);
    return status;
}

enum cln_status cln_safetensors_read(struct cln_safetensors **out, const char *path) {
    *out = NULL;
    FILE *stream = fopen(path, "rbe");
    if (!stream)
        return cln_fail(errno == ENOENT ? CLN_NOT_FOUND : CLN_IO, "cannot open %s: %s", path, strerror(errno));
    const enum cln_status status = read_stream(out, stream);
    fclose(stream);
    return status == CLN_OK ? CLN_OK : cln_fail_within(status, "%s", path);
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

/* ---- Writing ---- */

/* The offset of a tensor's bytes. The widest types are first in the file, so that each is aligned for readers that map
 * the file. The header keeps the caller's order. */
static size_t begin_of(const struct cln_safetensor *tensors, size_t count, size_t index) {
    size_t begin = 0, own_bytes = dtypes[tensors[index].dtype].bytes;
    for (size_t i = 0; i < count; i++) {
        size_t bytes = dtypes[tensors[i].dtype].bytes;
        if (bytes > own_bytes || (bytes == own_bytes && i < index))
            begin += tensors[i].count * bytes;
    }
    return begin;
}

static json_t *make_header(const struct cln_safetensor *tensors, size_t tensor_count,
                           const struct cln_safetensors_metadata *metadata, size_t metadata_count) {
    json_t *header = json_object(), *strings = json_object();
    int failed = !header || !strings;
    for (size_t i = 0; i < metadata_count; i++)
        failed |= json_object_set_new(strings, metadata[i].key, cln_json_text(metadata[i].value));
    failed |= json_object_set_new(header, metadata_key, strings);
    for (size_t i = 0; i < tensor_count; i++) {
        const struct cln_safetensor *tensor = &tensors[i];
        json_t *shape = json_array();
        for (int d = 0; d < tensor->rank; d++)
            failed |= json_array_append_new(shape, json_integer((json_int_t)tensor->dims[d]));
        size_t begin = begin_of(tensors, tensor_count, i);
        size_t end = begin + tensor->count * dtypes[tensor->dtype].bytes;
        failed |=
            json_object_set_new(header, tensor->name,
                                json_pack("{s:o, s:o, s:[I, I]}", "dtype", cln_json_text(dtypes[tensor->dtype].name),
                                          "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)end));
    }
    if (failed) {
        json_decref(header);
        header = NULL;
    }
    return header;
}

static void write_numbers(const void *numbers, size_t count, size_t bytes, FILE *stream) {
    const unsigned char *number = numbers;
    if (is_little_endian()) {
        fwrite(numbers, bytes, count, stream);
        return;
    }
    for (size_t n = 0; n < count; n++, number += bytes) {
        unsigned char copy[8];
        memcpy(copy, number, bytes);
        swap_on_big_endian(copy, 1, bytes);
        fwrite(copy, 1, bytes, stream);
    }
}

static void write_tensors(const struct cln_safetensor *tensors, size_t count, FILE *stream) {
    static const size_t widths[] = {8, 4, 2, 1}; /* in the order of begin_of */
    for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
        for (size_t i = 0; i < count; i++)
            if (dtypes[tensors[i].dtype].bytes == widths[w])
                write_numbers(tensors[i].data, tensors[i].count, widths[w], stream);
}

enum cln_status cln_safetensors_write(const char *path, const struct cln_safetensor *tensors, size_t tensor_count,
                                      const struct cln_safetensors_metadata *metadata, size_t metadata_count) {
    json_t *header = make_header(tensors, tensor_count, metadata, metadata_count);
    char *text = cln_json_dump(header, JSON_COMPACT);
    json_decref(header);
    if (!text)
        return cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for the header", path);

    struct cln_replacement file = {0};
    enum cln_status status = cln_replace_begin(&file, path);
    if (status == CLN_OK) {
        uint64_t header_bytes = round_up(strlen(text));
        write_numbers(&header_bytes, 1, LENGTH_BYTES, file.stream);
        fprintf(file.stream, "%-*s", (int)header_bytes, text);
        write_tensors(tensors, tensor_count, file.stream);
        status = cln_replace_commit(&file);
    }
    cln_replace_end(&file);
    free(text);
    return status;
}
