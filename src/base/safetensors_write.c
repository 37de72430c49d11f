/* Writes the safetensors format. */
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "src/base/replace.h"
#include "src/base/safetensors.h"

/* The offset of a tensor's bytes. The widest types are first in the file, so that each is aligned for readers that map
 * the file. The header keeps the caller's order. */
static size_t begin_of(const struct cln_safetensor *tensors, size_t count, size_t index) {
    size_t begin = 0, own_bytes = cln_dtype_bytes(tensors[index].dtype);
    for (size_t i = 0; i < count; i++) {
        size_t bytes = cln_dtype_bytes(tensors[i].dtype);
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
    failed |= json_object_set_new(header, CLN_SAFETENSORS_METADATA, strings);
    for (size_t i = 0; i < tensor_count; i++) {
        const struct cln_safetensor *tensor = &tensors[i];
        json_t *shape = json_array();
        for (int d = 0; d < tensor->rank; d++)
            failed |= json_array_append_new(shape, json_integer((json_int_t)tensor->dims[d]));
        size_t begin = begin_of(tensors, tensor_count, i);
        size_t end = begin + tensor->count * cln_dtype_bytes(tensor->dtype);
        failed |=
            json_object_set_new(header, tensor->name,
                                json_pack("{s:o, s:o, s:[I, I]}", "dtype", cln_json_text(cln_dtype_name(tensor->dtype)),
                                          "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)end));
    }
    if (failed) {
        json_decref(header);
        header = NULL;
    }
    return header;
}

static void write_numbers(const void *numbers, size_t count, size_t bytes, FILE *stream) {
    const unsigned char *from = numbers;
    unsigned char piece[1 << 14];
    for (size_t left = count * bytes; left > 0;) {
        const size_t size = left < sizeof piece ? left : sizeof piece; /* of whole numbers */
        memcpy(piece, from, size);
        cln_little_endian(piece, size / bytes, bytes);
        fwrite(piece, 1, size, stream);
        from += size;
        left -= size;
    }
}

static void write_tensors(const struct cln_safetensor *tensors, size_t count, FILE *stream) {
    static const size_t widths[] = {8, 4, 2, 1}; /* in the order of begin_of */
    for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
        for (size_t i = 0; i < count; i++)
            if (cln_dtype_bytes(tensors[i].dtype) == widths[w])
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
        enum { ALIGN = CLN_SAFETENSORS_ALIGN };
        const uint64_t header_bytes = (strlen(text) + ALIGN - 1) / ALIGN * ALIGN;
        write_numbers(&header_bytes, 1, CLN_SAFETENSORS_LENGTH_BYTES, file.stream);
        fprintf(file.stream, "%-*s", (int)header_bytes, text);
        write_tensors(tensors, tensor_count, file.stream);
        status = cln_replace_commit(&file);
    }
    cln_replace_end(&file);
    free(text);
    return status;
}
