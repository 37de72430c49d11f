/* Profiles: tuning values by name for a device, and quirks, the operations that its driver gets wrong. Profiles are
 * JSON texts: those shipped (embedded from devices/), the installed folder, the site's, the user's, and one file that
 * the user names. The narrowest match wins (name, then vendor and platform, then type, then default); among equals the
 * later folder. The code names no device. */
#ifndef HOST_PROFILE_H
#define HOST_PROFILE_H

#include <stddef.h>

#include "host/device.h"

/* A key that a profile's "values" may have. The caller owns the table. */
struct ocl_profile_key {
    const char *name;
    long min, max;
    long value;       /* default */
    const char *zero; /* how the value is worked out if a profile says 0, or what 0 does; NULL: 0 is out of range */
    const char *meaning;
    /* Used by the caller alone: the offset of the member that gets the value, and a function that computes the final
     * value from what the profiles say. */
    size_t offset;
    enum cln_status (*settle)(long *value, void *user);
    const char *was; /* the key's old name, which profiles may still use with a warning; NULL: it has none */
    bool per_layer;  /* "layers" may set it for a layer by itself */
};

struct ocl_profile_params {
    const struct ocl_profile_key *keys;
    size_t key_count;
    const char *const *operations; /* names that a quirk may have */
    size_t operation_count;
    bool (*is_layer)(const char *text); /* whether a text names a layer; "layers" has others refused */
    const char *layer_example;          /* for the message about such a text */
    /* A profile whose values override all others, even if it does not match the device: a path, or the name of a known
     * profile (without slash and dot, such as "safe"). NULL: none. */
    const char *file;
};

/* An operation that this version of the device's driver gets wrong; it must run in its safe variant. */
struct ocl_profile_quirk {
    size_t operation; /* index into params->operations */
    const char *reason;
    const char *link;   /* NULL: none */
    const char *origin; /* "FILE:LINE" */
};

/* The value of a key for one layer. */
struct ocl_profile_layer_value {
    char *layer;
    size_t key; /* index into params->keys */
    long value;
    const char *origin; /* as of ocl_profile_origin */
};

struct ocl_profile;

/* Reads and checks the profiles in all places, and merges those that match `device`. CLN_INVALID names the file and
 * line of a wrong key, type or value. All that `params` points to must outlive the profile. */
enum cln_status ocl_profile_load(struct ocl_profile **out, const struct ocl_device *device,
                                 const struct ocl_profile_params *params) CLN_MUST_CHECK;
void ocl_profile_destroy(struct ocl_profile **profile);

/* Writes the folder of the user's profiles: clenet/devices in $XDG_CONFIG_HOME or ~/.config. It may not exist. False:
 * there is no home folder. */
bool ocl_profile_user_folder(char *out, size_t bytes);

/* Calls `tell` with the path of every file in the folders that ocl_profile_load would read. */
void ocl_profile_each_file(void (*tell)(void *user, const char *path), void *user);
/* Whether `asked` (ocl_profile_params.file) is a path; else it is a name. */
bool ocl_profile_is_path(const char *asked);

/* The value of a key; asserts that the table has it. */
long ocl_profile_value(const struct ocl_profile *profile, const char *key);

/* Sets a value, for tests and tuning. CLN_INVALID outside [min, max]. */
enum cln_status ocl_profile_set(struct ocl_profile *profile, const char *key, long value) CLN_MUST_CHECK;

/* The values of layers by themselves. They are merged as all others, and a narrower profile's value for all layers
 * drops those of wider profiles. They live until the next ocl_profile_set_layer. */
const struct ocl_profile_layer_value *ocl_profile_layers(const struct ocl_profile *profile, size_t *count);

/* Sets a value of a layer by itself. CLN_INVALID: `layer` is none, the key is none of a layer's, or the value is
 * outside [min, max]. */
enum cln_status ocl_profile_set_layer(struct ocl_profile *profile, const char *layer, const char *key,
                                      long value) CLN_MUST_CHECK;

/* Of the narrowest profile that matched: its name ("cpu"; "built-in" if none matched); the device and result that its
 * values were measured with (NULL: not measured); its note on the values (NULL: none). */
const char *ocl_profile_name(const struct ocl_profile *profile);
const char *ocl_profile_measured(const struct ocl_profile *profile);
const char *ocl_profile_note(const struct ocl_profile *profile);

/* The origin of a key's value: "FILE:LINE", "built-in" if no profile sets it, "set" after ocl_profile_set. */
const char *ocl_profile_origin(const struct ocl_profile *profile, const char *key);

/* The quirks of all matching profiles that apply to the device's driver version. They live as long as the profile. */
const struct ocl_profile_quirk *ocl_profile_quirks(const struct ocl_profile *profile, size_t *count);

#endif
