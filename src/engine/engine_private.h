/* What the engine's own files share: engine.c (use), engine_memory.c (buffers), engine_fit.c (whether they
 * fit), engine_sequence.c (launches), engine_diagnose.c (where a value went wrong). */
#ifndef SRC_ENGINE_ENGINE_PRIVATE_H
#define SRC_ENGINE_ENGINE_PRIVATE_H

#include "src/engine/engine.h"
#include "src/engine/pixels.h"
#include "src/engine/stage_ops.h"

/* One set of images on the device, where its epoch stands, and what runs per batch. */
struct cln_engine_data {
    size_t count;
    struct cln_pixels pixels;
    struct ocl_buffer *labels, *order, *state;
    struct ocl_sequence *step;
};

struct cln_engine {
    struct ocl_context *context;
    const struct cln_network *network;
    struct cln_plan plan; /* its state and sequence are set anew for every sequence */
    struct cln_optimizer_params optimizer;
    struct cln_stage *stages;
    size_t stage_count;
    struct cln_stage_buffers *buffers; /* one per stage */
    struct cln_slices *slices;         /* one per tensor of the network */

    struct cln_shape image;
    bool standardized;
    struct cln_engine_data sets[CLN_SET_COUNT];
    struct ocl_buffer *standard; /* NULL where not standardised */
    struct ocl_buffer *x, *lane_labels;
    struct ocl_buffer *predicted, *loss_sums;
    struct ocl_buffer *values[CLN_VALUES_COUNT];
    struct ocl_buffer *gradient_partials, *chunks, *partials;

    struct ocl_sequence *repeat; /* the training batch's forward pass once more, to diagnose */
};

/* Floats of one of the buffers of values. */
size_t cln_engine_floats(const struct cln_engine *e, enum cln_engine_values which);

/* Output of a stage. */
struct ocl_buffer *cln_engine_output(const struct cln_engine *e, size_t stage);

/* All buffers that depend on the plan's batch size or are not of images: created, or added up where `plan` has a tally;
 * it is e->plan then but for its batch size. The stages must be known. */
enum cln_status cln_engine_buffers(struct cln_engine *e, struct cln_plan *plan) CLN_MUST_CHECK;

/* Finds the stages, and how the images divide into buffers; creates nothing on the device. */
enum cln_status cln_engine_plan_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* CLN_OUT_OF_MEMORY where the buffers to come do not fit the device: says what is needed, what there is, and which
 * batch size would fit. */
enum cln_status cln_engine_check_fit(struct cln_engine *e) CLN_MUST_CHECK;

/* Creates every buffer, with its initial content. On failure what exists stays for cln_engine_destroy. */
enum cln_status cln_engine_create_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* The training step, and that of prediction. */
enum cln_status cln_engine_create_training(struct cln_engine *e) CLN_MUST_CHECK;
enum cln_status cln_engine_create_prediction(struct cln_engine *e) CLN_MUST_CHECK;
/* The training batch's forward pass alone. */
enum cln_status cln_engine_create_repeat(struct cln_engine *e) CLN_MUST_CHECK;

/* Reads a tensor in lanes as [sample][element], the first `count` samples. *out is the caller's: free(). */
enum cln_status cln_engine_read_samples(float **out, const struct cln_engine *e, struct ocl_buffer *buffer,
                                        size_t elements, size_t count) CLN_MUST_CHECK;

#endif
