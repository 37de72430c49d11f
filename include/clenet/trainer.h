/* Training and evaluating a network on a device: the loop of the mission, one epoch at a time. */
#ifndef CLENET_TRAINER_H
#define CLENET_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"
#include "clenet/network.h"
#include "clenet/optimizer.h"
#include "clenet/status.h"
#include "clenet/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_progress {
    int epoch;             /* from 1 */
    size_t step, steps;    /* done in this epoch, and of it in all */
    size_t samples;        /* trained on in this epoch so far */
    size_t before;         /* of those, before it was gone on with; `seconds` are of the others */
    double loss, accuracy; /* running means over those samples */
    double seconds;        /* since the epoch began, or was gone on with */
    double images_per_second;
};

/* Called a few times a second while training, and so not at all in epochs that are shorter. Returning false stops
 * training after the step; the next cln_trainer_epoch goes on with the epoch. */
typedef bool cln_progress_handler(void *user, const struct cln_progress *progress);

/* Whether a step is recorded once and then enqueued as one command buffer, where the device has them. The results are
 * the same. With timings it never is. */
enum cln_replay { CLN_REPLAY_PROFILE, CLN_REPLAY_OFF, CLN_REPLAY_ON };

/* Where and when a trainer keeps resume points: checkpoints that it can go on from. They are written beside the
 * training, which stands still only while the numbers are read from the device; where one cannot be written, a warning
 * says so, training goes on, and the next one is tried. */
struct cln_save_params {
    const char *path;     /* of the newest one; NULL: nowhere */
    int every_epochs;     /* 0: every epoch where there is no every_seconds, else only by time */
    double every_seconds; /* also within an epoch; 0: not by time */
    int keep;             /* files in all; those before the newest have .1, .2, … before their extension. 0: 1 */
    bool best;            /* the one after the epoch of the highest test accuracy also as .best */
};

struct cln_trainer_params {
    const struct cln_network *network; /* its input must fit the data (after `resize`) */
    struct cln_dataset *data;          /* may still be on the way: see cln_dataset_open */
    bool release_pixels;               /* of `data`, as the device gets them: see cln_dataset_release_pixels */
    const char *device;                /* as for ocl_device_find; NULL: $CLENET_DEVICE or the best */
    const char *profile_file;          /* NULL: what matches the device */
    const char *kernel_folder;         /* NULL: embedded kernels */
    bool no_guard;                     /* train without the check that comes before the first time (docs/porting.md) */
    bool no_cache;                     /* build every kernel, and keep none on disk for the next start */
    bool no_check;                     /* go by what earlier checks have found, and make none: for measuring */
    enum cln_replay replay;            /* 0: as the device's profile says */
    /* A command line that starts this program anew, path first and NULL last; NULL: kernels are built in this process.
     * Where some are not known to be built on this machine, a few such processes ("builders") build them side by side,
     * so that this one neither waits as long nor keeps the compiler's memory. In each cln_trainer_builds() is true, and
     * it has to call cln_trainer_build with the same params, but for `data`, and end. What a builder leaves undone,
     * this process builds. */
    const char *const *builder;
    double builder_seconds; /* until builders are ended; 0: 60 */
    int batch_size;         /* 0: 256; see cln_trainer_create for 1 */
    int resize;             /* side length, or 0 */
    bool standardize;
    bool evaluate_only; /* nothing is built or uploaded for training; cln_trainer_load brings the model */
    uint64_t seed;      /* initial weights and shuffling */
    struct cln_optimizer_params optimizer;
    struct cln_save_params save;
    /* Training goes on from this checkpoint, which must have a training point: bit by bit as if it had never been left
     * on the same device and profile, within rounding on another. What was set otherwise than there (network, batch
     * size, optimizer, seed, preprocessing, data) is CLN_INVALID, all of it in one message, before a kernel is built.
     * Looked at while the trainer is created. */
    const struct cln_checkpoint *resume;
    bool override; /* takes batch size, seed, the optimizer's numbers and data as they are set here. With another seed
                      or other data the epoch that was begun there begins anew */
    bool timings;
    struct cln_trace *trace; /* every launch is also written there; NULL: nowhere. Must outlive the trainer */
    size_t max_steps;        /* stop after so many steps in all, those before `resume` included; 0: no limit */
    cln_progress_handler *progress;
    void *user;
};

