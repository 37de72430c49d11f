/* Images on the device, in as few buffers as its largest allocation allows. */
#include "src/engine/pixels.h"

#include <stdlib.h>

struct cln_pixels cln_pixels_divide(size_t count, size_t bytes, uint64_t limit) {
    struct cln_pixels pixels = {.count = count, .bytes = bytes, .per_chunk = count};
    if (count > limit / bytes)
        pixels.per_chunk = limit < bytes ? 1 : (size_t)(limit / bytes);
    pixels.chunk_count = count > 0 ? (count - 1) / pixels.per_chunk + 1 : 0;
    return pixels;
}

size_t cln_pixels_in_chunk(const struct cln_pixels *p, size_t chunk) {
    return chunk + 1 < p->chunk_count ? p->per_chunk : p->count - chunk * p->per_chunk;
}

enum cln_status cln_pixels_create(struct cln_pixels *p, struct ocl_context *context) {
    p->chunks = calloc(p->chunk_count, sizeof *p->chunks);
    if (!p->chunks)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu chunks of images", p->chunk_count);
    enum cln_status status = CLN_OK;
    for (size_t i = 0; i < p->chunk_count && status == CLN_OK; i++)
        status = ocl_buffer_reserve(&p->chunks[i], context, cln_pixels_in_chunk(p, i) * p->bytes);
    return status;
}

void cln_pixels_destroy(struct cln_pixels *p) {
    for (size_t i = 0; p->chunks && i < p->chunk_count; i++)
        ocl_buffer_destroy(&p->chunks[i]);
    free(p->chunks);
    p->chunks = NULL;
}

enum cln_status cln_pixels_write(struct cln_pixels *p, size_t first, size_t count, const void *source,
                                 ocl_buffer_writer *writer) {
    if (first > p->count || count > p->count - first)
        return cln_fail(CLN_INVALID, "%zu images from number %zu on: there are %zu", count, first, p->count);
    const uint8_t *from = source;
    enum cln_status status = CLN_OK;
    for (size_t piece; count > 0 && status == CLN_OK; first += piece, count -= piece, from += piece * p->bytes) {
        const size_t chunk = first / p->per_chunk, at = first % p->per_chunk;
        const size_t left = cln_pixels_in_chunk(p, chunk) - at;
        piece = count < left ? count : left;
        status = writer(p->chunks[chunk], at * p->bytes, piece * p->bytes, from);
    }
    return status;
}
