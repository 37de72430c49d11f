/* The engine's memory layout from the host's side: [block][element][lane], a lane being one sample. Pure. */
#ifndef SRC_CHECK_LANES_H
#define SRC_CHECK_LANES_H

#include <stddef.h>

/* Where element `element` of sample `sample` stands, of `elements` per sample. */
static inline size_t cln_lanes_index(size_t lanes, size_t elements, size_t sample, size_t element) {
    return (sample / lanes * elements + element) * lanes + sample % lanes;
}

#endif