struct cln_metrics {
    size_t samples;
    double loss, accuracy; /* means over those samples */
};

struct cln_epoch {
    int epoch;                /* from 1 */
    struct cln_metrics train; /* gathered while training, in training mode */
    size_t before;            /* of train.samples, before it was gone on with; train_seconds are of the others */
    struct cln_metrics test;  /* afterwards, in prediction mode; samples 0 where it was stopped or there are none */
    double train_seconds, test_seconds;
    bool stopped; /* by the handler or max_steps, before the epoch's end */
};

struct cln_trainer;

/* Finds the device, builds the kernels, uploads the data, sets initial weights: uniform in ±1/√fan_in from
 * `seed`, γ = 1, β = 0. `network` and `data` must outlive the trainer, but for the
 * pixels: see cln_dataset_release_pixels. CLN_INVALID names what does not go together, before a device is opened:
 * images of another size, a label that the network has no class for (with its file and byte), or batches of one image
 * where a batch norm then has one value per channel (a warning where only the last batch of an epoch is so). */
CLN_API enum cln_status cln_trainer_create(struct cln_trainer **out,
                                           const struct cln_trainer_params *params) CLN_MUST_CHECK;
CLN_API void cln_trainer_destroy(struct cln_trainer **trainer);

/* Whether this process is a builder (it has $CLENET_BUILDER set). */
CLN_API bool cln_trainer_builds(void);
/* In a builder: builds its share of what a trainer with these params needs, and launches it once on nothing, because
 * drivers compile to the end only then. `data` is not looked at. */
CLN_API enum cln_status cln_trainer_build(const struct cln_trainer_params *params) CLN_MUST_CHECK;

/* One line for people: device, platform and profile, and operations in their safe variants. Lives as long as the
 * trainer. */
CLN_API const char *cln_trainer_device(const struct cln_trainer *trainer);

/* Epochs that are finished, those before `resume` included. */
CLN_API int cln_trainer_epochs(const struct cln_trainer *trainer);

/* Trains one epoch, or the rest of one that was left, and evaluates. CLN_NUMERIC names epoch, step and stage where a
 * value became non-finite. */
CLN_API enum cln_status cln_trainer_epoch(struct cln_trainer *trainer, struct cln_epoch *epoch) CLN_MUST_CHECK;

/* Prediction mode over the test images. `confusion` is NULL or class_count² counters [label][predicted], set here. */
CLN_API enum cln_status cln_trainer_evaluate(struct cln_trainer *trainer, struct cln_metrics *metrics,
                                             size_t *confusion) CLN_MUST_CHECK;

/* A resume point where training stands now, at once; of a trainer that only evaluates: a model. The data's digest is in
 * it where it is known (cln_dataset_measure_digest) or the pixels are still there. */
CLN_API enum cln_status cln_trainer_save(struct cln_trainer *trainer, const char *path) CLN_MUST_CHECK;
/* After the last epoch: keeps what was trained since the last resume point, as params.save says, and waits until it is
 * written. Does nothing where there is nothing to keep. */
CLN_API enum cln_status cln_trainer_finish(struct cln_trainer *trainer) CLN_MUST_CHECK;
/* Whether params.save.path was written by this trainer; waits for what is being written. */
CLN_API bool cln_trainer_saved(struct cln_trainer *trainer);
/* Takes weights, running statistics and the values to standardise with from a checkpoint of the same network, or from a
 * file of one. `standardize` and `resize` must be as they were when the model was trained. */
CLN_API enum cln_status cln_trainer_set_model(struct cln_trainer *trainer,
                                              const struct cln_checkpoint *model) CLN_MUST_CHECK;
CLN_API enum cln_status cln_trainer_load(struct cln_trainer *trainer, const char *path) CLN_MUST_CHECK;

/* Device time per kernel as a table of text, one line each, largest first. *out is the caller's: free().
 * "" where params.timings was off. */
CLN_API enum cln_status cln_trainer_timings(struct cln_trainer *trainer, char **out) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
