/* How a camera was held: the tag Orientation of EXIF, and pictures turned by it. Private to src/data. */
#ifndef SRC_DATA_EXIF_H
#define SRC_DATA_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clenet/geometry.h"

/* The values of the tag: 1 is upright, 2 to 8 are mirrored, turned, or both. */
enum { CLN_EXIF_UPRIGHT = 1, CLN_EXIF_ORIENTATIONS = 8 };

/* Reads the tag from the content of a JPEG's segment APP1, "Exif" first. CLN_EXIF_UPRIGHT if it is not there, or
 * damaged: it is not pixels. https://www.cipa.jp/std/documents/download_e.html?DC-008-Translation-2019-E, 4.6.4 */
int cln_exif_orientation(const uint8_t *bytes, size_t size);
/* Whether the upright picture has the other's height as its width. */
bool cln_exif_swaps(int orientation);
/* Planes of bytes as the camera wrote them, of shape `in`, to upright ones. */
void cln_exif_turn(uint8_t *out, const uint8_t *pixels, struct cln_shape in, int orientation);

#endif
