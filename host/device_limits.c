/* The keys of $CLENET_LIMITS as a table: which member of a device each lowers. */
#include "host/device_limits.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/table.h"

/* The beginning of all messages. */
#define VARIABLE "CLENET_LIMITS"

enum kind {
    COUNT,   /* a whole number, at least 1 */
    BYTES,   /* at least 1, may end in K, M or G */
    ROOM,    /* like BYTES, but may be 0: memory that a device need not have */
    FEATURE, /* 0: absent; 1: as the device reports */
    VERSION, /* MAJOR.MINOR */
    KIND_COUNT
};

/* A value: `number` for all kinds but versions. */
struct value {
    uint64_t number;
    unsigned major, minor;
};

static void lower_size(size_t *number, uint64_t limit) {
    if (*number > limit)
        *number = (size_t)limit;
}

static void lower_bytes(uint64_t *number, uint64_t limit) {
    if (*number > limit)
        *number = limit;
}

static void lower_unsigned(unsigned *number, uint64_t limit) {
    if (*number > limit)
        *number = (unsigned)limit;
}

/* Lowers the work-group size, and with it the limit along each dimension. */
static void lower_work_group(struct ocl_device *d, const struct value *v) {
    d->groups_pretended = d->groups_pretended || v->number < d->max_work_group_size;
    lower_size(&d->max_work_group_size, v->number);
    for (size_t i = 0; i < 3; i++)
        lower_size(&d->max_work_item_sizes[i], v->number);
}

static void lower_kernel_work_group(struct ocl_device *d, const struct value *v) {
    d->groups_pretended = true;
    lower_size(&d->max_kernel_work_group_size, v->number);
}

static void lower_local_mem(struct ocl_device *d, const struct value *v) {
    d->groups_pretended = d->groups_pretended || v->number < d->local_memory_bytes;
    lower_bytes(&d->local_memory_bytes, v->number);
}

static void lower_constant_buffer(struct ocl_device *d, const struct value *v) {
    lower_bytes(&d->constant_buffer_bytes, v->number);
}

static void lower_max_alloc(struct ocl_device *d, const struct value *v) {
    lower_bytes(&d->max_alloc_bytes, v->number);
}

static void lower_global_mem(struct ocl_device *d, const struct value *v) {
    lower_bytes(&d->global_memory_bytes, v->number);
    lower_bytes(&d->max_alloc_bytes, v->number);
}

static void lower_cache(struct ocl_device *d, const struct value *v) {
    lower_bytes(&d->cache_bytes, v->number);
}

static void lower_compute_units(struct ocl_device *d, const struct value *v) {
    lower_unsigned(&d->compute_units, v->number);
}

static void lower_native_vector(struct ocl_device *d, const struct value *v) {
    lower_unsigned(&d->native_float_vector, v->number);
}

static void lower_fp64(struct ocl_device *d, const struct value *v) {
    d->has_fp64 = d->has_fp64 && v->number;
}

static void lower_command_buffer(struct ocl_device *d, const struct value *v) {
    d->has_command_buffer = d->has_command_buffer && v->number;
    d->simultaneous_command_buffers = d->simultaneous_command_buffers && v->number;
}

static void lower_extensions(struct ocl_device *d, const struct value *v) {
    lower_fp64(d, v);
    lower_command_buffer(d, v);
}

static void lower_opencl(struct ocl_device *d, const struct value *v) {
    if (d->opencl_major < v->major || (d->opencl_major == v->major && d->opencl_minor <= v->minor))
        return;
    d->opencl_major = v->major;
    d->opencl_minor = v->minor;
    snprintf(d->device_version, sizeof d->device_version, "OpenCL %u.%u pretended", v->major, v->minor);
}

