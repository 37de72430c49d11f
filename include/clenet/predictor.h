/* Prediction: the logits and class probabilities that a trained model computes for images on a device. */
#ifndef CLENET_PREDICTOR_H
#define CLENET_PREDICTOR_H

#include "clenet/checkpoint.h"
#include "clenet/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_predictor_params {
    struct cln_session_params session;  /* where and how it runs */
    const struct cln_checkpoint *model; /* model->network must outlive the predictor; the rest is copied */
    int batch_size;                     /* images per batch on the device; 0: cln_predictor_batch_size */
    struct cln_shape image;             /* shape of the images to predict; zero: see cln_predictor_image */
    enum cln_pixel_type pixels;         /* how they are stored; 0: bytes */
};

struct cln_predictor;

/* The shape of the images that a predictor with these params takes: params->image, or if that is zero model->image, or
 * if that is unknown the network's input. */
CLN_API struct cln_shape cln_predictor_image(const struct cln_predictor_params *params);

/* The default batch size for this network: 256, or less if a batch of 256 would take long on a slow device. */
int cln_predictor_batch_size(const struct cln_network *network);

/* Finds the device, builds the kernels and uploads the model. The device resizes and standardises images as the model
 * says. CLN_INVALID: the model was trained on floats and params->pixels are not, or the other way round: of whole
 * numbers the network sees v / 255 or v / 65535, of floats v itself. */
CLN_API enum cln_status cln_predictor_create(struct cln_predictor **out,
                                             const struct cln_predictor_params *params) CLN_MUST_CHECK;
CLN_API void cln_predictor_destroy(struct cln_predictor **predictor);

/* In a builder process (cln_trainer_builds): builds its share of the kernels of a predictor with these params. */
CLN_API enum cln_status cln_predictor_build(const struct cln_predictor_params *params) CLN_MUST_CHECK;

/* One line for people: device, platform and profile. It lives as long as the predictor. */
CLN_API const char *cln_predictor_device(const struct cln_predictor *predictor);

/* Computes the logits of `count` images. `pixels` is in host memory, [count][channels][height][width] of shape
 * cln_predictor_image and the type params->pixels; `logits` gets [count][classes]. Images go to the device one batch at
 * a time, so its memory does not grow with `count`, which may be 0. CLN_NUMERIC names the first image with a logit that
 * is not finite. */
CLN_API enum cln_status cln_predictor_logits(struct cln_predictor *predictor, const void *pixels, size_t count,
                                             float *logits) CLN_MUST_CHECK;
/* Like cln_predictor_logits, but writes probabilities (softmax, in double): p[n][k] = exp(z[n][k] − m) / Σ_j
 * exp(z[n][j] − m), m = max_j z[n][j]. */
CLN_API enum cln_status cln_predictor_run(struct cln_predictor *predictor, const void *pixels, size_t count,
                                          float *probabilities) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
