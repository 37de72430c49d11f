/* Plain C float64 references, written from the formulas and for reading, not for speed. Tensors are
 * [sample][channel][row][column]; every gradient is that of a scalar loss L. This room knows nothing of lanes, kernels
 * and devices. */
#ifndef SRC_REFERENCE_REFERENCE_H
#define SRC_REFERENCE_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "clenet/augmentation.h"
#include "clenet/dataset.h"
#include "clenet/network.h"
#include "src/model/optimizer_table.h"

/* z = W∗x + b; `bias` may be NULL. */
void cln_reference_conv2d_forward(const struct cln_conv2d *g, size_t batch, const double *x, const double *weight,
                                  const double *bias, double *z);
/* From dz = ∂L/∂z: dx, dweight, dbias; each may be NULL. */
void cln_reference_conv2d_backward(const struct cln_conv2d *g, size_t batch, const double *x, const double *weight,
                                   const double *dz, double *dx, double *dweight, double *dbias);

/* z = W·x + b, and its gradients; the same arguments may be NULL. */
void cln_reference_linear_forward(const struct cln_linear *g, size_t batch, const double *x, const double *weight,
                                  const double *bias, double *z);
void cln_reference_linear_backward(const struct cln_linear *g, size_t batch, const double *x, const double *weight,
                                   const double *dz, double *dx, double *dweight, double *dbias);

/* Training mode: y = γ·x̂ + β with the batch's statistics; γ may be NULL for 1, β for 0. Writes mean and biased variance
 * per channel (each may be NULL). Moves running_mean and running_var by g->momentum (both NULL: not moved). A channel
 * with a single number has no unbiased variance; its running variance then takes the biased one, 0. */
void cln_reference_batchnorm_forward(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, double *y, double *mean, double *variance,
                                     double *running_mean, double *running_var);
/* Prediction mode: y = γ·x̂ + β with the running statistics; γ and β may be NULL. */
void cln_reference_batchnorm_predict(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, const double *running_mean, const double *running_var,
                                     double *y);
/* Gradients, through the batch's statistics (Ioffe and Szegedy, 2015). gamma, dx, dgamma, dbeta may be NULL. */
void cln_reference_batchnorm_backward(const struct cln_batchnorm *g, size_t batch, const double *x, const double *gamma,
                                      const double *dy, double *dx, double *dgamma, double *dbeta);

/* Group and layer normalisation: see struct cln_groupnorm. gamma and beta have an element for each weight; NULL: all 1,
 * all 0. dx, dgamma, dbeta may be NULL. */
void cln_reference_groupnorm_forward(const struct cln_groupnorm *g, size_t batch, const double *x, const double *gamma,
                                     const double *beta, double *y);
void cln_reference_groupnorm_backward(const struct cln_groupnorm *g, size_t batch, const double *x, const double *gamma,
                                      const double *dy, double *dx, double *dgamma, double *dbeta);

/* The value and the derivative of a function at one point. */
struct cln_reference_point {
    double value, derivative;
};

/* The activation at y. ReLU's derivative at 0 is 0, as in PyTorch. */
struct cln_reference_point cln_reference_activation(struct cln_activation activation, double y);

/* a = pool(x), and dx from da = ∂L/∂a: see struct cln_pool2d. */
void cln_reference_pool2d_forward(const struct cln_pool2d *g, size_t batch, const double *x, double *a);
void cln_reference_pool2d_backward(const struct cln_pool2d *g, size_t batch, const double *x, const double *da,
                                   double *dx);

/* A stored picture, and of which its random numbers are. */
struct cln_reference_picture {
    const void *pixels; /* [channels][height][width] of `shape`, as `type` says */
    enum cln_pixel_type type;
    struct cln_shape shape;
    uint64_t seed;
    uint32_t step, epoch;  /* both from 1 */
    uint32_t place, image; /* of the sample in its batch, and in the data set */
};

/* The augmented picture as the network takes it, [channels][height][width] of `out`: see struct cln_augmentation. mean
 * and inverse_deviation are of every feature; both NULL: not standardised. The only error is CLN_OUT_OF_MEMORY. */
enum cln_status cln_reference_augment(const struct cln_augmentation *augmentation,
                                      const struct cln_reference_picture *picture, struct cln_shape out,
                                      const float *mean, const float *inverse_deviation, double *x) CLN_MUST_CHECK;

/* Of which the random numbers of a dropout are. */
struct cln_reference_draw {
    uint64_t seed;
    uint32_t step, layer; /* step: from 1, over all epochs; layer: its number in the network */
    uint32_t before;      /* samples of the step's batches before this one */
};

