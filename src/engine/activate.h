/* The part of a stage after the affine part, on the device (kernels/activate.cl): normalise, add, activate, pool, and
 * the gradient back to the pre-activation z. */
#ifndef SRC_ENGINE_ACTIVATE_H
#define SRC_ENGINE_ACTIVATE_H

#include "src/engine/batchnorm.h"

/* The normalise, add, activate and pool part of one stage. pool.kind CLN_POOL_NONE: pool.in = pool.out = the shape of
 * z. */
struct cln_activate {
    struct cln_activation activation;
    struct cln_pool2d pool;
    const struct cln_norm *norm; /* NULL: no batch norm */
    /* Whether `addend`, a tensor of the shape of z, is added before the activation; only without a pool, and not if the
     * activation is of its input (struct cln_layer_type). The backward pass does not read it. */
    bool adds;
    struct ocl_buffer *addend;
    struct ocl_buffer *z, *a;
    /* For a max pool, per window: z at the maximum (float), and its place in the window (ushort). */
    struct ocl_buffer *max_value, *max_index;
    struct ocl_buffer *da;      /* gradient of a; not used by cln_activate_predict */
    struct ocl_buffer *further; /* added to da in the backward pass, without an average pool; NULL: nothing */
    /* Work that the affine part takes over in training (cln_conv2d_fuse). fuses_max: its forward pass writes
     * `max_value` and `max_index`. fuses_dz: its weight gradient computes dz itself, from z, da and
     * norm->dz_coefficients. */
    bool fuses_max, fuses_dz;
};

/* Adds the constants of kernels/pool.clh and activation.clh. */
void cln_pool_constants(struct ocl_constants *constants, const struct cln_activate *g);

/* Prediction: a = pool(act(normalise(z) + addend)), normalised by the running statistics. */
enum cln_status cln_activate_predict(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* Training: a = pool(act(normalise(z) + addend)), normalised by norm->normal. A max pool also writes `max_value` and
 * `max_index`; if `fuses_max`, these are already written, and a = act(normalise(max_value)). */
enum cln_status cln_activate_forward(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* Writes the sums of (dy, dy·x̂) per channel and block to `sums` (float2, splits 1). For a max pool or no pool, da
 * becomes (da + further)·act′, which is also the gradient of the addend; for an average pool it stays as it is. */
enum cln_status cln_activate_backward(struct cln_plan *plan, const struct cln_activate *g,
                                      struct cln_partials sums) CLN_MUST_CHECK;

/* Overwrites z by dz, computed from da as cln_activate_backward left it and from norm->dz_coefficients. */
enum cln_status cln_activate_spread(struct cln_plan *plan, const struct cln_activate *g) CLN_MUST_CHECK;

/* Whether the launches over whole channels (the next two functions) are faster, forward and backward. In them a
 * work-group takes a channel over all blocks, so that one launch can reduce the channel and then apply the result.
 * There must be at least tuning.min_whole_channels channels and at most tuning.channel_cache_kib of data, and
 * tuning.max_loop_iterations must allow it. */
bool cln_channel_forward_pays(const struct cln_plan *plan, const struct cln_activate *g);
bool cln_channel_backward_pays(const struct cln_plan *plan, const struct cln_activate *g);

/* Training, with batch norm, in one launch: reduces the moments from `partials` (NULL buffer: from z), writes
 * norm->normal, moves the running statistics, and then does the work of cln_activate_forward. */
enum cln_status cln_channel_forward(struct cln_plan *plan, const struct cln_activate *g,
                                    struct cln_partials partials) CLN_MUST_CHECK;

/* In one launch: does the work of cln_activate_backward; then writes norm->dz_coefficients, dγ to `gamma` and dβ to
 * `beta`. Each is a single slice; both lie in one buffer. Then the launch overwrites z by dz. It does not if
 * g->fuses_dz (the weight gradient computes dz), or if g->a is g->z (da is then dz). Without batch norm `beta` gets the
 * bias's gradient; if its buffer is NULL, no bias gradient is written. */
enum cln_status cln_channel_backward(struct cln_plan *plan, const struct cln_activate *g, struct cln_slices gamma,
                                     struct cln_slices beta) CLN_MUST_CHECK;

#endif
