/* Launches recorded once and enqueued as one, through cl_khr_command_buffer. Its functions are found at run time, on
 * the device's platform; nothing is linked against them, and headers that do not know them will do. */
#ifndef HOST_COMMAND_BUFFER_H
#define HOST_COMMAND_BUFFER_H

#include "host/internal.h"

/* Completes a device whose `has_command_buffer` says that the extension is there: how it may be used, and false after
 * all where it asks for another queue than ours, or where the headers of this build do not know the extension. */
void ocl_command_buffer_describe(struct ocl_device *device, cl_device_id id);

/* Where launches are recorded to, while ocl_command_buffer_create runs. */
struct ocl_recording;

/* Records a launch behind those before. The kernel's arguments count as they are now. */
enum cln_status ocl_record_kernel(struct ocl_recording *recording, cl_kernel kernel, const size_t global[3],
                                  const size_t local[3]) CLN_MUST_CHECK;

/* Records everything that is to be replayed, in order. Called several times. */
typedef enum cln_status ocl_record_handler(void *user, struct ocl_recording *recording);

struct ocl_command_buffer;

/* For the queue of a context whose device has command buffers. On failure *out is NULL. */
enum cln_status ocl_command_buffer_create(struct ocl_command_buffer **out, const struct ocl_context *context,
                                          ocl_record_handler *record, void *user) CLN_MUST_CHECK;
/* May be called while it is still at work. */
void ocl_command_buffer_destroy(struct ocl_command_buffer **buffer);

/* Enqueues what was recorded. Where the device cannot have a command buffer in flight twice, several copies take
 * turns, and the oldest is waited for. *taken is false where nothing was enqueued because the driver thinks that copy
 * still at work: the caller then launches one by one. */
enum cln_status ocl_command_buffer_enqueue(bool *taken, struct ocl_command_buffer *buffer) CLN_MUST_CHECK;

#endif
