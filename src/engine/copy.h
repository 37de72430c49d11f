/* Copies or adds a tensor (kernels/copy.cl): the affine part of a stage without one, and the sum of gradients. */
#ifndef SRC_ENGINE_COPY_H
#define SRC_ENGINE_COPY_H

#include "src/engine/plan.h"

/* y = x; `shape` is that of one sample. */
enum cln_status cln_copy(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *x,
                         struct ocl_buffer *y) CLN_MUST_CHECK;

/* y += x */
enum cln_status cln_accumulate(struct cln_plan *plan, struct cln_shape shape, struct ocl_buffer *x,
                               struct ocl_buffer *y) CLN_MUST_CHECK;

#endif
