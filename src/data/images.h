/* The pixels of one set: read in the background, given back piece by piece. Private to the library. */
#ifndef SRC_DATA_IMAGES_H
#define SRC_DATA_IMAGES_H

#include "clenet/dataset.h"
#include "src/data/idx.h"

/* Reads the pixels of the file in a thread of its own, and closes it. Until cln_images_wait they are NULL. */
enum cln_status cln_images_read(struct cln_images *images, struct cln_idx **file) CLN_MUST_CHECK;
/* Waits for the pixels, and fails as reading them failed; CLN_OK where nothing is being read. */
enum cln_status cln_images_wait(struct cln_images *images) CLN_MUST_CHECK;
/* CLN_INVALID where a label is none of `classes`, 0 to classes - 1. The message names the first such label's file and
 * byte, or its half of the data ("training", "test"), and the image. `owner` has these classes: kind and name, such as
 * "network" and "bn-lenet". */
enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) CLN_MUST_CHECK;
/* Gives back the memory of all pixels but those of the first `count` images. */
void cln_images_keep(struct cln_images *images, size_t count);
/* Waits, and frees all of it. Sets no message. */
void cln_images_free(struct cln_images *images);

#endif
