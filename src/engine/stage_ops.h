/* One stage on the device: which buffers it has and which launches it adds, forward and backward. */
#ifndef SRC_ENGINE_STAGE_OPS_H
#define SRC_ENGINE_STAGE_OPS_H

#include "src/engine/plan.h"
#include "src/model/stage.h"

/* Buffers of one stage; those it does not need are NULL. */
struct cln_stage_buffers {
    struct ocl_buffer *z;  /* pre-activation, then its gradient */
    struct ocl_buffer *a;  /* output; z itself where there is nothing between them */
    struct ocl_buffer *da; /* gradient of the output */
    struct ocl_buffer *chosen, *winner;
    struct ocl_buffer *normal, *gradient;
    bool shares_output; /* a is z, and dz is da */
};

/* What all stages share. */
struct cln_stage_context {
    const struct cln_network *network;
    struct ocl_buffer *parameters, *running;
    const struct cln_slices *slices; /* by index into network->tensors */
    struct ocl_buffer *partials;     /* scratch for moments and sums, cln_stage_partial_bytes of the largest stage */
};

/* Slices that a parameter's gradient comes in: from the affine part, 1 for all others. */
int cln_stage_slices(const struct cln_plan *plan, const struct cln_stage *stage, int tensor);

size_t cln_stage_partial_bytes(const struct cln_plan *plan, const struct cln_stage *stage);

enum cln_status cln_stage_buffers_create(struct cln_stage_buffers *out, const struct cln_plan *plan,
                                         const struct cln_stage *stage) CLN_MUST_CHECK;
void cln_stage_buffers_destroy(struct cln_stage_buffers *buffers);

/* a from x in training: batch norm by the batch's statistics, which the running averages take in. */
enum cln_status cln_stage_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  struct ocl_buffer *x) CLN_MUST_CHECK;

/* a from x in prediction: batch norm by the running averages. */
enum cln_status cln_stage_predict(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  struct ocl_buffer *x) CLN_MUST_CHECK;

/* From da: partial gradients of every parameter, and dx (NULL: not wanted). */
enum cln_status cln_stage_backward(struct cln_plan *plan, const struct cln_stage *stage,
                                   const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                   struct ocl_buffer *x, struct ocl_buffer *dx) CLN_MUST_CHECK;

#endif
