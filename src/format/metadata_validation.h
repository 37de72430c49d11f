/* The members of the metadata "training" that a training with validation images has; see docs/formats.md. */
#ifndef SRC_FORMAT_METADATA_VALIDATION_H
#define SRC_FORMAT_METADATA_VALIDATION_H

#include "clenet/checkpoint.h"
#include "src/base/json_text.h"

/* Adds the members to `training`, unless no images are set aside. Returns `training`; NULL after a failure, when it is
 * released, and if it was NULL. */
json_t *cln_metadata_add_validation(json_t *training, const struct cln_training_point *point);

/* Reads the members into *point, whose other members are read already. A file without them has no validation images.
 * Returns what is wrong with them; NULL: nothing. */
const char *cln_metadata_read_validation(struct cln_training_point *point, const json_t *training);

#endif
