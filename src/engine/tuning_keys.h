/* How tuning values are worked out (tuning_keys.c), row by row of cln_tuning_keys. */
#ifndef SRC_ENGINE_TUNING_KEYS_H
#define SRC_ENGINE_TUNING_KEYS_H

#include "src/engine/tuning.h"

/* What `settle` of a row works a value out from: `out` has those of the rows above its own. */
struct cln_fit {
    const struct ocl_profile *profile;
    const struct ocl_device *device;
    struct cln_tuning *out;
};

#endif
