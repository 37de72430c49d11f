/* Optimizers on the device: one pass over all parameters, which also adds up the slices of their gradients. With
 * clipping by norm the slices are added up first, then the norm is found, then comes that pass. */
#ifndef SRC_ENGINE_OPTIMIZER_H
#define SRC_ENGINE_OPTIMIZER_H

#include "src/engine/plan.h"
#include "src/model/optimizer_table.h"

struct cln_state;

struct cln_optimizer {
    enum cln_optimizer_kind kind;
    size_t floats; /* of each buffer below, a multiple of CLN_TENSOR_ALIGN */
    struct ocl_buffer *parameters, *gradients;
    struct ocl_buffer *partials;       /* slices of the gradients */
    struct ocl_buffer *slice_table;    /* int4 per CLN_TENSOR_ALIGN parameters, see kernels/optimizer.clh */
    int most_slices;                   /* that a gradient of the table has */
    struct ocl_buffer *const *moments; /* CLN_MOMENT_COUNT of them, those that this kind has */
    /* 0: gradients are not clipped. Else `partials` has the summed gradients, `floats` of them, and behind them so many
     * parts of the norm, a float2 each (kernels/gradient_norm.cl); the table says that every gradient is one slice. */
    int norm_parts;
    bool accumulates; /* cln_optimizer_sum adds to g->gradients, over the batches of an update */
    /* Of processes that share a batch, with strict arithmetic: cln_optimizer_sum writes so many nodes of the sums
     * (cln_exchange_nodes) to g->gradients, [node][floats]. 0: it writes the sums. */
    int nodes;
};

/* Launches the kernel of that name, in the file of that name: kernels/adam.cl. It takes the step's numbers from the
 * state, as cln_batch_end left them. */
enum cln_status cln_optimizer_update(struct cln_plan *plan, const struct cln_optimizer *g) CLN_MUST_CHECK;

/* Sums the slices of all gradients into g->gradients, bit for bit as the update does. For an exchange or a norm that
 * comes between the sum and the update. If the optimizer accumulates, also the batches of an update (optimizer.h). */
enum cln_status cln_optimizer_sum(struct cln_plan *plan, const struct cln_optimizer *g) CLN_MUST_CHECK;

/* The number of parts that the norm of `floats` gradients has. It depends on plan->tuning alone. */
int cln_optimizer_norm_parts(const struct cln_plan *plan, size_t floats);
/* Writes the parts of the norm behind the gradients in g->partials, for an update with the same norm_parts. */
enum cln_status cln_optimizer_norm(struct cln_plan *plan, const struct cln_optimizer *g) CLN_MUST_CHECK;

/* An average of parameters and running statistics (kernels/average.cl). */
struct cln_average {
    struct ocl_buffer *parameter_averages, *parameters; /* `parameter_floats` each */
    struct ocl_buffer *running_averages, *running;      /* `running_floats` each; NULL if these are 0 */
    size_t parameter_floats, running_floats;            /* multiples of CLN_TENSOR_ALIGN */
};

/* Moves the average by an update, which the launch before has made. */
enum cln_status cln_optimizer_average(struct cln_plan *plan, const struct cln_average *g) CLN_MUST_CHECK;

/* Writes the optimizer's numbers to the state, as before the first step. */
void cln_optimizer_begin(struct cln_state *state, const struct cln_optimizer_params *params);

#endif
