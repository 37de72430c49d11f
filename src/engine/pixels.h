/* A set's images on the device as bytes: in one buffer, or in chunks where they are more than the device gives at once.
 */
#ifndef SRC_ENGINE_PIXELS_H
#define SRC_ENGINE_PIXELS_H

#include <stdint.h>

#include "host/buffer.h"

struct cln_pixels {
    size_t count, bytes;        /* images, and bytes of one */
    size_t per_chunk;           /* images of every chunk but the last, which may have fewer */
    size_t chunk_count;         /* 1 where all fit into one */
    struct ocl_buffer **chunks; /* [image][channel][row][column] */
};

/* How `count` images of `bytes` each are divided, where a buffer has at most `limit` bytes: as few chunks as can be.
 * There are no buffers yet. An image above the limit is a chunk by itself, which creating it then refuses. */
struct cln_pixels cln_pixels_divide(size_t count, size_t bytes, uint64_t limit);
/* Images of a chunk. */
size_t cln_pixels_in_chunk(const struct cln_pixels *pixels, size_t chunk);

/* Room for them, with nothing in it. Destroying takes what a failure left, too. */
enum cln_status cln_pixels_create(struct cln_pixels *pixels, struct ocl_context *context) CLN_MUST_CHECK;
void cln_pixels_destroy(struct cln_pixels *pixels);

/* Copies `count` images to the device, from number `first` on, whatever chunks they fall into. CLN_INVALID where there
 * are not that many. */
enum cln_status cln_pixels_write(struct cln_pixels *pixels, size_t first, size_t count,
                                 const uint8_t *source) CLN_MUST_CHECK;

#endif
