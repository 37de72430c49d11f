/* What a trained model says of images: logits and probabilities, batch by batch on a device. */
#ifndef CLENET_PREDICTOR_H
#define CLENET_PREDICTOR_H

#include "clenet/checkpoint.h"
#include "clenet/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cln_predictor_params {
    const struct cln_checkpoint *model;                /* its network must outlive the predictor; the rest is copied */
    const char *device, *profile_file, *kernel_folder; /* as in struct cln_trainer_params, and what follows, too */
    bool no_cache;
    enum cln_replay replay;
    const char *const *builder;
    int batch_size;         /* most images on the device at once; 0: 256, fewer where an image is much work */
    struct cln_shape image; /* of the images that will come; zero: model->image, else the network's input */
};

struct cln_predictor;

/* The shape of the images that a predictor with these params takes. */
CLN_API struct cln_shape cln_predictor_image(const struct cln_predictor_params *params);

/* The batch size of a predictor that is asked for none: at most 256, and so few images that a batch takes seconds. */
int cln_predictor_batch_size(const struct cln_network *network);

/* Finds the device, builds the kernels, uploads the model. Images are resized and standardised on the device, as the
 * model says. */
CLN_API enum cln_status cln_predictor_create(struct cln_predictor **out,
                                             const struct cln_predictor_params *params) CLN_MUST_CHECK;
CLN_API void cln_predictor_destroy(struct cln_predictor **predictor);

/* In a builder (cln_trainer_builds): builds its share of what a predictor with these params needs. */
CLN_API enum cln_status cln_predictor_build(const struct cln_predictor_params *params) CLN_MUST_CHECK;

/* One line for people: device, platform and profile. Lives as long as the predictor. */
CLN_API const char *cln_predictor_device(const struct cln_predictor *predictor);

/* `pixels` are bytes, [count][channels][height][width] of the shape cln_predictor_image, on the host; `logits` gets
 * [count][classes]. The images pass over the device a batch at a time: its memory does not grow with `count`, which may
 * be 0. CLN_NUMERIC names the first image with a logit that is not finite. */
CLN_API enum cln_status cln_predictor_logits(struct cln_predictor *predictor, const uint8_t *pixels, size_t count,
                                             float *logits) CLN_MUST_CHECK;
/* The same as probabilities: p[n][k] = exp(z[n][k] − m) / Σ_j exp(z[n][j] − m), m = max_j z[n][j], in double. */
CLN_API enum cln_status cln_predictor_run(struct cln_predictor *predictor, const uint8_t *pixels, size_t count,
                                          float *probabilities) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
