/* One training step of any network on a device against float64: the kernels that a training will use, as they are built
 * for it, but for images in chunks: these lie in one. */
#ifndef SRC_CHECK_STEP_H
#define SRC_CHECK_STEP_H

#include "src/check/cases.h"
#include "src/engine/engine.h"

struct cln_step_check {
    const struct cln_network *network;
    struct cln_optimizer_params optimizer;
    int batch_size;         /* that the kernels are built for; a few samples of it are used */
    struct cln_shape image; /* of the stored images; all zero: as the network takes them */
    bool standardize;       /* pixels, by random values */
    bool predict_only;      /* a prediction alone, by the kernels of one */
};

/* A maximum of a pool can fall to its neighbour by rounding, which looks wrong, but not with other numbers again: what
 * fails is tried with others, three times in all. Loss, every gradient, the update, the running statistics, and a
 * prediction; but where a batch norm has a single value per channel, the gradients of it and of what is in front of it
 * are nothing but rounding, magnified, and not compared. Wrong results are counted in *out; the status is of the device
 * alone. `params` without quick and only. */
enum cln_status cln_check_step(struct cln_check_result *out, const struct cln_step_check *check,
                               const struct cln_check_params *params) CLN_MUST_CHECK;

#endif
