/* Convolution on the device (kernels/conv2d.cl). */
#ifndef SRC_ENGINE_CONV2D_H
#define SRC_ENGINE_CONV2D_H

#include "src/engine/activate.h"

/* All of these take the stage's activate part, `behind`, of which a convolution takes over what it has z at hand for;
 * NULL: there is none. */

/* Sets `selected` and `spread` of `behind`: what the convolution takes over. `first`: no dx is wanted. */
void cln_conv2d_fuse(const struct cln_plan *plan, const struct cln_conv2d *g, bool first, struct cln_activate *behind);

/* Row ranges that the forward pass splits an image into: the `splits` of its partial moments. */
int cln_conv2d_splits(const struct cln_plan *plan, const struct cln_conv2d *g);

/* z = W∗x + b. In training, where `partials` has a buffer, leaves the moments of z in it: channels × blocks ×
 * cln_conv2d_splits float4; and if selected behind->chosen and ->winner. */
enum cln_status cln_conv2d_forward(struct cln_plan *plan, const struct cln_conv2d *g, const struct cln_activate *behind,
                                   struct ocl_buffer *x, struct cln_weights weights, struct ocl_buffer *z,
                                   struct cln_partials partials) CLN_MUST_CHECK;

/* dx from dz. Writes all of dx. */
enum cln_status cln_conv2d_backward_data(struct cln_plan *plan, const struct cln_conv2d *g,
                                         const struct cln_activate *behind, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) CLN_MUST_CHECK;

/* Slices that the weight gradient is summed in. */
int cln_conv2d_slices(const struct cln_plan *plan, const struct cln_conv2d *g);

/* Partial sums of dW from x and dz, whose dead lanes may hold anything. If behind->spread, `dz` is z still, and dz
 * comes from that, behind->da and norm->gradient. */
enum cln_status cln_conv2d_backward_weights(struct cln_plan *plan, const struct cln_conv2d *g,
                                            const struct cln_activate *behind, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) CLN_MUST_CHECK;

#endif
