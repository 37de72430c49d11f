/* IDX: two bytes of 0, a type, a rank, one 32-bit size per dimension, then the elements; all are big-endian. */
#include "src/data/idx.h"

#include <stdlib.h>

#include "src/data/elements.h"
#include "src/data/input.h"
#include "src/data/picture_format.h"

enum { COUNT_LIMIT = 1 << 24, SIDE_LIMIT = 4096, RANK_LIMIT = 4, NO_ELEMENT = -1 };

/* What an element of a type is, as a pixel and as a label: enum cln_element. */
static const struct type {
    uint8_t code;
    const char *name;
    int pixel, label;
} types[] = {
    {0x08, "ubyte", CLN_ELEMENT_U8, CLN_ELEMENT_U8},   {0x09, "byte", NO_ELEMENT, CLN_ELEMENT_I8},
    {0x0B, "short", CLN_ELEMENT_U16, CLN_ELEMENT_I16}, {0x0C, "int", NO_ELEMENT, CLN_ELEMENT_I32},
    {0x0D, "float", CLN_ELEMENT_F32, NO_ELEMENT},      {0x0E, "double", CLN_ELEMENT_F64, NO_ELEMENT},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

/* What a file can hold. Ranks go up to the first one + 1. */
enum content { IMAGES, LABELS };
static const struct {
    const char *name, *types;
    unsigned first_rank;
} contents[] = {
    [IMAGES] = {"images", "ubyte, short, float or double", 3},
    [LABELS] = {"labels", "ubyte, byte, short or int", 1},
};

struct cln_idx {
    struct cln_input *input;
    struct cln_elements elements;
    unsigned rank;
    uint32_t sizes[RANK_LIMIT];
    uint64_t total; /* of elements */
};

void cln_idx_close(struct cln_idx **file) {
    if (!*file)
        return;
    cln_input_close(&(*file)->input);
    free(*file);
    *file = NULL;
}

static enum cln_status read_u32(struct cln_idx *file, uint32_t *value, unsigned header_bytes) {
    uint8_t b[4];
    *value = 0;
    const enum cln_status status = cln_input_read(file->input, b, sizeof b, header_bytes);
    if (status == CLN_OK)
        *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return status;
}

/* Finds the type and the rank. */
static enum cln_status read_magic(struct cln_idx *file, enum content content) {
    const unsigned first_rank = contents[content].first_rank;
    const char *name = cln_input_name(file->input);
    uint32_t magic = 0;
    const enum cln_status status = read_u32(file, &magic, 4 + 4 * first_rank);
    if (status != CLN_OK)
        return status;
    const struct type *type = types;
    while (type < types + TYPE_COUNT && type->code != magic >> 8)
        type++;
    file->rank = magic & 0xFF;
    if (type == types + TYPE_COUNT || file->rank < first_rank || file->rank > first_rank + 1)
        return cln_fail(CLN_INVALID, "%s: byte 0: magic number 0x%08x instead of 0x%08x: no IDX file of %s", name,
                        (unsigned)magic, 0x0800 | first_rank, contents[content].name);
    const int element = content == IMAGES ? type->pixel : type->label;
    if (element == NO_ELEMENT)
        return cln_fail(CLN_INVALID, "%s: byte 2: %s of type %s: they have to be %s", name, contents[content].name,
                        type->name, contents[content].types);
    file->elements = (struct cln_elements){(enum cln_element)element, .is_big_endian = true};
    return CLN_OK;
}

/* Type, rank and sizes, each within its limits. */
static enum cln_status read_header(struct cln_idx *file, enum content content) {
    enum cln_status status = read_magic(file, content);
    file->total = 1;
    for (unsigned i = 0; i < file->rank && status == CLN_OK; i++) {
        const uint32_t limit = i == 0 ? COUNT_LIMIT : SIDE_LIMIT;
        status = read_u32(file, &file->sizes[i], 4 + 4 * file->rank);
        if (status == CLN_OK && (file->sizes[i] < 1 || file->sizes[i] > limit))
            status = cln_fail(CLN_INVALID, "%s: byte %u: a %s of %u: from 1 to %u, clenet's limit",
                              cln_input_name(file->input), 4 + 4 * i, i == 0 ? "count" : "side",
                              (unsigned)file->sizes[i], (unsigned)limit);
        file->total *= file->sizes[i]; /* 24 + 3 · 12 bits */
    }
    return status;
}

/* Takes over `input`, which is not NULL where `status` is CLN_OK. */
static enum cln_status start(struct cln_idx **out, enum cln_status status, struct cln_input *input,
                             enum content content) {
    struct cln_idx *file = *out = status == CLN_OK ? calloc(1, sizeof *file) : NULL;
    if (status == CLN_OK && !file) {
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory to read it", cln_input_name(input));
        cln_input_close(&input);
    }
    if (status != CLN_OK)
        return status;
    file->input = input;
    status = read_header(file, content);
    if (status != CLN_OK)
        cln_idx_close(out);
    return status;
}

static void tell_images(const struct cln_idx *file, size_t *count, struct cln_shape *shape) {
    const uint32_t *size = file->sizes;
    *count = size[0];
    *shape = file->rank == 3 ? (struct cln_shape){1, (int)size[1], (int)size[2]}
                             : (struct cln_shape){(int)size[1], (int)size[2], (int)size[3]};
}

enum cln_status cln_idx_open_images(struct cln_idx **out, const char *path, size_t *count, struct cln_shape *shape,
                                    enum cln_pixel_type *type) {
    struct cln_input *input;
    const enum cln_status opened = cln_input_open(&input, path), status = start(out, opened, input, IMAGES);
    if (status != CLN_OK)
        return status;
    tell_images(*out, count, shape);
    (void)cln_element_pixels(type, (*out)->elements.type);
    return CLN_OK;
}

static enum cln_status read_elements(struct cln_idx *file, void **bytes) {
    return cln_input_rest(file->input, bytes, file->total * cln_element_bytes(file->elements.type), 4);
}

enum cln_status cln_idx_read(struct cln_idx **file, void **pixels) {
    struct cln_idx *f = *file;
    enum cln_status status = read_elements(f, pixels);
    const size_t at = 4 + 4 * f->rank, step = cln_element_bytes(f->elements.type);
    const size_t good = status == CLN_OK ? cln_elements_to_pixels(*pixels, f->total, f->elements) : f->total;
    if (good < f->total) {
        status = cln_fail(CLN_INVALID, "%s: byte %zu: a pixel that is not finite", cln_input_name(f->input),
                          at + good * step);
        free(*pixels);
        *pixels = NULL;
    }
    cln_idx_close(file);
    return status;
}

enum cln_status cln_idx_read_labels(struct cln_idx_labels *out, const char *path) {
    struct cln_idx *file = NULL;
    struct cln_input *input;
    void *bytes = NULL;
    *out = (struct cln_idx_labels){.labels = NULL};
    const enum cln_status opened = cln_input_open(&input, path);
    enum cln_status status = start(&file, opened, input, LABELS);
    if (status == CLN_OK)
        status = read_elements(file, &bytes);
    if (status != CLN_OK) {
        cln_idx_close(&file);
        return status;
    }
    const size_t columns = file->rank == 2 ? file->sizes[1] : 1;
    out->count = file->sizes[0];
    out->at = 4 + 4 * file->rank;
    out->step = columns * cln_element_bytes(file->elements.type);
    out->labels = malloc(out->count * sizeof *out->labels);
    if (!out->labels)
        status = cln_fail(CLN_OUT_OF_MEMORY, "%s: no memory for %zu labels", path, out->count);
    else /* no integer of IDX has more than 32 bits */
        (void)cln_elements_to_labels(out->labels, bytes, out->count, columns, file->elements);
    free(bytes);
    cln_idx_close(&file);
    return status;
}

/* Takes over `gz`. Pictures to predict are of bytes, grey or coloured. */
static enum cln_status read_pictures(uint8_t **images, size_t *count, struct cln_shape *shape, struct gzFile_s *gz,
                                     const char *name) {
    struct cln_idx *file = NULL;
    struct cln_input *input;
    void *bytes = NULL;
    const enum cln_status opened = cln_input_take(&input, gz, name);
    enum cln_status status = start(&file, opened, input, IMAGES);
    if (status == CLN_OK && file->elements.type != CLN_ELEMENT_U8)
        status = cln_fail(CLN_INVALID, "%s: byte 2: pixels of %s: pictures to predict have 8 bits", name,
                          cln_element_name(file->elements.type));
    if (status == CLN_OK)
        tell_images(file, count, shape);
    if (status == CLN_OK && shape->channels != 1 && shape->channels != 3)
        status = cln_fail(CLN_INVALID, "%s: byte %d: %d channels: pictures to predict have 1 or 3", name,
                          CLN_IDX_SHAPE_AT, shape->channels);
    if (status == CLN_OK)
        status = cln_idx_read(&file, &bytes);
    cln_idx_close(&file);
    *images = bytes;
    return status;
}

const struct cln_picture_format cln_idx_pictures = {.name = "an IDX file", .first_byte = 0, .read = read_pictures};
