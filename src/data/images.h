/* One half of a data set: its files are opened, its pixels are read in the background and freed piece by piece.
 * Private to the library. */
#ifndef SRC_DATA_IMAGES_H
#define SRC_DATA_IMAGES_H

#include "clenet/dataset.h"
#include "src/data/format.h"
#include "src/data/split.h"

/* Opens one half of the data set at source->path: sets count, shape and type, starts a thread that reads the pixels,
 * and reads the labels. `pixels` is NULL until cln_images_wait. After a failure, too, cln_images_wait tells of damaged
 * pixels and cln_images_free frees. *opened has what the format says about the classes. */
enum cln_status cln_images_open(struct cln_images *images, struct cln_opened *opened,
                                const struct cln_data_format *format, const struct cln_source *source,
                                enum cln_half half) CLN_MUST_CHECK;
/* The largest label of two sets, + 1, of those that a class can have: below CLN_CLASS_LIMIT. */
int cln_images_classes(const struct cln_images *train, const struct cln_images *test);
/* The bytes of one image. */
size_t cln_images_bytes(const struct cln_images *images);
/* The number that is stored for pixel `index` of all, in the order of `pixels`, which are in memory. */
double cln_images_value(const struct cln_images *images, size_t index);
/* Waits for the pixels, and fails as reading them failed; CLN_OK where nothing is being read. */
enum cln_status cln_images_wait(struct cln_images *images) CLN_MUST_CHECK;
/* Whether the pixels come image by image, and some may still be missing. Then it is these three that may be used before
 * cln_images_wait: they say in which order images are wanted first, and wait for one of them. cln_images_await also
 * serves where all are there; it fails as reading failed. */
bool cln_images_are_coming(const struct cln_images *images);
void cln_images_want(struct cln_images *images, const uint32_t *order, size_t count);
enum cln_status cln_images_await(const void **pixels, struct cln_images *images, size_t index) CLN_MUST_CHECK;
/* Fails as reading failed, where that is known already; does not wait. */
enum cln_status cln_images_look(struct cln_images *images) CLN_MUST_CHECK;
/* Writes the file of an image and the position within it, for messages. False: there is no file. */
bool cln_images_locate(char place[CLN_PLACE_BYTES], const struct cln_images *images, size_t index);
/* CLN_INVALID where a label is none of `classes`, 0 to classes - 1. The message names the first such label's place in
 * its file (or "labels", where there is no file), its half of the data ("training", "test"), and the image. `owner` has
 * these classes: kind and name, such as "network" and "bn-lenet". */
enum cln_status cln_images_check_labels(const struct cln_images *images, const char *half, int classes,
                                        const char *owner, const char *owner_name) CLN_MUST_CHECK;
/* CLN_INVALID where one of `count` images of this shape has a pixel that is not finite. `which` ends in a word for the
 * images, such as "training". */
enum cln_status cln_images_check_finite(const float *pixels, size_t count, struct cln_shape shape,
                                        const char *which) CLN_MUST_CHECK;
/* CLN_INVALID where test images have another shape or type than those for training. */
enum cln_status cln_images_check_shape(const struct cln_images *images,
                                       const struct cln_images *training) CLN_MUST_CHECK;
/* Moves the images of split->validation out of `from` into `to`, which is empty: counts, shape and labels. Their places
 * in files stay known. Pixels follow by cln_images_part_pixels, when they are read. */
enum cln_status cln_images_part(struct cln_images *from, struct cln_images *to,
                                const struct cln_split *split) CLN_MUST_CHECK;
enum cln_status cln_images_part_pixels(struct cln_images *from, struct cln_images *to,
                                       const struct cln_split *split) CLN_MUST_CHECK;
/* Gives back the memory of all pixels but those of the first `count` images. */
void cln_images_keep(struct cln_images *images, size_t count);
/* Nobody needs further images: reading ends soon where they come image by image. */
void cln_images_stop(struct cln_images *images);
/* Stops, waits, frees everything and closes the files. Sets no message. */
void cln_images_free(struct cln_images *images);

#endif
