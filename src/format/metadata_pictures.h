/* The metadata "pictures" of a model, and the members "test" and "label" of "training"; see docs/formats.md. */
#ifndef SRC_FORMAT_METADATA_PICTURES_H
#define SRC_FORMAT_METADATA_PICTURES_H

#include "clenet/checkpoint.h"
#include "src/base/json_text.h"

/* What pictures need before the model, as far as it is not the default; NULL: nothing. *failed: there was no memory. */
json_t *cln_metadata_pictures(const struct cln_checkpoint *checkpoint, bool *failed);
/* Reads that. CLN_INVALID: a value that clenet does not know, since the model would see other pictures. */
enum cln_status cln_metadata_read_pictures(struct cln_checkpoint *checkpoint, const json_t *value) CLN_MUST_CHECK;

/* Adds the share of images that was set aside for testing and the choice of labels, where there are any. Returns
 * `training`; NULL after a failure, when it is released, and if it was NULL. */
json_t *cln_metadata_add_choices(json_t *training, const struct cln_training_point *point);
/* Returns what is wrong; NULL: nothing. */
const char *cln_metadata_read_choices(struct cln_training_point *point, const json_t *training);

#endif
