/* A test of learning rates: trains with a rate that rises from step to step and notes the loss (Smith, "Cyclical
 * Learning Rates for Training Neural Networks", 2017). For the program alone. */
#ifndef SRC_TRAIN_RANGE_TEST_H
#define SRC_TRAIN_RANGE_TEST_H

#include "clenet/trainer.h"

struct cln_range_params {
    double from, to; /* rates of the first and the last step; 0 < from < to */
    size_t steps;    /* at least CLN_RANGE_LEAST */
    /* Called after every step with the number of steps that are done. False: the test ends. NULL: none. */
    bool (*progress)(void *user, size_t done);
    void *user;
};
enum { CLN_RANGE_LEAST = 10, CLN_RANGE_MOST = 100000, CLN_RANGE_USUAL = 100 };

struct cln_range_step {
    double rate; /* from · (to / from)^(i / (steps − 1)) at step i, counted from 0 */
    double loss; /* mean training loss over the step's samples, before its update */
    /* s_i / (1 − b^(i + 1)) with s_i = b·s_(i−1) + (1 − b)·loss_i, s_−1 = 0 and b = 0.9, as in fastai. */
    double smoothed;
};

/* What the losses say. The first tenth of the steps does not count: their smoothed losses are means of a few batches.
 */
struct cln_range_result {
    size_t count;      /* steps that have a loss */
    bool diverged;     /* ended because a loss was not finite, or a smoothed one four times the lowest before it */
    double lowest;     /* the rate of the lowest smoothed loss; 0: no rate lowered the loss, nor are there the others */
    double steepest;   /* up to there, the rate at which the smoothed loss falls fastest per factor of the rate */
    double suggestion; /* the smaller one of `steepest` and a tenth of `lowest` */
};

/* Runs the test. Goes on in a new epoch if the images end. `steps` has room for params->steps. The trainer must not
 * have trained yet; its weights are then of no use: destroy it. */
enum cln_status cln_range_test(struct cln_range_result *out, struct cln_range_step *steps, struct cln_trainer *trainer,
                               const struct cln_range_params *params) CLN_MUST_CHECK;
/* Sets all but `count` and `diverged`, from the first out->count steps. */
void cln_range_judge(struct cln_range_result *out, const struct cln_range_step *steps);

#endif
