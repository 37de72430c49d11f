/* Random numbers on the device (kernels/philox.clh). Kernels that need random numbers include that file; this launch is
 * for its checks. */
#ifndef SRC_ENGINE_PHILOX_H
#define SRC_ENGINE_PHILOX_H

#include "src/engine/plan.h"

struct cln_philox {
    uint64_t seed;
    uint32_t step, stage;
    uint32_t first_quad;         /* the first element is number 4 first_quad of the stage */
    size_t count;                /* of elements */
    struct ocl_buffer *bits;     /* count × 32 random bits */
    struct ocl_buffer *uniforms; /* count × float in [0, 1) */
};

enum cln_status cln_philox_fill(struct cln_plan *plan, const struct cln_philox *g) CLN_MUST_CHECK;

#endif
