/* Random numbers on the device. A kernel that needs some includes kernels/philox.clh; this launch fills tensors with
 * them, for `clenet check`. */
#ifndef SRC_ENGINE_PHILOX_H
#define SRC_ENGINE_PHILOX_H

#include "src/engine/plan.h"

struct cln_philox {
    uint64_t seed;
    uint32_t step, stage;
    uint32_t first_sample;       /* number of the batch's first sample */
    uint32_t first_quad;         /* the first element is number 4 first_quad */
    int elements;                /* of a sample */
    struct ocl_buffer *bits;     /* tensor in lanes: 32 random bits each */
    struct ocl_buffer *uniforms; /* tensor in lanes: the same as float32 in [0, 1) */
};

enum cln_status cln_philox_fill(struct cln_plan *plan, const struct cln_philox *g) CLN_MUST_CHECK;

#endif
