/* One stage on the device: its buffers, and the launches that it adds, forward and backward. */
#ifndef SRC_ENGINE_STAGE_OPS_H
#define SRC_ENGINE_STAGE_OPS_H

#include "src/engine/exchange.h"
#include "src/engine/plan.h"
#include "src/model/stage.h"

/* The buffers of one stage; those it does not need are NULL. */
struct cln_stage_buffers {
    /* Gradients, in memory that is the engine's (engine_gradients.c). */
    struct ocl_buffer *da;      /* of the output; when the backward pass is done, of the activation's input */
    struct ocl_buffer *dx;      /* of x, if another stage that reads x writes into the da of x */
    struct ocl_buffer *further; /* another gradient of the output, which the backward pass adds to da */
    struct ocl_buffer *z;       /* pre-activation; in the backward pass overwritten by its gradient */
    struct ocl_buffer *a;       /* output; z itself if nothing is between them */
    struct ocl_buffer *dropped; /* output in training, if the stage ends with a dropout */
    struct ocl_buffer *max_value, *max_index;    /* see struct cln_activate */
    struct ocl_buffer *normal, *dz_coefficients; /* see struct cln_norm */
    struct ocl_buffer *moments, *sums;           /* see struct cln_partials; both are used in one chain */
    struct ocl_buffer *all_moments, *all_sums;   /* of all processes that share a batch; NULL: of this one, as above */
    struct ocl_buffer *filters[2], *statistics;  /* see struct cln_weights */
    int normal_span, dz_span;                    /* see struct cln_norm */
    bool shares_output;                          /* a is z, and da is dz */
};

/* What a stage reads. */
struct cln_stage_inputs {
    struct ocl_buffer *x, *addend; /* addend NULL: none */
};

/* What batch norms without γ and β (affine false) have instead, for as many channels as the widest has: constants
 * behind the parameters, at these offsets in floats, 1 for γ and 0 for β; and places behind the slices of the
 * gradients, which nobody reads. The gradients of frozen γ and β go there, too. */
struct cln_stage_constants {
    int gamma, beta;
    struct cln_slices gamma_out, beta_out;
};

/* Buffers that all stages share. */
struct cln_stage_context {
    const struct cln_network *network;
    struct ocl_buffer *parameters, *running;
    const struct cln_slices *slices; /* by index into network->tensors; buffer NULL: frozen */
    struct cln_stage_constants constants;
    bool shares;     /* other processes share the batch, and what needs all of it goes round (plan->rounds) */
    bool local_norm; /* then batch norms go by this process's samples alone */
    uint64_t seed;   /* of dropouts */
};

/* The number of slices of a parameter's gradient: several for the affine part's weights, 1 for all others. */
int cln_stage_slices(const struct cln_plan *plan, const struct cln_stage *stage, int tensor);

/* `next` is the stage that is computed after it; NULL: none. `trains`: those of training, too, but for gradients. */
enum cln_status cln_stage_buffers_create(struct cln_stage_buffers *out, const struct cln_plan *plan,
                                         const struct cln_stage *stage, const struct cln_stage *next,
                                         bool trains) CLN_MUST_CHECK;
void cln_stage_buffers_destroy(struct cln_stage_buffers *buffers);

/* The output: of a training step, or of a prediction. */
struct ocl_buffer *cln_stage_output(const struct cln_stage_buffers *buffers, bool training);

/* Computes what the affine part derives from its weights alone, for the forward pass, or for the data gradient: once
 * before either, after every change of the weights. The launches depend on nothing else. */
enum cln_status cln_stage_filters(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  bool backward) CLN_MUST_CHECK;

/* Training: computes a from x and the addend. Batch norm uses the batch's statistics and moves the running ones. The
 * first launch follows what made x (cln_plan_follow comes before the call), and a launch that needs a may follow the
 * last. */
enum cln_status cln_stage_forward(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, struct cln_stage_buffers *buffers,
                                  struct cln_stage_inputs inputs) CLN_MUST_CHECK;

/* Prediction: computes a from x, as cln_stage_forward does. Batch norm uses the running statistics. */
enum cln_status cln_stage_predict(struct cln_plan *plan, const struct cln_stage *stage,
                                  const struct cln_stage_context *context, const struct cln_stage_buffers *buffers,
                                  struct cln_stage_inputs inputs) CLN_MUST_CHECK;

/* Whether the backward pass can add buffers->further: it reads da element by element, and before anything changes it.
 */
bool cln_stage_adds_gradients(const struct cln_stage *stage);

/* The backward pass of a stage, in four parts.
 * cln_stage_sums: from da, the sums that dz of every block needs; follows what made da. Sums that other processes need
 * are then due in the next round (cln_exchange_begin).
 * cln_stage_data: dz (if the stage adds, da is the addend's gradient now) and dx (NULL: not wanted) from these sums,
 * and the gradients of γ and β. A barrier comes before it if the stage has a batch norm, else a follow; and if the sums
 * go round, the beginning of the round, whose end it adds. A launch that needs dx may follow the last.
 * cln_stage_gradients: the slices of the gradients of weights, which only the optimizer waits for. A barrier comes
 * before it. cln_stage_bias: the gradient of the bias, likewise; if the sums go round, behind the end of the round. */
enum cln_status cln_stage_sums(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context,
                               const struct cln_stage_buffers *buffers) CLN_MUST_CHECK;
enum cln_status cln_stage_data(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context, struct cln_stage_buffers *buffers,
                               struct ocl_buffer *x, struct ocl_buffer *dx) CLN_MUST_CHECK;
enum cln_status cln_stage_gradients(struct cln_plan *plan, const struct cln_stage *stage,
                                    const struct cln_stage_context *context, struct cln_stage_buffers *buffers,
                                    struct ocl_buffer *x) CLN_MUST_CHECK;
enum cln_status cln_stage_bias(struct cln_plan *plan, const struct cln_stage *stage,
                               const struct cln_stage_context *context,
                               const struct cln_stage_buffers *buffers) CLN_MUST_CHECK;

#endif
