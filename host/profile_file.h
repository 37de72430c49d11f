/* One profile: JSON text to a checked struct, and how narrowly it fits a device. */
#ifndef HOST_PROFILE_FILE_H
#define HOST_PROFILE_FILE_H

#include <limits.h>

#include "host/profile.h"

/* Stands for a key that the file does not name. */
#define OCL_PROFILE_UNSET LONG_MIN

/* An operation to be run in its safe variant, under the drivers from one version to below another. */
struct ocl_profile_file_quirk {
    size_t operation;   /* index into params->operations */
    char *from, *below; /* NULL: no limit */
    char *reason, *link, *origin;
};

struct ocl_profile_file {
    char *path; /* as in messages; "devices/cpu.json" for an embedded one */
    char *name;
    char *measured, *note; /* NULL: nothing is said */
    int layer;             /* the larger wins among equals */
    bool matches_nothing;
    enum ocl_device_type type;             /* 0: any */
    char *device_name, *vendor, *platform; /* "PART" or "PART|PART"; NULL: any */
    unsigned min_native_float_vector;      /* 0: any */
    long *values;                          /* one for each key of the table, or OCL_PROFILE_UNSET */
    char **origins;                        /* "FILE:LINE" of each that is set */
    size_t key_count;                      /* of the two */
    struct ocl_profile_file_quirk *quirks;
    size_t quirk_count;
};

/* Any fault is CLN_INVALID with path and line. */
enum cln_status ocl_profile_file_parse(struct ocl_profile_file *out, const char *text, const char *path, int layer,
                                       const struct ocl_profile_params *params) CLN_MUST_CHECK;
/* Frees what the struct holds and empties it. */
void ocl_profile_file_clear(struct ocl_profile_file *file);

/* 0 matches everything, more is narrower; −1 where it does not match. */
enum { OCL_PROFILE_MAX_SCORE = 27 };

int ocl_profile_file_score(const struct ocl_profile_file *file, const struct ocl_device *device);

/* Whether a driver is of the versions that a quirk is for; one that says no version is of none with a limit. */
bool ocl_profile_quirk_applies(const struct ocl_profile_file_quirk *quirk, const char *driver_version);

#endif
