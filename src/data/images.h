/* One half of a data set: its files are opened, its pixels are read in the background and freed piece by piece.
 * Private to the library. */
#ifndef SRC_DATA_IMAGES_H
#define SRC_DATA_IMAGES_H

#include "clenet/dataset.h"
#include "src/data/format.h"

/* Opens one half of the data set in `folder`: sets count and shape, starts a thread that reads the pixels, and reads
 * the labels. `pixels` is NULL until cln_images_wait. After a failure, too, cln_images_wait tells of damaged pixels and
 * cln_images_free frees. */
enum cln_status cln_images_open(struct cln_images *images, const struct cln_data_format *format, const char *folder,
                                enum cln_half which) CLN_MUST_CHECK;
/* Waits for the pixels, and fails as reading them failed; CLN_OK where nothing is being read. */
enum cln_status cln_images_wait(struct cln_images *images) CLN_MUST_CHECK;
/* CLN_INVALID where a label is none of `classes`, 0 to classes - 1. The message names the first such label's place in
 * its file (or "labels", where there is no file), its half of the data ("training", "test"), and the image. `owner` has
 * these classes: kind and name, such as "network" and "bn-lenet". */
enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) CLN_MUST_CHECK;
/* CLN_INVALID where the images have another shape than those for training. */
enum cln_status cln_images_check_shape(const struct cln_images *images, struct cln_shape training) CLN_MUST_CHECK;
/* Gives back the memory of all pixels but those of the first `count` images. */
void cln_images_keep(struct cln_images *images, size_t count);
/* Waits, frees everything and closes the files. Sets no message. */
void cln_images_free(struct cln_images *images);

#endif
