/* Tuning values by name for a device, and operations that its driver gets wrong, read from JSON text: shipped (embedded
 * from devices/), installed, the site's, the user's, and one file named by the user. The narrowest match wins: name
 * over vendor and platform over type over default; among equals the later folder. No device's name is in the code. */
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
    /* The caller's own: a member that the value goes to, and how it is worked out from what the profiles say. */
    size_t offset;
    enum cln_status (*settle)(long *value, void *user);
    const char *was; /* the key's old name, which profiles may still use with a warning; NULL: it has none */
};

struct ocl_profile_params {
    const struct ocl_profile_key *keys;
    size_t key_count;
    const char *const *operations; /* what a quirk may name */
    size_t operation_count;
    /* One profile whose values win over all others whatever it matches: a path, or the name of a known one
     * (without slash and dot, such as "safe"); or NULL. */
    const char *file;
};

/* An operation that the device's driver, of this version, gets wrong: to be run in its safe variant. */
struct ocl_profile_quirk {
    size_t operation; /* index into params->operations */
    const char *reason;
    const char *link;   /* NULL: none */
    const char *origin; /* "FILE:LINE" */
};

struct ocl_profile;

/* Reads every layer, checks it, merges what matches `device`. A wrong key, type or value is
 * CLN_INVALID with file and line. What `params` points to must outlive the profile. */
enum cln_status ocl_profile_load(struct ocl_profile **out, const struct ocl_device *device,
                                 const struct ocl_profile_params *params) CLN_MUST_CHECK;
void ocl_profile_destroy(struct ocl_profile **profile);

/* The folder of the user's profiles: clenet/devices in $XDG_CONFIG_HOME or ~/.config. It need not exist. False where
 * there is no home. */
bool ocl_profile_user_folder(char *out, size_t bytes);

/* Tells the path of every profile that ocl_profile_load would read from a file: those of the folders. */
void ocl_profile_each_file(void (*tell)(void *user, const char *path), void *user);
/* Whether `asked`, as in struct ocl_profile_params, is a path and not a name. */
bool ocl_profile_is_path(const char *asked);

/* Value of a key of the table (asserts that it is one). */
long ocl_profile_value(const struct ocl_profile *profile, const char *key);

/* Overrides a value, for tests and tuning: CLN_INVALID outside [min, max]. */
enum cln_status ocl_profile_set(struct ocl_profile *profile, const char *key, long value) CLN_MUST_CHECK;

/* Of the narrowest profile that matched: its name ("cpu"; "built-in" where none did), on what and with which result it
 * was measured (NULL: it was not), and what else it says of its values (NULL: nothing). */
const char *ocl_profile_name(const struct ocl_profile *profile);
const char *ocl_profile_measured(const struct ocl_profile *profile);
const char *ocl_profile_note(const struct ocl_profile *profile);

/* Where a key's value comes from: "FILE:LINE", "built-in" where no profile names it, "set" after ocl_profile_set. */
const char *ocl_profile_origin(const struct ocl_profile *profile, const char *key);

/* What applies to the device, of all profiles that match; they live as long as the profile. */
const struct ocl_profile_quirk *ocl_profile_quirks(const struct ocl_profile *profile, size_t *count);

#endif
