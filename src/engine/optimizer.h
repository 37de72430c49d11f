/* Optimizers on the device: one pass over all parameters, which also adds up the slices of their gradients. */
#ifndef SRC_ENGINE_OPTIMIZER_H
#define SRC_ENGINE_OPTIMIZER_H

#include "src/engine/plan.h"

struct cln_state;

struct cln_optimizer {
    size_t floats; /* of each buffer below, a multiple of CLN_TENSOR_ALIGN */
    struct ocl_buffer *parameters, *gradients;
    struct ocl_buffer *partials;       /* slices of the gradients */
    struct ocl_buffer *chunks;         /* int4 per CLN_TENSOR_ALIGN parameters, see kernels/optimizer.clh */
    struct ocl_buffer *first_moments;  /* Adam's m, SGD's momentum buffer */
    struct ocl_buffer *second_moments; /* Adam's v */
};

/* p, m, v from the gradient: kernels/adam.cl. Takes the step's factors from the state, as cln_batch_end left them. */
enum cln_status cln_adam(struct cln_plan *plan, const struct cln_optimizer *g) CLN_MUST_CHECK;
/* p and the momentum buffer: kernels/sgd.cl. */
enum cln_status cln_sgd(struct cln_plan *plan, const struct cln_optimizer *g) CLN_MUST_CHECK;

#endif
