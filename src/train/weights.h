/* The weights that a training begins with, and which of them it leaves unchanged. For src/train alone. */
#ifndef SRC_TRAIN_WEIGHTS_H
#define SRC_TRAIN_WEIGHTS_H

#include "src/train/trainer_private.h"

/* What needs no device: finds the frozen parameters, and reads params.init.path. CLN_INVALID: patterns or tensors do
 * not fit the network, or the file's model and this training differ in whether pixels are standardised. Other
 * differences in preprocessing are warnings. */
enum cln_status cln_weights_prepare(struct cln_trainer *trainer) CLN_MUST_CHECK;

/* Draws initial weights, lets those of params.init.path replace them, and writes them to the engine. */
enum cln_status cln_weights_begin(struct cln_trainer *trainer) CLN_MUST_CHECK;

#endif