/* docs/limits.md explains the keys. */
static const struct key {
    const char *name;
    enum kind kind;
    void (*lower)(struct ocl_device *device, const struct value *value);
} keys[] = {
    {"work_group", COUNT, lower_work_group},
    {"kernel_work_group", COUNT, lower_kernel_work_group},
    {"local_mem", ROOM, lower_local_mem},
    {"constant_buffer", ROOM, lower_constant_buffer},
    {"max_alloc", BYTES, lower_max_alloc},
    {"global_mem", BYTES, lower_global_mem},
    {"cache", ROOM, lower_cache},
    {"compute_units", COUNT, lower_compute_units},
    {"native_vector", COUNT, lower_native_vector},
    {"fp64", FEATURE, lower_fp64},
    {"command_buffer", FEATURE, lower_command_buffer},
    {"extensions", FEATURE, lower_extensions},
    {"opencl", VERSION, lower_opencl},
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static const char *const wanted[] = {
    [COUNT] = "a whole number from 1 on",
    [BYTES] = "a size from 1 on, in bytes or with K, M or G behind",
    [ROOM] = "a size in bytes or with K, M or G behind",
    [FEATURE] = "0, for none, or 1, for what the device has",
    [VERSION] = "a version such as 1.2",
};
CLN_EVERY(wanted, KIND_COUNT);

/* Reads a whole number that fills the text, except for a unit if `units`. */
static bool read_number(uint64_t *out, const char *text, bool units) {
    static const char unit_names[] = "KMG";
    uint64_t number = 0, factor = 1;
    const char *at = text;
    for (; isdigit((unsigned char)*at); at++) {
        if (number > (UINT64_MAX - 9) / 10)
            return false;
        number = number * 10 + (uint64_t)(*at - '0');
    }
    if (at == text)
        return false;
    const char *unit = units && *at ? strchr(unit_names, toupper((unsigned char)*at)) : NULL;
    if (unit) {
        factor = UINT64_C(1) << 10 * (unit - unit_names + 1);
        at++;
    }
    *out = number * factor;
    return *at == '\0' && number <= UINT64_MAX / factor;
}

static bool read_value(struct value *out, enum kind kind, const char *text) {
    int used = 0;
    *out = (struct value){0};
    switch (kind) {
    case COUNT:
        return read_number(&out->number, text, false) && out->number > 0;
    case BYTES:
        return read_number(&out->number, text, true) && out->number > 0;
    case ROOM:
        return read_number(&out->number, text, true);
    case FEATURE:
        return read_number(&out->number, text, false) && out->number <= 1;
    case VERSION:
    case KIND_COUNT:
        break;
    }
    return isdigit((unsigned char)*text) && sscanf(text, "%4u.%4u%n", &out->major, &out->minor, &used) == 2 &&
           text[used] == '\0';
}

static const struct key *find_key(const char *name) {
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(name, keys[i].name) == 0)
            return &keys[i];
    return NULL;
}

static enum cln_status fail_unknown(const char *name) {
    char known[512] = "";
    size_t length = 0;
    for (size_t i = 0; i < KEY_COUNT; i++)
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "", keys[i].name);
    return cln_fail(CLN_INVALID, VARIABLE ": unknown limit \"%s\"; known: %s", name, known);
}

/* Applies one "key=value", which is split in place. */
static enum cln_status apply(struct ocl_device *device, char *item) {
    char *value_text = strchr(item, '=');
    struct value value;
    if (!value_text)
        return cln_fail(CLN_INVALID, VARIABLE ": \"%s\" is not of the form key=value", item);
    *value_text++ = '\0';
    const struct key *key = find_key(item);
    if (!key)
        return fail_unknown(item);
    if (!read_value(&value, key->kind, value_text))
        return cln_fail(CLN_INVALID, VARIABLE ": %s is \"%s\": it has to be %s", item, value_text, wanted[key->kind]);
    key->lower(device, &value);
    return CLN_OK;
}

enum cln_status ocl_limits_apply(struct ocl_device *device, const char *text) {
    if (!text || !*text)
        return CLN_OK;
    char *copy = strdup(text);
    if (!copy)
        return cln_fail(CLN_OUT_OF_MEMORY, "host memory for " VARIABLE);
    enum cln_status status = CLN_OK;
    for (char *item = copy, *next = NULL; status == CLN_OK && item; item = next) {
        next = strchr(item, ',');
        if (next)
            *next++ = '\0';
        status = apply(device, item);
    }
    free(copy);
    return status;
}

enum cln_status ocl_limits_check(void) {
    struct ocl_device nobody = {0};
    return ocl_limits_apply(&nobody, ocl_limits_text());
}

const char *ocl_limits_text(void) {
    const char *text = getenv(VARIABLE);
    return text && *text ? text : NULL;
}
