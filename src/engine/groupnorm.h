/* Group and layer normalisation on the device (kernels/groupnorm.cl): the affine part of a stage, whose weights are γ
 * and β. */
#ifndef SRC_ENGINE_GROUPNORM_H
#define SRC_ENGINE_GROUPNORM_H

#include "src/engine/plan.h"

/* The number of floats of weights.statistics, which the forward pass leaves for the backward pass. */
size_t cln_groupnorm_statistic_floats(const struct cln_plan *plan, const struct cln_groupnorm *g);

/* Computes z = γ·x̂ + β, and the statistics of every sample's groups. Offsets −1 in `weights`: γ is 1, β is 0. */
enum cln_status cln_groupnorm_forward(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_buffer *x,
                                      struct cln_weights weights, struct ocl_buffer *z) CLN_MUST_CHECK;

/* Computes dx from dz, x and the statistics; writes all of dx. */
enum cln_status cln_groupnorm_backward_data(struct cln_plan *plan, const struct cln_groupnorm *g, struct ocl_buffer *x,
                                            struct ocl_buffer *dz, struct cln_weights weights,
                                            struct ocl_buffer *dx) CLN_MUST_CHECK;

/* The number of slices that the gradient of γ is summed in. */
int cln_groupnorm_slices(const struct cln_plan *plan, const struct cln_groupnorm *g);

/* Computes the slices of dγ from x, dz and the statistics; their dead lanes may hold anything. (dβ is the sum of dz:
 * cln_bias_gradient.) */
enum cln_status cln_groupnorm_backward_weights(struct cln_plan *plan, const struct cln_groupnorm *g,
                                               struct ocl_buffer *x, struct ocl_buffer *dz, struct cln_weights weights,
                                               struct cln_slices out) CLN_MUST_CHECK;

#endif
