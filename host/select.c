/* Selects a device. Only ocl_device_find queries drivers. */
#include "host/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *selector;
    enum ocl_device_type type;
} types[] = {{"gpu", OCL_DEVICE_GPU}, {"cpu", OCL_DEVICE_CPU}, {"accelerator", OCL_DEVICE_ACCELERATOR}};

/* A parsed selector. */
struct wish {
    unsigned types;   /* mask of the allowed types */
    const char *part; /* part of a device's or platform's name; NULL: any */
};

/* Kernels are written in OpenCL C 1.2. */
const char *ocl_device_problem(const struct ocl_device *device) {
    if (device->lacks_compiler)
        return "its driver has no compiler";
    if (!device->available)
        return "its driver says that it is not available";
    if (device->opencl_major < 1 || (device->opencl_major == 1 && device->opencl_minor < 2))
        return "it has no OpenCL 1.2";
    return NULL;
}

static bool usable(const struct ocl_device *device) {
    return ocl_device_problem(device) == NULL;
}

static bool fits(const struct ocl_device *device, const struct wish *wish) {
    return usable(device) && (device->type & wish->types) &&
           (!wish->part || strcasestr(device->name, wish->part) || strcasestr(device->platform, wish->part) ||
            strcasestr(device->platform_version, wish->part));
}

static int rank(const struct ocl_device *device) {
    switch (device->type) {
    case OCL_DEVICE_GPU:
        return device->unified_memory ? 3 : 4;
    case OCL_DEVICE_ACCELERATOR:
        return 2;
    case OCL_DEVICE_CPU:
        return 1;
    case OCL_DEVICE_OTHER:
        break;
    }
    return 0;
}

/* The number of floats that the device computes at a time. A driver's compute unit may be a SIMD lane or a whole
 * core. */
static unsigned width(const struct ocl_device *device) {
    return device->compute_units * device->native_float_vector;
}

static bool better(const struct ocl_device *a, const struct ocl_device *b) {
    return rank(a) != rank(b) ? rank(a) > rank(b) : width(a) > width(b);
}

/* Lists the devices that fit `wish` (NULL: all) as "0:0 name (platform), 1:0 …". */
static void list(char *text, size_t bytes, const struct ocl_device *devices, size_t count, const struct wish *wish) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && length < bytes; i++) {
        const struct ocl_device *d = &devices[i];
        if (wish && !fits(d, wish))
            continue;
        const char *problem = ocl_device_problem(d);
        length += (size_t)snprintf(text + length, bytes - length, "%s%u:%u %s (%s%s%s)", length ? ", " : "",
                                   d->platform_index, d->device_index, d->name, d->platform,
                                   problem ? "; not usable: " : "", problem ? problem : "");
    }
}

static enum cln_status select_number(size_t *index, const struct ocl_device *devices, size_t count, unsigned platform,
                                     unsigned number) {
    char all[2048];
    for (size_t i = 0; i < count; i++) {
        if (devices[i].platform_index != platform || devices[i].device_index != number)
            continue;
        if (!usable(&devices[i]))
            return cln_fail(CLN_NO_DEVICE, "device %u:%u (%s, %s) cannot be used: %s", platform, number,
                            devices[i].name, devices[i].device_version, ocl_device_problem(&devices[i]));
        *index = i;
        return CLN_OK;
    }
    list(all, sizeof all, devices, count, NULL);
    return cln_fail(CLN_NO_DEVICE, "there is no device %u:%u; there is: %s", platform, number, all);
}

/* Selects the best device that fits. A part of a name that fits devices of different names is an error, no guess. */
static enum cln_status select_wish(size_t *index, const struct ocl_device *devices, size_t count,
                                   const struct wish *wish) {
    size_t best = count;
    bool ambiguous = false;
    for (size_t i = 0; i < count; i++) {
        if (!fits(&devices[i], wish))
            continue;
        if (best < count && wish->part && strcmp(devices[i].name, devices[best].name) != 0)
            ambiguous = true;
        if (best == count || better(&devices[i], &devices[best]))
            best = i;
    }
    if (ambiguous) {
        char several[2048];
        list(several, sizeof several, devices, count, wish);
        return cln_fail(CLN_INVALID, "\"%s\" fits several devices: %s; say which by its number", wish->part, several);
    }
    *index = best;
    return best < count ? CLN_OK : CLN_NO_DEVICE;
}

enum cln_status ocl_device_select(size_t *index, const struct ocl_device *devices, size_t count, const char *selector) {
    unsigned platform, number;
    int used = 0;
    struct wish wish = {.types = ~0u};
    if (selector && sscanf(selector, "%u:%u%n", &platform, &number, &used) == 2 && selector[used] == '\0')
        return select_number(index, devices, count, platform, number);
    if (selector && selector[0]) {
        wish.part = selector;
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (strcasecmp(selector, types[i].selector) == 0)
                wish = (struct wish){.types = types[i].type};
    }
    enum cln_status status = select_wish(index, devices, count, &wish);
    if (status != CLN_NO_DEVICE)
        return status;
    char all[2048];
    list(all, sizeof all, devices, count, NULL);
    const bool asked = selector && selector[0];
    return cln_fail(CLN_NO_DEVICE, "no usable device%s%s%s; there is: %s", asked ? " fits \"" : "",
                    asked ? selector : "", asked ? "\"" : "", all[0] ? all : "none");
}

enum cln_status ocl_device_find(struct ocl_device *out, const char *selector) {
    struct ocl_device *devices = NULL;
    size_t count = 0, index = 0;
    enum cln_status status = ocl_devices_list(&devices, &count);
    if (status != CLN_OK)
        return status;
    const char *wanted = selector ? selector : getenv("CLENET_DEVICE");
    status = ocl_device_select(&index, devices, count, wanted);
    if (status == CLN_OK)
        *out = devices[index];
    else if (wanted && !selector)
        status = cln_fail_within(status, "CLENET_DEVICE");
    free(devices);
    return status;
}
