/* Tuning values by name for a device, read from JSON text: shipped (embedded from devices/),
 * system, user, and one file named by the user. The narrowest match wins: name over vendor and
 * platform over type over default; among equals the later folder. No device's name is in the code. */
#ifndef HOST_PROFILE_H
#define HOST_PROFILE_H

#include <stddef.h>

#include "host/device.h"

/* What may stand in a profile's "values". The caller owns the table; names are checked against it. */
struct ocl_profile_key {
    const char *name;
    long min, max;
    long value; /* where no profile says otherwise */
    const char *help;
};

struct ocl_profile_params {
    const struct ocl_profile_key *keys;
    size_t key_count;
    /* One profile whose values win over all others whatever it matches: a path, or the name of a known one
     * (without slash and dot, such as "safe"); or NULL. */
    const char *file;
};

struct ocl_profile;

/* Reads every layer, checks it, merges what matches `device`. A wrong key, type or value is
 * CLN_INVALID with file and line. `params` must outlive the profile. */
enum cln_status ocl_profile_load(struct ocl_profile **out, const struct ocl_device *device,
                                 const struct ocl_profile_params *params) CLN_MUST_CHECK;
void ocl_profile_destroy(struct ocl_profile **profile);

/* Value of a key of the table (asserts that it is one). */
long ocl_profile_value(const struct ocl_profile *profile, const char *key);

/* Overrides a value, for tests and tuning: CLN_INVALID outside [min, max]. */
enum cln_status ocl_profile_set(struct ocl_profile *profile, const char *key, long value) CLN_MUST_CHECK;

/* Name of the narrowest profile that matched ("cpu"), and the file that gave a key's value
 * ("built-in" where none did). */
const char *ocl_profile_name(const struct ocl_profile *profile);
const char *ocl_profile_origin(const struct ocl_profile *profile, const char *key);

#endif
