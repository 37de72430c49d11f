/* The name of a built program among all others: a digest of everything that can change its binary. */
#ifndef HOST_PROGRAM_KEY_H
#define HOST_PROGRAM_KEY_H

#include <stdint.h>

#include "host/device.h"

struct ocl_program_key {
    uint8_t bytes[32]; /* SHA-256 */
};

/* `source` is the text with its includes put in, `options` what clBuildProgram is given. Device, driver and the
 * environment variables that steer drivers' compilers go in too. */
void ocl_program_key_make(struct ocl_program_key *out, const struct ocl_device *device, const char *source,
                          const char *options);

#endif
