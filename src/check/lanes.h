/* The engine's memory layout [block][element][lane], for the host. A lane is one sample. */
#ifndef SRC_CHECK_LANES_H
#define SRC_CHECK_LANES_H

#include <stddef.h>

/* The index of an element of a sample, with `lanes` per block and `elements` per sample. */
static inline size_t cln_lanes_index(size_t lanes, size_t elements, size_t sample, size_t element) {
    return (sample / lanes * elements + element) * lanes + sample % lanes;
}

#endif
