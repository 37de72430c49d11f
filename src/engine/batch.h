/* Mini-batches on the device (kernels/batch.cl). Images are kept there as they are stored. */
#ifndef SRC_ENGINE_BATCH_H
#define SRC_ENGINE_BATCH_H

#include "clenet/dataset.h"
#include "src/engine/pixels.h"
#include "src/engine/plan.h"
#include "src/model/augmentation_table.h"

struct cln_batch {
    struct cln_shape in;  /* shape of the stored images */
    struct cln_shape out; /* shape of the network's input, with the same channels; images are resized to it */
    enum cln_pixel_type type;
    const struct cln_pixels *pixels;
    struct ocl_buffer *labels;          /* [sample] int */
    struct ocl_buffer *order;           /* [samples of the epoch] int: indices of the samples in the epoch's order */
    struct ocl_buffer *rates;           /* [batches of the epoch after the resumed ones] float: learning rates; zeros in
                                           evaluation, which has no update */
    struct ocl_buffer *standardization; /* float2 (mean, 1/deviation) per feature of `out`; NULL: not standardised */
    const struct cln_augmentation *augmentation; /* NULL: none */
    uint64_t seed;                               /* of the augmentation */
    struct ocl_buffer *mixes; /* struct cln_mix per batch of the epoch after those that are done; NULL: not mixed */
    struct ocl_buffer *x;     /* the batch, in lanes */
    struct ocl_buffer *lane_labels; /* int per lane, −1 in dead lanes */
};

/* Advances the state to the epoch's next batch and writes that batch to x and lane_labels, with one launch per chunk of
 * the pixels. Dead lanes of x become 0. */
enum cln_status cln_batch_begin(struct cln_plan *plan, const struct cln_batch *g) CLN_MUST_CHECK;

/* Ends a batch: adds the loss and hits in `sums` (of cln_softmax_cross_entropy) to the epoch's, sets the place of the
 * next batch, and computes the optimizer's factors for this step. A loss that is not finite freezes the state instead.
 * Of `g` only the rates, the shapes and the augmentation matter, and whether it has `standardization`, `mixes` and
 * several chunks of pixels. */
enum cln_status cln_batch_end(struct cln_plan *plan, const struct cln_batch *g, struct ocl_buffer *sums) CLN_MUST_CHECK;

#endif
