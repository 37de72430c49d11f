/* The engine: a network on a device, with its buffers and the sequences that train, evaluate and diagnose it. */
#ifndef SRC_ENGINE_ENGINE_H
#define SRC_ENGINE_ENGINE_H

#include <stdint.h>

#include "clenet/dataset.h"
#include "clenet/network.h"
#include "host/buffer.h"
#include "host/sequence.h"
#include "kernels/state.clh"
#include "src/engine/exchange.h"
#include "src/engine/ring.h"
#include "src/engine/tuning.h"
#include "src/model/augmentation_table.h"
#include "src/model/optimizer_table.h"

/* Labelled images for the device. The pointers are used only while the engine is created. */
struct cln_engine_images {
    const void *pixels;    /* [count][channels][height][width]; NULL: cln_engine_upload or _stream brings them */
    const int32_t *labels; /* [count]; NULL: none, and loss and hits mean nothing */
    size_t count;
};

struct cln_engine_params {
    const struct cln_network *network; /* must outlive the engine */
    const struct cln_tuning *tuning;
    struct cln_optimizer_params optimizer; /* members that are 0: PyTorch's defaults */
    uint64_t seed;                         /* of dropouts and of the augmentation */
    struct cln_augmentation augmentation;  /* of training batches; all 0: none */
    const bool *frozen;     /* one per tensor of the network: its parameters and moments never change; NULL: none is */
    int batch_size;         /* of all processes that share a batch */
    struct cln_shape image; /* shape of the stored images; they are resized to the network's input */
    enum cln_pixel_type pixels;           /* how they are stored */
    bool streams;                         /* they stay on the host: cln_engine_stream, before the first epoch */
    struct cln_engine_images train, test; /* count 0: none */
    /* Standardization, one value per feature of the network's input; both NULL: none. */
    const float *mean, *inverse_deviation;
    /* Weights of the classes in the training loss, network->classes of them, as in struct cln_trainer_params; used only
     * while the engine is created. NULL: none. */
    const double *class_weights;
    struct cln_exchange exchange; /* zero: this process has its batches to itself */
    /* As in struct cln_plan, of the launches of a training step. The engine may be planned again, with smaller
     * work-groups: then all its launches are observed again. */
    void (*observe)(void *observer, const struct ocl_launch *launch);
    void *observer;
};

/* The two sets of images: the training set, whose steps update parameters, and the test set, in prediction mode. */
enum cln_engine_set { CLN_TRAIN, CLN_TEST, CLN_SET_COUNT };

/* The buffers of values per parameter (parameter_floats each), and the running statistics. */
enum cln_engine_values {
    CLN_PARAMETERS,
    CLN_GRADIENTS, /* gradients of the last training step, before clipping and weight decay; 0 of frozen parameters */
    CLN_RUNNING,   /* running_floats */
    CLN_AVERAGE,   /* average of the parameters, of a training with optimizer.ema above 0 */
    CLN_AVERAGE_RUNNING, /* the same of the running statistics: running_floats */
    CLN_MOMENTS,         /* the first of CLN_MOMENT_COUNT moments of the optimizer, see struct cln_moment */
    CLN_VALUES_COUNT = CLN_MOMENTS + CLN_MOMENT_COUNT
};

struct cln_engine;

/* Builds every kernel and uploads the given images. Parameters and moments are 0; running statistics are those of a
 * fresh network. Images that exceed the device's largest allocation are divided into chunks. CLN_OUT_OF_MEMORY, if all
 * buffers together do not fit, says what is needed, what there is, and which batch size would fit. If a built kernel
 * allows only smaller work-groups than the tuning wants, the engine uses fewer lanes. `context` must outlive the
 * engine. */
enum cln_status cln_engine_create(struct cln_engine **out, struct ocl_context *context,
                                  const struct cln_engine_params *params) CLN_MUST_CHECK;
void cln_engine_destroy(struct cln_engine **engine);

/* Copies the pixels of `count` images to the device, to the places from `first` on in the set, and waits for the copy.
 * cln_engine_upload_queued does not wait: `pixels` must stay valid and unchanged until cln_engine_logits has succeeded
 * or cln_engine_settle has returned. */
enum cln_status cln_engine_upload(struct cln_engine *engine, enum cln_engine_set set, size_t first, size_t count,
                                  const void *pixels) CLN_MUST_CHECK;
enum cln_status cln_engine_upload_queued(struct cln_engine *engine, enum cln_engine_set set, size_t first, size_t count,
                                         const void *pixels) CLN_MUST_CHECK;
/* Says where the images of a set lie, of an engine that streams: `locate` finds one by its number in the set, and is
 * called in cln_engine_step for the images of the batch. They must stay valid as long as the engine. */
void cln_engine_stream(struct cln_engine *engine, enum cln_engine_set set, cln_locate_image *locate, void *user);

/* Starts an epoch over `count` samples of a set. `order` gives their indices in the set; NULL: as stored. */
enum cln_status cln_engine_begin(struct cln_engine *engine, enum cln_engine_set set, const uint32_t *order,
                                 size_t count) CLN_MUST_CHECK;

/* Like cln_engine_begin for `count` test samples as stored, without waiting (but for the first, and if `count` exceeds
 * all before). Before the next begin, and before the
 * engine is destroyed, cln_engine_logits must succeed or cln_engine_settle be called. */
