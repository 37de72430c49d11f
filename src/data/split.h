/* Sets a part of the training images aside for validation. */
#ifndef SRC_DATA_SPLIT_H
#define SRC_DATA_SPLIT_H

#include "clenet/dataset.h"
#include "src/data/random.h"

/* Two parts of the training images, without a common image and without a rest. */
struct cln_split {
    uint32_t *train, *validation; /* indices of training images, ascending; both NULL: all images are to train on */
    size_t train_count, validation_count;
};

/* The number of images that a share of `count` images is: rounded, halves away from zero. */
size_t cln_split_count(double share, size_t count);

/* Draws the split of data->train; its pixels are not used. `share` is the validation part's, from 0 (all images are to
 * train on) to below 1. The same labels, share and seed give the same split everywhere.
 * - The validation part has cln_split_count(share, count) images. Every class gives its share of them, rounded by
 *   largest remainders: down, and the images that are then missing come from the classes that lost most.
 * - Which images of a class these are is drawn from `seed`, by a generator of its own.
 * CLN_INVALID: a class would have no image in one of the parts; the message names the class. CLN_OUT_OF_MEMORY of the
 * host's. *split is the caller's, also after a failure: cln_split_free. */
enum cln_status cln_split_draw(struct cln_split *split, const struct cln_dataset *data, double share,
                               uint64_t seed) CLN_MUST_CHECK;
/* The same, for test images: `validation` has those of the test set, which a data set has no files for. The draw is the
 * same for every training, so that none is tested on images that another was trained on. */
enum cln_status cln_split_draw_test(struct cln_split *split, const struct cln_dataset *data,
                                    double share) CLN_MUST_CHECK;
void cln_split_free(struct cln_split *split);

/* Draws the order of an epoch over the training part: fills `order` with its train_count indices. */
void cln_split_order(const struct cln_split *split, struct cln_random *random, uint32_t *order);

#endif
