/* How the engine fits itself to a device: the values that a profile may set, and what follows where it does not. */
#ifndef SRC_ENGINE_TUNING_H
#define SRC_ENGINE_TUNING_H

#include "host/profile.h"

/* The keys of "values" in devices/; see devices/README.md. */
extern const struct ocl_profile_key cln_tuning_keys[];
extern const size_t cln_tuning_key_count;

struct cln_tuning {
    int vector;         /* lanes that a work-item owns: 1, 2, 4, 8, 16 */
    int lanes;          /* samples of a block: vector times a power of two */
    int accumulators;   /* vectors of a register tile */
    int groups;         /* work-groups that a launch should have, so that every compute unit is busy */
    int whole_channels; /* channels from which on a work-group takes whole ones */
    int iterations;     /* most loop iterations of a work-item */
    int cache;          /* KiB that a slice of the batch should fit in */
    int shared_cache;   /* KiB that a launch over whole channels may touch */
    bool stage_weights; /* work-groups copy weights to local memory */
    bool fma;           /* multiply-adds are fused */
    bool linear_gemm;   /* linear layers through CLBlast */
};

/* CLN_INVALID where lanes and vector do not go together or the device cannot hold such a work-group. */
enum cln_status cln_tuning_create(struct cln_tuning *out, const struct ocl_profile *profile,
                                  const struct ocl_device *device) CLN_MUST_CHECK;

#endif