enum cln_status cln_engine_begin_queued(struct cln_engine *engine, size_t count) CLN_MUST_CHECK;
/* After a change of the bounds of an exchange that varies: the following steps have the new share. */
enum cln_status cln_engine_redeal(struct cln_engine *engine) CLN_MUST_CHECK;
/* After a failure of a prediction: waits until the device has done, or has failed at, all that was queued. */
void cln_engine_settle(struct cln_engine *engine);

/* Like cln_engine_begin, for a training epoch that is resumed at `at`: `seen` samples in `batches` batches were trained
 * on, with these sums, and `step` updates were made in all epochs. */
enum cln_status cln_engine_continue(struct cln_engine *engine, const uint32_t *order, size_t count,
                                    const struct cln_state *at) CLN_MUST_CHECK;

/* Replaces the learning rates of the training epoch that has just begun, of its first `steps` steps. */
enum cln_status cln_engine_set_rates(struct cln_engine *engine, const double *rates, size_t steps) CLN_MUST_CHECK;

/* Takes the members of `optimizer` that the trainer sets for the schedule, for the epochs that begin or continue from
 * now on. */
void cln_engine_place_schedule(struct cln_engine *engine, const struct cln_optimizer_params *optimizer);

/* Sets the number, from 1, of the training epoch that begins or continues next: the alternating flip goes by it. */
void cln_engine_place_epoch(struct cln_engine *engine, int epoch);

/* Reads the next *count pictures of the training epoch that has begun, or those that are left if they are fewer, and
 * sets *count to their number. They are as steps would make them, augmented and standardised, [picture][feature].
 * The state stays what it was: training goes on as if nothing had been read. Builds a sequence of its own. */
enum cln_status cln_engine_pictures(struct cln_engine *engine, size_t *count, float *pictures) CLN_MUST_CHECK;

/* Queues one step. For training: forward, loss and backward of optimizer.accumulate batches, or as many as the epoch
 * has left, then the update; for prediction: forward and loss of one batch. After the epoch's last batch it changes
 * nothing. */
enum cln_status cln_engine_step(struct cln_engine *engine, enum cln_engine_set set) CLN_MUST_CHECK;
/* Like cln_engine_step of a training set that stays on the device, without accumulation: runs it launch by launch
 * (ocl_sequence_run_apart). */
enum cln_status cln_engine_step_apart(struct cln_engine *engine, ocl_sequence_visitor *visit,
                                      void *user) CLN_MUST_CHECK;
/* The number of training batches that were queued since the engine was created. */
uint64_t cln_engine_batches(const struct cln_engine *engine);

/* Queues a read of the set's state after the steps queued so far, into `state`; see ocl_buffer_read_begin. */
enum cln_status cln_engine_state(struct cln_engine *engine, enum cln_engine_set set, struct cln_state *state,
                                 struct ocl_ticket **ticket) CLN_MUST_CHECK;

/* Reads the classes predicted in the last evaluation, in the order of its epoch. */
enum cln_status cln_engine_predicted(struct cln_engine *engine, int *predicted, size_t count) CLN_MUST_CHECK;

/* The number of floats of these values; 0: this engine does not have them. */
size_t cln_engine_floats(const struct cln_engine *engine, enum cln_engine_values which);
/* Copy values between device and host, laid out by network->tensors. */
enum cln_status cln_engine_read(struct cln_engine *engine, enum cln_engine_values which, float *values) CLN_MUST_CHECK;
enum cln_status cln_engine_write(struct cln_engine *engine, enum cln_engine_values which,
                                 const float *values) CLN_MUST_CHECK;

/* Reads the norm of all gradients in the last step, before clipping; not a number if gradients are not clipped, since
 * nothing computes it then. Waits for the queued steps. */
enum cln_status cln_engine_gradient_norm(struct cln_engine *engine, double *norm) CLN_MUST_CHECK;

/* What predictions are made with: the averages of parameters and running statistics, or if the engine has none these
 * themselves. */
struct cln_engine_model {
    enum cln_engine_values parameters, running;
};
struct cln_engine_model cln_engine_model(const struct cln_engine *engine);
/* Sets the averages, if the engine has them, to the parameters and running statistics as they are. */
enum cln_status cln_engine_begin_average(struct cln_engine *engine) CLN_MUST_CHECK;

/* Replaces the values of the standardization. CLN_INVALID if the engine was created without it. */
enum cln_status cln_engine_standardize(struct cln_engine *engine, const float *mean,
                                       const float *inverse_deviation) CLN_MUST_CHECK;

/* Reads the logits of the last batch, [sample][class], for the first `count` samples. */
enum cln_status cln_engine_logits(struct cln_engine *engine, float *logits, size_t count) CLN_MUST_CHECK;

/* Call after the training state froze: repeats that batch's forward pass, and writes to `where` a phrase about the
 * first value that is not finite: "parameter 6.weight", "stage 3 (Linear(256, 120)), pre-activation". */
enum cln_status cln_engine_find_nonfinite(struct cln_engine *engine, char *where, size_t bytes) CLN_MUST_CHECK;

/* The number of launches of one training step with all its batches, actions of the host included. */
size_t cln_engine_launches(const struct cln_engine *engine);
/* Whether training steps are enqueued as command buffers; known after the first step. */
bool cln_engine_replays(const struct cln_engine *engine);

#endif
