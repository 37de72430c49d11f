/* One profile file: from JSON text to a checked struct, and how narrowly it matches a device. */
#ifndef HOST_PROFILE_FILE_H
#define HOST_PROFILE_FILE_H

#include <limits.h>

#include "host/profile.h"

/* The value of a key that the file does not set. */
#define OCL_PROFILE_UNSET LONG_MIN

/* An operation that must run in its safe variant under driver versions from `from` up to but not including `below`. */
struct ocl_profile_file_quirk {
    size_t operation;   /* index into params->operations */
    char *from, *below; /* NULL: no limit */
    char *reason, *link, *origin;
};

/* Values of a file, one per key of the table. */
struct ocl_profile_values {
    char *layer;    /* the layer that they are for; NULL: all */
    long *values;   /* OCL_PROFILE_UNSET: not set */
    char **origins; /* "FILE:LINE" of each value that is set */
};

struct ocl_profile_file {
    char *path; /* path for messages; "devices/cpu.json" for an embedded one */
    char *name;
    char *measured, *note; /* NULL: not given */
    int tier;              /* among equal matches the larger tier wins */
    bool matches_nothing;
    enum ocl_device_type type;             /* 0: any */
    char *device_name, *vendor, *platform; /* "PART" or "PART|PART"; NULL: any */
    unsigned min_native_float_vector;      /* 0: any */
    struct ocl_profile_values all;         /* of all layers */
    struct ocl_profile_values *layers;     /* of layers by themselves */
    size_t layer_count;
    size_t key_count; /* length of `values` and of `origins` */
    struct ocl_profile_file_quirk *quirks;
    size_t quirk_count;
};

/* Parses a profile. CLN_INVALID names the path and line of any error. */
enum cln_status ocl_profile_file_parse(struct ocl_profile_file *out, const char *text, const char *path, int tier,
                                       const struct ocl_profile_params *params) CLN_MUST_CHECK;
/* Frees the contents of the struct and sets it to zero. */
void ocl_profile_file_clear(struct ocl_profile_file *file);

/* How narrowly a profile matches a device: 0 for a profile that matches every device, larger for narrower ones, up to
 * OCL_PROFILE_MAX_SCORE; −1: it does not match. */
enum { OCL_PROFILE_MAX_SCORE = 27 };

int ocl_profile_file_score(const struct ocl_profile_file *file, const struct ocl_device *device);

/* Whether a quirk applies to a driver version. A driver without a version matches no quirk with a limit. */
bool ocl_profile_quirk_applies(const struct ocl_profile_file_quirk *quirk, const char *driver_version);

#endif
