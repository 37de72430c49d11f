/* Sends batches of images: see ring.h. */
#include "src/engine/ring.h"

#include <stdlib.h>
#include <string.h>

size_t cln_ring_images(int batch_size, size_t bytes, uint64_t limit) {
    const size_t batch = (size_t)batch_size, fitting = (size_t)(limit / bytes) / batch / 2 * 2;
    return batch * (fitting > CLN_RING_BATCHES ? CLN_RING_BATCHES : fitting > 2 ? fitting : 2);
}

enum cln_status cln_ring_create(struct cln_ring *ring, struct cln_pixels *pixels, struct ocl_buffer *state,
                                size_t count, int batch_size) {
    ring->pixels = pixels;
    ring->state = state;
    ring->batch_size = (size_t)batch_size;
    ring->staging = malloc(pixels->ring * pixels->bytes);
    ring->order = malloc(count * sizeof *ring->order);
    return ring->staging && ring->order
               ? CLN_OK
               : cln_fail(CLN_OUT_OF_MEMORY, "host memory for %zu images that are sent to the device", pixels->ring);
}

static enum cln_status wait_for_halves(struct cln_ring *ring) {
    const enum cln_status first = ocl_ticket_wait(&ring->arrived[0]), second = ocl_ticket_wait(&ring->arrived[1]);
    return first == CLN_OK ? second : first;
}

void cln_ring_free(struct cln_ring *ring) {
    (void)!wait_for_halves(ring);
    if (ring->state) /* writes of a half that has only begun have no ticket */
        ocl_buffer_settle(ring->state);
    free(ring->staging);
    free(ring->order);
    *ring = (struct cln_ring){.locate = NULL};
}

enum cln_status cln_ring_begin(struct cln_ring *ring, const uint32_t *order, size_t count, size_t seen) {
    const enum cln_status status = wait_for_halves(ring);
    for (size_t i = 0; i < count; i++)
        ring->order[i] = order ? order[i] : (uint32_t)i;
    ring->samples = count;
    ring->next = seen;
    ring->batches = 0;
    return status;
}

/* Copies samples to the host's ring, and sends them from there. They lie in at most two pieces. */
static enum cln_status send(struct cln_ring *ring, size_t first, size_t count, ocl_buffer_writer *writer) {
    const size_t bytes = ring->pixels->bytes, room = ring->pixels->ring;
    enum cln_status status = CLN_OK;
    for (size_t done = 0, n; done < count && status == CLN_OK; done += n) {
        const size_t slot = (first + done) % room;
        n = count - done < room - slot ? count - done : room - slot;
        for (size_t i = 0; i < n && status == CLN_OK; i++) {
            const void *pixels = NULL;
            status = ring->locate(&pixels, ring->user, ring->order[first + done + i]);
            if (status == CLN_OK)
                memcpy(ring->staging + (slot + i) * bytes, pixels, bytes);
        }
        if (status == CLN_OK)
            status = cln_pixels_write(ring->pixels, slot, n, ring->staging + slot * bytes, writer);
    }
    return status;
}

enum cln_status cln_ring_send(struct cln_ring *ring) {
    const size_t left = ring->samples - ring->next, count = left < ring->batch_size ? left : ring->batch_size;
    const size_t per_half = ring->pixels->ring / ring->batch_size / 2, at = ring->batches % per_half,
                 half = ring->batches / per_half % 2;
    if (count == 0)
        return CLN_OK;
    enum cln_status status = at == 0 ? ocl_ticket_wait(&ring->arrived[half]) : CLN_OK;
    if (status == CLN_OK)
        status = send(ring, ring->next, count, ocl_buffer_write_queued);
    if (status == CLN_OK && at == per_half - 1)
        status =
            ocl_buffer_read_begin(&ring->arrived[half], ring->state, 0, sizeof ring->seen[half], &ring->seen[half]);
    ring->next += count;
    ring->batches++;
    return status;
}

enum cln_status cln_ring_resend(struct cln_ring *ring, size_t first, size_t count) {
    const enum cln_status status = wait_for_halves(ring);
    return status == CLN_OK ? send(ring, first, count, ocl_buffer_write) : status;
}
