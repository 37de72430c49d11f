/* Reads and writes the safetensors format: named tensors of plain numbers after a JSON header,
 * https://github.com/huggingface/safetensors#format. Knows nothing of networks. */
#ifndef SRC_BASE_SAFETENSORS_H
#define SRC_BASE_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/status.h"

enum cln_dtype { CLN_F32, CLN_F64, CLN_F16, CLN_BF16, CLN_I64, CLN_I32, CLN_U16, CLN_U8, CLN_DTYPE_COUNT };

/* The format's name of a type ("F32"), and the bytes of one number. */
const char *cln_dtype_name(enum cln_dtype dtype);
size_t cln_dtype_bytes(enum cln_dtype dtype);

/* Converts `count` little-endian numbers of `bytes` each to this machine's order, or back. */
void cln_little_endian(void *numbers, size_t count, size_t bytes);

/* Of the format: a file begins with the length of its header, and numbers in a file that clenet writes are aligned. */
enum { CLN_SAFETENSORS_LENGTH_BYTES = 8, CLN_SAFETENSORS_ALIGN = 8 };
#define CLN_SAFETENSORS_METADATA "__metadata__"

enum { CLN_SAFETENSOR_RANK_MAX = 8 };

struct cln_safetensor {
    const char *name;
    enum cln_dtype dtype;
    int rank;
    size_t dims[CLN_SAFETENSOR_RANK_MAX];
    size_t count;     /* product of dims; 1 where rank is 0 */
    const void *data; /* `count` numbers in this machine's byte order, aligned; NULL: not read */
    size_t at;        /* where they begin in the file that was read, in bytes */
};

struct cln_safetensors_metadata {
    const char *key, *value;
};

/* A file. It owns every name and number in it. */
struct cln_safetensors {
    struct cln_safetensor *tensors; /* in the header's order */
    size_t tensor_count;
    struct cln_safetensors_metadata *metadata;
    size_t metadata_count;
    struct json_t *header; /* owns the names */
    void *numbers;         /* owns the numbers */
};

/* Reads a file. CLN_NOT_FOUND: it does not exist. CLN_INVALID says what is wrong: a header that is longer than the file
 * or not JSON, a duplicate name, a type not listed above, a shape that does not match its bytes, or bytes that lie
 * outside the file, overlap, or belong to no tensor. */
enum cln_status cln_safetensors_read(struct cln_safetensors **out, const char *path) CLN_MUST_CHECK;
/* Like cln_safetensors_read, from a file's `size` bytes in memory, which are copied. */
enum cln_status cln_safetensors_parse(struct cln_safetensors **out, const void *bytes, size_t size) CLN_MUST_CHECK;
/* Like cln_safetensors_read, but reads the header alone: `data` is NULL. The bytes of all tensors are there. */
enum cln_status cln_safetensors_describe(struct cln_safetensors **out, const char *path) CLN_MUST_CHECK;
void cln_safetensors_destroy(struct cln_safetensors **file);

/* Find a tensor or a metadata string by name; NULL: there is none. */
const struct cln_safetensor *cln_safetensors_find(const struct cln_safetensors *file, const char *name);
const char *cln_safetensors_metadata(const struct cln_safetensors *file, const char *key);

/* Whether a tensor's type is F32, F64, F16 or BF16. */
bool cln_safetensor_has_floats(const struct cln_safetensor *tensor);
/* Converts the tensor's numbers to the nearest float32; zeros if it does not have floats. */
void cln_safetensor_floats(float *out, const struct cln_safetensor *tensor);

/* Writes a file, as a whole or not at all (replace.h). */
enum cln_status cln_safetensors_write(const char *path, const struct cln_safetensor *tensors, size_t tensor_count,
                                      const struct cln_safetensors_metadata *metadata,
                                      size_t metadata_count) CLN_MUST_CHECK;

#endif
