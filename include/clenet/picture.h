/* Reads pictures from files into the shape that a model takes. */
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

/* Reads all images of a file, PNG (one image) or IDX (any number), plain or gzipped. The content decides which. Every
 * image is converted to bytes of `shape`, which has 1 channel (grey) or 3 (red, green, blue):
 * - Transparency: a PNG is laid on black if its drawing is light, else on white, so that the drawing stays visible.
 * - Colour: to grey by the luma of Rec. 601, (19595 R + 38470 G + 7471 B + 32768) >> 16; from grey by three equal
 *   channels.
 * - Size: resized by a triangle filter; the aspect ratio is not kept.
 * - `invert`: last, v becomes 255 − v, for a dark drawing on light where the model was trained on light drawings on
 *   dark.
 * *pixels is [*count][channels][height][width], the caller's: free(). CLN_NOT_FOUND, CLN_IO and CLN_INVALID name the
 * file and the reason; *pixels is then NULL. PNG files need a library that was built with libpng. */
CLN_API enum cln_status cln_pictures_load(uint8_t **pixels, size_t *count, struct cln_shape shape, const char *path,
                                          bool invert) CLN_MUST_CHECK;
/* Like cln_pictures_load, from an open file descriptor such as standard input, which is read to its end and stays open.
 * `name` names it in messages. */
CLN_API enum cln_status cln_pictures_read(uint8_t **pixels, size_t *count, struct cln_shape shape, int file,
                                          const char *name, bool invert) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
