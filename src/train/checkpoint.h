/* A trained model as a safetensors file under PyTorch's state-dict names ("0.weight", "1.running_mean", …):
 * https://github.com/huggingface/safetensors#format. The header's metadata holds the network as JSON text and
 * what was done to the pixels, so that one file is enough to predict. */
#ifndef SRC_TRAIN_CHECKPOINT_H
#define SRC_TRAIN_CHECKPOINT_H

#include <stdint.h>

#include "src/model/network.h"

/* A model in host memory, laid out by network->tensors: `parameters` has parameter_floats values, `running`
 * running_floats. */
struct cln_checkpoint {
    struct cln_network *network;
    float *parameters;
    float *running;
    uint64_t batches_tracked; /* "num_batches_tracked" of every batch norm */
    int resize;               /* side length given to --resize, or 0 */
    /* Per feature of the network's input, or both NULL where pixels were not standardised. */
    float *mean, *inverse_deviation;
};

/* Written aside, synced and renamed over `path`: a failure leaves an older file as it was. A value that is not finite
 * is CLN_NUMERIC, and nothing is written. */
enum cln_status cln_checkpoint_write(const char *path, const struct cln_checkpoint *checkpoint) CLN_MUST_CHECK;

/* Reads what cln_checkpoint_write wrote; with `network` also a file of another program that has just the
 * tensors (F32), whose names and shapes must fit it. network NULL: taken from the metadata. Every tensor that is
 * missing, unknown, misshapen, out of the file or of another type is CLN_INVALID and named; so is a value that is
 * not finite and a negative variance. num_batches_tracked may be missing. */
enum cln_status cln_checkpoint_read(struct cln_checkpoint **out, const char *path,
                                    const struct cln_network *network) CLN_MUST_CHECK;
void cln_checkpoint_destroy(struct cln_checkpoint **checkpoint);

#endif
