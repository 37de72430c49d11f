/* Normalise, activate and pool on the device (kernels/activate.cl), and the way back to the pre-activation. */
#ifndef SRC_ENGINE_ACTIVATE_H
#define SRC_ENGINE_ACTIVATE_H

#include "src/engine/plan.h"

/* One stage's activate part. `pool.kind` CLN_POOL_NONE: pool.in = pool.out = the shape of z. */
struct cln_activate {
    enum cln_activation activation;
    struct cln_pool2d pool;
    struct ocl_buffer *normal;   /* channels × float4 of batchnorm.h, or NULL without batch norm */
    struct ocl_buffer *gradient; /* the same */
    struct ocl_buffer *z, *a;
    /* Of a maximum, per window: z of the winner (float) and its place in the window (ushort). */
    struct ocl_buffer *chosen, *winner;
    struct ocl_buffer *da; /* gradient of a; NULL in prediction */
};

/* a = pool(act(normalise(z))); with a maximum also `chosen` and `winner`. */
enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* The sums of (dy, dy·x̂) per channel and block → sums (float2, splits 1); da becomes da·act′ on the way
 * (but for an average). */
enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g,
                                      struct cln_partials sums) CLN_MUST_CHECK;

/* dz over z, from da as cln_activate_backward left it and g->gradient. */
enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

#endif
