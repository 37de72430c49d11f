/* The data format of prepared sets: one safetensors file. Its pixels are mapped privately: a page of them is read when
 * it is used, and what a program changes does not reach the file. */
#include "src/data/prepared.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/json_text.h"
#include "src/base/table.h"
#include "src/data/format.h"
#include "src/data/images.h"
#include "src/model/picture_words.h"

const char *const cln_prepared_halves[] = {[CLN_HALF_TRAIN] = "train", [CLN_HALF_TEST] = "test"};
CLN_EVERY(cln_prepared_halves, CLN_HALF_COUNT);
const enum cln_dtype cln_prepared_types[] = {
    [CLN_PIXEL_U8] = CLN_U8, [CLN_PIXEL_U16] = CLN_U16, [CLN_PIXEL_F32] = CLN_F32};
CLN_EVERY(cln_prepared_types, CLN_PIXEL_TYPE_COUNT);

enum { NAME_BYTES = 32, DIGEST_DIGITS = 64, SIDE_LIMIT = 1 << 16 };
static const size_t count_limit = INT32_MAX;

struct half {
    struct cln_safetensors *file; /* its header */
    const struct cln_safetensor *images, *labels;
    struct cln_dataset_params made; /* fit and ground */
    json_t *classes;
    const char **class_names;
    struct cln_shape shape;
    enum cln_pixel_type type;
    bool is_checked; /* the file has a digest: whoever wrote it has looked at every pixel */
    char path[CLN_PATH_BYTES];
};

/* ---- Recognising ---- */

/* The beginning of a file: the length of its header, and as much of the header as is there. */
static enum cln_found look_into(FILE *stream) {
    enum { MOST = 100 * 1000 * 1000 };
    static const char key[] = "\"train.images\"";
    uint64_t length;
    struct stat info;
    if (fread(&length, 1, sizeof length, stream) != sizeof length || fstat(fileno(stream), &info) != 0)
        return CLN_FOUND_NONE;
    cln_little_endian(&length, 1, sizeof length);
    if (length < 2 || length > MOST)
        return CLN_FOUND_NONE;
    const size_t wanted = length < (uint64_t)info.st_size ? (size_t)length : (size_t)info.st_size;
    char *header = malloc(wanted + 1);
    const size_t got = header ? fread(header, 1, wanted, stream) : 0;
    const enum cln_found found = got == 0 || header[0] != '{'            ? CLN_FOUND_NONE
                                 : memmem(header, got, key, strlen(key)) ? CLN_FOUND_ALL
                                                                         : CLN_FOUND_SOME;
    free(header);
    return found;
}

static enum cln_found probe(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return CLN_FOUND_NONE;
    FILE *stream = fopen(path, "rbe");
    const enum cln_found found = stream ? look_into(stream) : CLN_FOUND_NONE;
    if (stream)
        fclose(stream);
    return found;
}

static void each_file(cln_tell_path *tell, void *user, const char *path) {
    tell(user, path);
}

/* ---- Opening ---- */

static void close_half(void *state) {
    struct half *half = state;
    json_decref(half->classes);
    free(half->class_names);
    cln_safetensors_destroy(&half->file);
    free(half);
}

/* The number of classes, or their names. */
static enum cln_status read_classes(struct cln_opened *opened, struct half *half) {
    const char *text = cln_safetensors_metadata(half->file, CLN_PREPARED_CLASSES);
    json_error_t error;
    if (!text)
        return CLN_OK;
    enum cln_status status = cln_json_parse(&half->classes, text, strlen(text), JSON_DECODE_ANY, &error);
    if (status == CLN_INVALID)
        return cln_fail(CLN_INVALID, "metadata \"" CLN_PREPARED_CLASSES "\": %s", error.text);
    if (status != CLN_OK)
        return status;
    const size_t names = json_array_size(half->classes);
    const json_int_t count = json_is_array(half->classes) ? (json_int_t)names : json_integer_value(half->classes);
    if (count < 1 || count > CLN_CLASS_LIMIT)
        return cln_fail(CLN_INVALID,
                        "metadata \"" CLN_PREPARED_CLASSES "\" is no list of names and no number, of 1 to %d classes",
                        CLN_CLASS_LIMIT);
    half->class_names = names > 0 ? calloc(names, sizeof *half->class_names) : NULL;
    if (names > 0 && !half->class_names)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory for the names of %zu classes", names);
    for (size_t i = 0; i < names; i++)
        if (!(half->class_names[i] = json_string_value(json_array_get(half->classes, i))))
            return cln_fail(CLN_INVALID, "metadata \"" CLN_PREPARED_CLASSES "\": name %zu is not a string", i);
    opened->class_count = (int)count;
    opened->class_names = half->class_names;
    return CLN_OK;
}

