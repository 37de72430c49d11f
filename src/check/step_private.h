/* A step that is being checked: shared by step.c and step_pictures.c. */
#ifndef SRC_CHECK_STEP_PRIVATE_H
#define SRC_CHECK_STEP_PRIVATE_H

#include "src/check/step.h"
#include "src/reference/reference.h"

struct cln_step {
    const struct cln_step_check *check;
    const struct cln_check_params *params;
    struct cln_check_result *result;
    uint64_t seed; /* seed of weights and images */
    size_t count, features;
    struct cln_shape image; /* as stored */
    void *pixels;
    size_t image_bytes;
    int32_t *labels, *others;
    double *x, *parameters, *running, *gradients, *moments, *logits;
    float *mean, *inverse_deviation; /* of a feature */
    float *values;                   /* scratch */
    struct cln_engine *engine;
};

/* Counts a failure if a value is off by more than `allowed`, and keeps the worst. */
void cln_step_compare(struct cln_step *s, const char *what, const float *actual, const double *expected, size_t count,
                      double allowed);
/* A cln_locate_image: where a stored image lies. */
enum cln_status cln_step_locate(const void **pixels, void *step, size_t index);
/* Fills x with what the network sees of the images. */
enum cln_status cln_step_make_x(struct cln_step *s, const struct cln_augmentation *augmentation) CLN_MUST_CHECK;
/* Mixes x as the first step does, and finds the labels that it is mixed with. */
enum cln_status cln_step_mix_x(struct cln_step *s, struct cln_reference_step *expected) CLN_MUST_CHECK;
/* Places of turned and zoomed pictures are rounded to 2^-11 pixels, and the device may round to the other side. So the
 * reference takes what the device made, if that is as near as it has to be: a difference of pixels would grow in the
 * layers. The first function reads them, before the step; without such an augmentation *seen, the caller's, stays NULL.
 * The second compares them with x, and puts them into x. */
enum cln_status cln_step_look_at_pictures(struct cln_step *s, float **seen) CLN_MUST_CHECK;
void cln_step_take_pictures(struct cln_step *s, const float *seen);

#endif
