/* What a report says of a trained model: how it classifies the test images, and what its numbers look like. */
#ifndef SRC_REPORT_FINDINGS_H
#define SRC_REPORT_FINDINGS_H

#include "clenet/trainer.h"
#include "src/bench/benchmark.h"

enum { CLN_DISTRIBUTION_BARS = 40, CLN_MOST_MISTAKES = 24, CLN_MOST_FILTERS = 64 };

/* A wrong prediction, with its picture of findings->picture. */
struct cln_mistake {
    size_t image; /* its place among the test images, from 0 */
    int label, predicted;
    double probability, label_probability; /* of the predicted class, of the label */
    uint8_t *pixels;
};

/* How the numbers of a tensor or of a layer's output are distributed. */
struct cln_distribution {
    char name[96];
    size_t count;
    double least, most, mean, deviation;
    double zeros;                       /* share of numbers that are exactly 0 */
    double bars[CLN_DISTRIBUTION_BARS]; /* numbers in equal parts of least … most */
};

struct cln_findings {
    char *model;  /* path of its file; NULL: it is the trainer's */
    char *device; /* as cln_trainer_device says */
    const struct cln_network *network;
    int classes;
    char **class_names; /* "" where unknown */
    size_t images;      /* of the test set */
    double loss, accuracy;
    size_t *confusion; /* [label][predicted], classes² */

    struct cln_shape picture; /* of mistakes, at most CLN_PICTURE_SIDE a side */
    struct cln_mistake mistakes[CLN_MOST_MISTAKES];
    size_t mistake_count, wrong; /* shown, and all */

    char filter_layer[96];
    struct cln_shape filter; /* one or three channels */
    size_t filter_count, filters_in_all;
    uint8_t *filters; /* [filter][channels][height][width]: 128 is 0, and the largest magnitude is at the end */

    struct cln_distribution *weights, *activations;
    size_t weight_count, activation_count;
    size_t watched; /* images that the activations are of; 0: the network is too large for that */

    struct cln_benchmark *benchmark; /* times of kernels; NULL: not measured */
};

enum { CLN_PICTURE_SIDE = 64 };

struct cln_findings_params {
    struct cln_trainer *trainer;        /* has the model's weights */
    const struct cln_checkpoint *model; /* the same; origin is the file's path */
    const struct cln_dataset *data;     /* with its pixels */
    const char *const *class_names;     /* network->classes; "": unknown */
};

/* Evaluates the test images, and looks at weights and activations. The network must outlive the findings. *out is the
 * caller's. CLN_INVALID: there are no test images. */
enum cln_status cln_findings_create(struct cln_findings **out, const struct cln_findings_params *params) CLN_MUST_CHECK;
void cln_findings_destroy(struct cln_findings **findings);

/* The distribution of `count` numbers, at least one; the name is not set. */
struct cln_distribution cln_distribution_of(const float *values, size_t count);

#endif
