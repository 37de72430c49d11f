/* The member "class_weights" of the metadata "training"; see docs/formats.md. */
#ifndef SRC_FORMAT_METADATA_WEIGHTS_H
#define SRC_FORMAT_METADATA_WEIGHTS_H

#include "clenet/checkpoint.h"
#include "src/base/json_text.h"

/* Adds the weights of the checkpoint's training point to `training`, unless there are none. Returns `training`; NULL
 * after a failure, when it is released, and if it was NULL. */
json_t *cln_metadata_add_weights(json_t *training, const struct cln_checkpoint *checkpoint);

/* Reads the weights into the checkpoint's training point, which owns them. A file without them has none. CLN_INVALID
 * says what is wrong with them; CLN_OUT_OF_MEMORY of the host's. */
enum cln_status cln_metadata_read_weights(struct cln_checkpoint *checkpoint, const json_t *training) CLN_MUST_CHECK;

#endif
