/* Batch normalisation on the device (kernels/batchnorm.cl): per-channel reductions and what comes of them.
 * The normalisation itself is part of activate.h. */
#ifndef SRC_ENGINE_BATCHNORM_H
#define SRC_ENGINE_BATCHNORM_H

#include "src/engine/plan.h"

/* Everything about one batch norm that outlives an operation. */
struct cln_norm {
    struct cln_batchnorm options;
    struct ocl_buffer *parameters; /* γ and β at these offsets, in floats */
    int gamma, beta;
    struct ocl_buffer *running; /* moving averages at these offsets */
    int running_mean, running_var;
    struct ocl_buffer *normal;   /* channels × float4, see kernels/batchnorm.clh */
    struct ocl_buffer *gradient; /* channels × float4; NULL in prediction */
};

/* Adds what kernels/batchnorm.clh wants to know of it. */
void cln_norm_constants(struct ocl_constants *constants, const struct cln_norm *norm);

/* Moments of x per channel and block, where its producer did not leave them (splits 1). */
enum cln_status cln_batchnorm_partials(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *x,
                                       struct cln_partials out) CLN_MUST_CHECK;

/* Training: moments → normal; the running averages move. */
enum cln_status cln_batchnorm_statistics(struct cln_plan *plan, const struct cln_norm *norm,
                                         struct cln_partials partials) CLN_MUST_CHECK;

/* Sums of (dy, dy·x̂), splits 1 → ∂γ and ∂β, written as whole gradients to `gamma_out` and `beta_out` (one slice each),
 * and the coefficients of dz → norm->gradient. */
enum cln_status cln_batchnorm_backward(struct cln_plan *plan, const struct cln_norm *norm, struct cln_partials sums,
                                       struct cln_slices gamma_out, struct cln_slices beta_out) CLN_MUST_CHECK;

/* Without batch norm: sums of dz, splits 1 → the bias's gradient, one slice. */
enum cln_status cln_bias_gradient(struct cln_plan *plan, struct cln_shape shape, struct cln_partials sums,
                                  struct cln_slices out) CLN_MUST_CHECK;

#endif
