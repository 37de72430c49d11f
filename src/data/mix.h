/* How the pictures of a batch are mixed. */
#ifndef SRC_DATA_MIX_H
#define SRC_DATA_MIX_H

#include <stdint.h>

#include "clenet/augmentation.h"
#include "clenet/geometry.h"

/* See struct cln_mix of kernels/state.clh, which has the same members. */
struct cln_mix_draw {
    float own, blend;
    int top, bottom, left, right;
};

/* Draws the mix of batch number `batch`, from 0, of an update, from 1 over all epochs, for pictures of this shape: see
 * struct cln_augmentation. Shares are rounded to 2^-16, so that the last bits of a machine's logarithm do not show.
 * With neither mixup nor cutmix every picture is its own. */
struct cln_mix_draw cln_mix_draw(const struct cln_augmentation *augmentation, struct cln_shape shape, uint64_t seed,
                                 uint64_t update, uint64_t batch);

#endif
