/* A trained model as a safetensors file under PyTorch's state-dict names ("0.weight", "1.running_mean", …):
 * https://github.com/huggingface/safetensors#format. The header's metadata holds the network as JSON text, what was
 * done to the pixels and what the classes are called, so that one file is enough to predict. Where training stood when
 * it was written, the optimizer's state lies beside the weights ("optimizer.exp_avg.0.weight", …) and the rest under
 * "training" in the metadata, so that the same file is enough to go on. */
#ifndef CLENET_CHECKPOINT_H
#define CLENET_CHECKPOINT_H

#include <stdint.h>

#include "clenet/network.h"
#include "clenet/optimizer.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where training stood: with the model, all that it takes to go on with the same bits. */
struct cln_training_point {
    struct cln_optimizer_params optimizer;
    int batch_size;
    uint64_t seed;
    char data[64];   /* the data set's name */
    char digest[65]; /* cln_dataset.digest of its training images; "": unknown */
    size_t samples;  /* training images */
    int epochs;      /* finished */
    uint64_t steps;  /* of the optimizer, so far */

    /* Of the epoch after those; all 0 before its first batch. */
    size_t position; /* images of its order that were trained on */
    int batches, hits;
    float loss_sum, loss_carry; /* struct cln_state */

    /* Generators (struct cln_random): the one that shuffles as it was before it drew that epoch's order, the one of the
     * initial weights as it was after them. */
    uint64_t shuffle[2], init[2];
    double best_accuracy; /* highest test accuracy after an epoch so far; below 0: none yet */

    /* Laid out as the parameters; NULL where the optimizer has none. Adam: averages of the gradient and of its square.
     * SGD: the momentum buffer, and NULL. */
    float *moments[2];
};

/* A model in host memory, laid out by network->tensors: `parameters` has parameter_floats values, `running`
 * running_floats. */
struct cln_checkpoint {
    struct cln_network *network;
    float *parameters;
    float *running;
    uint64_t batches_tracked; /* "num_batches_tracked" of every batch norm */
    int resize;               /* side length given to --resize, or 0 */
    struct cln_shape image;   /* of the images it was trained on, as they are stored; zero: unknown */
    /* Per feature of the network's input, or both NULL where pixels were not standardised. */
    float *mean, *inverse_deviation;
    char **class_names;                  /* network->classes strings, or NULL */
    struct cln_training_point *training; /* NULL: a model only */
    char *origin;                        /* the file it was read from, for messages; or NULL */
};

/* Written aside, synced and renamed over `path`: a failure leaves an older file as it was. A value that is not finite
 * is CLN_NUMERIC, and nothing is written. */
CLN_API enum cln_status cln_checkpoint_write(const char *path, const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;

/* Reads what cln_checkpoint_write wrote; with `network` also a file of another program that has just the tensors, whose
 * names and shapes must fit it. network NULL: taken from the metadata. F64, F16 and BF16 become float32. Where all
 * names begin with the same words ("module.0.weight"), those are left off. Every tensor that is missing, unknown,
 * misshapen or of another type is named, all of them in one message (CLN_INVALID); so is a value that is not finite,
 * and a negative variance. num_batches_tracked may be missing. */
CLN_API enum cln_status cln_checkpoint_read(struct cln_checkpoint **out, const char *path,
                                            const struct cln_network *network) CLN_MUST_CHECK;
CLN_API void cln_checkpoint_destroy(struct cln_checkpoint **checkpoint);

#ifdef __cplusplus
}
#endif
#endif
