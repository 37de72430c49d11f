/* Pictures in files, brought into the shape that a model takes. */
#ifndef CLENET_PICTURE_H
#define CLENET_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/geometry.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads all images of a file: the one of a PNG, those of an IDX file; plain or gzipped, told apart by their content.
 * Each becomes bytes of `shape`, which has 1 channel (grey) or 3 (red, green, blue): colours become grey by Rec. 601's
 * luma, (19595 R + 38470 G + 7471 B + 32768) >> 16, and grey three equal channels; another size is resized to the
 * shape's by a triangle filter, without keeping the aspect ratio. A PNG with transparency is
 * laid on black where what is drawn is light, else on white, so that it is seen. invert: v becomes
 * 255 − v, at last, for dark on light where a model was trained on light on dark.
 * *pixels is [*count][channels][height][width], the caller's: free(). CLN_NOT_FOUND, CLN_IO or CLN_INVALID name the
 * file and what is wrong; *pixels is NULL then. PNG files need a clenet that was built with libpng. */
CLN_API enum cln_status cln_pictures_load(uint8_t **pixels, size_t *count, struct cln_shape shape, const char *path,
                                          bool invert) CLN_MUST_CHECK;
/* The same from an open file, such as standard input, which is read to its end and not closed. `name` is for
 * messages. */
CLN_API enum cln_status cln_pictures_read(uint8_t **pixels, size_t *count, struct cln_shape shape, int file,
                                          const char *name, bool invert) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
