/* Builds a network from its list of layers. For src/model alone. */
#ifndef SRC_MODEL_BUILD_H
#define SRC_MODEL_BUILD_H

#include "clenet/network.h"

/* Completes a network that has `input`, `flat` and `layers` with their options: infers and checks every shape, and
 * declares the tensors. `params` may be NULL. */
enum cln_status cln_network_build(struct cln_network *network, const struct cln_network_params *params) CLN_MUST_CHECK;

#endif
