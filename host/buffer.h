/* Buffers in device memory. Copies run in order with the launches of the same context. */
#ifndef HOST_BUFFER_H
#define HOST_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/context.h"

struct ocl_buffer;
struct ocl_ticket;

/* Creates a buffer of `bytes`, all zero, readable and writable by kernels. CLN_OUT_OF_MEMORY, with the numbers in its
 * message, if `bytes` is more than CL_DEVICE_MAX_MEM_ALLOC_SIZE, or the context's buffers together are more than the
 * device's memory. */
enum cln_status ocl_buffer_create(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) CLN_MUST_CHECK;
/* Like ocl_buffer_create, but the content is undefined: for a buffer that is written completely before it is read. */
enum cln_status ocl_buffer_reserve(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) CLN_MUST_CHECK;
/* Makes a buffer of a part of another, with the bytes that the part has: they share memory. `offset` is a multiple of
 * the device's part_alignment. `whole` is no part itself, and must outlive the part. A launch that is joined with
 * others (sequence.h) passes a buffer once for all its parts, as drivers take time for every buffer of a launch. */
enum cln_status ocl_buffer_part(struct ocl_buffer **out, struct ocl_buffer *whole, size_t offset,
                                size_t bytes) CLN_MUST_CHECK;
void ocl_buffer_destroy(struct ocl_buffer **buffer);
size_t ocl_buffer_bytes(const struct ocl_buffer *buffer);

/* Copy between host and device, and wait for the copy. CLN_INVALID: the range is not inside the buffer. */
enum cln_status ocl_buffer_write(struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                 const void *source) CLN_MUST_CHECK;
enum cln_status ocl_buffer_read(struct ocl_buffer *buffer, size_t offset, size_t bytes, void *target) CLN_MUST_CHECK;
/* Queues a write, and does not wait: `source` must stay valid and unchanged until ocl_buffer_read has succeeded, or
 * ocl_buffer_settle has returned, for a buffer of the same context. */
enum cln_status ocl_buffer_write_queued(struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                        const void *source) CLN_MUST_CHECK;
/* Either of the two. */
typedef enum cln_status ocl_buffer_writer(struct ocl_buffer *buffer, size_t offset, size_t bytes, const void *source);
/* After a failure: waits until the device has done, or has failed at, all that was queued. `buffer` is any buffer of
 * the context with at least one byte. Sets no message, so that of the failure stays. */
void ocl_buffer_settle(struct ocl_buffer *buffer);
/* Queues a fill of a range with a 32-bit pattern; `offset` and `bytes` are multiples of 4. */
enum cln_status ocl_buffer_fill(struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                uint32_t pattern) CLN_MUST_CHECK;

/* Queues a read into `target`, which must stay valid until ocl_ticket_wait has returned. */
enum cln_status ocl_buffer_read_begin(struct ocl_ticket **out, struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                      void *target) CLN_MUST_CHECK;
/* Whether the read has finished, successfully or not. Does not block. */
bool ocl_ticket_done(const struct ocl_ticket *ticket);
/* Waits for the read, frees the ticket and sets *ticket to NULL; returns the read's status. *ticket may be NULL:
 * CLN_OK. */
enum cln_status ocl_ticket_wait(struct ocl_ticket **ticket) CLN_MUST_CHECK;

#endif
