/* Numbers as files have them, and the pixels and labels that they become. Private to src/data. */
#ifndef SRC_DATA_ELEMENTS_H
#define SRC_DATA_ELEMENTS_H

#include <stdbool.h>

#include "clenet/dataset.h"

enum cln_element {
    CLN_ELEMENT_U8,
    CLN_ELEMENT_I8,
    CLN_ELEMENT_U16,
    CLN_ELEMENT_I16,
    CLN_ELEMENT_U32,
    CLN_ELEMENT_I32,
    CLN_ELEMENT_U64,
    CLN_ELEMENT_I64,
    CLN_ELEMENT_F32,
    CLN_ELEMENT_F64,
    CLN_ELEMENT_COUNT
};

struct cln_elements {
    enum cln_element type;
    bool is_big_endian;
};

size_t cln_element_bytes(enum cln_element type);
/* Completes "elements of ": "8 bits", "signed 16 bits", "float64". */
const char *cln_element_name(enum cln_element type);
bool cln_element_is_integer(enum cln_element type);

/* The pixels that elements become: unsigned ones of 8 and 16 bits, and floats. False: none, since nobody says which
 * values are black and white. */
bool cln_element_pixels(enum cln_pixel_type *pixels, enum cln_element type);
/* Makes pixels of `count` elements, in place. Returns the index of the first value that no pixel has, one that is not
 * finite as float32; else `count`. */
size_t cln_elements_to_pixels(void *bytes, size_t count, struct cln_elements elements);
/* Makes columns of the rows of `count` matrices, rows×columns pixels of 1, 2 or 4 bytes, in place. False: no memory. */
bool cln_elements_transpose(void *pixels, size_t count, size_t rows, size_t columns, size_t bytes) CLN_MUST_CHECK;
/* labels[i] out of element number i · step, for i below `count`. Returns the index of the first label that is no
 * integer of 32 bits; else `count`. Floats are none. */
size_t cln_elements_to_labels(int32_t *labels, const void *bytes, size_t count, size_t step,
                              struct cln_elements elements);

#endif
