/* Mini-batches on the device (kernels/batch.cl): the data set lives there as bytes. */
#ifndef SRC_ENGINE_BATCH_H
#define SRC_ENGINE_BATCH_H

#include "src/engine/pixels.h"
#include "src/engine/plan.h"

struct cln_batch {
    struct cln_shape in;  /* of the stored images */
    struct cln_shape out; /* of the network's input: the same channels, another size resizes */
    const struct cln_pixels *pixels;
    struct ocl_buffer *labels;      /* [sample] bytes */
    struct ocl_buffer *order;       /* [samples of the epoch] int: which sample comes when */
    struct ocl_buffer *standard;    /* per feature of `out` float2 (mean, 1/deviation), or NULL */
    struct ocl_buffer *x;           /* in lanes */
    struct ocl_buffer *lane_labels; /* int per lane, −1 in dead lanes */
};

/* Moves the state on to the next batch of its epoch and gathers it, with a launch per chunk of the pixels. Dead lanes
 * of x become zero. */
enum cln_status cln_batch_begin(struct cln_plan *plan, const struct cln_batch *g) CLN_MUST_CHECK;

/* Adds sums = blocks × float2 (loss, hits) of cln_softmax_cross_entropy to the epoch's, where they are finite, says
 * where the next batch starts, and works out Adam's factors of this step; a loss that is not finite freezes the state.
 * Of g only the shapes matter, and whether there is `standard` and more than one chunk of pixels. */
enum cln_status cln_batch_end(struct cln_plan *plan, const struct cln_batch *g, struct ocl_buffer *sums) CLN_MUST_CHECK;

#endif
