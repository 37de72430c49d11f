/* The table of kinds of numbers, and their conversions. */
#include "src/data/elements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"

enum kind { UNSIGNED, SIGNED, FLOAT };

static const struct row {
    size_t bytes;
    enum kind kind;
    int pixels; /* enum cln_pixel_type; -1: none */
    const char *name;
} kinds[] = {
    [CLN_ELEMENT_U8] = {1, UNSIGNED, CLN_PIXEL_U8, "8 bits"},
    [CLN_ELEMENT_I8] = {1, SIGNED, -1, "signed 8 bits"},
    [CLN_ELEMENT_U16] = {2, UNSIGNED, CLN_PIXEL_U16, "16 bits"},
    [CLN_ELEMENT_I16] = {2, SIGNED, -1, "signed 16 bits"},
    [CLN_ELEMENT_U32] = {4, UNSIGNED, -1, "32 bits"},
    [CLN_ELEMENT_I32] = {4, SIGNED, -1, "signed 32 bits"},
    [CLN_ELEMENT_U64] = {8, UNSIGNED, -1, "64 bits"},
    [CLN_ELEMENT_I64] = {8, SIGNED, -1, "signed 64 bits"},
    [CLN_ELEMENT_F32] = {4, FLOAT, CLN_PIXEL_F32, "float32"},
    [CLN_ELEMENT_F64] = {8, FLOAT, CLN_PIXEL_F32, "float64"},
};
CLN_EVERY(kinds, CLN_ELEMENT_COUNT);

size_t cln_element_bytes(enum cln_element type) {
    return kinds[type].bytes;
}

const char *cln_element_name(enum cln_element type) {
    return kinds[type].name;
}

bool cln_element_is_integer(enum cln_element type) {
    return kinds[type].kind != FLOAT;
}

bool cln_element_pixels(enum cln_pixel_type *pixels, enum cln_element type) {
    if (kinds[type].pixels >= 0)
        *pixels = (enum cln_pixel_type)kinds[type].pixels;
    return kinds[type].pixels >= 0;
}

static uint64_t load(const uint8_t *at, size_t bytes, bool is_big_endian) {
    uint64_t bits = 0;
    for (size_t i = 0; i < bytes; i++)
        bits = bits << 8 | at[is_big_endian ? i : bytes - 1 - i];
    return bits;
}

static float load_float(const uint8_t *at, struct cln_elements elements) {
    const uint64_t bits = load(at, kinds[elements.type].bytes, elements.is_big_endian);
    if (elements.type == CLN_ELEMENT_F32) {
        const uint32_t half = (uint32_t)bits;
        float value;
        memcpy(&value, &half, sizeof value);
        return value;
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return fabs(value) <= 3.4028234663852886e38 ? (float)value : NAN;
}

/* What is written is never longer than what was read. */
size_t cln_elements_to_pixels(void *bytes, size_t count, struct cln_elements elements) {
    const size_t step = kinds[elements.type].bytes;
    uint8_t *const from = bytes, *const to = bytes;
    for (size_t i = 0; i < count && elements.type == CLN_ELEMENT_U16; i++) {
        const uint16_t value = (uint16_t)load(from + i * step, step, elements.is_big_endian);
        memcpy(to + i * sizeof value, &value, sizeof value);
    }
    for (size_t i = 0; i < count && kinds[elements.type].kind == FLOAT; i++) {
        const float value = load_float(from + i * step, elements);
        if (!isfinite(value))
            return i;
        memcpy(to + i * sizeof value, &value, sizeof value);
    }
    return count;
}

/* `bytes` is a constant in every call, and the loop over them is none. */
static inline void transpose(uint8_t *out, const uint8_t *in, size_t rows, size_t columns, size_t bytes) {
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++)
            memcpy(out + (x * rows + y) * bytes, in + (y * columns + x) * bytes, bytes);
}

bool cln_elements_transpose(void *pixels, size_t count, size_t rows, size_t columns, size_t bytes) {
    const size_t matrix = rows * columns * bytes;
    uint8_t *copy = malloc(matrix), *at = pixels;
    for (size_t i = 0; i < count && copy; i++, at += matrix) {
        memcpy(copy, at, matrix);
        if (bytes == 1)
            transpose(at, copy, rows, columns, 1);
        else if (bytes == 2)
            transpose(at, copy, rows, columns, 2);
        else
            transpose(at, copy, rows, columns, 4);
    }
    const bool is_done = copy != NULL;
    free(copy);
    return is_done;
}

/* False: no integer of 32 bits. */
static bool load_label(int32_t *label, const uint8_t *at, struct cln_elements elements) {
    const struct row *row = &kinds[elements.type];
    const uint64_t bits = load(at, row->bytes, elements.is_big_endian);
    const uint64_t sign = (uint64_t)1 << (8 * row->bytes - 1);
    if (row->kind == SIGNED && bits & sign) {
        const int64_t value = (int64_t)(bits & (sign - 1)) - (int64_t)(sign - 1) - 1;
        *label = (int32_t)value;
        return value >= INT32_MIN;
    }
    *label = (int32_t)(bits & INT32_MAX);
    return row->kind != FLOAT && bits <= INT32_MAX;
}

size_t cln_elements_to_labels(int32_t *labels, const void *bytes, size_t count, size_t step,
                              struct cln_elements elements) {
    const uint8_t *from = bytes;
    for (size_t i = 0; i < count; i++)
        if (!load_label(&labels[i], from + i * step * kinds[elements.type].bytes, elements))
            return i;
    return count;
}
