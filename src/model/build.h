/* From a list of layers with options to a whole network. Private to src/model. */
#ifndef SRC_MODEL_BUILD_H
#define SRC_MODEL_BUILD_H

#include "clenet/network.h"

/* Takes `input` and `layers` with their options; infers and checks every shape and declares the tensors.
 * `flat`: the input is a vector of features. `params` may be NULL. */
enum cln_status cln_network_build(struct cln_network *network, bool flat,
                                  const struct cln_network_params *params) CLN_MUST_CHECK;

#endif
