/* Selects a device. The choice is a pure function of plain structs, so tests can use made-up devices. */
#ifndef HOST_SELECT_H
#define HOST_SELECT_H

#include <stddef.h>

#include "host/device.h"

/* Sets *index to one of `devices`. `selector` is one of:
 * - NULL or "": the best device. Discrete GPUs come first, then integrated GPUs, accelerators, CPUs; within a type the
 *   largest compute units × native float width, then the first.
 * - "gpu", "cpu", "accelerator": the best of that type.
 * - "P:D": platform and device number.
 * - other text: part of the name of a device or platform, or of the platform's version ("pocl" occurs only there), in
 *   any case.
 * Unavailable devices are skipped; an unavailable P:D is an error. Text that fits devices of different names is an
 * error that lists them. CLN_NO_DEVICE lists all devices if none fits. */
enum cln_status ocl_device_select(size_t *index, const struct ocl_device *devices, size_t count,
                                  const char *selector) CLN_MUST_CHECK;

/* The reason why a device cannot be used; NULL: it can be used. */
const char *ocl_device_problem(const struct ocl_device *device);

/* Lists the devices, selects one, and copies it to *out. `selector` NULL: $CLENET_DEVICE, or if that is not set the
 * best device. */
enum cln_status ocl_device_find(struct ocl_device *out, const char *selector) CLN_MUST_CHECK;

#endif