/* y = x with units dropped: see struct cln_dropout. The gradient of x is the same of the gradient of y. */
void cln_reference_dropout(const struct cln_dropout *g, struct cln_shape shape, size_t batch,
                           const struct cln_reference_draw *draw, const double *x, double *y);

/* The mean softmax cross-entropy over the batch, by log-sum-exp. *hits: number of samples whose first largest logit is
 * the label. dlogits = (softmax − target) / batch, where the target is 1 − smoothing for the label, and smoothing /
 * classes for every class besides. With `weights` of the classes, each class of the target counts as many times as its
 * weight says, and the mean is over the sum of the labels' weights in the place of the batch; if that is 0, loss and
 * gradient are 0. weights, hits and dlogits may be NULL. */
double cln_reference_softmax_cross_entropy(size_t batch, int classes, const double *logits, const int32_t *labels,
                                           double smoothing, const double *weights, size_t *hits, double *dlogits);

/* The same of pictures that are mixed: `own` times the loss of `labels`, and 1 - own times that of `others`. A hit is
 * the label of the larger share, of equal ones `labels`. */
double cln_reference_mixed_cross_entropy(size_t batch, int classes, const double *logits, const int32_t *labels,
                                         const int32_t *others, double own, double smoothing, size_t *hits,
                                         double *dlogits);

/* Mixes pictures as they enter the network, [sample][channel][row][column] of `shape`, each with that of the next
 * sample: see struct cln_augmentation. Within the box of rows top … bottom - 1 and columns left … right - 1 a pixel is
 * the other's, elsewhere it has `blend` of its own. */
struct cln_reference_mix {
    double own, blend; /* own: share of the own label in the loss */
    int top, bottom, left, right;
};
void cln_reference_mix(const struct cln_reference_mix *mix, struct cln_shape shape, size_t batch, const double *x,
                       double *y);

/* The norm of `count` gradients: the root of the sum of their squares. */
double cln_reference_gradient_norm(size_t count, const double *gradients);
/* What gradients clipped by norm are multiplied by: min(1, clip_norm / (norm + 1e-6)); 1 if clip_norm is 0. */
double cln_reference_clip(double clip_norm, size_t count, const double *gradients);

/* Moves an average of `count` values after update t (from 1): a ← ema·a + (1 − ema)·v; a ← v at t = 1. */
void cln_reference_average(double ema, size_t t, size_t count, const double *values, double *averages);

/* Step t (from 1) of an optimizer. `params` has no defaults left (cln_optimizer_resolve). Uses those of the
 * CLN_MOMENT_COUNT `moments` that the optimizer's row has. */
void cln_reference_optimizer_step(const struct cln_optimizer_params *params, size_t t, size_t count,
                                  const double *gradient, double *parameter, double *const *moments);

/* The results of one training step, before the optimizer. */
struct cln_reference_step {
    /* To be used; the other members are results. */
    double label_smoothing;
    const double *class_weights; /* NULL: none */
    const int32_t *others;       /* labels of the samples that each is mixed with; NULL: not mixed */
    double own;                  /* then the share of the own label */
    uint64_t seed;               /* seed and step of dropouts */
    uint32_t step;

    double loss;
    size_t hits;
    double *logits;    /* NULL, or room for [batch][classes] */
    double *gradients; /* NULL, or room for parameter_floats */
};

/* The whole network in training mode: the loss and ∂loss/∂parameters, padding 0. x is [batch][channels][height][width];
 * parameters, gradients and running are laid out by network->tensors. Moves `running` (NULL: not moved). The bias of an
 * affine layer directly before a batch norm has gradient exactly 0. The only error is CLN_OUT_OF_MEMORY. */
enum cln_status cln_reference_network_step(const struct cln_network *network, size_t batch, const double *x,
                                           const int32_t *labels, const double *parameters, double *running,
                                           struct cln_reference_step *step) CLN_MUST_CHECK;
/* The whole network in prediction mode: its logits. */
enum cln_status cln_reference_network_predict(const struct cln_network *network, size_t batch, const double *x,
                                              const double *parameters, const double *running,
                                              double *logits) CLN_MUST_CHECK;
/* The same, and calls `watch` with the output of each layer, `count` values, in the order of the layers. */
typedef void cln_reference_watch(void *user, size_t layer, const double *values, size_t count);
enum cln_status cln_reference_network_watch(const struct cln_network *network, size_t batch, const double *x,
                                            const double *parameters, const double *running, cln_reference_watch *watch,
                                            void *user) CLN_MUST_CHECK;

#endif
