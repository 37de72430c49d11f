/* Shared by the engine's own files: engine.c (use), engine_memory.c (buffers), engine_fit.c (whether they fit the
 * device), engine_sequence.c (launches), engine_diagnose.c (finding a value that is not finite), engine_pictures.c
 * (reading pictures as a step makes them), engine_read.c (reading results), engine_share.c (the share of a batch). */
#ifndef SRC_ENGINE_ENGINE_PRIVATE_H
#define SRC_ENGINE_ENGINE_PRIVATE_H

#include "src/engine/engine.h"
#include "src/engine/pixels.h"
#include "src/engine/stage_ops.h"

/* One set of images on the device, the state of its epoch, and the sequence for one batch. */
struct cln_engine_data {
    size_t count;
    struct cln_pixels pixels;
    struct cln_ring ring;                              /* of an engine that streams */
    struct ocl_buffer *labels, *order, *rates, *state; /* see struct cln_batch */
    size_t in_order;        /* `order` has as many indices from 0 on, each the one before plus 1 */
    struct cln_state begun; /* the state at the epoch's begin; cln_engine_begin_queued writes it from here */
    struct ocl_sequence *step;
    struct cln_exchange_rounds rounds; /* of it */
};

struct cln_engine {
    struct ocl_context *context;
    const struct cln_network *network;
    struct cln_plan plan; /* state and sequence are replaced for every sequence */
    struct cln_pool pool; /* plan.pool, if the plan has one */
    struct cln_optimizer_params optimizer;
    uint64_t seed;                        /* of dropouts and of the augmentation */
    struct cln_augmentation augmentation; /* of training batches */
    int epoch;                            /* number of the training epoch that begins or continues next */
    const bool *frozen;                   /* of the params, while the engine is created */
    struct cln_stage *stages;
    size_t stage_count;
    bool *learns; /* per stage: it has a parameter that is not frozen, or reads a stage that learns. The backward pass
                     leaves the others out */
    struct cln_stage_buffers *buffers;   /* one per stage */
    struct ocl_buffer **gradient_memory; /* up to two per stage; see engine_gradients.c */
    struct cln_slices *slices;           /* one per tensor of the network; buffer NULL: it is frozen */
    struct cln_stage_constants constants;

    struct cln_shape image;
    enum cln_pixel_type pixels;
    bool streams;
    bool standardized, weighted; /* pixels; the loss, by classes */
    struct cln_engine_data sets[CLN_SET_COUNT];
    struct ocl_buffer *standardization; /* see struct cln_batch; NULL: pixels are not standardised */
    struct ocl_buffer *x, *lane_labels;
    struct ocl_buffer *predicted, *loss_sums;
    struct ocl_buffer *all_loss_sums; /* of all processes that share a batch; NULL: this one has it to itself */
    struct ocl_buffer *mixes;         /* see struct cln_batch; NULL: pictures are not mixed */
    struct ocl_buffer *class_weights; /* float per class; NULL: the loss is not weighted */
    struct ocl_buffer *values[CLN_VALUES_COUNT];
    struct ocl_buffer *gradient_partials, *slice_table;
    int most_slices;                           /* that a gradient has */
    struct ocl_buffer *sums, *sum_slice_table; /* the summed gradients, with the parts of their norm, and their table;
                                                  NULL without exchange, clipping and accumulation */
    struct ocl_buffer *nodes; /* of processes that share a batch, see cln_exchange_nodes; [node][parameter_floats] */
    struct cln_exchange exchange;
    struct cln_exchange_gradients of_gradients;

    struct ocl_sequence *update; /* what follows the last batch of an update; NULL: every batch is one, and its
                                    sequence ends with it */
    int batches_left;            /* of the training epoch, not queued yet */
    uint64_t batches;            /* queued training batches */
    struct ocl_sequence *repeat; /* forward pass of the last training batch, for diagnosis */
    struct cln_exchange_rounds repeat_rounds;
};

/* The samples of a full batch that are this process's. */
int cln_engine_share(const struct cln_engine *e, int batch_size);

/* Creates the buffers that depend on the plan's batch size, and all others except those of images. If `plan` has a
 * tally, only adds them up there; `plan` is then a copy of e->plan that may have another batch size. The stages must be
 * known. */
enum cln_status cln_engine_buffers(struct cln_engine *e, struct cln_plan *plan) CLN_MUST_CHECK;

/* How `count` images of a set lie on the device: all in chunks, or, where they are streamed, a ring for this batch
 * size. */
struct cln_pixels cln_engine_divide(const struct cln_engine *e, size_t count, int batch_size);

/* Finds the stages, and divides the images into chunks. Creates nothing on the device. */
enum cln_status cln_engine_plan_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* Checks that all buffers fit the device before they are created. CLN_OUT_OF_MEMORY says what is needed, what there is,
 * and which batch size would fit. */
enum cln_status cln_engine_check_fit(struct cln_engine *e) CLN_MUST_CHECK;

/* Creates every buffer, with its initial content. After a failure cln_engine_destroy frees those created. */
enum cln_status cln_engine_create_memory(struct cln_engine *e, const struct cln_engine_params *params) CLN_MUST_CHECK;

/* Creates the memory of all gradients of outputs, in training, and sets `da`, `dx` and `further` of the stages'
 * buffers. Gradients that are never alive at once share memory. With a tally in `plan` only adds up, as
 * cln_engine_buffers. */
enum cln_status cln_engine_gradient_buffers(struct cln_engine *e, struct cln_plan *plan) CLN_MUST_CHECK;
/* The buffer that takes the gradient of a stage's input; NULL: nothing needs it, as that of images. */
struct ocl_buffer *cln_engine_gradient_of_input(const struct cln_engine *e, size_t stage);
/* The gradient number `number`, from 0, that is added to da of a stage, because several stages read its output; NULL
 * after the last. Their order is that of the stages. */
struct ocl_buffer *cln_engine_further_gradient(const struct cln_engine *e, size_t stage, size_t number);
/* Whether dz of a stage needs the sums of all blocks; without chains every launch may need all blocks. */
bool cln_engine_needs_all_blocks(const struct cln_engine *e, size_t stage);

/* Make the sequences of a training step and of a prediction step. */
enum cln_status cln_engine_create_training(struct cln_engine *e) CLN_MUST_CHECK;
enum cln_status cln_engine_create_prediction(struct cln_engine *e) CLN_MUST_CHECK;
/* Makes the sequence of the training batch's forward pass alone. */
enum cln_status cln_engine_create_repeat(struct cln_engine *e) CLN_MUST_CHECK;
/* Makes the sequence of the beginning of a training batch alone. *out is the caller's; NULL after a failure. */
enum cln_status cln_engine_create_look(struct cln_engine *e, struct ocl_sequence **out) CLN_MUST_CHECK;

/* Reads the first `count` samples of a tensor in lanes, as [sample][element]. *out is the caller's: free(). */
enum cln_status cln_engine_read_samples(float **out, const struct cln_engine *e, struct ocl_buffer *buffer,
                                        size_t elements, size_t count) CLN_MUST_CHECK;

#endif
