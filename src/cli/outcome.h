/* What `clenet train` says of its epochs, and the final test of a training with validation images. */
#ifndef SRC_CLI_OUTCOME_H
#define SRC_CLI_OUTCOME_H

#include "clenet/trainer.h"

/* The test images, evaluated with the weights of one epoch. */
struct cln_outcome {
    int epoch;
    bool is_best; /* the epoch of the highest validation accuracy, not simply the last one */
    struct cln_metrics test;
    double seconds;
};

/* Prints the line of an epoch. `images`: number of images that a whole epoch trains on. `validates`: it is evaluated on
 * validation images. */
void cln_outcome_tell_epoch(const struct cln_epoch *epoch, size_t images, bool validates);
/* Prints that params.patience has run out. */
void cln_outcome_tell_patience(const struct cln_trainer *trainer);

/* Evaluates the test images and prints the result. `best`: with the weights of the best epoch; if the trainer does not
 * have them, a note says so. Else, and then too, with those of the last epoch. */
enum cln_status cln_outcome_test(struct cln_outcome *out, struct cln_trainer *trainer, bool best) CLN_MUST_CHECK;

#endif
