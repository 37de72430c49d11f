/* Reads pictures from files into the shape that a model takes. */
#ifndef CLENET_PICTURE_H
#define CLENET_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/dataset.h"
#include "clenet/geometry.h"
#include "clenet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What pictures are made. Zero members, but for the shape, mean the default. */
struct cln_picture_params {
    struct cln_shape shape; /* 1 channel (grey) or 3 (red, green, blue) */
    enum cln_fit fit;       /* of pictures of another size; a model has that of its training */
    int ground;             /* below transparent pixels and around padded pictures: see enum CLN_GROUND_AUTO */
    bool invert; /* last, v becomes 255 − v: for dark drawings on light where the model knows light on dark */
};

/* Reads all images of a file, PNG or JPEG (one image) or IDX (any number), plain or gzipped. The content decides which.
 * Every image is converted to bytes of params->shape:
 * - Transparency: a PNG is laid on the ground; by default on black if its drawing is light, else on white, so that the
 *   drawing stays visible.
 * - Orientation: a JPEG is turned upright, as its EXIF data says.
 * - Colour: to grey by the luma of Rec. 601, (19595 R + 38470 G + 7471 B + 32768) >> 16; from grey by three equal
 *   channels.
 * - Size: resized by a triangle filter, as params->fit says.
 * *pixels is [*count][channels][height][width], the caller's: free(). CLN_NOT_FOUND, CLN_IO and CLN_INVALID name the
 * file and the reason; *pixels is then NULL. PNG and JPEG files need a library that was built with libpng and libjpeg.
 */
CLN_API enum cln_status cln_pictures_load(uint8_t **pixels, size_t *count, const struct cln_picture_params *params,
                                          const char *path) CLN_MUST_CHECK;
/* Like cln_pictures_load, from an open file descriptor such as standard input, which is read to its end and stays open.
 * `name` names it in messages. */
CLN_API enum cln_status cln_pictures_read(uint8_t **pixels, size_t *count, const struct cln_picture_params *params,
                                          int file, const char *name) CLN_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
