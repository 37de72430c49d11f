/* Linear layer on the device: our own kernels (kernels/linear.cl) or CLBlast, as tuning.linear_gemm says for its size.
 */
#ifndef SRC_ENGINE_LINEAR_H
#define SRC_ENGINE_LINEAR_H

#include "src/engine/plan.h"

/* Whether it goes through CLBlast. */
bool cln_linear_uses_gemm(const struct cln_plan *plan, const struct cln_linear *g);

/* z = W·x + b. Leaves the moments of z in `partials` where its buffer is not NULL: features × blocks float4. */
enum cln_status cln_linear_forward(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                   struct cln_weights weights, struct ocl_buffer *z,
                                   struct cln_partials partials) CLN_MUST_CHECK;

/* dx from dz. Writes all of dx. */
enum cln_status cln_linear_backward_data(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *dz,
                                         struct cln_weights weights, struct ocl_buffer *dx) CLN_MUST_CHECK;

/* Slices that the weight gradient is summed in. */
int cln_linear_slices(const struct cln_plan *plan, const struct cln_linear *g);

/* Partial sums of dW from x and dz, whose dead lanes may hold anything (CLBlast: they are set to zero here). */
enum cln_status cln_linear_backward_weights(struct cln_plan *plan, const struct cln_linear *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_slices out) CLN_MUST_CHECK;

#endif
