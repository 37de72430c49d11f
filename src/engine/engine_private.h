/* Shared by the engine's own files: engine.c (use), engine_memory.c (buffers), engine_fit.c (whether they fit the
 * device), engine_sequence.c (launches), engine_diagnose.c (finding a value that is not finite). */
#ifndef SRC_ENGINE_ENGINE_PRIVATE_H
#define SRC_ENGINE_ENGINE_PRIVATE_H

#include "src/engine/engine.h"
#include "src/engine/pixels.h"
#include "src/engine/stage_ops.h"

/* One set of images on the device, the state of its epoch, and the sequence for one batch. */
struct cln_engine_data {
    size_t count;
    struct cln_pixels pixels;
    struct ocl_buffer *labels, *order, *rates, *state; /* see struct cln_batch */
    size_t in_order;        /* `order` has as many indices from 0 on, each the one before plus 1 */
    struct cln_state begun; /* the state at the epoch's begin; cln_engine_begin_queued writes it from here */
    struct ocl_sequence *step;
};

struct cln_engine {
    struct ocl_context *context;
    const struct cln_network *network;
    struct cln_plan plan; /* state and sequence are replaced for every sequence */
    struct cln_pool pool; /* plan.pool, if the plan has one */
    struct cln_optimizer_params optimizer;
    uint64_t seed;      /* of dropouts */
    const bool *frozen; /* of the params, while the engine is created */
    struct cln_stage *stages;
    size_t stage_count;
    struct cln_stage_buffers *buffers; /* one per stage */
    struct cln_slices *slices;         /* one per tensor of the network */

    struct cln_shape image;
    bool standardized, weighted; /* pixels; the loss, by classes */
    struct cln_engine_data sets[CLN_SET_COUNT];
    struct ocl_buffer *standardization; /* see struct cln_batch; NULL: pixels are not standardised */
    struct ocl_buffer *x, *lane_labels;
    struct ocl_buffer *predicted, *loss_sums;
    struct ocl_buffer *class_weights; /* float per class; NULL: the loss is not weighted */
    struct ocl_buffer *values[CLN_VALUES_COUNT];
    struct ocl_buffer *gradient_partials, *slice_table;
    struct ocl_buffer *sums, *sum_slice_table; /* the summed gradients, with the parts of their norm, and their table;
                                                  NULL without exchange and clipping */
    struct cln_exchange exchange;

    struct ocl_sequence *repeat; /* forward pass of the last training batch, for diagnosis */
};

/* The number of floats in a buffer of values. */
size_t cln_engine_floats(const struct cln_engine *e, enum cln_engine_values which);

/* Creates the buffers that depend on the plan's batch size, and all others except those of images. If `plan` has a
 * tally, only adds them up there; `plan` is then a copy of e->plan that may have another batch size. The stages must be
 * known. */
enum cln_status cln_engine_buffers(struct cln_engine *e, struct cln_plan *plan) CLN_MUST_CHECK;

/* Finds the stages, and divides the images into chunks. Creates nothing on the device. */
enum cln_status cln_engine_plan_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* Checks that all buffers fit the device before they are created. CLN_OUT_OF_MEMORY says what is needed, what there is,
 * and which batch size would fit. */
enum cln_status cln_engine_check_fit(struct cln_engine *e) CLN_MUST_CHECK;

/* Creates every buffer, with its initial content. After a failure cln_engine_destroy frees those created. */
enum cln_status cln_engine_create_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* Make the sequences of a training step and of a prediction step. */
enum cln_status cln_engine_create_training(struct cln_engine *e) CLN_MUST_CHECK;
enum cln_status cln_engine_create_prediction(struct cln_engine *e) CLN_MUST_CHECK;
/* Makes the sequence of the training batch's forward pass alone. */
enum cln_status cln_engine_create_repeat(struct cln_engine *e) CLN_MUST_CHECK;

/* Reads the first `count` samples of a tensor in lanes, as [sample][element]. *out is the caller's: free(). */
enum cln_status cln_engine_read_samples(float **out, const struct cln_engine *e, struct ocl_buffer *buffer,
                                        size_t elements, size_t count) CLN_MUST_CHECK;

#endif
