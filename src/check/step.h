/* Compares one training step of any network on a device with float64. It uses the kernels that training will use, with
 * one difference: images that lie on the device are in one buffer, never in chunks. */
#ifndef SRC_CHECK_STEP_H
#define SRC_CHECK_STEP_H

#include "src/check/cases.h"
#include "src/engine/engine.h"

struct cln_step_check {
    const struct cln_network *network;
    struct cln_optimizer_params optimizer;
    int batch_size;                       /* batch size that the kernels are built for; only a few samples are used */
    struct cln_shape image;               /* shape of the stored images; all zero: the network's input */
    enum cln_pixel_type pixels;           /* how they are stored */
    bool streams;                         /* they stay on the host */
    const double *class_weights;          /* of the training loss, network->classes of them; NULL: none */
    const bool *frozen;                   /* as in struct cln_engine_params */
    struct cln_augmentation augmentation; /* of the training step */
    bool standardize;                     /* standardise pixels, with random values */
    bool predict_only;                    /* check only a prediction, with its kernels */
};

/* Compares the loss, every gradient, the update, the optimizer's moments, the running statistics, and a prediction.
 * - Rounding can move a max pool's argmax. A failure is therefore retried twice with new random inputs.
 * - If a batch norm has one value per channel, its gradients and those of earlier layers are only magnified rounding
 *   errors: they are not compared.
 * Wrong results are counted in *out and are no error; only the device's errors are returned. `params` is used without
 * `quick` and `only`. */
enum cln_status cln_check_step(struct cln_check_result *out, const struct cln_step_check *check,
                               const struct cln_check_params *params) CLN_MUST_CHECK;

#endif
