/* Batch normalisation on the device (kernels/batchnorm.cl): reductions per channel and their results. activate.h
 * applies the normalisation. */
#ifndef SRC_ENGINE_BATCHNORM_H
#define SRC_ENGINE_BATCHNORM_H

#include <limits.h>

#include "src/engine/plan.h"

enum { CLN_ONE_COPY = INT_MAX };

/* One batch norm's options and buffers. */
struct cln_norm {
    struct cln_batchnorm options;
    struct ocl_buffer *parameters; /* has γ at the offset `gamma` and β at `beta`, in floats */
    int gamma, beta;
    struct ocl_buffer *running; /* has the running statistics at the offsets running_mean and running_var, in floats */
    int running_mean, running_var;
    bool is_local; /* it normalises by this process's samples alone, where several share a batch */
    /* Coefficients of the forward pass and of dz, channels × float4 (kernels/batchnorm.clh). In a chain each work-group
     * computes its own copy (cln_norm_span). `dz_coefficients` is not used in prediction. */
    struct ocl_buffer *normal, *dz_coefficients;
    int normal_span, dz_span; /* the blocks of a copy, or CLN_ONE_COPY */
};

/* The blocks that a copy of the coefficients is for: a multiple of `span`, the blocks of a work-group of the launches
 * that follow in the chain. There are about eight copies for each compute unit: a copy for every work-group would take
 * time in proportion to the square of the batch. CLN_ONE_COPY in a plan without chains. */
int cln_norm_span(const struct cln_plan *plan, int span);
/* The number of copies. */
size_t cln_norm_copies(const struct cln_plan *plan, int span);

/* Adds the constants of kernels/batchnorm.clh. */
void cln_norm_constants(struct ocl_constants *constants, const struct cln_norm *norm);

/* Writes the moments of z per channel and block to `out` (splits 1). It is used if the launch that made z wrote none.
 */
enum cln_status cln_batchnorm_partials(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *z,
                                       struct cln_partials out) CLN_MUST_CHECK;

/* Training: combines the moments in `partials` into norm->normal and moves the running statistics. */
enum cln_status cln_batchnorm_statistics(struct cln_plan *plan, const struct cln_norm *norm,
                                         struct cln_partials partials) CLN_MUST_CHECK;

/* Reduces the sums of (dy, dy·x̂) in `sums` (splits 1): writes dγ to `gamma_out` and dβ to `beta_out`, each as one
 * slice, and the coefficients of dz to norm->dz_coefficients. */
enum cln_status cln_batchnorm_backward(struct cln_plan *plan, const struct cln_norm *norm, struct cln_partials sums,
                                       struct cln_slices gamma_out, struct cln_slices beta_out) CLN_MUST_CHECK;

/* Without batch norm: reduces the sums of dz in `sums` (splits 1) to the bias's gradient, one slice in `out`. */
enum cln_status cln_bias_gradient(struct cln_plan *plan, struct cln_shape shape, struct cln_partials sums,
                                  struct cln_slices out) CLN_MUST_CHECK;

#endif
