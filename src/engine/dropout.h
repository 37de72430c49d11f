/* Dropout on the device, in training (kernels/dropout.cl). */
#ifndef SRC_ENGINE_DROPOUT_H
#define SRC_ENGINE_DROPOUT_H

#include "src/engine/plan.h"

struct cln_dropout_units {
    struct cln_dropout dropout;
    struct cln_shape shape; /* of the tensor; by_channel: its channels are the units, else its elements */
    uint64_t seed;
    int layer; /* number of the layer in its network: it has its own random numbers */
};

/* y = x with units dropped, as the state's step says: both tensors in lanes. */
enum cln_status cln_dropout_forward(struct cln_plan *plan, const struct cln_dropout_units *g, struct ocl_buffer *x,
                                    struct ocl_buffer *y) CLN_MUST_CHECK;
/* Replaces the gradient of y by that of x. */
enum cln_status cln_dropout_backward(struct cln_plan *plan, const struct cln_dropout_units *g,
                                     struct ocl_buffer *d) CLN_MUST_CHECK;

#endif
