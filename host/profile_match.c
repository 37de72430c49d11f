/* How narrowly a profile's file matches a device, and whether a quirk is one of its driver's. */
#include <string.h>
#include <strings.h>

#include "host/profile_file.h"
#include "src/base/version_number.h"

/* Whether a name contains one of the parts, which are separated by |. */
static bool has_part(const char *name, const char *parts) {
    for (const char *part = parts; part; part = strchr(part, '|')) {
        part += *part == '|';
        const size_t length = strcspn(part, "|");
        for (const char *at = name; strlen(at) >= length; at++)
            if (strncasecmp(at, part, length) == 0)
                return true;
    }
    return false;
}

int ocl_profile_file_score(const struct ocl_profile_file *file, const struct ocl_device *device) {
    /* A narrower kind of match weighs more than all wider kinds together; vendor and platform are equally narrow. */
    const struct {
        bool asked, fits;
        int weight;
    } rules[] = {
        {file->type != 0, file->type == device->type, 1},
        {file->min_native_float_vector != 0, file->min_native_float_vector <= device->native_float_vector, 2},
        {file->vendor, file->vendor && has_part(device->vendor, file->vendor), 4},
        {file->platform, file->platform && has_part(device->platform, file->platform), 4},
        {file->device_name, file->device_name && has_part(device->name, file->device_name), 16},
    };
    int score = 0;
    if (file->matches_nothing)
        return -1;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].asked && !rules[i].fits)
            return -1;
        score += rules[i].asked ? rules[i].weight : 0;
    }
    return score;
}

bool ocl_profile_quirk_applies(const struct ocl_profile_file_quirk *quirk, const char *driver_version) {
    const char *version = cln_version_find(driver_version);
    return (!quirk->from || (version && cln_version_compare(version, quirk->from) >= 0)) &&
           (!quirk->below || (version && cln_version_compare(version, quirk->below) < 0));
}
