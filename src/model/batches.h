/* Which sizes of batches a network can be trained with. Private to the library. */
#ifndef SRC_MODEL_BATCHES_H
#define SRC_MODEL_BATCHES_H

#include "clenet/network.h"

/* CLN_INVALID where a batch norm has one value per channel in every batch: with one image per batch, behind Flatten or
 * on a plane of 1 x 1. PyTorch refuses such a batch. A warning where only the last batch of an epoch is so. `samples`
 * are those of an epoch, `left` those of an epoch that is gone on with (else as `samples`); 0: as many as fill batches.
 */
enum cln_status cln_network_check_batches(const struct cln_network *network, int batch_size, size_t samples,
                                          size_t left) CLN_MUST_CHECK;

#endif
