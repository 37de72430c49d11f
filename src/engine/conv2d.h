/* Convolution on the device. */
#ifndef SRC_ENGINE_CONV2D_H
#define SRC_ENGINE_CONV2D_H

#include "src/engine/winograd.h"

/* Each part of a convolution (enum cln_conv2d_part) is computed directly by kernels/conv2d.cl or, as tuning.winograd
 * says, by minimal filtering. */

/* The number of floats that weights.filters of the forward pass or the data gradient holds; 0: none is needed. */
size_t cln_conv2d_filter_floats(const struct cln_plan *plan, const struct cln_conv2d *g, enum cln_conv2d_part part);

/* Computes those filters from the weights. Call it for a part before the part itself, and again when the weights have
 * changed; the launch depends on nothing else. It adds no launch if none are needed. */
enum cln_status cln_conv2d_filters(struct cln_plan *plan, const struct cln_conv2d *g, struct cln_weights weights,
                                   enum cln_conv2d_part part) CLN_MUST_CHECK;

/* `epilogue` is the normalise, activate and pool part after the convolution in the same stage. The
 * convolution may do part of its work. NULL: no epilogue. */

/* Sets epilogue->fuses_max and epilogue->fuses_dz, the work that the convolution takes over. `dz_is_private`: only the
 * weight gradient needs dz (cln_stage_may_fuse_dz). */
void cln_conv2d_fuse(const struct cln_plan *plan, const struct cln_conv2d *g, bool dz_is_private,
                     struct cln_activate *epilogue);

/* The number of ranges of rows of z that have moments of their own: the `splits` of its moments. */
int cln_conv2d_splits(const struct cln_plan *plan, const struct cln_conv2d *g);

/* Computes z = W∗x + b. If `partials` has a buffer, also writes the moments of z there: channels × blocks ×
 * cln_conv2d_splits float4. If epilogue->fuses_max, also writes epilogue->max_value and epilogue->max_index. */
enum cln_status cln_conv2d_forward(struct cln_plan *plan, const struct cln_conv2d *g,
                                   const struct cln_activate *epilogue, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z,
                                   struct cln_partials partials) CLN_MUST_CHECK;

/* Computes dx from dz; writes all of dx. */
enum cln_status cln_conv2d_backward_data(struct cln_plan *plan, const struct cln_conv2d *g,
                                         const struct cln_activate *epilogue, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) CLN_MUST_CHECK;

/* The number of slices that the weight gradient is summed in. */
int cln_conv2d_slices(const struct cln_plan *plan, const struct cln_conv2d *g);

/* Computes the slices of dW from x and dz; their dead lanes may hold anything. If epilogue->fuses_dz, the buffer `dz`
 * still holds z, and dz is computed from z, epilogue->da and norm->dz_coefficients. */
enum cln_status cln_conv2d_backward_weights(struct cln_plan *plan, const struct cln_conv2d *g,
                                            const struct cln_activate *epilogue, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) CLN_MUST_CHECK;

#endif