/* How the pictures were made, where the file says it. */
static enum cln_status read_made(struct cln_opened *opened, struct half *half) {
    const char *fit = cln_safetensors_metadata(half->file, CLN_PREPARED_FIT);
    const char *ground = cln_safetensors_metadata(half->file, CLN_PREPARED_GROUND);
    int word = 0;
    while (fit && word < CLN_FIT_COUNT && strcmp(fit, cln_fit_words[word]) != 0)
        word++;
    if (word == CLN_FIT_COUNT)
        return cln_fail(CLN_INVALID, "metadata \"" CLN_PREPARED_FIT "\": '%s' is unknown", fit);
    if (ground && !cln_ground_read(&half->made.ground, ground))
        return cln_fail(CLN_INVALID, "metadata \"" CLN_PREPARED_GROUND "\": '%s' is unknown", ground);
    half->made.fit = (enum cln_fit)word;
    opened->made = fit || ground ? &half->made : NULL;
    return CLN_OK;
}

static enum cln_status read_metadata(struct cln_opened *opened, struct half *half) {
    const char *name = cln_safetensors_metadata(half->file, CLN_PREPARED_NAME);
    const char *digest = cln_safetensors_metadata(half->file, CLN_PREPARED_DIGEST);
    if (digest && (strlen(digest) != DIGEST_DIGITS || strspn(digest, "0123456789abcdef") != DIGEST_DIGITS))
        return cln_fail(CLN_INVALID, "metadata \"" CLN_PREPARED_DIGEST "\" is no SHA-256 in %d hexadecimal digits",
                        DIGEST_DIGITS);
    half->is_checked = digest != NULL;
    opened->digest = digest;
    opened->name = name && name[0] ? name : NULL;
    const enum cln_status status = read_made(opened, half);
    return status == CLN_OK ? read_classes(opened, half) : status;
}

static enum cln_status check_images(struct half *half, size_t *count) {
    const struct cln_safetensor *images = half->images;
    int type = 0;
    while (type < CLN_PIXEL_TYPE_COUNT && cln_prepared_types[type] != images->dtype)
        type++;
    if (type == CLN_PIXEL_TYPE_COUNT)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has type %s: pixels are U8, U16 or F32", images->name,
                        cln_dtype_name(images->dtype));
    if (images->rank != 4)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has %d dimensions instead of 4: images, channels, height, width",
                        images->name, images->rank);
    for (int i = 0; i < 4; i++)
        if (images->dims[i] > (i == 0 ? count_limit : SIDE_LIMIT) || (images->dims[i] == 0 && i > 0))
            return cln_fail(CLN_INVALID, "tensor \"%s\": dimension %d is %zu: from 1 to %zu, clenet's limit",
                            images->name, i, images->dims[i], i == 0 ? count_limit : (size_t)SIDE_LIMIT);
    if (images->at % cln_dtype_bytes(images->dtype) != 0)
        return cln_fail(CLN_INVALID,
                        "tensor \"%s\" begins at byte %zu, no multiple of its numbers' %zu bytes: write the file anew, "
                        "with the safetensors library or 'clenet data prepare'",
                        images->name, images->at, cln_dtype_bytes(images->dtype));
    *count = images->dims[0];
    half->shape = (struct cln_shape){(int)images->dims[1], (int)images->dims[2], (int)images->dims[3]};
    half->type = (enum cln_pixel_type)type;
    return CLN_OK;
}

static enum cln_status check_labels(const struct half *half, size_t count) {
    const struct cln_safetensor *labels = half->labels;
    if (labels->dtype != CLN_I64 && labels->dtype != CLN_I32 && labels->dtype != CLN_U8)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has type %s: labels are I64, I32 or U8", labels->name,
                        cln_dtype_name(labels->dtype));
    if (labels->rank != 1 || labels->count != count)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has %d dimensions and %zu labels: %zu images need one label each",
                        labels->name, labels->rank, labels->count, count);
    return CLN_OK;
}

/* Finds the half's tensors. Neither is there: `opened` has no images. */
static enum cln_status find_tensors(struct cln_opened *opened, struct half *half, enum cln_half which) {
    char images[NAME_BYTES], labels[NAME_BYTES];
    snprintf(images, sizeof images, CLN_PREPARED_IMAGES, cln_prepared_halves[which]);
    snprintf(labels, sizeof labels, CLN_PREPARED_LABELS, cln_prepared_halves[which]);
    half->images = cln_safetensors_find(half->file, images);
    half->labels = cln_safetensors_find(half->file, labels);
    if (which == CLN_HALF_TEST && !half->images && !half->labels)
        return CLN_OK;
    if (!half->images || !half->labels)
        return cln_fail(CLN_INVALID, "the file has no tensor \"%s\"", half->images ? labels : images);
    enum cln_status status = check_images(half, &opened->count);
    if (status == CLN_OK)
        status = check_labels(half, opened->count);
    if (status == CLN_OK && opened->count == 0 && which == CLN_HALF_TRAIN)
        return cln_fail(CLN_INVALID, "tensor \"%s\" has no image", images);
    opened->shape = half->shape;
    opened->type = half->type;
    return status;
}

