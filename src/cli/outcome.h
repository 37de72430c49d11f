/* What `clenet train` says of its epochs, and the test that is no part of an epoch: at the end of a training with
 * validation images, and of one that had nothing left to train. */
#ifndef SRC_CLI_OUTCOME_H
#define SRC_CLI_OUTCOME_H

#include "clenet/trainer.h"

/* The test images, evaluated with the weights of one epoch. */
struct cln_outcome {
    int epoch;
    size_t within; /* the weights are of the middle of this epoch, after so many images; 0: of its end */
    bool is_best;  /* the epoch of the highest validation accuracy, not simply the last one */
    struct cln_metrics test;
    double seconds;
};

/* Prints what a training begins with: device, network, and data, of whose training images `apart` are set aside. */
void cln_outcome_tell_start(const struct cln_trainer *trainer, const struct cln_network *network,
                            const struct cln_dataset *data, size_t apart);
/* Prints where the training that `path` holds goes on. */
void cln_outcome_tell_resumed(const char *path, const struct cln_training_point *there);

/* Prints the line of an epoch. `images`: number of images that a whole epoch trains on. `validates`: it is evaluated on
 * validation images. */
void cln_outcome_tell_epoch(const struct cln_epoch *epoch, size_t images, bool validates);
/* Prints that params.patience has run out. */
void cln_outcome_tell_patience(const struct cln_trainer *trainer);

/* Evaluates the test images and prints the result. `best`: with the weights of the best epoch; if the trainer does not
 * have them, a note says so. Else, and then too, with those that the trainer has: after `within` images of an epoch
 * that has steps left, or if that is 0 of the last epoch. */
enum cln_status cln_outcome_test(struct cln_outcome *out, struct cln_trainer *trainer, bool best,
                                 size_t within) CLN_MUST_CHECK;
/* Prints the time per kernel, of a trainer with timings. */
enum cln_status cln_outcome_tell_timings(struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
