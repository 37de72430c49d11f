/* Normalise, activate and pool on the device (kernels/activate.cl), and the way back to the pre-activation. */
#ifndef SRC_ENGINE_ACTIVATE_H
#define SRC_ENGINE_ACTIVATE_H

#include "src/engine/batchnorm.h"

/* One stage's activate part. `pool.kind` CLN_POOL_NONE: pool.in = pool.out = the shape of z. */
struct cln_activate {
    enum cln_activation activation;
    struct cln_pool2d pool;
    const struct cln_norm *norm; /* NULL without batch norm */
    struct ocl_buffer *z, *a;
    /* Of a maximum, per window: z of the winner (float) and its place in the window (ushort). */
    struct ocl_buffer *chosen, *winner;
    struct ocl_buffer *da; /* gradient of a; NULL in prediction */
};

/* Prediction: a = pool(act(normalise(z))), normalised by the running averages. */
enum cln_status cln_activate_predict(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* a = pool(act(normalise(z))) with norm->normal as it is; with a maximum also `chosen` and `winner`. */
enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* The sums of (dy, dy·x̂) per channel and block → sums (float2, splits 1); da becomes da·act′ on the way
 * (but for an average). */
enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g,
                                      struct cln_partials sums) CLN_MUST_CHECK;

/* dz over z, from da as cln_activate_backward left it and norm->gradient. */
enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* Whether a work-group takes whole channels, so that one launch reduces them and goes on: the next two. There have to
 * be channels for every compute unit (tuning.whole_channels), and z has to stay in the cache (tuning.shared_cache), as
 * a group goes from block to block. */
bool cln_activate_whole(const struct cln_plan *plan, const struct cln_activate *g);

/* Training, with batch norm: moments, from `partials` or (NULL buffer) from z → norm->normal; the running averages
 * move; then as cln_activate_forward. */
enum cln_status cln_channel_forward(struct cln_plan *plan, const struct cln_activate *g,
                                    struct cln_partials partials) CLN_MUST_CHECK;

/* As cln_activate_backward; then ∂γ → `gamma`, ∂β → `beta` (without batch norm: the bias's gradient; NULL buffer: not
 * wanted), each a whole gradient in one slice of the same buffer; then, where `spread`, dz over z. */
enum cln_status cln_channel_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_slices gamma,
                                     struct cln_slices beta, bool spread) CLN_MUST_CHECK;

#endif
