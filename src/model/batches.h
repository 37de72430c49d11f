/* Checks whether a network can be trained with a batch size. For the library alone. */
#ifndef SRC_MODEL_BATCHES_H
#define SRC_MODEL_BATCHES_H

#include "clenet/network.h"

/* CLN_INVALID if every batch leaves some batch norm one value per channel: with batch_size 1, after Flatten or on a 1 x
 * 1 plane. (PyTorch refuses such a batch.) If only the last batch of an epoch is so, that is a warning. `samples`:
 * samples of an epoch. `left`: samples left of an epoch that is resumed, else equal to `samples`. 0: a multiple of the
 * batch size. */
enum cln_status cln_network_check_batches(const struct cln_network *network, int batch_size, size_t samples,
                                          size_t left) CLN_MUST_CHECK;

#endif
