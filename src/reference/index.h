/* The index of a number in a [sample][channel][row][column] tensor. */
#ifndef SRC_REFERENCE_INDEX_H
#define SRC_REFERENCE_INDEX_H

#include "clenet/geometry.h"

static inline size_t cln_index(struct cln_shape s, size_t sample, int channel, int row, int column) {
    return ((sample * (size_t)s.channels + (size_t)channel) * (size_t)s.height + (size_t)row) * (size_t)s.width +
           (size_t)column;
}

#endif
