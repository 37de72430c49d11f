/* Prepared data sets: decoded pictures in one safetensors file, whose pixels are mapped and not read. Its tensors are
 * CLN_PREPARED_IMAGES and CLN_PREPARED_LABELS of "train" and, where there are test images, of "test"; its metadata has
 * the rest of struct cln_dataset; see docs/data.md. For prepared.c and prepared_write.c alone. */
#ifndef SRC_DATA_PREPARED_H
#define SRC_DATA_PREPARED_H

#include "src/base/safetensors.h"
#include "src/data/format.h"

#define CLN_PREPARED_IMAGES "%s.images" /* [count, channels, height, width], U8, U16 or F32 */
#define CLN_PREPARED_LABELS "%s.labels" /* [count], I64 as PyTorch's losses want them; I32 and U8 are read, too */

/* The halves' words in names of tensors, and the types of pixels in the file: by enum cln_half and
 * enum cln_pixel_type. */
extern const char *const cln_prepared_halves[CLN_HALF_COUNT];
extern const enum cln_dtype cln_prepared_types[CLN_PIXEL_TYPE_COUNT];

/* Keys of the metadata. */
#define CLN_PREPARED_CLASSES "classes" /* JSON: a list of names, or the number of classes without names */
#define CLN_PREPARED_DIGEST "digest"   /* of the training half: see cln_dataset_measure_digest */
#define CLN_PREPARED_FIT "fit"         /* struct cln_dataset.fit and .ground, as options have them */
#define CLN_PREPARED_GROUND "ground"
#define CLN_PREPARED_NAME "name"
#define CLN_PREPARED_MADE "prepared" /* JSON: how the file was made, so that this can be repeated */

#endif
