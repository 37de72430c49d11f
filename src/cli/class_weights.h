/* The option --class-weights. */
#ifndef SRC_CLI_CLASS_WEIGHTS_H
#define SRC_CLI_CLASS_WEIGHTS_H

#include "clenet/checkpoint.h"
#include "clenet/dataset.h"

/* What the weights are for: the network's classes, and the split that sets validation images aside. */
struct cln_class_weights_params {
    const char *text; /* "W,W,…" or "balanced" */
    int classes;
    const struct cln_dataset *data; /* NULL, in a builder: "balanced" gives any weights */
    double validation;              /* share of the training images that is not trained on */
    uint64_t seed;
};

/* Makes the weights, params->classes of them. "balanced" is images / (classes × images of the class), over the images
 * that are trained on, and 0 for a class without any. CLN_INVALID: `text` is none of both, or has another number of
 * weights; the trainer checks their range. *out is the caller's: free(). */
enum cln_status cln_class_weights_create(double **out, const struct cln_class_weights_params *params) CLN_MUST_CHECK;

/* `own`, those of the option, or if that is NULL those of the training that is resumed; NULL: none. */
const double *cln_class_weights_of(const double *own, const struct cln_checkpoint *resumed);

#endif
