/* The members "augmentation" and "standardize_channels" of the metadata "training"; see docs/formats.md. */
#ifndef SRC_FORMAT_METADATA_AUGMENTATION_H
#define SRC_FORMAT_METADATA_AUGMENTATION_H

#include "clenet/checkpoint.h"
#include "src/base/json_text.h"

/* Adds those values of the training point to `training` that are not 0. Returns `training`; NULL after a
 * failure, when it is released, and if it was NULL. */
json_t *cln_metadata_add_augmentation(json_t *training, const struct cln_training_point *point);

/* Reads both into the checkpoint's training point. A file without them has none. CLN_INVALID says what is
 * wrong with it: a value that clenet does not know is, because training could not go on with the same pictures. */
enum cln_status cln_metadata_read_augmentation(struct cln_checkpoint *checkpoint,
                                               const json_t *training) CLN_MUST_CHECK;

#endif
