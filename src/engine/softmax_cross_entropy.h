/* Softmax cross-entropy, the loss, on the device (kernels/softmax_cross_entropy.cl). */
#ifndef SRC_ENGINE_SOFTMAX_CROSS_ENTROPY_H
#define SRC_ENGINE_SOFTMAX_CROSS_ENTROPY_H

#include "src/engine/plan.h"

struct cln_softmax_cross_entropy {
    int classes;
    struct ocl_buffer *logits;    /* in lanes */
    struct ocl_buffer *labels;    /* int per lane: [block][lane] */
    struct ocl_buffer *gradient;  /* gradient of the logits, in lanes, 0 in dead lanes; NULL: prediction */
    struct ocl_buffer *predicted; /* int per sample of the epoch's order; NULL: training */
    struct ocl_buffer *sums;      /* blocks × float2 (loss, hits) */
    struct ocl_buffer *mixes;     /* struct cln_mix per batch, as in struct cln_batch: the loss of mixed pictures; not
                                     with class_weights. NULL: they are not mixed */
    struct ocl_buffer *class_weights; /* float per class: the loss is weighted by them; NULL: it is not */
};

/* Writes the loss and hits per block to `sums`, for cln_batch_end; in training the gradient of the mean loss, in
 * prediction the predicted classes. With class weights the loss of a block is its part of the batch's weighted mean,
 * times the samples of the batch. */
enum cln_status cln_softmax_cross_entropy(struct cln_plan *plan,
                                          const struct cln_softmax_cross_entropy *g) CLN_MUST_CHECK;

#endif
