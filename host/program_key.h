/* The key of a built program in the cache: a digest of everything that can change its binary. */
#ifndef HOST_PROGRAM_KEY_H
#define HOST_PROGRAM_KEY_H

#include <stdint.h>

#include "host/device.h"

struct ocl_program_key {
    uint8_t bytes[32]; /* SHA-256 */
};

/* Computes the key from the source text (includes already inserted), the options for clBuildProgram, the device, the
 * driver, and the environment variables that control drivers' compilers. */
void ocl_program_key_make(struct ocl_program_key *out, const struct ocl_device *device, const char *source,
                          const char *options);

#endif