static enum cln_status open_half(struct cln_opened *opened, const struct cln_source *source, enum cln_half which) {
    struct half *half = calloc(1, sizeof *half);
    if (!half)
        return cln_fail(CLN_OUT_OF_MEMORY, "no memory to read the data set %s", source->path);
    snprintf(half->path, sizeof half->path, "%s", source->path);
    enum cln_status status = cln_safetensors_describe(&half->file, source->path);
    if (status == CLN_OK) {
        status = find_tensors(opened, half, which);
        if (status == CLN_OK)
            status = read_metadata(opened, half);
        if (status != CLN_OK)
            status = cln_fail_within(status, "%s", source->path);
    }
    if (status != CLN_OK) {
        close_half(half);
        return status;
    }
    opened->state = half;
    return CLN_OK;
}

/* ---- Reading ---- */

/* Maps the numbers of a tensor, which the file must still have; *block is the caller's: cln_block_free. */
static enum cln_status map_tensor(struct cln_block *block, const struct half *half,
                                  const struct cln_safetensor *tensor) {
    const size_t wide = cln_dtype_bytes(tensor->dtype), bytes = tensor->count * wide;
    struct stat info;
    *block = (struct cln_block){.bytes = NULL};
    const int file = open(half->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return cln_fail(CLN_IO, "%s: %s", half->path, strerror(errno));
    enum cln_status status = CLN_OK;
    if (fstat(file, &info) != 0)
        status = cln_fail(CLN_IO, "%s: %s", half->path, strerror(errno));
    else if ((uint64_t)info.st_size < tensor->at + bytes)
        status =
            cln_fail(CLN_INVALID, "%s: byte %lld: truncated while it was read", half->path, (long long)info.st_size);
    else
        status = cln_block_map(block, file, tensor->at, bytes, half->path);
    close(file);
    if (status == CLN_OK)
        cln_little_endian(block->bytes, tensor->count, wide);
    return status;
}

static int64_t label_at(const struct cln_safetensor *labels, const char *bytes, size_t i) {
    int64_t wide;
    int32_t narrow;
    if (labels->dtype == CLN_U8)
        return (uint8_t)bytes[i];
    if (labels->dtype == CLN_I32) {
        memcpy(&narrow, bytes + i * sizeof narrow, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, bytes + i * sizeof wide, sizeof wide);
    return wide;
}

static void locate_label(char place[CLN_PLACE_BYTES], const void *state, size_t index) {
    const struct half *half = state;
    const size_t byte = half->labels->at + index * cln_dtype_bytes(half->labels->dtype);
    snprintf(place, CLN_PLACE_BYTES, "%s: byte %zu", half->path, byte);
}

static void locate_shape(char place[CLN_PLACE_BYTES], const void *state) {
    const struct half *half = state;
    snprintf(place, CLN_PLACE_BYTES, "%s: tensor \"%s\"", half->path, half->images->name);
}

static enum cln_status convert_labels(int32_t *labels, const struct half *half, const char *bytes) {
    char place[CLN_PLACE_BYTES];
    for (size_t i = 0; i < half->labels->count; i++) {
        const int64_t label = label_at(half->labels, bytes, i);
        labels[i] = (int32_t)label;
        if (label >= INT32_MIN && label <= INT32_MAX)
            continue;
        locate_label(place, half, i);
        return cln_fail(CLN_INVALID, "%s: image %zu (counted from 0) has label %lld", place, i, (long long)label);
    }
    return CLN_OK;
}

static enum cln_status read_labels(int32_t **labels, void *state) {
    const struct half *half = state;
    struct cln_block block;
    enum cln_status status = map_tensor(&block, half, half->labels);
    if (status != CLN_OK)
        return status;
    *labels = malloc(half->labels->count * sizeof **labels);
    status = *labels ? convert_labels(*labels, half, block.bytes)
                     : cln_fail(CLN_OUT_OF_MEMORY, "no memory for %zu labels", half->labels->count);
    cln_block_free(&block);
    return status;
}

static enum cln_status read_pixels(struct cln_block *pixels, void *state) {
    const struct half *half = state;
    char which[CLN_PLACE_BYTES];
    enum cln_status status = map_tensor(pixels, half, half->images);
    if (status != CLN_OK || half->type != CLN_PIXEL_F32 || half->is_checked)
        return status;
    snprintf(which, sizeof which, "%s: tensor \"%s\":", half->path, half->images->name);
    status = cln_images_check_finite(pixels->bytes, half->images->dims[0], half->shape, which);
    if (status != CLN_OK)
        cln_block_free(pixels);
    return status;
}

const struct cln_data_format cln_prepared_format = {
    .kind = "prepared sets (.safetensors)",
    .contents = "a file that 'clenet data prepare' wrote",
    .probe = probe,
    .each_file = each_file,
    .open = open_half,
    .read_labels = read_labels,
    .read_pixels = read_pixels,
    .locate_label = locate_label,
    .locate_shape = locate_shape,
    .close = close_half,
};
