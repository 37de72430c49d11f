/* A network on a device: its buffers, and the sequences that train, evaluate and diagnose it. */
#ifndef SRC_ENGINE_ENGINE_H
#define SRC_ENGINE_ENGINE_H

#include <stdint.h>

#include "clenet/network.h"
#include "host/buffer.h"
#include "kernels/state.clh"
#include "src/engine/tuning.h"
#include "src/model/optimizer_table.h"

/* Labelled images for the device. All pointers are read while the engine is created and not kept. */
struct cln_engine_images {
    const uint8_t *pixels; /* [count][channels][height][width]; NULL: they come by cln_engine_upload */
    const uint8_t *labels;
    size_t count;
};

struct cln_engine_params {
    const struct cln_network *network; /* must outlive the engine */
    const struct cln_tuning *tuning;
    struct cln_optimizer_params optimizer; /* zero: PyTorch's defaults */
    int batch_size;
    struct cln_shape image;               /* of the stored images; resized to the network's input where they differ */
    struct cln_engine_images train, test; /* count 0: none */
    /* Per feature of the network's input, or both NULL: not standardised. */
    const float *mean, *inverse_deviation;
};

/* Which images: the training set with updates, or the test set in prediction mode. */
enum cln_engine_set { CLN_TRAIN, CLN_TEST, CLN_SET_COUNT };

/* The buffers that hold numbers per parameter (parameter_floats each) and the running statistics. */
enum cln_engine_values {
    CLN_PARAMETERS,
    CLN_GRADIENTS, /* of the last training step, before weight decay */
    CLN_RUNNING,   /* running_floats */
    CLN_MOMENTS,   /* the first of CLN_MOMENT_COUNT: the optimizer's, see struct cln_moment */
    CLN_VALUES_COUNT = CLN_MOMENTS + CLN_MOMENT_COUNT
};

struct cln_engine;

/* Builds every kernel, uploads the images that are given. Parameters and moments are zero, running statistics as a
 * fresh network has them. Images that are more than the device gives at once lie there in chunks; where all the rest
 * does not fit, CLN_OUT_OF_MEMORY says what is needed, what there is, and the batch size that would fit. Where a kernel
 * once built takes smaller work-groups than the tuning has, there are fewer lanes. `context` must outlive the engine.
 */
enum cln_status cln_engine_create(struct cln_engine **out, struct ocl_context *context,
                                  const struct cln_engine_params *params) CLN_MUST_CHECK;
void cln_engine_destroy(struct cln_engine **engine);

/* Copies the pixels of `count` images to the device, from number `first` of the set on. */
enum cln_status cln_engine_upload(struct cln_engine *engine, enum cln_engine_set set, size_t first, size_t count,
                                  const uint8_t *pixels) CLN_MUST_CHECK;

/* Starts an epoch over `count` samples of a set in the given order (indices into it; NULL: as stored). */
enum cln_status cln_engine_begin(struct cln_engine *engine, enum cln_engine_set set, const uint32_t *order,
                                 size_t count) CLN_MUST_CHECK;

/* The same for an epoch of training that was left where `at` stands: `seen` samples in `batches` batches, with these
 * sums, after `step` updates of the parameters in all. */
enum cln_status cln_engine_continue(struct cln_engine *engine, const uint32_t *order, size_t count,
                                    const struct cln_state *at) CLN_MUST_CHECK;

/* Queues one batch: forward, loss, backward and update in training; forward and loss in prediction. Past the
 * epoch's end it does nothing. */
enum cln_status cln_engine_step(struct cln_engine *engine, enum cln_engine_set set) CLN_MUST_CHECK;

/* Queues a read of the set's state as it is after the steps queued so far; see ocl_buffer_read_begin. */
enum cln_status cln_engine_state(struct cln_engine *engine, enum cln_engine_set set, struct cln_state *state,
                                 struct ocl_ticket **ticket) CLN_MUST_CHECK;

/* Classes predicted in the last evaluation, by place in its order. */
enum cln_status cln_engine_predicted(struct cln_engine *engine, int *predicted, size_t count) CLN_MUST_CHECK;

/* Copies from or to the host, in the layout of network->tensors. */
enum cln_status cln_engine_read(struct cln_engine *engine, enum cln_engine_values which, float *values) CLN_MUST_CHECK;
enum cln_status cln_engine_write(struct cln_engine *engine, enum cln_engine_values which,
                                 const float *values) CLN_MUST_CHECK;

/* Replaces the values that pixels are standardised with; CLN_INVALID where the engine was made without any. */
enum cln_status cln_engine_standardize(struct cln_engine *engine, const float *mean,
                                       const float *inverse_deviation) CLN_MUST_CHECK;

/* Logits of the last batch of a set as [sample][class], `count` samples. */
enum cln_status cln_engine_logits(struct cln_engine *engine, float *logits, size_t count) CLN_MUST_CHECK;

/* After the training state froze: repeats that batch's forward pass and says in a phrase where the first value that
 * is not finite came about: "parameter 6.weight", "stage 3 (Linear(256, 120)), pre-activation". */
enum cln_status cln_engine_find_nonfinite(struct cln_engine *engine, char *where, size_t bytes) CLN_MUST_CHECK;

/* Launches of one training step. */
size_t cln_engine_launches(const struct cln_engine *engine);
/* Whether training steps are enqueued as one command buffer; known after the first. */
bool cln_engine_replays(const struct cln_engine *engine);

#endif
