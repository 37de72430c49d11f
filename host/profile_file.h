/* One profile: JSON text to a checked struct, and how narrowly it fits a device. */
#ifndef HOST_PROFILE_FILE_H
#define HOST_PROFILE_FILE_H

#include <limits.h>

#include "host/profile.h"

/* Stands for a key that the file does not name. */
#define OCL_PROFILE_UNSET LONG_MIN

struct ocl_profile_file {
    char *path; /* as in messages; "devices/cpu.json" for an embedded one */
    char *name;
    int layer; /* the larger wins among equals */
    bool matches_nothing;
    enum ocl_device_type type;             /* 0: any */
    char *device_name, *vendor, *platform; /* NULL: any */
    unsigned min_native_float_vector;      /* 0: any */
    long *values;                          /* one for each key of the table, or OCL_PROFILE_UNSET */
};

/* Any fault is CLN_INVALID with path and line. */
enum cln_status ocl_profile_file_parse(struct ocl_profile_file *out, const char *text, const char *path, int layer,
                                       const struct ocl_profile_params *params) CLN_MUST_CHECK;
/* Frees what the struct holds and empties it. */
void ocl_profile_file_clear(struct ocl_profile_file *file);

/* 0 matches everything, more is narrower; −1 where it does not match. */
enum { OCL_PROFILE_MAX_SCORE = 27 };

int ocl_profile_file_score(const struct ocl_profile_file *file, const struct ocl_device *device);

#endif
