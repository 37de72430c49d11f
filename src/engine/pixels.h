/* The pixels of a set on the device, as they are stored: in one buffer, or in several chunks if they exceed the
 * device's largest allocation. */
#ifndef SRC_ENGINE_PIXELS_H
#define SRC_ENGINE_PIXELS_H

#include <stdint.h>

#include "host/buffer.h"

struct cln_pixels {
    size_t count, bytes;        /* number of images, and bytes of one image */
    size_t per_chunk;           /* images per chunk; the last chunk may have fewer */
    size_t ring;                /* above 0: the images are a ring of so many, see ring.h, and `count` is that */
    size_t chunk_count;         /* 1: all images are in one buffer */
    struct ocl_buffer **chunks; /* [image][channel][row][column] */
};

/* Divides `count` images of `bytes` each into as few chunks as possible, of at most `limit` bytes. Creates no buffers.
 * An image above the limit gets a chunk of its own, which cln_pixels_create then cannot create. */
struct cln_pixels cln_pixels_divide(size_t count, size_t bytes, uint64_t limit);
/* The number of images in a chunk. */
size_t cln_pixels_in_chunk(const struct cln_pixels *pixels, size_t chunk);

/* Creates the buffers, their content undefined. cln_pixels_destroy also frees what a failure left. */
enum cln_status cln_pixels_create(struct cln_pixels *pixels, struct ocl_context *context) CLN_MUST_CHECK;
void cln_pixels_destroy(struct cln_pixels *pixels);

/* Copies `count` images to the device, to the places from `first` on, across chunks, by `writer`: ocl_buffer_write or
 * ocl_buffer_write_queued. CLN_INVALID: the set has fewer images. */
enum cln_status cln_pixels_write(struct cln_pixels *pixels, size_t first, size_t count, const void *source,
                                 ocl_buffer_writer *writer) CLN_MUST_CHECK;

#endif
