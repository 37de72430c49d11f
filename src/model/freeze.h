/* Frozen parameters: those that training does not change. */
#ifndef SRC_MODEL_FREEZE_H
#define SRC_MODEL_FREEZE_H

#include <stdbool.h>

#include "clenet/network.h"

/* Finds the trainable tensors whose names match one of the shell patterns in `patterns`, with commas between them, such
 * as "0.*,*.bias". Sets frozen[t] for each of network->tensors. CLN_INVALID: a pattern is empty or matches none, or all
 * trainable tensors are matched, or the text is longer than struct cln_training_point holds. `patterns` NULL or "":
 * none is frozen. */
enum cln_status cln_freeze_find(bool *frozen, const struct cln_network *network, const char *patterns) CLN_MUST_CHECK;

#endif
