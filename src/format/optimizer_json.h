/* An optimizer with its schedule as a JSON object, as checkpoints hold it: docs/formats.md. */
#ifndef SRC_FORMAT_OPTIMIZER_JSON_H
#define SRC_FORMAT_OPTIMIZER_JSON_H

#include <jansson.h>

#include "clenet/optimizer.h"
#include "clenet/status.h"

/* Returns an object with the kinds and the hyperparameters that they use, the caller's: json_decref; NULL: no memory.
 * `params` must have known kinds. */
json_t *cln_optimizer_json(const struct cln_optimizer_params *params);

/* Reads such an object. Hyperparameters that the kinds do not use may be missing, and those that earlier versions did
 * not know: they wrote lr, beta1, beta2, eps, momentum and weight_decay. CLN_INVALID names what is wrong. */
enum cln_status cln_optimizer_read_json(struct cln_optimizer_params *out, const json_t *object) CLN_MUST_CHECK;

#endif
