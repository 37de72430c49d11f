/* A stretch of training on random images, measured every quarter second. */
#ifndef SRC_BENCH_STRETCH_H
#define SRC_BENCH_STRETCH_H

#include "clenet/trainer.h"

/* Seconds of a measurement, at least. */
#define CLN_STRETCH_SECONDS 0.25

struct cln_stretch {
    struct cln_ranks *ranks; /* the processes that train together; NULL: this one is alone. The first one measures and
                                decides when all of them end */
    double until;            /* of the host's clock */
    double samples, seconds; /* of the measurement under way */
    double epoch_samples, epoch_seconds; /* of the epoch, in measurements so far */
    double *rates;                       /* images per second */
    size_t count, capacity;
};

/* Makes room for the measurements of so many seconds. cln_stretch_free frees it, after a failure, too. */
enum cln_status cln_stretch_begin(struct cln_stretch *stretch, double seconds) CLN_MUST_CHECK;
void cln_stretch_free(struct cln_stretch *stretch);
/* The `progress` of the trainer; `user` is the stretch. */
bool cln_stretch_progress(void *user, const struct cln_progress *progress);
/* Trains for so many seconds; with 0 for a few steps. All processes call it. */
enum cln_status cln_stretch_train(struct cln_trainer *trainer, struct cln_stretch *stretch,
                                  double seconds) CLN_MUST_CHECK;
/* The same, and forgets all measurements: the first steps build and allocate. */
enum cln_status cln_stretch_warm_up(struct cln_trainer *trainer, struct cln_stretch *stretch,
                                    double seconds) CLN_MUST_CHECK;
/* Sorts the rates and returns the best, after that of a measurement under way if there is no other. Then the median. */
double cln_stretch_best(struct cln_stretch *stretch);
double cln_stretch_median(const struct cln_stretch *stretch);

/* Makes `count` training images of random bytes and labels, of the network's input: training takes the same time on all
 * data. The caller's: free() pixels and labels of *data, after a failure, too. */
enum cln_status cln_stretch_images(struct cln_dataset *data, const struct cln_network *network,
                                   size_t count) CLN_MUST_CHECK;

#endif
