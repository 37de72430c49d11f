/* The linear layer on the device: by our kernels (kernels/linear.cl), or for large layers by CLBlast (tuning). */
#ifndef SRC_ENGINE_LINEAR_H
#define SRC_ENGINE_LINEAR_H

#include "src/engine/plan.h"

/* Whether this layer uses CLBlast. */
bool cln_linear_uses_gemm(const struct cln_plan *plan, const struct cln_linear *g);

/* Computes z = W·x + b. If `partials` has a buffer, also writes the moments of z there: features × blocks float4. */
enum cln_status cln_linear_forward(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z,
                                   struct cln_partials partials) CLN_MUST_CHECK;

/* Computes dx from dz; writes all of dx. */
enum cln_status cln_linear_backward_data(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) CLN_MUST_CHECK;

/* The blocks that a work-group of the forward pass and of the data gradient takes. */
int cln_linear_span(const struct cln_plan *plan, const struct cln_linear *g);

/* The number of slices that the weight gradient is summed in. */
int cln_linear_slices(const struct cln_plan *plan, const struct cln_linear *g);

/* Computes the slices of dW from x and dz; their dead lanes may hold anything. With CLBlast, first sets these lanes to
 * 0. */
enum cln_status cln_linear_backward_weights(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) CLN_MUST_CHECK;

#endif
