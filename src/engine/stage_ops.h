/* One stage on the device: its buffers, and the launches that it adds, forward and backward. */
#ifndef SRC_ENGINE_STAGE_OPS_H
#define SRC_ENGINE_STAGE_OPS_H

#include "src/engine/exchange.h"
#include "src/engine/plan.h"
#include "src/model/stage.h"

/* The buffers of one stage; those it does not need are NULL. */
struct cln_stage_buffers {
    struct ocl_buffer *z;                        /* pre-activation; in the backward pass overwritten by its gradient */
    struct ocl_buffer *a;                        /* output; z itself if nothing is between them */
    struct ocl_buffer *da;                       /* gradient of the output */
    struct ocl_buffer *max_value, *max_index;    /* see struct cln_activate */
    struct ocl_buffer *normal, *dz_coefficients; /* see struct cln_norm */
    struct ocl_buffer *filters[2];               /* see struct cln_weights */
    bool shares_output;                          /* a is z, and da is dz */
    struct cln_exchange_point of_moments, of_sums;
};

/* Buffers that all stages share. */
struct cln_stage_context {
    const struct cln_network *network;
    struct ocl_buffer *parameters, *running;
    const struct cln_slices *slices; /* by index into network->tensors */
    const struct cln_exchange *exchange;
    struct ocl_buffer *partials; /* scratch for struct cln_partials, cln_stage_partial_bytes of the largest stage */
};

/* The number of slices of a parameter's gradient: several for the affine part's weights, 1 for all others. */
int cln_stage_slices(const struct cln_plan *plan, const struct cln_stage *stage, int tensor);

/* The bytes of scratch that the stage needs for struct cln_partials. */
size_t cln_stage_partial_bytes(const struct cln_plan *plan, const struct cln_stage *stage);

enum cln_status cln_stage_buffers_create(struct cln_stage_buffers *out, const struct cln_plan *plan,
                                         const struct cln_stage *stage) CLN_MUST_CHECK;
void cln_stage_buffers_destroy(struct cln_stage_buffers *buffers);

/* Computes what the affine part derives from its weights alone, for the forward pass, or for the data gradient: once
 * before either, after every change of the weights. The launches depend on nothing else. */
enum cln_status cln_stage_filters(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  bool backward) CLN_MUST_CHECK;

/* Training: computes a from x. Batch norm uses the batch's statistics and moves the running ones. */
enum cln_status cln_stage_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, struct cln_stage_buffers *buffers,
                                  struct ocl_buffer *x) CLN_MUST_CHECK;

/* Prediction: computes a from x. Batch norm uses the running statistics. */
enum cln_status cln_stage_predict(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  struct ocl_buffer *x) CLN_MUST_CHECK;

/* Computes from da the slices of every parameter's gradient, and dx (NULL: not wanted). */
enum cln_status cln_stage_backward(struct cln_plan *plan, const struct cln_stage *stage,
                                   const struct cln_stage_context *context, struct cln_stage_buffers *buffers,
                                   struct ocl_buffer *x, struct ocl_buffer *dx) CLN_MUST_CHECK;

#endif
