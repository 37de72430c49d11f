/* A trained model as a safetensors file, its tensors under PyTorch's state-dict names ("0.weight", "1.running_mean",
 * …): https://github.com/huggingface/safetensors#format. The metadata in the file's header holds the network as JSON
 * text, the preprocessing of the pixels and the names of the classes: one file is enough to predict. A resume point
 * also holds the optimizer's state ("optimizer.exp_avg.0.weight", …), with an average of the weights also the weights
 * themselves ("optimizer.raw.0.weight", …), and the state of training (metadata "training"): the same file is then
 * enough to resume. */
#ifndef CLENET_CHECKPOINT_H
#define CLENET_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "clenet/augmentation.h"
#include "clenet/dataset.h"
#include "clenet/network.h"
#include "clenet/optimizer.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The state of training beside the model. From both, training resumes with the same bits. */
struct cln_training_point {
    struct cln_optimizer_params optimizer;
    int batch_size;
    uint64_t seed;
    char data[64];   /* name of the data set */
    char digest[65]; /* cln_dataset.digest of the training set; "": unknown */
    size_t samples;  /* number of training images, with those for validation */
    int epochs;      /* finished epochs */
    uint64_t steps;  /* steps of the optimizer in all epochs so far */

    /* The unfinished epoch that follows the finished ones; all 0 before its first batch. */
    size_t position; /* images of the epoch's order that it has trained on */
    int batches, hits;
    float loss_sum, loss_carry; /* sum of the losses and its rounding error, as in struct cln_state */

    /* States of two random generators (struct cln_random). `shuffle`: the generator of epoch orders, before it drew the
     * order of the unfinished epoch. `init`: the generator of initial weights, after it drew them. */
    uint64_t shuffle[2], init[2];
    /* Highest accuracy after any epoch so far, of the validation images if there are any, else of the test images;
     * below 0: none yet, or the file of that model was lost. */
    double best_accuracy;

    /* Share of the `samples` that is set aside for validation, by a split that follows from the labels, the share and
     * the seed; 0: none, and the other two members mean nothing. */
    double validation;
    double peak_accuracy; /* highest validation accuracy after any epoch so far; below 0: none yet */
    int peak_epoch;       /* the first epoch that reached it, from 1; 0: none yet */
    /* optimizer.plateau has the state of a schedule that goes by the validation loss. */

    char label[256]; /* the choice of labels (cln_dataset.label); "": none */

    double test; /* share of the images that was set aside for testing (cln_dataset_params.test); 0: none */

    char freeze[256]; /* patterns of frozen parameters: cln_trainer_params.freeze; "": none is */

    bool strict; /* in strict arithmetic (cln_session_params.strict) */

    struct cln_augmentation augmentation; /* of the training pictures */
    bool standardize_channels;            /* the standardization is that of channels, not of pixels */

    double *class_weights; /* of the training loss, network->classes of them; NULL: none */

    /* The optimizer's state per parameter, each laid out like `parameters`. Adam: the running averages of the gradient
     * and of its square. SGD with momentum: the momentum buffer, then NULL. SGD without momentum: both NULL. */
    float *moments[2];
    /* With an average of the weights (optimizer.ema above 0) the checkpoint's `parameters` and `running` are the
     * averages, and these two are what training goes on with, laid out alike. Without: NULL. */
    float *raw_parameters, *raw_running;
};

/* A model in host memory. `parameters` has network->parameter_floats values and `running` has network->running_floats,
 * both laid out by the offsets in network->tensors. */
struct cln_checkpoint {
    struct cln_network *network;
    float *parameters; /* what predictions are made with: of a training with optimizer.ema, the averages */
    float *running;
    uint64_t batches_tracked; /* "num_batches_tracked" of every batch norm */
    int resize;               /* side length that images are resized to; 0: used as stored */
    /* What pictures need before that, as struct cln_dataset_params has it; and how the training's pixels were stored.
     */
    enum cln_fit fit;
    int ground;
    enum cln_pixel_type pixels;
    struct cln_shape image; /* shape of the training images as stored, before resizing; zero: unknown */
    /* Standardization: one value per feature of the network's input; both NULL: pixels were not standardised. */
    float *mean, *inverse_deviation;
    char **class_names;                  /* network->classes strings, "" for a class without a name; NULL: unknown */
    struct cln_training_point *training; /* NULL: the file cannot be resumed from */
    char *origin;                        /* path of the file that it was read from, for messages; NULL: none */
};

/* Writes the file under a temporary name, syncs it and renames it to `path`: a failure leaves the old file unchanged. A
 * parameter or statistic that is not finite is CLN_NUMERIC, and nothing is written. */
CLN_API enum cln_status cln_checkpoint_write(const char *path, const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;

/* Reads a file of cln_checkpoint_write, or of another program.
 * - `network` NULL: the network comes from the file's metadata. Else the tensors must fit `network`; a file that holds
 *   nothing but the tensors will do.
 * - F64, F16 and BF16 are converted to float32. A prefix that all names share ("module.0.weight") is removed.
 *   num_batches_tracked may be missing.
 * - CLN_INVALID lists every tensor that is missing, unknown, misshapen or of another type, and every one with a value
 *   that is not finite or a negative variance, in one message.
 * *out is the caller's, with everything in it. */
CLN_API enum cln_status cln_checkpoint_read(struct cln_checkpoint **out, const char *path,
                                            const struct cln_network *network) CLN_MUST_CHECK;
CLN_API void cln_checkpoint_destroy(struct cln_checkpoint **checkpoint);

#ifdef __cplusplus
}
#endif
#endif
