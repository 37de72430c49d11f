/* Pixels of a data set of bytes, for tests. */
#ifndef TESTS_PIXELS_H
#define TESTS_PIXELS_H

#include "clenet/dataset.h"

static inline uint8_t *bytes_of(const struct cln_images *images) {
    return images->type == CLN_PIXEL_U8 ? images->pixels : NULL;
}

#endif
