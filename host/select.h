/* Which device: a pure function over plain structs, so it is tested with made-up devices. */
#ifndef HOST_SELECT_H
#define HOST_SELECT_H

#include <stddef.h>

#include "host/device.h"

/* Chooses one of `devices`. `selector` is NULL or "" for the best (discrete GPU, integrated GPU,
 * accelerator, CPU; among equals the most compute units times native float width, then the first), or `gpu`, `cpu`,
 * `accelerator` for the best of that type, `P:D` for a platform and device number, or a part of a
 * device's or platform's name or of the platform's version ("pocl" is told only there), case ignored. Devices that are
 * not available are passed over, and an explicit P:D of one is an error. A part that fits devices of different names is
 * an error that lists them. CLN_NO_DEVICE with the list of what there is when nothing fits. */
enum cln_status ocl_device_select(size_t *index, const struct ocl_device *devices, size_t count,
                                  const char *selector) CLN_MUST_CHECK;

/* Why a device cannot be used; NULL: it can. */
const char *ocl_device_problem(const struct ocl_device *device);

/* Lists, selects and copies the chosen device to *out. A NULL selector means $CLENET_DEVICE, and
 * the best device where that is not set either. */
enum cln_status ocl_device_find(struct ocl_device *out, const char *selector) CLN_MUST_CHECK;

#endif
