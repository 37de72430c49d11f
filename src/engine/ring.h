/* Images that stay on the host: the device has a ring of a few batches, and the pixels of a batch are sent when its
 * step is queued. So a set may be larger than the device's memory, and its pixels may be the pages of a file. Training
 * on a ring gives the same bits as on images that lie on the device. */
#ifndef SRC_ENGINE_RING_H
#define SRC_ENGINE_RING_H

#include "src/engine/pixels.h"

/* Finds image number `index` of a set in host memory. May wait until it is there, and fail. */
typedef enum cln_status cln_locate_image(const void **pixels, void *user, size_t index);

struct cln_ring {
    cln_locate_image *locate;
    void *user;
    struct cln_pixels *pixels; /* on the device: pixels->ring images */
    struct ocl_buffer *state;  /* any buffer that is read to see how far the device is */
    uint8_t *staging;          /* the ring on the host: what is sent stays here until it has arrived */
    uint32_t *order;           /* of the epoch; room for a whole set */
    size_t samples, next;      /* of the epoch: all of them, and the first that was not sent yet */
    size_t batch_size, batches;
    struct ocl_ticket *arrived[2]; /* of the halves of the ring: all that was sent into it */
    int seen[2];                   /* what these read */
};

/* The number of images in a ring for this batch size, of images of `bytes` each: an even number of batches, as many as
 * there are in CLN_RING_BATCHES and `limit` bytes, but two at least. It does not depend on the set: kernels are built
 * for it, also by builders and the guard, which have another number of images. */
enum { CLN_RING_BATCHES = 8 };
size_t cln_ring_images(int batch_size, size_t bytes, uint64_t limit);

/* Makes the ring of a set of `count` images. cln_ring_free also frees what a failure left. */
enum cln_status cln_ring_create(struct cln_ring *ring, struct cln_pixels *pixels, struct ocl_buffer *state,
                                size_t count, int batch_size) CLN_MUST_CHECK;
void cln_ring_free(struct cln_ring *ring);

/* Begins an epoch of `count` samples, of which `seen` are done. order NULL: as stored. */
enum cln_status cln_ring_begin(struct cln_ring *ring, const uint32_t *order, size_t count, size_t seen) CLN_MUST_CHECK;
/* Sends the next batch of the epoch; behind its end does nothing. Waits only where the device is more than half a ring
 * behind. */
enum cln_status cln_ring_send(struct cln_ring *ring) CLN_MUST_CHECK;
/* Sends samples of the epoch again and waits, for steps that are not the next ones. At most a ring of them. */
enum cln_status cln_ring_resend(struct cln_ring *ring, size_t first, size_t count) CLN_MUST_CHECK;

#endif
