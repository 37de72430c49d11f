/* Device memory. Copies are ordered with the launches of the same context. */
#ifndef HOST_BUFFER_H
#define HOST_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/context.h"

struct ocl_buffer;
struct ocl_ticket;

/* `bytes` of read-write device memory, all zero. A size beyond CL_DEVICE_MAX_MEM_ALLOC_SIZE is
 * CLN_OUT_OF_MEMORY with both numbers in the message, and so is more in one context than the device has. */
enum cln_status ocl_buffer_create(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) CLN_MUST_CHECK;
/* The same with nothing in it yet: for what is written as a whole before it is read. */
enum cln_status ocl_buffer_reserve(struct ocl_buffer **out, struct ocl_context *context, size_t bytes) CLN_MUST_CHECK;
void ocl_buffer_destroy(struct ocl_buffer **buffer);
size_t ocl_buffer_bytes(const struct ocl_buffer *buffer);

/* Blocking copies; a range outside the buffer is CLN_INVALID. */
enum cln_status ocl_buffer_write(struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                 const void *source) CLN_MUST_CHECK;
enum cln_status ocl_buffer_read(struct ocl_buffer *buffer, size_t offset, size_t bytes, void *target) CLN_MUST_CHECK;
/* Queues filling a range with a 32-bit pattern; offset and bytes are multiples of 4. */
enum cln_status ocl_buffer_fill(struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                uint32_t pattern) CLN_MUST_CHECK;

/* Queues a read into `target`, which must stay alive until the ticket has been waited for. */
enum cln_status ocl_buffer_read_begin(struct ocl_ticket **out, struct ocl_buffer *buffer, size_t offset, size_t bytes,
                                      void *target) CLN_MUST_CHECK;
/* True when the read has finished, well or not; does not block. */
bool ocl_ticket_done(const struct ocl_ticket *ticket);
/* Blocks until the read is done, frees the ticket and empties the handle. NULL inside: nothing. */
enum cln_status ocl_ticket_wait(struct ocl_ticket **ticket) CLN_MUST_CHECK;

#endif
