/* Command buffers: launches that are recorded once and then enqueued with one call, by cl_khr_command_buffer. The
 * extension's functions are looked up at run time on the device's platform, so nothing links against them, and older
 * OpenCL headers suffice. */
#ifndef HOST_COMMAND_BUFFER_H
#define HOST_COMMAND_BUFFER_H

#include "host/internal.h"

/* Completes a device that has the extension: sets simultaneous_command_buffers, and resets has_command_buffer if the
 * extension needs another kind of queue than ours or this build's OpenCL headers do not declare it. */
void ocl_command_buffer_describe(struct ocl_device *device, cl_device_id id);

/* The recording that ocl_command_buffer_create passes to its handler. */
struct ocl_recording;

/* Appends a launch to the recording, with the kernel's arguments as they are now. */
enum cln_status ocl_record_kernel(struct ocl_recording *recording, cl_kernel kernel, const size_t global[3],
                                  const size_t local[3]) CLN_MUST_CHECK;

/* Records all launches, in order, into `recording`. It is called once per copy of the command buffer. */
typedef enum cln_status ocl_record_handler(void *user, struct ocl_recording *recording);

struct ocl_command_buffer;

/* Creates a command buffer for the queue of a context whose device has them. `record` fills it. On failure *out is
 * NULL. */
enum cln_status ocl_command_buffer_create(struct ocl_command_buffer **out, const struct ocl_context *context,
                                          ocl_record_handler *record, void *user) CLN_MUST_CHECK;
/* Destroys the buffer. It may still be executing. */
void ocl_command_buffer_destroy(struct ocl_command_buffer **buffer);

/* Enqueues the recorded launches. If the device cannot have one command buffer in flight twice, several copies take
 * turns, and this waits for the copy that is due. *taken is false if the driver still reports that copy as pending:
 * nothing was enqueued, and the caller launches one by one. */
enum cln_status ocl_command_buffer_enqueue(bool *taken, struct ocl_command_buffer *buffer) CLN_MUST_CHECK;

#endif
