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
    /* What the affine part does of this one's work, while z is at hand (see conv2d.h): in training it leaves `chosen`
     * and `winner`; it makes dz itself, as it needs it, from da and norm->gradient. */
    bool selected, spread;
};

/* Adds what kernels/pool.clh wants to know of it. */
void cln_pool_constants(struct ocl_constants *constants, const struct cln_activate *g);

/* Prediction: a = pool(act(normalise(z))), normalised by the running averages. */
enum cln_status cln_activate_predict(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* a = pool(act(normalise(z))) with norm->normal as it is; with a maximum also `chosen` and `winner`, unless selected:
 * then a = act(normalise(chosen)). */
enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* The sums of (dy, dy·x̂) per channel and block → sums (float2, splits 1); da becomes da·act′ on the way
 * (but for an average). */
enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g,
                                      struct cln_partials sums) CLN_MUST_CHECK;

/* dz over z, from da as cln_activate_backward left it and norm->gradient. */
enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* Whether a work-group takes whole channels forward, or back, so that one launch reduces them and goes on: the next
 * two. There have to be channels for every compute unit (tuning.whole_channels), and what the launch touches has to
 * stay in the cache (tuning.channel_cache_kib), as a group goes from block to block. */
bool cln_channel_forward_pays(const struct cln_plan *plan, const struct cln_activate *g);
bool cln_channel_backward_pays(const struct cln_plan *plan, const struct cln_activate *g);

/* Training, with batch norm: moments, from `partials` or (NULL buffer) from z → norm->normal; the running averages
 * move; then as cln_activate_forward. */
enum cln_status cln_channel_forward(struct cln_plan *plan, const struct cln_activate *g,
                                    struct cln_partials partials) CLN_MUST_CHECK;

/* As cln_activate_backward; then ∂γ → `gamma`, ∂β → `beta` (without batch norm: the bias's gradient; NULL buffer: not
 * wanted), each a whole gradient in one slice of the same buffer, and norm->gradient; then, unless g->spread, dz over
 * z. */
enum cln_status cln_channel_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_slices gamma,
                                     struct cln_slices beta) CLN_MUST_CHECK;

#endif
